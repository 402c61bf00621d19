package session

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/backchannel"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
)

// hint is an ID token of the session sid for that client.
func (h *house) hint(clientID, sid string) string {
	h.t.Helper()
	signed, err := h.signing.Sign(keys.IDToken, keys.ES256, mustJSON(h.t, map[string]any{"iss": issuer, "aud": clientID, "sid": sid, "exp": 1}))
	h.must(err)
	return signed
}

func (h *house) start(params url.Values) *httptest.ResponseRecorder {
	h.t.Helper()
	h.pages.view = nil
	w := httptest.NewRecorder()
	h.must(h.logout.Start(w, h.request(http.MethodGet, "/logout?"+params.Encode(), nil)))
	h.keep(w)
	return w
}

// Nothing ends because a foreign page said so: only the session's own hint does
// without asking.
func TestLogoutStart(t *testing.T) {
	const out = "https://shop.example/out"
	tests := []struct {
		name   string
		params func(h *house) url.Values
		ends   bool
		to     string
		asks   bool
	}{
		{"the session's own hint", func(h *house) url.Values {
			return url.Values{"id_token_hint": {h.hint("shop", "sid-1")}, "post_logout_redirect_uri": {out}, "state": {"a b"}}
		}, true, out + "?state=a+b", false},
		{"its hint and no address", func(h *house) url.Values { return url.Values{"id_token_hint": {h.hint("shop", "sid-1")}} }, true, "", false},
		{"its hint and an address nobody registered", func(h *house) url.Values {
			return url.Values{"id_token_hint": {h.hint("shop", "sid-1")}, "post_logout_redirect_uri": {"https://evil.example/"}}
		}, true, "", false},
		{"another session's hint", func(h *house) url.Values { return url.Values{"id_token_hint": {h.hint("shop", "sid-2")}} }, false, "", true},
		{"a hint without a session", func(h *house) url.Values { return url.Values{"id_token_hint": {h.hint("shop", "")}} }, false, "", true},
		{"a hint and another client's id", func(h *house) url.Values {
			return url.Values{"id_token_hint": {h.hint("shop", "sid-1")}, "client_id": {"other"}, "post_logout_redirect_uri": {out}}
		}, false, "", true},
		{"a forged hint", func(h *house) url.Values { return url.Values{"id_token_hint": {h.hint("shop", "sid-1") + "A"}} }, false, "", true},
		{"a client without a hint", func(*house) url.Values {
			return url.Values{"client_id": {"shop"}, "post_logout_redirect_uri": {out}}
		}, false, "", true},
		{"nothing", func(*house) url.Values { return nil }, false, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.signIn()
			w := h.start(tt.params(h))
			if got := w.Header().Get("Location"); got != tt.to {
				t.Errorf("sent to %q", got)
			}
			if _, asked := h.pages.view.(web.Logout); asked != tt.asks {
				t.Errorf("the page is %T", h.pages.view)
			}
			if ended := h.facts.Has(store.SessionEnded, "sid-1"); ended != tt.ends || (len(h.cookies) == 0) != tt.ends || (len(h.events) == 1) != tt.ends {
				t.Errorf("ended: %t, cookies %v, events %v", ended, h.cookies, h.events)
			}
		})
	}
}

// The person reads what the websites said, and no more.
func TestLogoutTellsWebsites(t *testing.T) {
	h := newHouse(t)
	h.facts.said = nil
	h.signIn()
	h.websites.results = []backchannel.Result{
		{Client: "gone", State: backchannel.Unreached}, {Client: "other", State: backchannel.NotRegistered}, {Client: "shop", State: backchannel.Delivered},
	}
	h.start(url.Values{"id_token_hint": {h.hint("shop", "sid-1")}})
	want := []web.Told{{Name: "gone", State: web.ToldUnreached}, {Name: "Shop", State: web.ToldNothing}, {Name: "Shop", State: web.ToldDelivered}}
	page, ok := h.pages.view.(web.LoggedOut)
	if !ok || !slices.Equal(page.Told, want) || page.Unsure {
		t.Errorf("page %+v", h.pages.view)
	}
	h.facts.said = nil
	h.signIn()
	h.websites.results, h.websites.fails = nil, errors.New("away")
	h.start(url.Values{"id_token_hint": {h.hint("shop", "sid-1")}})
	if page, ok := h.pages.view.(web.LoggedOut); !ok || !page.Unsure {
		t.Errorf("page %+v", h.pages.view)
	}
	h.facts.said = nil
	h.signIn()
	h.start(url.Values{"id_token_hint": {h.hint("shop", "sid-1")}, "post_logout_redirect_uri": {"https://shop.example/out"}})
	if !slices.Equal(h.websites.begun, []string{"sid-1"}) || len(h.websites.ended) != 2 {
		t.Errorf("waited for %v, not for %v", h.websites.ended, h.websites.begun)
	}
}

