package token

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal"
)

func TestCodeGivesTokensOnce(t *testing.T) {
	h := newHouse(t)
	sealed := h.sealed(h.sample())
	answer, err := h.redeem("shop", sealed)
	h.must(err)
	if answer["token_type"] != "Bearer" || answer["expires_in"] != 600.0 || answer["scope"] != "openid profile email" {
		t.Errorf("answer %v", answer)
	}
	access := answer["access_token"].(string)
	profile, err := h.userinfo(access)
	h.must(err)
	if profile != `{"sub":"u_minji","name":"민지","updated_at":7,"email":"m@example.com","email_verified":false}` {
		t.Errorf("userinfo %s", profile)
	}
	if _, err := h.redeem("shop", sealed); code(err) != oauth.CodeInvalidGrant {
		t.Errorf("again: %v", err)
	}
	if _, err := h.userinfo(access); code(err) != oauth.CodeInvalidToken {
		t.Errorf("a replay takes back what the code gave: %v", err)
	}
	if last := h.events[len(h.events)-1]; last.Name != audit.CodeReplayed {
		t.Errorf("event %+v", last)
	}
}

// Another code of the same login gives nothing and takes nothing back.
func TestOneCodePerLogin(t *testing.T) {
	h := newHouse(t)
	answer, err := h.redeem("shop", h.sealed(h.sample()))
	h.must(err)
	if _, err := h.redeem("shop", h.sealed(h.sample())); code(err) != oauth.CodeInvalidGrant {
		t.Errorf("the second code: %v", err)
	}
	if _, err := h.userinfo(answer["access_token"].(string)); err != nil {
		t.Errorf("the first code's token: %v", err)
	}
}

// What cannot be claimed, or revoked, is neither used nor refused.
func TestCodeThatCannotBeClaimed(t *testing.T) {
	h := newHouse(t)
	sealed := h.sealed(h.sample())
	h.grants.fails = errAway
	if _, err := h.redeem("shop", sealed); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("away: %v", err)
	}
	h.grants.fails = nil
	_, err := h.redeem("shop", sealed)
	h.must(err)
	h.facts.fails = errAway
	if _, err := h.redeem("shop", sealed); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a replay whose revocation failed: %v", err)
	}
}

func TestCodesAreChecked(t *testing.T) {
	pkce := func(c *Code) { c.Challenge = challengeOf(verifier) }
	tests := []struct {
		name    string
		code    func(*Code)
		client  string
		changes []string
		want    string
	}{
		{"everything right", nil, "shop", nil, ""},
		{"the right verifier", pkce, "shop", []string{"code_verifier", verifier}, ""},
		{"another verifier", pkce, "shop", []string{"code_verifier", verifier + "x"}, oauth.CodeInvalidGrant},
		{"no verifier", pkce, "shop", nil, oauth.CodeInvalidGrant},
		{"a verifier nobody announced (downgrade)", nil, "shop", []string{"code_verifier", verifier}, oauth.CodeInvalidGrant},
		{"another client's code", func(c *Code) { c.Client = "ec" }, "shop", nil, oauth.CodeInvalidGrant},
		{"another redirect URI", nil, "shop", []string{"redirect_uri", callback + "/"}, oauth.CodeInvalidGrant},
		{"no redirect URI", nil, "shop", []string{"redirect_uri", ""}, oauth.CodeInvalidGrant},
		{"60 seconds old", func(c *Code) { c.Issued -= 60 }, "shop", nil, oauth.CodeInvalidGrant},
		{"59 seconds old", func(c *Code) { c.Issued -= 59 }, "shop", nil, ""},
		{"from a clock that is ahead", func(c *Code) { c.Issued += 60 }, "shop", nil, ""},
		{"from the future", func(c *Code) { c.Issued += 61 }, "shop", nil, oauth.CodeInvalidGrant},
		{"an unknown client", nil, "nobody", nil, oauth.CodeInvalidClient},
		{"a client that uses the wrong method", func(c *Code) { c.Client = "plain" }, "plain", nil, oauth.CodeInvalidClient},
		{"a client of wrong secret", nil, "", []string{"client_id", "shop", "client_secret", "wrong"}, oauth.CodeInvalidClient},
		{"a confidential client without a secret", nil, "", []string{"client_id", "shop"}, oauth.CodeInvalidClient},
		{"a public client", func(c *Code) { c.Client = "spa"; pkce(c) }, "", []string{"client_id", "spa", "code_verifier", verifier}, ""},
		{"a grant type of nobody", nil, "shop", []string{"grant_type", "password"}, oauth.CodeUnsupportedGrantType},
		{"a grant type of others", nil, "", []string{"client_id", "spa", "grant_type", "client_credentials"}, oauth.CodeUnauthorizedClient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			c := h.sample()
			if tt.code != nil {
				tt.code(&c)
			}
			answer, err := h.redeem(tt.client, h.sealed(c), tt.changes...)
			if code(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("got %v %v, want %q", answer, err, tt.want)
			}
			if claimed := len(h.grants.byLogin) == 1; claimed != (tt.want == "") {
				t.Errorf("claimed: %t", claimed)
			}
		})
	}
}

