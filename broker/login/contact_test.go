package login

import (
	"net/http"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/web"
)

// in puts the house in a state.
func (h *house) in(state contact.State) { h.handler.Contact = func() contact.State { return state } }

// A site that is cut off for longer than S serves the websites that allow it alone;
// the others are told, keep their login, and go on when contact is back.
func TestCutOffForTooLong(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	path := b.begun()
	h.in(contact.State{Mode: contact.CutOff})
	if menu := b.menuOf(); len(menu.Ways) == 0 {
		t.Error("cut off for less than S, nobody is served")
	}

	h.in(contact.State{Mode: contact.CutOff, Stale: true})
	p := b.get(asking()).wantProblem(web.ProblemAway, http.StatusServiceUnavailable)
	if p.RetryAfter == 0 || p.RetryHref == "" {
		t.Errorf("no way on: %+v", p)
	}
	if p := b.get(path).wantProblem(web.ProblemAway, http.StatusServiceUnavailable); p.RetryHref != path {
		t.Errorf("the login goes on at %q, want %q", p.RetryHref, path)
	}
	b.get(asking("prompt", "none")).wantError(oauth.CodeTemporarilyUnavailable)
	if menu := b.menuOf("client_id", "lenient"); len(menu.Ways) == 0 {
		t.Error("a website that allows it is not served")
	}

	h.in(contact.State{})
	if menu := b.get(path).menu(); len(menu.Ways) == 0 {
		t.Error("with contact back the same login does not go on")
	}
}

// In the first minute without any database people may begin: most outages end while
// they are away. Later they are told at once.
func TestWithoutAnyDatabase(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	h.in(contact.State{Mode: contact.Alone, Since: h.clock.Now()})
	path := b.begun()
	h.records.down = errAway
	b.back("kakao", b.goneTo(path, "kakao")).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable)
	h.clock.pass(aloneFor + time.Second)
	if p := b.get(path).wantProblem(web.ProblemAway, http.StatusServiceUnavailable); p.RetryHref != path {
		t.Errorf("the login goes on at %q, want %q", p.RetryHref, path)
	}
	b.get(asking()).wantProblem(web.ProblemAway, http.StatusServiceUnavailable)
	b.get(asking("prompt", "none")).wantError(oauth.CodeTemporarilyUnavailable)
	b.get(asking("client_id", "lenient")).wantProblem(web.ProblemAway, http.StatusServiceUnavailable)
}