func TestLogoutWithoutASession(t *testing.T) {
	h := newHouse(t)
	w := h.start(url.Values{"client_id": {"shop"}, "post_logout_redirect_uri": {"https://shop.example/out"}})
	if got := w.Header().Get("Location"); got != "https://shop.example/out" {
		t.Errorf("sent to %q", got)
	}
	h.start(nil)
	if _, ok := h.pages.view.(web.LoggedOut); !ok || len(h.facts.said) != 0 {
		t.Errorf("the page is %T", h.pages.view)
	}
}

// The person's yes ends the session; a form of another session does not.
func TestLogoutConfirmed(t *testing.T) {
	h := newHouse(t)
	s := h.signIn()
	h.start(url.Values{"client_id": {"shop"}, "post_logout_redirect_uri": {"https://shop.example/out"}})
	question, ok := h.pages.view.(web.Logout)
	if !ok || question.Action != "/logout/confirm" || question.StayHref != "https://shop.example/" {
		t.Fatalf("question %+v", h.pages.view)
	}
	form := url.Values{}
	for name, value := range question.Hidden {
		form.Set(name, value)
	}
	other := s
	other.SID = "sid-2"
	for _, token := range []string{"", "x", question.StepToken + "A", h.logout.form().Token(other), strings.Replace(question.StepToken, ".", "", 1)} {
		form.Set("step_token", token)
		if err := h.confirm(form); !errors.Is(err, ErrForm) || len(h.facts.said) != 0 {
			t.Errorf("token %q: %v", token, err)
		}
	}
	form.Set("step_token", question.StepToken)
	h.facts.fails = errors.New("disk full")
	if err := h.confirm(form); err == nil || len(h.cookies) == 0 {
		t.Errorf("what is not on disk is not ended: %v", err)
	}
	h.facts.fails = nil
	h.must(h.confirm(form))
	if page, ok := h.pages.view.(web.Terminal); !ok || page.Href != "https://shop.example/out" {
		t.Errorf("page %+v", h.pages.view)
	}
	if until := h.facts.said[0].Until; len(h.cookies) != 0 || !until.Equal(time.Unix(s.Began, 0).Add(24*time.Hour)) {
		t.Errorf("cookies %v, fact %+v", h.cookies, h.facts.said)
	}
	h.must(h.confirm(form)) // once more: it has ended already
}

func (h *house) confirm(form url.Values) error {
	w := httptest.NewRecorder()
	err := h.logout.Confirmed(w, h.request(http.MethodPost, "/logout/confirm", form))
	if err == nil {
		h.keep(w)
	}
	return err
}

func TestPostedLogout(t *testing.T) {
	h := newHouse(t)
	h.signIn()
	w := httptest.NewRecorder()
	form := url.Values{"id_token_hint": {h.hint("shop", "sid-1")}, "other": {"x"}}
	h.must(h.logout.Posted(w, h.request(http.MethodPost, "/logout", form)))
	target := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || len(h.facts.said) != 0 || !strings.HasPrefix(target, "/logout?posted=") {
		t.Fatalf("%d %q", w.Code, target)
	}
	u, err := url.Parse(target)
	h.must(err)
	h.start(u.Query())
	if !h.facts.Has(store.SessionEnded, "sid-1") {
		t.Error("the session goes on")
	}
}