func TestFactsVoidACode(t *testing.T) {
	for name, spoil := range map[string]func(*facts){
		"the session ended":                    func(f *facts) { f.known["session_ended sid-1"] = true },
		"the account disabled":                 func(f *facts) { f.known["account_disabled acc"] = true },
		"all its sessions over":                func(f *facts) { f.epoch = 2 },
		"its provider's word is worth nothing": func(f *facts) { f.ended = newHouse(t).now.Unix() },
	} {
		h := newHouse(t)
		spoil(h.facts)
		if _, err := h.redeem("shop", h.sealed(h.sample())); code(err) != oauth.CodeInvalidGrant || len(h.grants.byLogin) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Forged, foreign and cut codes are no codes; one that cannot be opened is not
// called so.
// A hint that sessions were ended does not say which: what an account gave is neither
// good nor over until that is known. What the facts say is over is over all the same.
func TestAHintThatSessionsWereEndedDecidesNothing(t *testing.T) {
	h := newHouse(t)
	h.facts.doubted = true
	shown := h.sealed(h.sample())
	if _, err := h.redeem("shop", shown); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a code: %v, want %v", err, store.ErrUnavailable)
	}
	h.facts.epoch = 2
	if _, err := h.redeem("shop", shown); code(err) != oauth.CodeInvalidGrant {
		t.Errorf("a code of an epoch that is over: %v", err)
	}
	h.facts.epoch, h.facts.doubted = 0, false
	answer, err := h.redeem("shop", shown)
	if err != nil {
		t.Fatal(err)
	}
	h.facts.doubted = true
	claims, err := h.endpoint.readAccess(answer["access_token"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.endpoint.live(t.Context(), claims); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an access token: %v, want %v", err, store.ErrUnavailable)
	}
}

func TestOpenCode(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	foreign, err := h.ring.Seal("login", []byte(`{}`))
	h.must(err)
	good := h.sealed(h.sample())
	for name, text := range map[string]string{
		"nothing": "", "nonsense": "nonsense", "a login": foreign, "cut": good[:len(good)-4], "another deployment's": other.sealed(h.sample()),
	} {
		if _, err := openCode(t.Context(), h.ring, text, h.now); !errors.Is(err, errCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := openCode(t.Context(), h.ring, good, h.now)
	h.must(err)
	if diff := cmp.Diff(h.sample(), got); diff != "" {
		t.Error(diff)
	}
	h.keys.Intercept(func(context.Context, string) error { return errAway })
	h.now = h.now.Add(11 * time.Second)
	if _, err := h.redeem("shop", other.sealed(h.sample())); !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("could not check: %v", err)
	}
}

func TestClientsOwnToken(t *testing.T) {
	h := newHouse(t)
	answer, err := h.redeem("shop", "", "grant_type", "client_credentials", "code", "", "redirect_uri", "")
	h.must(err)
	if answer["id_token"] != nil || len(h.grants.byLogin) != 0 {
		t.Errorf("answer %v", answer)
	}
	if _, err := h.userinfo(answer["access_token"].(string)); code(err) != oauth.CodeInsufficientScope {
		t.Errorf("userinfo: %v", err)
	}
}

// Userinfo knows better than the signature.
func TestUserinfoRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*house)
		want  string
	}{
		{"the token expired", func(h *house) { h.now = h.now.Add(10 * time.Minute) }, oauth.CodeInvalidToken},
		{"the grant revoked", func(h *house) {
			h.facts.known["grant_revoked "+h.grants.byLogin["login-1"].ID] = true
		}, oauth.CodeInvalidToken},
		{"the session ended", func(h *house) { h.facts.known["session_ended sid-1"] = true }, oauth.CodeInvalidToken},
		{"the account disabled, says a fact", func(h *house) { h.facts.known["account_disabled acc"] = true }, oauth.CodeInvalidToken},
		{"the account disabled, says the store", func(h *house) { h.grants.account.Disabled = true }, oauth.CodeInvalidToken},
		{"all sessions ended, says the store", func(h *house) { h.grants.account.Epoch = 2 }, oauth.CodeInvalidToken},
		{"all sessions ended, says a fact", func(h *house) { h.facts.epoch = 2 }, oauth.CodeInvalidToken},
		{"its provider's word is worth nothing", func(h *house) { h.facts.ended = h.now.Unix() }, oauth.CodeInvalidToken},
		{"the grant gone", func(h *house) { clear(h.grants.byLogin) }, oauth.CodeInvalidToken},
		{"the store away", func(h *house) { h.grants.fails = errAway }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			answer, err := h.redeem("shop", h.sealed(h.sample()))
			h.must(err)
			tt.spoil(h)
			body, err := h.userinfo(answer["access_token"].(string))
			if tt.want == "" && !errors.Is(err, store.ErrUnavailable) || tt.want != "" && code(err) != tt.want || body != "" {
				t.Errorf("%q %v, want %q", body, err, tt.want)
			}
			if _, err := h.userinfo(answer["id_token"].(string)); code(err) != oauth.CodeInvalidToken {
				t.Errorf("an ID token for an access token: %v", err)
			}
		})
	}
}
