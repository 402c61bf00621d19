package token

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// Whatever a website and a thief do with the tokens they hold, in whatever
// order and however fast, no two tokens of a family are ever good at once: each
// answer gives the one successor of the last, and once a used token came back
// too late, none is good any more.
func TestNoTwoSuccessorsLive(t *testing.T) {
	h := newHouse(t)
	h.endpoint.Grants = storeOf(t, h)
	rapid.Check(t, func(rt *rapid.T) {
		f := newModel(rt, h, rapid.Bool().Draw(rt, "public"))
		rt.Repeat(map[string]func(*rapid.T){
			"use": f.use,
			"wait": func(rt *rapid.T) {
				h.now = h.now.Add(time.Duration(rapid.IntRange(1, 2500).Draw(rt, "ms")) * time.Millisecond)
			},
			"": func(rt *rapid.T) {
				if f.live > len(f.tokens) {
					rt.Fatalf("token %d was never given", f.live)
				}
			},
		})
	})
}

// model is a family as it should be: every token that was ever given, and which
// one is good.
type model struct {
	house  *house
	client *client.Client
	tokens []string // number n at n-1
	live   int      // the number of the good one
	used   time.Time
	dead   bool
}

func newModel(rt *rapid.T, h *house, public bool) *model {
	c, first := newFamilyOf(rt, h, public)
	return &model{house: h, client: c, tokens: []string{first}, live: 1, used: h.now}
}

// storeOf is a real store that has the house's account.
func storeOf(t *testing.T, h *house) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{
		Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	owner := store.Account{ID: "acc", Seed: make([]byte, 32), Epoch: 1, CreatedAt: h.now, UpdatedAt: h.now}
	if err := s.OpenAccount(t.Context(), owner, store.IdentityKey{Provider: "kakao", Subject: "1"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// newFamilyOf has a client whose grant has a family, and the family's first token.
func newFamilyOf(rt rapid.TB, h *house, public bool) (*client.Client, string) {
	rt.Helper()
	c := &client.Client{ID: "shop", Public: public, GrantTypes: []string{client.GrantAuthorizationCode, client.GrantRefreshToken}, IDTokenAlg: "ES256"}
	grantID, err := id.Dated(h.now, h.endpoint.Rand)
	if err != nil {
		rt.Fatal(err)
	}
	hash := sha256.Sum256([]byte(grantID))
	g := store.Grant{
		ID: grantID, LoginID: grantID, CodeHash: hash[:], AccountID: "acc", ClientID: c.ID, Epoch: 1,
		Scope: []string{"openid", "offline_access"}, Provider: "kakao", AuthTime: h.now, CreatedAt: h.now.UTC(), ExpiresAt: h.now.Add(grantLife).UTC(),
	}
	key, err := newFamilyKey(h.endpoint.Rand)
	if err != nil {
		rt.Fatal(err)
	}
	first, err := h.endpoint.family(&g, key)
	if err != nil {
		rt.Fatal(err)
	}
	if _, err := h.endpoint.Grants.ClaimCode(context.Background(), g); err != nil {
		rt.Fatal(err)
	}
	return c, first
}

// use presents any token that was ever given.
func (m *model) use(rt *rapid.T) {
	n := rapid.IntRange(max(1, m.live-2), m.live).Draw(rt, "token")
	answer, err := m.house.endpoint.refresh(context.Background(), m.client, oauth.TokenRequest{RefreshToken: m.tokens[n-1]})
	graced := !m.client.Public && n == m.live-1 && m.house.now.Sub(m.used) <= refreshGrace
	switch {
	case m.dead || n != m.live && !graced:
		if !oauth.HasCode(err, oauth.CodeInvalidGrant) {
			rt.Fatalf("token %d of %d was taken (%v)", n, m.live, err)
		}
		m.dead = true
	case err != nil:
		rt.Fatalf("token %d of %d: %v", n, m.live, err)
	case n == m.live:
		m.tokens = append(m.tokens, answer.RefreshToken)
		m.live, m.used = m.live+1, m.house.now
	case answer.RefreshToken != m.tokens[m.live-1]:
		rt.Fatalf("token %d gave two successors", n)
	}
}
