package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// newClient returns a registration that is not stored yet, with n secrets.
func newClient(t testing.TB, n int) store.Client {
	t.Helper()
	c := store.Client{ID: newID(t), Document: []byte(`{"name":"가게"}`), By: "ops", CreatedAt: noon, UpdatedAt: noon}
	for i := range n {
		c.Secrets = append(c.Secrets, newClientSecret(t, i))
	}
	return c
}

// newClientSecret returns a secret that was made n minutes after noon.
func newClientSecret(t testing.TB, n int) store.ClientSecret {
	t.Helper()
	return store.ClientSecret{Hash: randomBytes(t, 32), By: "ops", CreatedAt: minute(n)}
}

// register stores a new registration and returns it.
func register(t testing.TB, s Store, secrets int) store.Client {
	t.Helper()
	c := newClient(t, secrets)
	if err := s.AddClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func registered(t testing.TB, s Store) []store.Client {
	t.Helper()
	all, revision, err := s.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now := must[int64](t)(s.ClientsRevision(t.Context())); now != revision {
		t.Errorf("revision %d, and %d with the clients", now, revision)
	}
	return all
}

func testClients(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"what was registered comes back, in the order it was made", func(t *testing.T, s Store) {
			wantSame(t, registered(t, s), []store.Client(nil))
			later, first := newClient(t, 0), newClient(t, 2)
			later.CreatedAt = minute(1)
			for _, c := range []store.Client{later, first} {
				if err := s.AddClient(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			wantSame(t, registered(t, s), []store.Client{first, later})
		}},
		{"an id is taken once, and the same attempt again is the first", func(t *testing.T, s Store) {
			c := register(t, s, 1)
			if err := s.AddClient(t.Context(), c); err != nil {
				t.Error(err)
			}
			other := newClient(t, 1)
			other.ID = c.ID
			other.CreatedAt = minute(1)
			wantIs(t, s.AddClient(t.Context(), other), store.ErrConflict)
			wantSame(t, registered(t, s), []store.Client{c})
		}},
		{"every change makes the revision grow, and nothing else does", testClientsRevision},
		{"a registration is replaced if nobody else did", testReplaceClient},
		{"a registration is removed with its secrets and their uses", func(t *testing.T, s Store) {
			c, stays := register(t, s, 2), register(t, s, 1)
			noteUse(t, s, c.ID, c.Secrets[0].Hash, 5)
			if err := s.RemoveClient(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
			wantIs(t, s.RemoveClient(t.Context(), c.ID), store.ErrNotFound)
			wantSame(t, registered(t, s), []store.Client{stays})
			wantSame(t, uses(t, s, c.ID), []store.SecretUse(nil))
		}},
		{"two secrets live at a time", testClientSecrets},
		{"a secret that is used is not dropped", testSecretUses},
		{"uses of long ago are forgotten, a few at a time", func(t *testing.T, s Store) {
			c, filed := register(t, s, 2), newID(t)
			noteUse(t, s, c.ID, c.Secrets[0].Hash, 5)
			noteUse(t, s, c.ID, c.Secrets[1].Hash, 6)
			noteUse(t, s, filed, newClientSecret(t, 1).Hash, 4)
			for _, want := range []struct{ limit, gone int }{{0, 0}, {1, 1}, {10, 1}, {10, 0}} {
				if gone := must[int](t)(s.PurgeSecretUses(t.Context(), 6, want.limit)); gone != want.gone {
					t.Errorf("a limit of %d forgets %d, want %d", want.limit, gone, want.gone)
				}
			}
			wantSame(t, uses(t, s, filed), []store.SecretUse(nil))
			wantSame(t, uses(t, s, c.ID), []store.SecretUse{{ClientID: c.ID, Hash: c.Secrets[1].Hash, Hour: 6}})
		}},
		{"of racing callers that drop both secrets one finds the last", func(t *testing.T, s Store) {
			c := register(t, s, 2)
			won := winners(t, race(t.Context(), 2, func(ctx context.Context, i int) error {
				return s.DropClientSecret(ctx, c.ID, c.Secrets[i].Hash, 0)
			}), store.ErrLast)
			if len(won) != 1 {
				t.Errorf("%d dropped one", len(won))
			}
		}},
		{"of racing callers that add a second secret one does", func(t *testing.T, s Store) {
			c := register(t, s, 1)
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				return s.AddClientSecret(ctx, c.ID, newClientSecret(t, i+1))
			}), store.ErrConflict)
			if len(won) != 1 {
				t.Errorf("%d added one", len(won))
			}
		}},
		{"of racing callers that register one id one does", func(t *testing.T, s Store) {
			id := newID(t)
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				c := newClient(t, 1)
				c.ID, c.CreatedAt = id, minute(i)
				return s.AddClient(ctx, c)
			}), store.ErrConflict)
			if all := registered(t, s); len(won) != 1 || len(all) != 1 || len(all[0].Secrets) != 1 {
				t.Errorf("%d registered it; there are %+v", len(won), all)
			}
		}},
		{"bounds", testClientBounds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

func testClientsRevision(t *testing.T, s Store) {
	last := must[int64](t)(s.ClientsRevision(t.Context()))
	c := newClient(t, 1)
	second := newClientSecret(t, 1)
	next := c
	next.Document, next.UpdatedAt = []byte(`{}`), minute(2)
	for _, step := range []struct {
		name string
		do   func() error
		news bool
	}{
		{"add", func() error { return s.AddClient(t.Context(), c) }, true},
		{"replace", func() error { return s.ReplaceClient(t.Context(), next, c.UpdatedAt) }, true},
		{"add a secret", func() error { return s.AddClientSecret(t.Context(), c.ID, second) }, true},
		{"use it", func() error {
			return s.NoteSecretUses(t.Context(), []store.SecretUse{{ClientID: c.ID, Hash: second.Hash, Hour: 9}})
		}, false},
		{"drop it", func() error { return s.DropClientSecret(t.Context(), c.ID, second.Hash, 0) }, true},
		{"remove", func() error { return s.RemoveClient(t.Context(), c.ID) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		now := must[int64](t)(s.ClientsRevision(t.Context()))
		if (now > last) != step.news {
			t.Errorf("%s: revision %d became %d", step.name, last, now)
		}
		last = now
	}
	wantIs(t, s.RemoveClient(t.Context(), c.ID), store.ErrNotFound)
	if now := must[int64](t)(s.ClientsRevision(t.Context())); now != last {
		t.Errorf("what was refused made revision %d", now)
	}
}

func testReplaceClient(t *testing.T, s Store) {
	c := register(t, s, 1)
	next := c
	next.Document, next.UpdatedAt = []byte(`{"name":"shop"}`), minute(1)
	for range 2 {
		if err := s.ReplaceClient(t.Context(), next, c.UpdatedAt); err != nil {
			t.Fatal(err)
		}
	}
	wantSame(t, registered(t, s), []store.Client{next})
	late := next
	late.Document, late.UpdatedAt = []byte(`{"name":"late"}`), minute(2)
	wantIs(t, s.ReplaceClient(t.Context(), late, c.UpdatedAt), store.ErrConflict)
	unknown := late
	unknown.ID = newID(t)
	wantIs(t, s.ReplaceClient(t.Context(), unknown, c.UpdatedAt), store.ErrNotFound)
	wantSame(t, registered(t, s), []store.Client{next})
}

func testClientSecrets(t *testing.T, s Store) {
	c := register(t, s, 1)
	second := newClientSecret(t, 1)
	for range 2 {
		if err := s.AddClientSecret(t.Context(), c.ID, second); err != nil {
			t.Fatal(err)
		}
	}
	wantIs(t, s.AddClientSecret(t.Context(), c.ID, newClientSecret(t, 2)), store.ErrConflict)
	wantIs(t, s.AddClientSecret(t.Context(), newID(t), second), store.ErrNotFound)
	first := c.Secrets[0]
	c.Secrets = append(c.Secrets, second)
	wantSame(t, registered(t, s), []store.Client{c})

	wantIs(t, s.DropClientSecret(t.Context(), c.ID, randomBytes(t, 32), 0), store.ErrNotFound)
	wantIs(t, s.DropClientSecret(t.Context(), newID(t), first.Hash, 0), store.ErrNotFound)
	if err := s.DropClientSecret(t.Context(), c.ID, first.Hash, 0); err != nil {
		t.Fatal(err)
	}
	wantIs(t, s.DropClientSecret(t.Context(), c.ID, second.Hash, 0), store.ErrLast)
	c.Secrets = c.Secrets[1:]
	wantSame(t, registered(t, s), []store.Client{c})
}

func noteUse(t testing.TB, s Store, id string, hash []byte, hour int64) {
	t.Helper()
	if err := s.NoteSecretUses(t.Context(), []store.SecretUse{{ClientID: id, Hash: hash, Hour: hour}}); err != nil {
		t.Fatal(err)
	}
}

func uses(t testing.TB, s Store, id string) []store.SecretUse {
	t.Helper()
	return must[[]store.SecretUse](t)(s.SecretUses(t.Context(), id))
}

func testSecretUses(t *testing.T, s Store) {
	c := register(t, s, 2)
	old := c.Secrets[0].Hash
	wantSame(t, uses(t, s, c.ID), []store.SecretUse(nil))
	for _, hour := range []int64{100, 101, 99} { // the latest stays
		noteUse(t, s, c.ID, old, hour)
	}
	wantSame(t, uses(t, s, c.ID), []store.SecretUse{{ClientID: c.ID, Hash: old, Hour: 101}})
	for _, hour := range []int64{100, 101} {
		wantIs(t, s.DropClientSecret(t.Context(), c.ID, old, hour), store.ErrInUse)
	}
	if err := s.DropClientSecret(t.Context(), c.ID, old, 102); err != nil {
		t.Fatal(err)
	}
	wantSame(t, uses(t, s, c.ID), []store.SecretUse(nil))

	ofFile := store.SecretUse{ClientID: "of-the-file", Hash: randomBytes(t, 32), Hour: 7}
	noteUse(t, s, ofFile.ClientID, ofFile.Hash, ofFile.Hour)
	wantSame(t, uses(t, s, ofFile.ClientID), []store.SecretUse{ofFile})

	again := register(t, s, 2)
	noteUse(t, s, again.ID, again.Secrets[0].Hash, 100)
	if err := s.DropClientSecret(t.Context(), again.ID, again.Secrets[0].Hash, 0); err != nil {
		t.Errorf("a secret that nobody asks about: %v", err)
	}
}

func testClientBounds(t *testing.T, s Store) {
	for name, spoil := range map[string]func(c *store.Client){
		"no id":              func(c *store.Client) { c.ID = "" },
		"a long id":          func(c *store.Client) { c.ID = strings.Repeat("a", store.MaxClientID+1) },
		"no document":        func(c *store.Client) { c.Document = nil },
		"a long document":    func(c *store.Client) { c.Document = make([]byte, store.MaxRegistration+1) },
		"no operator":        func(c *store.Client) { c.By = "" },
		"three secrets":      func(c *store.Client) { c.Secrets = newClient(t, 3).Secrets },
		"a short hash":       func(c *store.Client) { c.Secrets[0].Hash = c.Secrets[0].Hash[1:] },
		"a secret of nobody": func(c *store.Client) { c.Secrets[0].By = "" },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, 1)
			spoil(&c)
			wantInvalid(t, s.AddClient(t.Context(), c))
		})
	}
	c := newClient(t, 0)
	c.Document = nil
	wantInvalid(t, s.ReplaceClient(t.Context(), c, noon))
	wantInvalid(t, s.RemoveClient(t.Context(), ""))
	wantInvalid(t, s.AddClientSecret(t.Context(), "", newClientSecret(t, 0)))
	wantInvalid(t, s.DropClientSecret(t.Context(), "a", nil, 0))
	wantInvalid(t, s.NoteSecretUses(t.Context(), make([]store.SecretUse, store.MaxUses+1)))
	wantInvalid(t, s.NoteSecretUses(t.Context(), []store.SecretUse{{ClientID: "a"}}))
	_, err := s.SecretUses(t.Context(), "")
	wantInvalid(t, err)
	wantSame(t, registered(t, s), []store.Client(nil))
}

