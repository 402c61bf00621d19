package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// A node starts while no database answers at all; the tables are made when the
// writer first does, and until then nothing is known.
func TestStartWithoutAnyDatabase(t *testing.T) {
	empty := func(context.Context, string) error { return nil }
	writer, reader := pgtest.Start(t), pgtest.Start(t)
	o := Options{Driver: Postgres, Writer: writer.Database("empty", empty), Reader: reader.Database("empty", empty), Patient: true}
	writer.Kill()
	reader.Kill()
	began := time.Now()
	s := mustOpen(t, o)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("two servers that refuse connections took %s", took)
	}
	wantNothing(t, s)

	reader.Restart() // has no tables: it can say nothing
	wantNothing(t, s)
	writer.Restart()
	took := eventually(t, 30*time.Second, claimer(t, s))
	t.Logf("the first claim came %s after the writer", took)
	a, key := openAccount(t, s)
	if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
		t.Errorf("got %+v, %v", found, err)
	}
}

// wantNothing checks that reading, writing and asking are all unanswered.
func wantNothing(t *testing.T, s *Store) {
	t.Helper()
	for name, call := range map[string]func(context.Context) error{
		"claim": claimer(t, s), "ping": s.Ping,
		"beat":           func(ctx context.Context) error { _, err := s.WriteBeat(ctx); return err },
		"replica's beat": func(ctx context.Context) error { _, err := s.ReplicaBeat(ctx); return err },
		"account":        func(ctx context.Context) error { _, err := s.Account(ctx, "somebody", 0); return err },
		"feed":           func(ctx context.Context) error { _, err := s.FactsSince(ctx, 0, 1); return err },
	} {
		began := time.Now()
		if err := call(t.Context()); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > defaultTimeout+3*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestStartWithAFrozenDatabase(t *testing.T) {
	server := pgtest.Start(t)
	o := Options{
		Driver: Postgres, Writer: server.Database("sqlstore", migrate), Timeout: 400 * time.Millisecond, Patient: true,
	}
	server.Freeze()
	s := mustOpen(t, o)
	for range 3 {
		began := time.Now()
		wantUnavailable(t, s.Ping(t.Context()))
		if took := time.Since(began); took > 5*time.Second { // it would be for ever
			t.Errorf("a verb of 400 ms took %s", took)
		}
	}
	server.Thaw()
	eventually(t, 30*time.Second, claimer(t, s))
}

// A writer that comes late and was made for newer programs is not used, ever.
func TestStartBeforeADatabaseThatDoesNotFit(t *testing.T) {
	server := pgtest.Start(t)
	var log safeBuffer
	o := Options{
		Driver: Postgres, Writer: server.Database("sqlstore", migrate), Patient: true,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	do(t, raw(t, o), "INSERT INTO schema_versions (version_id, is_applied) VALUES (99, TRUE)")
	do(t, raw(t, o), "UPDATE needs SET version = 98")
	server.Kill()
	s := mustOpen(t, o)
	server.Restart()
	eventually(t, 30*time.Second, func(ctx context.Context) error {
		if err := s.Ping(ctx); !errors.Is(err, errSchema) {
			return errors.New("nobody has looked at the schema yet")
		}
		return nil
	})
	for range 10 {
		wantUnavailable(t, s.Ping(t.Context()))
	}
	if got := strings.Count(log.String(), "event=store.misfit"); got != 1 {
		t.Errorf("it was logged %d times:\n%s", got, log.String())
	}
}

func TestStartWithALockedFile(t *testing.T) {
	o := sqliteOptions(t)
	if err := mustOpen(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, o)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	o.Timeout = 200 * time.Millisecond
	if opened, err := Open(t.Context(), o); !errors.Is(err, store.ErrUnavailable) {
		_ = opened.Close()
		t.Fatalf("an impatient start on a locked file: %v", err)
	}
	o.Patient = true
	s := mustOpen(t, o)
	wantUnavailable(t, s.Ping(t.Context()))
	if err := errors.Join(conn.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, claimer(t, s))
}

// What an operator got wrong is no database that is away.
func TestPatienceIsNotForWhatIsWrong(t *testing.T) {
	file := sqliteOptions(t)
	if err := mustOpen(t, file).Close(); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"a connection string that is none": {Driver: Postgres, Writer: "postgres://:port"},
		"a folder that is a file":          {Driver: SQLite, Path: filepath.Join(file.Path, "bongsu.db")},
	} {
		o.Patient = true
		if opened, err := Open(t.Context(), o); err == nil || errors.Is(err, store.ErrUnavailable) {
			_ = opened.Close()
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of many who ask at once one opens, all wait, and after a failure nobody tries
// again for a moment.
func TestOneOpensForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		var fails atomic.Bool
		fails.Store(true)
		l := newLate("test", slog.New(slog.DiscardHandler), func(ctx context.Context) (engine, error) {
			tries.Add(1)
			wait(ctx, 3*time.Second)
			if fails.Load() || ctx.Err() != nil {
				return nil, errAway
			}
			return unreachable{}, nil
		}, nil)
		ask := func(patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := l.get(ctx)
			return err
		}
		var asking sync.WaitGroup
		for range 10 {
			asking.Go(func() {
				if err := ask(time.Second); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("who waits a second is told %v", err)
				}
			})
			asking.Go(func() {
				if err := ask(time.Minute); !errors.Is(err, errAway) {
					t.Errorf("who waits is told %v", err)
				}
			})
		}
		asking.Wait()
		if err := ask(time.Minute); !errors.Is(err, errAway) || tries.Load() != 1 {
			t.Errorf("%d tries, %v", tries.Load(), err)
		}
		time.Sleep(openAgain)
		fails.Store(false)
		if err := ask(time.Second); err == nil {
			t.Error("open before it was opened")
		}
		time.Sleep(3 * time.Second) // the attempt went on without its caller
		if err := ask(0); err != nil || tries.Load() != 2 {
			t.Errorf("%d tries, %v", tries.Load(), err)
		}
		l.stop()
	})
}

func TestClosingEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gave := false
		l := newLate("test", slog.New(slog.DiscardHandler), func(ctx context.Context) (engine, error) {
			<-ctx.Done()
			return nil, errAway
		}, func() error { gave = true; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.read(ctx, nil); !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		if err := l.close(); err != nil || !gave {
			t.Errorf("%v; what it would have used was released: %t", err, gave)
		}
		if err := l.write(t.Context(), once, nil); !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
	})
}

// safeBuffer is written to by several goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
