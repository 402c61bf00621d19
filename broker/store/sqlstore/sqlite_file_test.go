package sqlstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// After Close everything is in the one file: it can be copied.
func TestClosedDatabaseIsOneFile(t *testing.T) {
	o := sqliteOptions(t)
	s := mustOpen(t, o)
	a, key := openAccount(t, s)
	if _, err := s.AccountByIdentity(t.Context(), key, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(o.Path))
	if err != nil || len(files) != 1 {
		t.Errorf("left are %v, %v", files, err)
	}
	if found, err := mustOpen(t, o).AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
		t.Errorf("got %+v, %v", found, err)
	}
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	o := sqliteOptions(t)
	o.Path = filepath.Join(filepath.Dir(o.Path), "봉수 100%?#", "ünï.db")
	s := mustOpen(t, o)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(o.Path): 0o700 | os.ModeDir, o.Path: 0o600, o.Path + "-wal": 0o600, o.Path + "-shm": 0o600,
	} {
		found, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if found.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, found.Mode(), want)
		}
	}
}

func TestPragmas(t *testing.T) {
	s := mustOpen(t, sqliteOptions(t))
	want := map[query]string{
		"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", "PRAGMA foreign_keys": "1", "PRAGMA query_only": "0",
		"PRAGMA busy_timeout": "1000",
	}
	look := func(how func(context.Context, work) error) {
		t.Helper()
		for q, value := range want {
			var got string
			if err := how(t.Context(), func(ctx context.Context, on session) error { return on.row(ctx, q, nil, &got) }); err != nil {
				t.Fatal(err)
			}
			if got != value {
				t.Errorf("%s is %s, want %s", q, got, value)
			}
		}
	}
	look(func(ctx context.Context, f work) error { return s.writer.write(ctx, once, f) })
	want["PRAGMA query_only"] = "1"
	delete(want, "PRAGMA foreign_keys") // nothing is written there
	delete(want, "PRAGMA synchronous")
	look(s.writer.read)
}

// Whatever keeps SQLite from writing says nothing about a record, and passes.
func TestSQLiteThatCannotWrite(t *testing.T) {
	tests := []struct {
		name string
		hurt func(t *testing.T, s *Store, o Options) (mend func())
	}{
		{"another process holds the lock", func(t *testing.T, _ *Store, o Options) func() {
			conn, err := raw(t, o).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
			return func() {
				if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
			}
		}},
		{"the disk is full", func(t *testing.T, s *Store, _ Options) func() {
			pages := pragma(t, s, "PRAGMA page_count")
			pragma(t, s, query(fmt.Sprintf("PRAGMA max_page_count = %d", pages)))
			return func() { pragma(t, s, "PRAGMA max_page_count = 1000000") }
		}},
		{"the file is read-only", func(t *testing.T, s *Store, _ Options) func() {
			set(t, s, "PRAGMA query_only = 1")
			return func() { set(t, s, "PRAGMA query_only = 0") }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := sqliteOptions(t)
			o.Timeout = 200 * time.Millisecond
			s := mustOpen(t, o)
			a, key := openAccount(t, s)
			mend := tt.hurt(t, s, o)
			var claimed []store.Grant
			for range 40 { // a full disk may have room for a few
				g := newGrant(t)
				_, err := s.ClaimCode(t.Context(), g)
				if err != nil {
					wantUnavailable(t, err)
					claimed = append(claimed, g)
					break
				}
			}
			if len(claimed) == 0 {
				t.Fatal("every claim succeeded")
			}
			if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
				t.Errorf("reading fails too: %v", err)
			}
			mend()
			if _, err := s.ClaimCode(t.Context(), claimed[0]); err != nil {
				t.Errorf("it does not recover: %v", err)
			}
		})
	}
}

// pragma runs a pragma on the writer's connection and returns its number.
func pragma(t *testing.T, s *Store, q query) int {
	t.Helper()
	var n int
	err := s.writer.write(t.Context(), once, func(ctx context.Context, on session) error { return on.row(ctx, q, nil, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// set runs a pragma past the writer, which would begin a transaction first.
func set(t *testing.T, s *Store, pragma string) {
	t.Helper()
	if _, err := s.writer.(*sqliteEngine).writer.conn.ExecContext(t.Context(), pragma); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatIsNoDatabase(t *testing.T) {
	o := sqliteOptions(t)
	if err := os.WriteFile(o.Path, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), o)
	if err == nil {
		_ = s.Close()
	}
	wantUnavailable(t, err)
}
