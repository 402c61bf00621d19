package dev

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// people have accounts from the start: by which ways each of them can come in.
// Everybody else is new until they were here once.
var people = []struct {
	name string
	ways []string
}{
	{"minji", []string{"kakao", "naver"}},
	{"solo", []string{"kakao"}},
}

// seed opens the accounts of people.
func seed(ctx context.Context, accounts store.Accounts, upstreams *fakeidp.Server, now time.Time) error {
	for _, p := range people {
		opened, err := draft(upstreams.PersonNamed(p.name), now)
		if err != nil {
			return fmt.Errorf("seed %s: %w", p.name, err)
		}
		for i, way := range p.ways {
			key := store.IdentityKey{Provider: way, Subject: subject(upstreams, way, p.name)}
			if i == 0 {
				err = accounts.OpenAccount(ctx, opened, key)
			} else {
				err = accounts.LinkIdentity(ctx, store.Link{IdentityKey: key, AccountID: opened.ID, CreatedAt: now})
			}
			if err != nil {
				return fmt.Errorf("seed %s at %s: %w", p.name, way, err)
			}
		}
	}
	return nil
}

func draft(p fakeidp.Person, now time.Time) (store.Account, error) {
	account := store.Account{
		Epoch: 1, Seed: make([]byte, 32), Name: p.FullName, Email: p.Email, EmailVerified: p.Email != "",
		Phone: p.Phone, PhoneVerified: p.Phone != "", Picture: p.Picture, Locale: p.Locale,
		CreatedAt: now, UpdatedAt: now,
	}
	var err error
	if account.ID, err = id.New(rand.Reader); err != nil {
		return store.Account{}, err
	}
	if _, err := io.ReadFull(rand.Reader, account.Seed); err != nil {
		return store.Account{}, fmt.Errorf("read randomness: %w", err)
	}
	return account, nil
}

func subject(upstreams *fakeidp.Server, way, person string) string {
	upstream, ok := upstreams.Upstream(way)
	if !ok {
		return fakeidp.Subject(way, person)
	}
	return upstream.Subject(person)
}
