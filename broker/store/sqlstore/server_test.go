package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// eventually calls f until it succeeds, and returns how long that took.
func eventually(t *testing.T, within time.Duration, f func(ctx context.Context) error) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	for {
		err := f(ctx)
		if err == nil {
			return time.Since(began)
		}
		if !wait(ctx, 5*time.Millisecond) {
			t.Fatalf("still failing after %s: %v", within, err)
		}
	}
}

// claimer returns a call that claims another code each time.
func claimer(t *testing.T, s *Store) func(ctx context.Context) error {
	t.Helper()
	return func(ctx context.Context) error {
		g := newGrant(t)
		got, err := s.ClaimCode(ctx, g)
		if err == nil && got != g.ID {
			return fmt.Errorf("claimed %s, not %s", got, g.ID)
		}
		return err
	}
}

// twoServers returns two servers with the same schema, and a connection string
// that names both.
func twoServers(t *testing.T) (first, second *pgtest.Server, dsn string) {
	t.Helper()
	first, second = pgtest.Start(t), pgtest.Start(t)
	a, err := url.Parse(first.Database("sqlstore", migrate))
	if err != nil {
		t.Fatal(err)
	}
	b, err := url.Parse(second.Database("sqlstore", migrate))
	if err != nil {
		t.Fatal(err)
	}
	if a.Path != b.Path {
		t.Fatalf("the databases are named %s and %s", a.Path, b.Path)
	}
	a.Host += "," + b.Host
	return first, second, a.String()
}

func TestServerThatDies(t *testing.T) {
	server := pgtest.Start(t)
	o := Options{Driver: Postgres, Writer: server.Database("sqlstore", migrate)}
	s := mustOpen(t, o)
	a, key := openAccount(t, s)
	g := newGrant(t)
	if _, err := s.ClaimCode(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	began := time.Now()
	wantUnavailable(t, claimer(t, s)(t.Context()))
	_, err := s.AccountByIdentity(t.Context(), key, 0)
	wantUnavailable(t, err)
	wantUnavailable(t, s.Ping(t.Context()))
	if took := time.Since(began); took > 2*defaultTimeout {
		t.Errorf("three refused connections took %s", took)
	}
	_, err = Open(t.Context(), o)
	wantUnavailable(t, err)
	server.Restart()
	eventually(t, 30*time.Second, claimer(t, s))
	if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
		t.Errorf("got %+v, %v", found, err)
	}
	replay := newGrant(t)
	replay.LoginID, replay.CodeHash = g.LoginID, g.CodeHash
	if first, err := s.ClaimCode(t.Context(), replay); !errors.Is(err, store.ErrReplayed) || first != g.ID {
		t.Errorf("a claim from before gives %q, %v", first, err)
	}
}