// registrations calls the verbs of this file, about a client that has two secrets.
func registrations(t testing.TB, s Store) []verb {
	t.Helper()
	c, gone := register(t, s, 2), register(t, s, 1)
	fresh := newClient(t, 1)
	next := c
	next.Document, next.UpdatedAt = []byte(`{}`), minute(1)
	use := []store.SecretUse{{ClientID: c.ID, Hash: c.Secrets[0].Hash, Hour: noon.Unix() / int64(time.Hour/time.Second)}}
	return []verb{
		{"ClientsRevision", func(ctx context.Context) error { _, err := s.ClientsRevision(ctx); return err }},
		{"Clients", func(ctx context.Context) error { _, _, err := s.Clients(ctx); return err }},
		{"AddClient", func(ctx context.Context) error { return s.AddClient(ctx, fresh) }},
		{"ReplaceClient", func(ctx context.Context) error { return s.ReplaceClient(ctx, next, c.UpdatedAt) }},
		{"RemoveClient", func(ctx context.Context) error { return s.RemoveClient(ctx, gone.ID) }},
		{"NoteSecretUses", func(ctx context.Context) error { return s.NoteSecretUses(ctx, use) }},
		{"PurgeSecretUses", func(ctx context.Context) error { _, err := s.PurgeSecretUses(ctx, 1, 1); return err }},
		{"AccountSeeds", func(ctx context.Context) error { _, err := s.AccountSeeds(ctx, "demo", "", 1); return err }},
		{"SecretUses", func(ctx context.Context) error { _, err := s.SecretUses(ctx, c.ID); return err }},
		{"DropClientSecret", func(ctx context.Context) error { return s.DropClientSecret(ctx, c.ID, c.Secrets[0].Hash, 0) }},
		{"AddClientSecret", func(ctx context.Context) error { return s.AddClientSecret(ctx, c.ID, newClientSecret(t, 5)) }},
	}
}
