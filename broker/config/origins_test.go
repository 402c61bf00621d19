package config

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// twoSites are this site and another, with what the test says of each.
func twoSites(seoul, busan string) string {
	return minimal + "sites:\n  - {name: seoul" + seoul + "}\n  - {name: busan, identities: [" + busanKey + "]" + busan + "}\n"
}

const (
	atSeoul = ", origin: https://seoul.login.example.kr"
	atBusan = ", origin: https://busan.login.example.kr"
)

// People come to a deployment by the issuer and at each site by its own origin,
// and every provider has to know all of them.
func TestEntrances(t *testing.T) {
	c, err := loadText(t, twoSites(atSeoul, atBusan)+"browser_mark: {domain: login.example.kr}\npasskeys: {rp_id: login.example.kr}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"https://login.example.kr/callback/kakao", "https://seoul.login.example.kr/callback/kakao", "https://busan.login.example.kr/callback/kakao",
	}
	if diff := cmp.Diff(want, c.Callbacks("kakao")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if at := c.Origin("busan"); at == nil || at.Host != "busan.login.example.kr" || c.Origin("tokyo") != nil {
		t.Errorf("busan is at %v, tokyo at %v", at, c.Origin("tokyo"))
	}
	if !c.MarkShared() || c.MarkDomain != "login.example.kr" || c.RPID != "login.example.kr" {
		t.Errorf("mark %q, passkeys %q", c.MarkDomain, c.RPID)
	}
	alone, err := loadText(t, minimal+"sites: [{name: seoul, origin: https://login.example.kr}]\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := alone.Callbacks("kakao"); !slices.Equal(got, want[:1]) || alone.MarkShared() {
		t.Errorf("a site alone has callbacks at %v", got)
	}
}

// Ports of one loopback host have their cookies in common.
func TestMarksOnLoopback(t *testing.T) {
	text := strings.Replace(twoSites(", origin: http://localhost:8427", ", origin: http://localhost:8437"), "https://login.example.kr", "http://localhost:8417", 1)
	c, err := loadText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if !c.MarkShared() || len(c.Warnings()) != 2 { // of the only provider, and of two sites
		t.Errorf("shared: %t; warnings: %v", c.MarkShared(), c.Warnings())
	}
	c, err = loadText(t, strings.Replace(text, "http://localhost:8437", "http://127.0.0.1:8437", 1))
	if err != nil || c.MarkShared() {
		t.Errorf("two hosts share a mark; %v", err)
	}
}

func TestOriginsThatCannotBe(t *testing.T) {
	const mark = "browser_mark: {domain: "
	for _, tt := range []struct {
		name, text, says string
	}{
		{"one of two", twoSites(atSeoul, ""), "sites[1].origin is required"},
		{"the same twice", twoSites(atSeoul, atSeoul), "is already that of sites[0]"},
		{"the issuer, of several", twoSites(", origin: https://login.example.kr", atBusan), "sites[0].origin must not be the issuer"},
		{"plain http", twoSites(", origin: http://seoul.login.example.kr", atBusan), "must begin with https://: plain http is for loopback alone"},
		{"loopback beside https", twoSites(", origin: http://localhost:8427", atBusan), "must begin with https:// as the issuer does"},
		{"a path", twoSites(", origin: https://seoul.login.example.kr/x", atBusan), "must be scheme, host and port alone"},
		{"a mark of a public suffix", twoSites(atSeoul, atBusan) + mark + "kr}", "is a public suffix"},
		{"a mark of a shared hosting domain", twoSites(atSeoul, atBusan) + mark + "github.io}", "is a public suffix"},
		{"a mark above some", twoSites(atSeoul, atBusan) + mark + "seoul.login.example.kr}", "login.example.kr is not below it"},
		{"a mark that only looks like a parent", twoSites(atSeoul, atBusan) + mark + "ogin.example.kr}", "is not below it"},
		{"a mark of an address", twoSites(atSeoul, atBusan) + mark + "192.0.2.1}", "must be a domain"},
		{"a mark over plain http", strings.Replace(minimal, "https://login.example.kr", "http://localhost:8417", 1) + mark + "localhost}", "is a public suffix"},
		{"passkeys of a stranger", minimal + "passkeys: {rp_id: example.com}", "must be a parent"},
		{"passkeys of everybody", minimal + "passkeys: {rp_id: co.kr}", "is a public suffix"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadText(t, tt.text)
			if _, ok := errors.AsType[Problems](err); !ok || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Load: %v\nwant %q", err, tt.says)
			}
		})
	}
}

// Origins without a mark above them are no way for a login: that is said.
func TestOriginsWithoutAMark(t *testing.T) {
	c, err := loadText(t, twoSites(atSeoul, atBusan))
	if err != nil {
		t.Fatal(err)
	}
	if said := c.Warnings().Error(); c.MarkShared() || !strings.Contains(said, "browser_mark.domain is not set") {
		t.Errorf("warnings: %s", said)
	}
}

// A certificate has to be for the issuer and for the site's own origin.
func TestCertificateOfBothNames(t *testing.T) {
	text := strings.Replace(twoSites(atSeoul, atBusan), "trusted_proxies: [10.0.0.0/8]", "tls: {cert_file: tls.crt, key_file: tls.key}", 1)
	c, err := loadText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	said := c.Warnings().Error()
	for _, host := range []string{"not for login.example.kr,", "not for seoul.login.example.kr,"} {
		if !strings.Contains(said, host) {
			t.Errorf("warnings: %s\nwant %q", said, host)
		}
	}
	if strings.Contains(said, "busan") {
		t.Errorf("warned of another site's host: %s", said)
	}
}
