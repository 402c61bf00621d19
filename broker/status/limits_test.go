package status

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/web"
)

// A site whose database takes no writes says what that means for people, on the
// page and to websites, however well the ways in are.
func TestASiteWithoutAWriterSaysWhatThatMeans(t *testing.T) {
	tests := []struct {
		limits           web.StatusLimits
		report           string
		korean, japanese string // empty: nothing is said
	}{
		{web.LimitNone, "", "", ""},
		{web.LimitAccounts, "accounts", "이미 있는 계정으로는 로그인할 수 있어요", "すでにあるアカウントではログインできます"},
		{web.LimitWebsites, "websites", "일부 서비스에만 로그인할 수 있어요", "一部のサービスにのみログインできます"},
	}
	d := newDesk(t)
	for _, tt := range tests {
		d.now = d.now.Add(time.Minute) // what was made before has aged
		d.shows("kakao up up up up", "naver up up up up", "corp up up up up")
		d.view.Limits = tt.limits
		if got := d.report(t).Limits; got != tt.report {
			t.Errorf("websites read limits %q, want %q", got, tt.report)
		}
		for lang, words := range map[string]string{"ko": tt.korean, "ja": tt.japanese} {
			body := d.get(t, d.Page, func(r *http.Request) { r.URL.RawQuery = "lang=" + lang }).Body.String()
			body = strings.ReplaceAll(body, "\u00a0", " ")
			if said := strings.Contains(body, `id="limits"`); said != (words != "") || !strings.Contains(body, words) {
				t.Errorf("%s, %q: the page says %q: %t", lang, tt.limits, words, said)
			}
		}
	}
}
