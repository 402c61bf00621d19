package sqlstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// What a primary alone holds, because no standby has it, nobody sees until one has:
// also where whoever wrote it gave up waiting.
func TestWritesThatNoStandbyHasAreSeenByNobody(t *testing.T) {
	server := pgtest.Start(t, "wal_level=replica", "max_wal_senders=2")
	o := Options{Driver: Postgres, Writer: server.Database("sqlstore", migrate), Timeout: 600 * time.Millisecond}
	s := mustOpen(t, o)
	db := raw(t, o)
	standbys := func(names string) {
		t.Helper()
		do(t, db, "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'")
		do(t, db, "SELECT pg_reload_conf()")
		eventually(t, 10*time.Second, func(ctx context.Context) error {
			var now string
			if err := db.QueryRowContext(ctx, "SHOW synchronous_standby_names").Scan(&now); err != nil || now != names {
				return errors.Join(err, errors.New("it is "+now))
			}
			return nil
		})
	}
	standbys("nobody")
	a := store.Account{ID: newID(t), Seed: make([]byte, seedSize), Epoch: 1, Name: "민지", CreatedAt: noon, UpdatedAt: noon}
	key := store.IdentityKey{Provider: "kakao", Subject: newID(t)}
	wantUnavailable(t, s.OpenAccount(t.Context(), a, key))
	if _, err := s.AccountByIdentity(t.Context(), key, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an account that no standby has: %v, want %v", err, store.ErrNotFound)
	}
	standbys("")
	eventually(t, 10*time.Second, func(ctx context.Context) error {
		_, err := s.AccountByIdentity(ctx, key, 0)
		return err
	})
}
