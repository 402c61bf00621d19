package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/broker/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(claimsInto); path != "" {
		claimForEver(path)
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

// dialects are tested alike.
var dialects = []struct {
	name    string
	options func(t testing.TB) Options // of a new, empty database
}{
	{SQLite, sqliteOptions},
	{Postgres, postgresOptions},
}

func sqliteOptions(t testing.TB) Options {
	t.Helper()
	return Options{Driver: SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")}
}

func postgresOptions(t testing.TB) Options {
	t.Helper()
	return Options{Driver: Postgres, Writer: pgtest.Database(t, "sqlstore", migrate)}
}

// migrate makes the template of databases.
func migrate(ctx context.Context, dsn string) error {
	s, err := Open(ctx, Options{Driver: Postgres, Writer: dsn})
	if err != nil {
		return err
	}
	return s.Close()
}

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(context.WithoutCancel(t.Context()), o)
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

// raw is the database past the store.
func raw(t testing.TB, o Options) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", o.Writer
	if o.Driver == SQLite {
		driver, dsn = "sqlite", "file:"+o.Path+"?_pragma=busy_timeout(2000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestConformance(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			storetest.Run(t, storetest.Options{
				New:     func(t *testing.T) storetest.Store { return mustOpen(t, d.options(t)) },
				Replica: func(t *testing.T) storetest.Replica { return replica(t, d.options) },
			})
		})
	}
}

// replica returns a store with a reader that knows what it was given.
func replica(t *testing.T, options func(testing.TB) Options) storetest.Replica {
	t.Helper()
	r, _ := replicaAt(t, options)
	return r
}

// replicaAt returns the replica's database too.
func replicaAt(t *testing.T, options func(testing.TB) Options) (storetest.Replica, *sql.DB) {
	t.Helper()
	o, copied := options(t), options(t)
	// Both databases have their tables before anybody reads.
	for _, each := range []Options{o, copied} {
		if err := mustOpen(t, each).Close(); err != nil {
			t.Fatal(err)
		}
	}
	o.Reader, o.replica = copied.Writer, copied.Path
	s := mustOpen(t, o)
	from, to := raw(t, o), raw(t, copied)
	return storetest.Replica{
		Store:   s,
		CatchUp: func() { copyRows(t, from, to) },
		LoseWriter: func() {
			lost := s.writer
			s.writer = unreachable{lost}
		},
	}, to
}

// unreachable is an engine that nobody reaches.
type unreachable struct{ engine }

var errAway = fault(nil, context.DeadlineExceeded)

func (unreachable) read(context.Context, work) error             { return errAway }
func (unreachable) write(context.Context, effort, work) error    { return errAway }
func (unreachable) transact(context.Context, effort, work) error { return errAway }

// copyRows makes to hold what from holds.
func copyRows(t *testing.T, from, to *sql.DB) {
	t.Helper()
	tables := []string{
		"beat", "incarnation", "accounts", "links", "grants", "feed", "facts", "secrets", "signing_keys", "site_identities", "spare_identities", "sealing_keys",
		"outages", "drills", "drill_counts", "pins", "activity",
		"consents", "account_events",
		"fingerprints", "provider_secrets", "clients", "client_secrets", "client_changes",
	}
	for i := range tables {
		if _, err := to.ExecContext(t.Context(), "DELETE FROM "+tables[len(tables)-1-i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range tables {
		rows, err := from.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			copyRow(t, rows, to, table, len(columns))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func copyRow(t *testing.T, rows *sql.Rows, to *sql.DB, table string, columns int) {
	t.Helper()
	values, into := make([]any, columns), make([]any, columns)
	insert := "INSERT INTO " + table + " VALUES ("
	for i := range values {
		into[i] = &values[i]
		insert += fmt.Sprintf("$%d,", i+1)
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	if _, err := to.ExecContext(t.Context(), insert[:len(insert)-1]+")", values...); err != nil {
		t.Fatal(err)
	}
}
