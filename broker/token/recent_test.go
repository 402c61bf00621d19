package token

import (
	"strconv"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/oauth"
)

func TestAnAnswerIsRememberedForASecond(t *testing.T) {
	var r recent[int]
	now := time.Now()
	if _, ok := r.get("a", now); ok {
		t.Error("an empty one knows something")
	}
	r.keep("a", 1, now)
	for wait, want := range map[time.Duration]bool{
		0: true, recentLife - 1: true, recentLife: false, time.Hour: false, -time.Second: false,
	} {
		if got, ok := r.get("a", now.Add(wait)); ok != want || ok && got != 1 {
			t.Errorf("after %s: %d, %t", wait, got, ok)
		}
	}
	r.keep("b", 2, now.Add(recentLife))
	if got, ok := r.get("a", now.Add(recentLife-1)); !ok || got != 1 {
		t.Error("the older half is gone too early")
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var r recent[int]
	now := time.Now()
	for n := range 3 * maxRecent {
		r.keep(strconv.Itoa(n), n, now.Add(time.Duration(n)*time.Microsecond))
	}
	if len(r.young)+len(r.old) > 2*maxRecent {
		t.Errorf("%d are remembered", len(r.young)+len(r.old))
	}
}

// What was remembered a moment ago obeys every fact that has been heard since.
func TestNoRememberedAnswerOutlivesAFact(t *testing.T) {
	for name, spoil := range map[string]func(h *house, access string){
		"the key withdrawn": func(h *house, access string) {
			keyID, err := keyOf(access)
			h.must(err)
			h.facts.known["key_withdrawn "+keyID] = true
			h.endpoint.Keys.(interface{ Withdraw(string) }).Withdraw(keyID)
		},
		"the grant revoked":    func(h *house, _ string) { h.facts.known["grant_revoked "+h.grants.byLogin["login-1"].ID] = true },
		"the session ended":    func(h *house, _ string) { h.facts.known["session_ended sid-1"] = true },
		"the account disabled": func(h *house, _ string) { h.facts.known["account_disabled acc"] = true },
		"its sessions over":    func(h *house, _ string) { h.facts.epoch = 2 },
		"a second later, the store's word": func(h *house, _ string) {
			h.grants.account.Disabled = true
			h.now = h.now.Add(recentLife)
		},
	} {
		h := newHouse(t)
		answer, err := h.redeem("shop", h.sealed(h.sample()))
		h.must(err)
		access := answer["access_token"].(string)
		for range 2 {
			_, err = h.userinfo(access)
			h.must(err)
		}
		spoil(h, access)
		if _, err := h.userinfo(access); code(err) != oauth.CodeInvalidToken {
			t.Errorf("%s: %v", name, err)
		}
	}
}
