package login

import (
	"net/url"
	"testing"
)

const ownOrigin = "https://seoul.login.example.kr"

// reached gives the house an origin of its own, beside the issuer.
func (h *house) reached(origin string) {
	h.t.Helper()
	at, err := url.Parse(origin)
	h.must(err)
	h.handler.Origin = at
}

// A leg is told to return to where it began, and redeems its code there: at the
// issuer or at the site's own origin.
func TestALegReturnsToWhereItBegan(t *testing.T) {
	for host, at := range map[string]string{
		"login.example.kr": issuer, "seoul.login.example.kr": ownOrigin, "SEOUL.login.example.kr": ownOrigin, "": issuer,
	} {
		h := newHouse(t)
		h.reached(ownOrigin)
		h.know("kakao")
		b := h.browser()
		b.host = host
		a := b.back("kakao", b.goneTo(b.begun(), "kakao"))
		h.code(a)
		if got := a.to.Query().Get("iss"); got != issuer {
			t.Errorf("%q: the website is told iss %q", host, got)
		}
		kakao := h.ways["kakao"]
		for what, leg := range map[string]string{"began": kakao.legs[0].RedirectURI, "finished": kakao.finished[0].RedirectURI} {
			if leg != at+"/callback/kakao" {
				t.Errorf("%q: the leg %s with %s", host, what, leg)
			}
		}
	}
}

// A leg that comes back at another host than it began at completes nothing there,
// even if its login's cookie came with it.
func TestALegThatReturnsElsewhere(t *testing.T) {
	for _, tt := range []struct{ began, back string }{
		{"login.example.kr", "seoul.login.example.kr"}, {"seoul.login.example.kr", "login.example.kr"},
	} {
		h := newHouse(t)
		h.reached(ownOrigin)
		b := h.browser()
		b.host = tt.began
		state := b.goneTo(b.begun(), "kakao")
		b.host = tt.back
		if a := b.back("kakao", state); a.err == nil || len(h.ways["kakao"].finished) != 0 {
			t.Errorf("begun at %s, back at %s: %d %v", tt.began, tt.back, a.code, a.err)
		}
		b.host = tt.began
		if a := b.back("kakao", state); a.err != nil {
			t.Errorf("the leg is lost: %v", a.err)
		}
	}
}