func TestConnectionsThatAreCut(t *testing.T) {
	o := postgresOptions(t)
	s := mustOpen(t, o)
	_, key := openAccount(t, s)
	db := raw(t, o)
	for range 5 {
		do(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err := claimer(t, s)(t.Context()); err != nil {
			t.Errorf("a claim on a cut connection: %v", err)
		}
		do(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if _, err := s.AccountByIdentity(t.Context(), key, 0); err != nil {
			t.Errorf("a look-up on a cut connection: %v", err)
		}
	}
}

// load calls f from n goroutines until stop, which returns the longest time in
// which no call succeeded, and what the failures were.
func load(t *testing.T, n int, f func(ctx context.Context) error) (stop func() (gap time.Duration, failures []error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var running sync.WaitGroup
	var gap time.Duration
	var failures []error
	last := time.Now()
	for range n {
		running.Go(func() {
			for ctx.Err() == nil {
				err := f(context.WithoutCancel(ctx))
				mu.Lock()
				if now := time.Now(); err == nil {
					gap, last = max(gap, now.Sub(last)), now
				} else {
					failures = append(failures, err)
				}
				mu.Unlock()
				if err != nil {
					wait(ctx, 5*time.Millisecond)
				}
			}
		})
	}
	return func() (time.Duration, []error) {
		cancel()
		running.Wait()
		return gap, failures
	}
}

// A frozen primary accepts connections and answers nothing. It is left behind
// for the other host in about a second, where a plain pool needs 18.
func TestFrozenPrimaryIsLeftBehind(t *testing.T) {
	first, second, dsn := twoServers(t)
	s := mustOpen(t, Options{Driver: Postgres, Writer: dsn})
	stop := load(t, 16, claimer(t, s))
	eventually(t, 30*time.Second, claimer(t, s))
	first.Freeze()
	seen := raw(t, Options{Driver: Postgres, Writer: strings.Replace(dsn, fmt.Sprintf("127.0.0.1:%d,", first.Port()), "", 1)})
	took := eventually(t, 30*time.Second, func(context.Context) error {
		if numberIn(t, seen, "SELECT count(*) FROM grants") == 0 {
			return errors.New("nothing reaches the second host")
		}
		return nil
	})
	gap, failures := stop()
	t.Logf("the first claim at the second host came after %s; for %s no claim succeeded; %d failed", took, gap, len(failures))
	for _, err := range failures {
		wantUnavailable(t, err)
	}
	if took > 10*time.Second { // a busy machine's second
		t.Errorf("it took %s to leave", took)
	}
	first.Thaw()
	_ = second
}

func TestPrimaryThatBecomesReadOnlyIsLeft(t *testing.T) {
	first, second, dsn := twoServers(t)
	s := mustOpen(t, Options{Driver: Postgres, Writer: dsn})
	if err := claimer(t, s)(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.ReadOnly(true)
	if err := claimer(t, s)(t.Context()); err != nil {
		t.Errorf("a claim while the other host takes writes: %v", err)
	}
	second.ReadOnly(true)
	wantUnavailable(t, claimer(t, s)(t.Context()))
	wantUnavailable(t, s.Ping(t.Context()))
	first.ReadOnly(false)
	if err := claimer(t, s)(t.Context()); err != nil {
		t.Errorf("a claim after one host takes writes again: %v", err)
	}
}

// With nowhere else to go, every verb still ends in its time, and the first
// answer after the thaw is found.
func TestFrozenServerAlone(t *testing.T) {
	server := pgtest.Start(t)
	s := mustOpen(t, Options{Driver: Postgres, Writer: server.Database("sqlstore", migrate), Timeout: 400 * time.Millisecond})
	_, key := openAccount(t, s)
	server.Freeze()
	for _, call := range []func(ctx context.Context) error{
		claimer(t, s), s.Ping, claimer(t, s),
		func(ctx context.Context) error { _, err := s.AccountByIdentity(ctx, key, 0); return err },
	} {
		began := time.Now()
		wantUnavailable(t, call(t.Context()))
		if took := time.Since(began); took > 5*time.Second { // it would be for ever
			t.Errorf("a verb of 400 ms took %s", took)
		}
	}
	server.Thaw()
	eventually(t, 30*time.Second, claimer(t, s))
}

func TestFrozenReaderCostsHalfAVerb(t *testing.T) {
	reader, writer := pgtest.Start(t), pgtest.Start(t)
	o := Options{Driver: Postgres, Writer: writer.Database("sqlstore", migrate), Reader: reader.Database("sqlstore", migrate)}
	s := mustOpen(t, o)
	a, key := openAccount(t, s)
	reader.Freeze()
	for range 5 {
		if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
			t.Errorf("got %+v, %v", found, err)
		}
	}
	began := time.Now()
	if _, err := s.AccountByIdentity(t.Context(), key, 0); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > defaultTimeout/2-100*time.Millisecond {
		t.Errorf("the silent reader is still asked: %s", took)
	}
	reader.Thaw()
}

// A node starts while there is no writer, if the replica has what it needs.
func TestStartWithoutWriter(t *testing.T) {
	reader, writer := pgtest.Start(t), pgtest.Start(t)
	o := Options{Driver: Postgres, Writer: writer.Database("sqlstore", migrate), Reader: reader.Database("sqlstore", migrate)}
	a, key := openAccount(t, mustOpen(t, Options{Driver: Postgres, Writer: o.Reader}))
	writer.Kill()
	s := mustOpen(t, o)
	if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
		t.Errorf("got %+v, %v", found, err)
	}
	wantUnavailable(t, claimer(t, s)(t.Context()))
	writer.Restart()
	eventually(t, 30*time.Second, claimer(t, s))

	t.Run("but not on a replica without tables", func(t *testing.T) {
		o.Reader = emptyOptions(t, Postgres).Writer
		writer.Kill()
		opened, err := Open(t.Context(), o)
		if err == nil {
			_ = opened.Close()
		}
		wantUnavailable(t, err)
	})
}

// With an isolation that fails what races, racing claims still have exactly one
// winner, and nobody is told anything that is not so.
func TestSerializationFailures(t *testing.T) {
	o := postgresOptions(t)
	db := raw(t, o)
	var name string
	if err := db.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	do(t, db, "ALTER DATABASE "+name+" SET default_transaction_isolation = 'serializable'")
	s := mustOpen(t, o)
	for range 5 {
		login, said := newID(t), make([]error, 16)
		var running sync.WaitGroup
		for i := range said {
			g := newGrant(t)
			g.LoginID = login
			running.Go(func() { _, said[i] = s.ClaimCode(t.Context(), g) })
		}
		running.Wait()
		won := 0
		for _, err := range said {
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrUsed) {
				t.Errorf("got %v, want %v", err, store.ErrUsed)
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	}
}

func TestDatabaseThatIsNotUTF8(t *testing.T) {
	admin := raw(t, Options{Driver: Postgres, Writer: pgtest.DSN(t)})
	do(t, admin, "CREATE DATABASE bongsu_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP DATABASE bongsu_latin WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	dsn, err := url.Parse(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn.Path = "/bongsu_latin"
	s, err := Open(t.Context(), Options{Driver: Postgres, Writer: dsn.String()})
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, errServer) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, errServer)
	}
}
