package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/habit"
	"github.com/bongsu/bongsu/broker/roster"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

func (c *cuttable) AddClient(ctx context.Context, added store.Client) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Store.AddClient(ctx, added)
}

func (c *cuttable) ClientsRevision(ctx context.Context) (int64, error) {
	if err := c.away(); err != nil {
		return 0, err
	}
	return c.Store.ClientsRevision(ctx)
}

func (c *cuttable) SecretUses(ctx context.Context, id string) ([]store.SecretUse, error) {
	if err := c.away(); err != nil {
		return nil, err
	}
	return c.Store.SecretUses(ctx, id)
}

func (c *cuttable) Account(ctx context.Context, id string, minEpoch int64) (store.Account, error) {
	if err := c.away(); err != nil {
		return store.Account{}, err
	}
	return c.Store.Account(ctx, id, minEpoch)
}

func (c *cuttable) DisableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	if err := c.away(); err != nil {
		return store.Fact{}, err
	}
	return c.Store.DisableAccount(ctx, id, at)
}

func (c *cuttable) EnableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	if err := c.away(); err != nil {
		return store.Fact{}, err
	}
	return c.Store.EnableAccount(ctx, id, at)
}

// settings is the configuration that registrations are checked against.
func settings() *config.Config {
	return &config.Config{
		Providers: []config.Provider{{ID: "kakao"}, {ID: "naver"}, {ID: "google"}},
		Keys:      config.Keys{Algorithms: []keys.Algorithm{keys.RS256, keys.ES256}},
	}
}

// register makes the directory: one client of the file, and whatever is stored.
func (h *house) register(clock func() time.Time) {
	h.t.Helper()
	h.directory = client.NewDirectory(client.NoteSecrets(func(id string, hash [32]byte) { h.roster.Used(id, hash) }))
	h.must(h.directory.SetFile([]*client.Client{{
		ID: "filed", Name: "Filed", RedirectURIs: []string{"https://filed.example/cb"}, SecretHashes: [][32]byte{client.HashSecret("of the file")},
	}}))
	h.habits = habit.New(clock)
	var err error
	h.roster, err = roster.New(roster.Options{Store: h.store, Directory: h.directory, Read: settings().Client, Now: clock})
	h.must(err)
	h.accounts, err = account.New(account.Options{
		Records: h.store, Negatives: h.facts, Salt: bytes.Repeat([]byte("s"), 32), Rand: rand.Reader, Now: clock,
	})
	h.must(err)
}

func (h *house) websites() Websites {
	return Websites{
		Store: h.store, Directory: h.directory, Roster: h.roster, Check: settings().Client, Issuer: "https://login.example.kr",
		Parse: func(entry []byte) (id string, document []byte, err error) {
			return config.ReadRegistration("registration", entry)
		},
		Seen: h.habits.Of,
		Filed: func(id string) (document []byte, where string) {
			if id != "filed" {
				return nil, ""
			}
			return []byte(`{"id":"filed","name":"Filed"}`), "bongsu.yaml:12"
		},
	}
}

func (h *house) people() People {
	return People{Accounts: h.store, Subject: h.accounts.Subject, SessionLife: 7 * 24 * time.Hour}
}
