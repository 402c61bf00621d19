package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// verb is a call of one verb.
type verb struct {
	name string
	call func(ctx context.Context) error
}

// verbs calls every verb of s about things that exist, in a way that would
// succeed.
func verbs(t testing.TB, s Store, a store.Account, key store.IdentityKey, g store.Grant) []verb {
	t.Helper()
	fresh, claimed := newAccount(t), newGrant(t, newID(t), a.ID)
	link := store.Link{IdentityKey: newKey(t), AccountID: a.ID, CreatedAt: noon}
	second, gone := link, link
	second.IdentityKey, gone.IdentityKey = newKey(t), newKey(t)
	if err := s.LinkIdentity(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	family := newFamily(t, a.ID)
	claim(t, s, family)
	free, signing, sealing := newKey(t), newSigningKey(t, "seoul", keys.ES256, 9), newSealingKey(t, 9)
	next := newIdentity(t, "seoul")
	return append([]verb{
		{"AccountByIdentity", func(ctx context.Context) error { _, err := s.AccountByIdentity(ctx, key, 0); return err }},
		{"Account", func(ctx context.Context) error { _, err := s.Account(ctx, a.ID, 0); return err }},
		{"FillProfile", func(ctx context.Context) error { return s.FillProfile(ctx, a) }},
		{"OpenAccount", func(ctx context.Context) error { return s.OpenAccount(ctx, fresh, free) }},
		{"LinkIdentity", func(ctx context.Context) error { return s.LinkIdentity(ctx, link) }},
		{"LinkIdentityEndSessions", func(ctx context.Context) error {
			_, err := s.LinkIdentityEndSessions(ctx, second, 0, noon)
			return err
		}},
		{"UnlinkIdentity", func(ctx context.Context) error {
			_, err := s.UnlinkIdentity(ctx, gone.IdentityKey, a.ID, 0, noon)
			return err
		}},
		{"Links", func(ctx context.Context) error { _, err := s.Links(ctx, a.ID); return err }},
		{"DisableAccount", func(ctx context.Context) error { _, err := s.DisableAccount(ctx, a.ID, noon); return err }},
		{"EnableAccount", func(ctx context.Context) error { _, err := s.EnableAccount(ctx, a.ID, noon); return err }},
		{"EndSessions", func(ctx context.Context) error { _, err := s.EndSessions(ctx, a.ID, noon); return err }},
		{"ClaimCode", func(ctx context.Context) error { _, err := s.ClaimCode(ctx, claimed); return err }},
		{"GrantedAccount", func(ctx context.Context) error { _, _, err := s.GrantedAccount(ctx, g.ID); return err }},
		{"RefreshFamily", func(ctx context.Context) error { _, _, err := s.RefreshFamily(ctx, family.ID, 0); return err }},
		{"RotateRefresh", func(ctx context.Context) error {
			_, err := s.RotateRefresh(ctx, used(t, family, 1, 0))
			return err
		}},
		{"PurgeGrants", func(ctx context.Context) error { _, err := s.PurgeGrants(ctx, noon, 1); return err }},
		{"RecordFact", func(ctx context.Context) error {
			_, err := s.RecordFact(ctx, store.Fact{Kind: store.SessionEnded, ID: g.SID, At: noon})
			return err
		}},
		{"FactsSince", func(ctx context.Context) error { _, err := s.FactsSince(ctx, 0, 1); return err }},
		{"FeedRevision", func(ctx context.Context) error { _, err := s.FeedRevision(ctx); return err }},
		{"PurgeFacts", func(ctx context.Context) error { _, err := s.PurgeFacts(ctx, noon, 1); return err }},
		{"EnsureSecret", func(ctx context.Context) error { _, err := s.EnsureSecret(ctx, "salt", []byte("x")); return err }},
		{"SigningKeys", func(ctx context.Context) error { _, err := s.SigningKeys(ctx); return err }},
		{"InsertSigningKey", func(ctx context.Context) error { _, err := s.InsertSigningKey(ctx, signing); return err }},
		{"AdvanceSigningKey", func(ctx context.Context) error {
			return s.AdvanceSigningKey(ctx, signing.KeyID, keys.Staged, keys.Published, dawn, []byte("m"))
		}},
		{"EnsureSiteIdentity", func(ctx context.Context) error {
			_, err := s.EnsureSiteIdentity(ctx, newIdentity(t, "seoul"))
			return err
		}},
		{"ReplaceManifest", func(ctx context.Context) error {
			return s.ReplaceManifest(ctx, signing.KeyID, []byte("m"), []byte("n"))
		}},
		{"SiteIdentities", func(ctx context.Context) error { _, err := s.SiteIdentities(ctx, "seoul"); return err }},
		{"StageSiteIdentity", func(ctx context.Context) error { _, err := s.StageSiteIdentity(ctx, next); return err }},
		{"UseSiteIdentity", func(ctx context.Context) error { return s.UseSiteIdentity(ctx, "seoul", next.Public, dawn) }},
		{"DropSiteIdentity", func(ctx context.Context) error {
			return s.DropSiteIdentity(ctx, "seoul", newIdentity(t, "seoul").Public)
		}},
		{"SealingKeys", func(ctx context.Context) error { _, err := s.SealingKeys(ctx); return err }},
		{"InsertSealingKey", func(ctx context.Context) error { _, err := s.InsertSealingKey(ctx, sealing); return err }},
		{"DeleteSealingKeys", func(ctx context.Context) error { return s.DeleteSealingKeys(ctx, dawn) }},
		{"WriteBeat", func(ctx context.Context) error { _, err := s.WriteBeat(ctx); return err }},
		{"Incarnation", func(ctx context.Context) error { _, err := s.Incarnation(ctx); return err }},
		{"RenewIncarnation", func(ctx context.Context) error { _, err := s.RenewIncarnation(ctx, "nobody", "new"); return err }},
		{"Ping", s.Ping},
	}, slices.Concat(operations(t, s, a), logoutVerbs(t, s), registrations(t, s), personal(t, s, a))...)
}

// facts are the errors that a failure must not be mistaken for.
var facts = []error{
	store.ErrNotFound, store.ErrConflict, store.ErrReplayed, store.ErrUsed, store.ErrLast, store.ErrInvalid, store.ErrInUse, keys.ErrConflict,
}

// wantUnavailable checks that nothing is claimed to be known.
func wantUnavailable(t testing.TB, err error) {
	t.Helper()
	wantIs(t, err, store.ErrUnavailable)
	for _, f := range facts {
		if errors.Is(err, f) {
			t.Errorf("a failure is taken for the fact %q: %v", f, err)
		}
	}
}

// EveryVerb calls every verb of an empty store once, in a way that succeeds: what a
// change of the database that goes on under a program must leave alone.
func EveryVerb(t *testing.T, s Store) {
	t.Helper()
	key := newKey(t)
	a := open(t, s, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, s, g)
	prepareOperations(t, s)
	for _, v := range verbs(t, s, a, key, g) {
		if err := v.call(t.Context()); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
}

func testFailures(t *testing.T, o Options) {
	s := o.New(t)
	key := newKey(t)
	a := open(t, s, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, s, g)
	prepareOperations(t, s)
	all := verbs(t, s, a, key, g)

	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, v := range all {
			t.Run(v.name, func(t *testing.T) {
				err := v.call(ctx)
				wantUnavailable(t, err)
				wantIs(t, err, context.Canceled)
			})
		}
	})
	t.Run("every verb works", func(t *testing.T) {
		for _, v := range all {
			t.Run(v.name, func(t *testing.T) {
				if err := v.call(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("a store that is closed", func(t *testing.T) {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range all {
			t.Run(v.name, func(t *testing.T) { wantUnavailable(t, v.call(t.Context())) })
		}
	})
}

func testBounds(t *testing.T, o Options) {
	s := o.New(t)
	key := newKey(t)
	a := open(t, s, key)
	long := func(n int) string { return strings.Repeat("a", n+1) }
	// Each breaks one bound of a record that is otherwise fine.
	keysOf := map[string]func(k *store.IdentityKey){
		"no provider":          func(k *store.IdentityKey) { k.Provider = "" },
		"a long provider":      func(k *store.IdentityKey) { k.Provider = long(store.MaxProvider) },
		"no subject":           func(k *store.IdentityKey) { k.Subject = "" },
		"a long subject":       func(k *store.IdentityKey) { k.Subject = long(store.MaxSubject) },
		"a long subject, 각":    func(k *store.IdentityKey) { k.Subject = strings.Repeat("각", 86) },
		"a subject with NUL":   func(k *store.IdentityKey) { k.Subject = "a\x00b" },
		"a subject not UTF-8":  func(k *store.IdentityKey) { k.Subject = "\xff" },
		"a subject, surrogate": func(k *store.IdentityKey) { k.Subject = "\xed\xa0\x80" },
	}
	for name, change := range keysOf {
		t.Run(name, func(t *testing.T) {
			k := newKey(t)
			change(&k)
			_, err := s.AccountByIdentity(t.Context(), k, 0)
			wantInvalid(t, err)
			wantInvalid(t, s.OpenAccount(t.Context(), newAccount(t), k))
			wantInvalid(t, s.LinkIdentity(t.Context(), store.Link{IdentityKey: k, AccountID: a.ID}))
			_, err = s.LinkIdentityEndSessions(t.Context(), store.Link{IdentityKey: k, AccountID: a.ID}, 0, noon)
			wantInvalid(t, err)
			_, err = s.UnlinkIdentity(t.Context(), k, a.ID, 0, noon)
			wantInvalid(t, err)
		})
	}
	accounts := map[string]func(a *store.Account){
		"no account id":        func(a *store.Account) { a.ID = "" },
		"a long account id":    func(a *store.Account) { a.ID = long(store.MaxID) },
		"a short seed":         func(a *store.Account) { a.Seed = a.Seed[1:] },
		"a long seed":          func(a *store.Account) { a.Seed = append(a.Seed, 0) },
		"a long name":          func(a *store.Account) { a.Name = long(store.MaxAttribute) },
		"a long e-mail":        func(a *store.Account) { a.Email = long(store.MaxAttribute) },
		"a long phone":         func(a *store.Account) { a.Phone = long(store.MaxAttribute) },
		"a long picture":       func(a *store.Account) { a.Picture = long(store.MaxAttribute) },
		"a long locale":        func(a *store.Account) { a.Locale = long(store.MaxAttribute) },
		"a name with NUL":      func(a *store.Account) { a.Name = "\x00" },
		"a name not UTF-8":     func(a *store.Account) { a.Name = "min\xc3" },
		"an epoch below zero":  func(a *store.Account) { a.Epoch = -1 },
		"a picture, not UTF-8": func(a *store.Account) { a.Picture = "\xc0\x80" },
	}
	for name, change := range accounts {
		t.Run(name, func(t *testing.T) {
			opened := newAccount(t)
			change(&opened)
			wantInvalid(t, s.OpenAccount(t.Context(), opened, newKey(t)))
		})
	}
	testGrantBounds(t, s, a)
	testOtherBounds(t, s)
	t.Run("nothing of it is stored", func(t *testing.T) {
		wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), a)
		wantSame(t, must[[]store.Link](t)(s.Links(t.Context(), a.ID)),
			[]store.Link{{IdentityKey: key, AccountID: a.ID, CreatedAt: noon}})
		wantNothingSince(t, s, 0)
	})
	t.Run("what just fits is kept", func(t *testing.T) {
		g := newGrant(t, long(store.MaxID-1), a.ID)
		g.ID, g.SID, g.ClientID = long(store.MaxID-1), long(store.MaxID-1), long(store.MaxClientID-1)
		g.Provider, g.ACR = long(store.MaxProvider-1), long(store.MaxMethod-1)
		g.Claims = nil
		g.Scope, g.AMR = []string{long(store.MaxScope - 3), "b"}, []string{long(store.MaxMethod - 3), "b"}
		claim(t, s, g)
		granted, _, err := s.GrantedAccount(t.Context(), g.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, granted, g)
	})
}

func testGrantBounds(t *testing.T, s Store, a store.Account) {
	long := func(n int) string { return strings.Repeat("a", n+1) }
	grants := map[string]func(g *store.Grant){
		"no grant id":               func(g *store.Grant) { g.ID = "" },
		"a long grant id":           func(g *store.Grant) { g.ID = long(store.MaxID) },
		"no login id":               func(g *store.Grant) { g.LoginID = "" },
		"a long login id":           func(g *store.Grant) { g.LoginID = long(store.MaxID) },
		"a short hash":              func(g *store.Grant) { g.CodeHash = g.CodeHash[1:] },
		"no hash":                   func(g *store.Grant) { g.CodeHash = nil },
		"no account":                func(g *store.Grant) { g.AccountID = "" },
		"no client":                 func(g *store.Grant) { g.ClientID = "" },
		"a long client id":          func(g *store.Grant) { g.ClientID = long(store.MaxClientID) },
		"a long session id":         func(g *store.Grant) { g.SID = long(store.MaxID) },
		"a long way":                func(g *store.Grant) { g.Provider = long(store.MaxProvider) },
		"a long acr":                func(g *store.Grant) { g.ACR = long(store.MaxMethod) },
		"long scopes":               func(g *store.Grant) { g.Scope = []string{long(store.MaxScope - 2), "b"} },
		"a scope with a space":      func(g *store.Grant) { g.Scope = []string{"openid", "pro file"} },
		"an empty scope":            func(g *store.Grant) { g.Scope = []string{"openid", ""} },
		"a scope like a claim":      func(g *store.Grant) { g.Scope = []string{"claim:email"} },
		"a scope with NUL":          func(g *store.Grant) { g.Scope = []string{"\x00"} },
		"a method with a space":     func(g *store.Grant) { g.AMR = []string{" pwd"} },
		"an empty method":           func(g *store.Grant) { g.AMR = []string{""} },
		"a client id that is bytes": func(g *store.Grant) { g.ClientID = "\xfe" },
	}
	for name, change := range grants {
		t.Run(name, func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			change(&g)
			_, err := s.ClaimCode(t.Context(), g)
			wantInvalid(t, err)
		})
	}
}

func testOtherBounds(t *testing.T, s Store) {
	long := func(n int) string { return strings.Repeat("a", n+1) }
	facts := map[string]store.Fact{
		"no kind":                 {ID: "a"},
		"a long kind":             {Kind: store.FactKind(long(store.MaxFactKind)), ID: "a"},
		"about nothing":           {Kind: store.SessionEnded},
		"about something long":    {Kind: store.SessionEnded, ID: long(store.MaxFactID)},
		"lifted by no writer":     {Kind: store.AccountDisabled, ID: "a", Epoch: 9, Lifted: true},
		"of an epoch below zero":  {Kind: store.AccountEpoch, ID: "a", Epoch: -1},
		"about something unclear": {Kind: store.SessionEnded, ID: "\xff"},
	}
	for name, f := range facts {
		t.Run("a fact "+name, func(t *testing.T) {
			_, err := s.RecordFact(t.Context(), f)
			wantInvalid(t, err)
		})
	}
	t.Run("empty ids", func(t *testing.T) {
		_, err := s.Account(t.Context(), "", 0)
		wantInvalid(t, err)
		_, err = s.Links(t.Context(), "")
		wantInvalid(t, err)
		_, _, err = s.GrantedAccount(t.Context(), "")
		wantInvalid(t, err)
		_, err = s.DisableAccount(t.Context(), "", noon)
		wantInvalid(t, err)
	})
	t.Run("secrets and keys", func(t *testing.T) {
		_, err := s.EnsureSecret(t.Context(), "", []byte("x"))
		wantInvalid(t, err)
		_, err = s.EnsureSecret(t.Context(), "a", nil)
		wantInvalid(t, err)
		_, err = s.EnsureSecret(t.Context(), "a", make([]byte, store.MaxSecret+1))
		wantInvalid(t, err)
		r := newSigningKey(t, "seoul", keys.RS256, 1)
		r.Manifest = make([]byte, 8<<10+1)
		_, err = s.InsertSigningKey(t.Context(), r)
		wantInvalid(t, err)
		wantInvalid(t, s.AdvanceSigningKey(t.Context(), r.KeyID, keys.Active, keys.Staged, dawn, []byte("m")))
		sealing := newSealingKey(t, 1)
		sealing.Wrapped = nil
		_, err = s.InsertSealingKey(t.Context(), sealing)
		wantInvalid(t, err)
	})
}

func wantInvalid(t testing.TB, err error) {
	t.Helper()
	wantIs(t, err, store.ErrInvalid)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an invalid record is taken for more: %v", err)
	}
}
