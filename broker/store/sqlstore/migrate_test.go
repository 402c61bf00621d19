package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// emptyOptions name databases without tables.
func emptyOptions(t *testing.T, driver string) Options {
	t.Helper()
	if driver == SQLite {
		return sqliteOptions(t)
	}
	return Options{Driver: Postgres, Writer: pgtest.Database(t, "empty", func(context.Context, string) error { return nil })}
}

func numberIn(t *testing.T, db *sql.DB, statement string) int64 {
	t.Helper()
	var n int64
	if err := db.QueryRowContext(t.Context(), statement).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func do(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// latestSchema is the number of the newest migration.
func latestSchema(t *testing.T) int64 {
	t.Helper()
	files, err := fs.Glob(migrations, "migrations/sqlite/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("migrations: %v, %v", files, err)
	}
	number, _, _ := strings.Cut(path.Base(files[len(files)-1]), "_") // sorted by name
	latest, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return latest
}

func TestSchema(t *testing.T) {
	latest := latestSchema(t)
	tests := []struct {
		name    string
		before  []string // what happened to a database of today
		refused bool
	}{
		{"of today", nil, false},
		{"newer, with nothing taken away", []string{
			"INSERT INTO schema_versions (version_id, is_applied) VALUES (99, TRUE)",
			"ALTER TABLE accounts ADD COLUMN shoe_size INTEGER NOT NULL DEFAULT 43",
		}, false},
		{"newer, for newer programs only", []string{
			"INSERT INTO schema_versions (version_id, is_applied) VALUES (99, TRUE)",
			"UPDATE needs SET version = 98",
		}, true},
	}
	for _, d := range dialects {
		for _, tt := range tests {
			t.Run(d.name+", "+tt.name, func(t *testing.T) {
				o := emptyOptions(t, d.name)
				first := mustOpen(t, o)
				a, key := openAccount(t, first)
				if err := first.Close(); err != nil {
					t.Fatal(err)
				}
				db := raw(t, o)
				if got := numberIn(t, db, "SELECT max(version_id) FROM schema_versions"); got != latest {
					t.Errorf("schema %d is recorded, want %d", got, latest)
				}
				for _, statement := range tt.before {
					do(t, db, statement)
				}
				s, err := Open(t.Context(), o)
				if tt.refused {
					if !errors.Is(err, errSchema) || errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "98") {
						t.Errorf("got %v, want a refusal that names the schema", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
					t.Errorf("got %+v, %v", found, err)
				}
				openAccount(t, s)
			})
		}
	}
}

// Nodes that start together on an empty database do not disturb each other.
func TestManyOpenAnEmptyDatabase(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			o := emptyOptions(t, d.name)
			var opening sync.WaitGroup
			said := make([]error, 6)
			for i := range said {
				opening.Go(func() {
					s, err := Open(t.Context(), o)
					if err != nil {
						said[i] = err
						return
					}
					said[i] = errors.Join(s.Ping(t.Context()), s.Close())
				})
			}
			opening.Wait()
			for i, err := range said {
				if err != nil {
					t.Errorf("node %d: %v", i, err)
				}
			}
			if got := numberIn(t, raw(t, o), "SELECT count FROM beat"); got != int64(len(said)) {
				t.Errorf("%d beats of %d nodes", got, len(said))
			}
		})
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name string
		o    Options
	}{
		{"nothing", Options{}},
		{"an unknown driver", Options{Driver: "mysql", Path: "x"}},
		{"sqlite without a path", Options{Driver: SQLite}},
		{"sqlite with a connection string", Options{Driver: SQLite, Path: "x", Reader: "postgres://localhost"}},
		{"postgres without a writer", Options{Driver: Postgres, Reader: "postgres://localhost"}},
		{"postgres with a path", Options{Driver: Postgres, Writer: "postgres://localhost", Path: "x"}},
		{"a negative time", Options{Driver: SQLite, Path: "x", Timeout: -1}},
		{"a negative pool", Options{Driver: Postgres, Writer: "postgres://localhost", Conns: -1}},
		{"a connection string that is none", Options{Driver: Postgres, Writer: "postgres://:x:y/?sslmode=perhaps"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(t.Context(), tt.o)
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a mistake is taken for a failure: %v", err)
			}
		})
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	const secret = "correct-horse"
	o := Options{Driver: Postgres, Writer: fmt.Sprintf("postgres://bongsu:%s@127.0.0.1:1/bongsu?sslmode=disable", secret)}
	for _, writer := range []string{o.Writer, o.Writer + "&connect_timeout=soon", "host=127.0.0.1 port=1 password=" + secret + " sslmode=odd"} {
		o.Writer = writer
		_, err := Open(t.Context(), o)
		if err == nil || strings.Contains(fmt.Sprintf("%v %s %q", err, err, err.Error()), secret) {
			t.Errorf("got %v", err)
		}
	}
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s := mustOpen(t, d.options(t))
			a, key := openAccount(t, s)
			other := a
			other.ID = newID(t)
			long := store.IdentityKey{Provider: "kakao", Subject: strings.Repeat("long-subject", 30)}
			for _, err := range []error{
				s.OpenAccount(t.Context(), other, key),
				s.LinkIdentity(t.Context(), store.Link{IdentityKey: key, AccountID: other.ID}),
				s.OpenAccount(t.Context(), other, long),
			} {
				if err == nil || strings.Contains(err.Error(), key.Subject) || strings.Contains(err.Error(), "long-subject") ||
					strings.Contains(err.Error(), other.ID) {
					t.Errorf("the error names a person: %v", err)
				}
			}
		})
	}
}

// While programs are replaced one by one, the old one goes on with what it knew.
func TestTheProgramBeforeGoesOn(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			o := emptyOptions(t, d.name)
			s := mustOpen(t, o)
			db := raw(t, o)
			if needs := numberIn(t, db, "SELECT version FROM needs"); needs != 1 {
				t.Errorf("a program must know schema %d", needs)
			}
			// As version 1 opens an account.
			seed := make([]byte, seedSize)
			if _, err := db.ExecContext(t.Context(), `INSERT INTO accounts (id, seed, epoch, disabled, name, email,
				email_verified, phone, phone_verified, picture, locale, created_at, updated_at)
				VALUES ('old', $1, 1, $2, '', '', $2, '', $2, '', '', 0, 0)`, seed, false); err != nil {
				t.Fatal(err)
			}
			do(t, db, "INSERT INTO links (provider, subject, account_id, created_at) VALUES ('kakao', '1', 'old', 0)")
			found, err := s.AccountByIdentity(t.Context(), store.IdentityKey{Provider: "kakao", Subject: "1"}, 0)
			if err != nil || found.ID != "old" || found.OpenedDuring != "" {
				t.Errorf("got %+v, %v", found, err)
			}
		})
	}
}
