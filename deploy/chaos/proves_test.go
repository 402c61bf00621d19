//go:build linux

package chaos

import (
	"testing"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

// proves tells whether the button of a page proves a person. A provider's page that
// names nobody proves somebody else, whose identity would be linked.
func proves(p *browser.Page, name string) bool {
	return !ours(p.URL.Host) && p.Has("continue") && p.URL.Query().Get("person") == name
}

func TestNobodyIsProvenWhomAPageDoesNotName(t *testing.T) {
	const yes = `<button id="continue">yes</button>`
	for _, tt := range []struct {
		address, page string
		want          bool
	}{
		{"https://nid.naver.test/authorize?person=minji", yes, true},
		{"https://nid.naver.test/authorize?person=minji", "no", false},
		{"https://nid.naver.test/authorize", yes, false},
		{"https://nid.naver.test/authorize?person=solo", yes, false},
		{"https://" + issuerHost + "/login/a/go/naver?person=minji", yes, false},
	} {
		page, err := browser.New(browser.Options{}).Show(tt.address, tt.page)
		if err != nil {
			t.Fatal(err)
		}
		if got := proves(page, "minji"); got != tt.want {
			t.Errorf("%s, %s: %t, want %t", tt.address, tt.page, got, tt.want)
		}
	}
}
