package sqlstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/storetest"
)

func always(context.Context) error { return nil }

// behind returns a store whose replica is shared, or whatever seen holds.
func behind(t *testing.T, shared *Store, writer func(context.Context) error, seen *atomic.Pointer[Store]) *Store {
	t.Helper()
	s := shared.Behind(Between{Writer: writer, Replica: func(context.Context) (*Store, error) {
		if copied := seen.Load(); copied != nil {
			return copied, nil
		}
		return shared, nil
	}})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// copied opens a copy of o's database as it is now.
func copied(t *testing.T, o Options) *Store {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := CopySQLite(t.Context(), o, to); err != nil {
		t.Fatal(err)
	}
	s, err := OpenCopy(Options{Driver: SQLite, Path: to})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// A store seen from afar keeps the contract of every verb, and so does one whose
// replica is a copy of the database as it once was.
func TestConformanceBehind(t *testing.T) {
	storetest.Run(t, storetest.Options{
		New: func(t *testing.T) storetest.Store {
			return behind(t, mustOpen(t, sqliteOptions(t)), always, new(atomic.Pointer[Store]))
		},
		Replica: func(t *testing.T) storetest.Replica {
			var seen atomic.Pointer[Store]
			var lost atomic.Bool
			o := sqliteOptions(t)
			shared := mustOpen(t, o)
			seen.Store(copied(t, o))
			return storetest.Replica{
				Store: behind(t, shared, func(context.Context) error {
					if lost.Load() {
						return errAway
					}
					return nil
				}, &seen),
				CatchUp:    func() { seen.Store(copied(t, o)) },
				LoseWriter: func() { lost.Store(true) },
			}
		},
	})
}

// Two that share a store see each other's writes; what lies between one of them
// and the store is nothing to the other, and neither closes it.
func TestBehindSharesOneStore(t *testing.T) {
	o := sqliteOptions(t)
	shared := mustOpen(t, o)
	away := errors.New("the cable is cut")
	var cut atomic.Bool
	seoul := behind(t, shared, always, new(atomic.Pointer[Store]))
	busan := behind(t, shared, func(context.Context) error {
		if cut.Load() {
			return away
		}
		return nil
	}, new(atomic.Pointer[Store]))
	a, key := openAccount(t, seoul)
	if found, err := busan.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
		t.Fatalf("busan sees %+v, %v", found, err)
	}
	cut.Store(true)
	_, err := busan.ClaimCode(t.Context(), newGrant(t))
	wantUnavailable(t, err)
	if !errors.Is(err, away) {
		t.Errorf("%v does not say why", err)
	}
	if found, err := busan.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
		t.Errorf("the replica says %+v, %v", found, err)
	}
	if _, err := seoul.ClaimCode(t.Context(), newGrant(t)); err != nil {
		t.Errorf("seoul is cut as well: %v", err)
	}
	if err := busan.Close(); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, busan.Ping(t.Context()))
	if err := seoul.Ping(t.Context()); err != nil {
		t.Errorf("closing busan's closed seoul's: %v", err)
	}
}

// A copy stands still and takes no writes; whoever looks at a store that was closed
// is told that it cannot be asked.
func TestCopyOfADatabase(t *testing.T) {
	o := sqliteOptions(t)
	s := mustOpen(t, o)
	_, key := openAccount(t, s)
	then := copied(t, o)
	a, later := openAccount(t, s)
	if _, err := then.AccountByIdentity(t.Context(), key, 0); err != nil {
		t.Errorf("what was there is missing: %v", err)
	}
	if _, err := then.AccountByIdentity(t.Context(), later, 0); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("what came later: %v", err)
	}
	_, err := then.EndSessions(t.Context(), a.ID, noon)
	wantUnavailable(t, err)
	if err := CopySQLite(t.Context(), o, filepath.Join(filepath.Dir(o.Path), "bongsu.db")); err == nil {
		t.Error("a copy over a database that exists")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := behind(t, s, always, new(atomic.Pointer[Store]))
	wantUnavailable(t, left.Ping(t.Context()))
	for n, refused := range []Options{{}, {Driver: Postgres, Writer: "host=localhost"}} {
		if err := CopySQLite(t.Context(), refused, filepath.Join(t.TempDir(), strconv.Itoa(n))); err == nil {
			t.Errorf("copied %+v", refused)
		}
		if _, err := OpenCopy(refused); err == nil {
			t.Errorf("opened %+v", refused)
		}
	}
	if _, err := os.Stat(o.Path); err != nil {
		t.Error(err)
	}
}
