package admin

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// person opens an account.
func (h *house) person() store.Account {
	h.t.Helper()
	a, err := h.accounts.Open(h.t.Context(), providers.Identity{
		Provider: "kakao", Subject: "1234567890", Name: "민지", Email: "minji@mail.example", EmailVerified: true, Phone: "+82 10-0000-0000",
	})
	h.must(err)
	return a
}

// signedIn is that the account signed in to the client in that session.
func (h *house) signedIn(a store.Account, sid, clientID string) {
	h.t.Helper()
	made := func() string {
		text, err := id.New(rand.Reader)
		h.must(err)
		return text
	}
	_, err := h.store.ClaimCode(h.t.Context(), store.Grant{
		ID: made(), LoginID: made(), CodeHash: make([]byte, 32), AccountID: a.ID, ClientID: clientID, SID: sid, Provider: "kakao",
		AuthTime: h.now, CreatedAt: h.now, ExpiresAt: h.now.Add(30 * 24 * time.Hour), Epoch: a.Epoch,
	})
	h.must(err)
}

func TestAnAccountIsFoundByWhatIsOurs(t *testing.T) {
	h := newHouse(t)
	h.add(strings.Replace(shop, `"name"`, `"subject":"pairwise","name"`, 1))
	a := h.person()
	known, _ := h.directory.Client("shop")
	sub := h.accounts.Subject(a, known)
	for name, q := range map[string]AccountQuery{
		"its id":          {Account: a.ID},
		"a way in":        {Provider: "kakao", Subject: "1234567890"},
		"a website's sub": {Client: "shop", Sub: sub},
	} {
		got, err := h.client.FindAccount(t.Context(), q)
		h.must(err)
		if got.ID != a.ID || got.Email != "m…@m…" || got.Name != "민…" || got.Links[0].Subject != "1…" || got.Revealed {
			t.Errorf("by %s is found %+v", name, got)
		}
		if e := h.last(); e.Action != "account.show" || e.Account != a.ID || e.Operator != "ops" || strings.Contains(e.Object, a.ID) {
			t.Errorf("audited is %+v", e)
		}
	}
	got, err := h.client.FindAccount(t.Context(), AccountQuery{Account: a.ID, Client: "shop", Reveal: true, Reason: "ticket 7"})
	h.must(err)
	if got.Email != "minji@mail.example" || got.Links[0].Subject != "1234567890" || len(got.Subjects) != 1 || got.Subjects[0].Sub != sub {
		t.Errorf("revealed is %+v", got)
	}
	if e := h.last(); e.Object != "revealed" || e.Why != "ticket 7" {
		t.Errorf("audited is %+v", e)
	}
	for _, q := range []AccountQuery{
		{Account: "nobody"}, {Provider: "kakao", Subject: "2"}, {Provider: "naver", Subject: "1234567890"}, {Client: "filed", Sub: sub}, {Client: "none", Sub: sub},
	} {
		_, err := h.client.FindAccount(t.Context(), q)
		wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	}
	for _, q := range []AccountQuery{{}, {Account: a.ID, Sub: "x", Client: "shop"}, {Provider: "kakao"}, {Sub: sub}, {Account: strings.Repeat("a", 99)}} {
		_, err := h.client.FindAccount(t.Context(), q)
		wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
	}
}

func TestAnAccountIsDisabledAndEnabled(t *testing.T) {
	h := newHouse(t)
	a := h.person()
	done, err := h.client.OrderAccount(t.Context(), a.ID, AccountDisable, PersonOrder{Reason: "stolen telephone"})
	h.must(err)
	if !done.Recorded || !h.facts.Has(store.AccountDisabled, a.ID) {
		t.Errorf("the answer is %+v", done)
	}
	if shown, err := h.client.FindAccount(t.Context(), AccountQuery{Account: a.ID}); err != nil || !shown.Disabled {
		t.Errorf("shown is %+v, %v", shown, err)
	}
	_, err = h.client.OrderAccount(t.Context(), a.ID, AccountEnable, PersonOrder{})
	h.must(err)
	if h.facts.Has(store.AccountDisabled, a.ID) || h.facts.MinEpoch(a.ID) <= a.Epoch {
		t.Error("it is not enabled with a higher epoch")
	}
	_, err = h.client.OrderAccount(t.Context(), "nobody", AccountDisable, PersonOrder{})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	_, err = h.client.OrderAccount(t.Context(), "No Body", AccountDisable, PersonOrder{})
	wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
}

func TestDisablingNeedsNoStore(t *testing.T) {
	h := newHouse(t)
	a := h.person()
	h.store.cut = true
	done, err := h.client.OrderAccount(t.Context(), a.ID, AccountDisable, PersonOrder{})
	h.must(err)
	if done.Recorded || !h.facts.Has(store.AccountDisabled, a.ID) {
		t.Errorf("the answer is %+v", done)
	}
	_, err = h.client.OrderAccount(t.Context(), a.ID, AccountEnable, PersonOrder{})
	wantProblem(t, err, http.StatusServiceUnavailable, CodeUnavailable)
}

func TestADeletedAccountIsATombstone(t *testing.T) {
	h := newHouse(t)
	a := h.person()
	_, err := h.client.OrderAccount(t.Context(), a.ID, AccountDelete, PersonOrder{Reason: "asked for it"})
	h.must(err)
	_, err = h.client.FindAccount(t.Context(), AccountQuery{Provider: "kakao", Subject: "1234567890"})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	if !h.facts.Has(store.AccountDisabled, a.ID) {
		t.Error("its sessions live")
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	h := newHouse(t)
	a := h.person()
	h.signedIn(a, "one", "shop")
	h.now = h.now.Add(time.Minute)
	h.signedIn(a, "two", "shop")
	h.now = h.now.Add(time.Minute)
	h.signedIn(a, "two", "filed")
	got, err := h.client.Sessions(t.Context(), a.ID)
	h.must(err)
	if len(got) != 2 || got[0].SID != "two" || len(got[0].Clients) != 2 || got[0].Ended || got[1].SID != "one" || got[1].Ended {
		t.Fatalf("listed are %+v", got)
	}
	ended := func() (all string) {
		t.Helper()
		got, err := h.client.Sessions(t.Context(), a.ID)
		h.must(err)
		for _, s := range got {
			if s.Ended {
				all += s.SID + " "
			}
		}
		return all
	}
	done, err := h.client.RevokeSession(t.Context(), "two", PersonOrder{Reason: "not theirs"})
	h.must(err)
	if !done.Recorded || ended() != "two " || !h.facts.Has(store.SessionEnded, "two") {
		t.Errorf("the answer is %+v; ended are %s", done, ended())
	}
	_, err = h.client.OrderAccount(t.Context(), a.ID, AccountSignOut, PersonOrder{})
	h.must(err)
	if ended() != "two one " {
		t.Errorf("after all were ended: %s", ended())
	}
	_, err = h.client.RevokeSession(t.Context(), "no session's id", PersonOrder{})
	wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
	if _, err := h.client.Sessions(t.Context(), "nobody"); err == nil {
		t.Error("nobody has sessions")
	}
}

func TestMasks(t *testing.T) {
	for text, want := range map[string]string{"": "", "민지": "민…", "a@b.example": "a…@b…", "+82 10": "+…", "@": "…@…"} {
		if got := masked(text); got != want {
			t.Errorf("masked(%q) = %q, want %q", text, got, want)
		}
	}
}
