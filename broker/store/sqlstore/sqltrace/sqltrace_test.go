package sqltrace

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"modernc.org/sqlite"
)

func open(t *testing.T, tracer *Tracer) *sql.DB {
	t.Helper()
	c, err := sqlite.NewConnector("file:" + filepath.Join(t.TempDir(), "t.db"))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(tracer.Wrap(c))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (a INTEGER)"); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestCounts(t *testing.T) {
	tests := []struct {
		name       string
		statements []string
		want       Counts
	}{
		{"a read", []string{"SELECT 1"}, Counts{Reads: 1}},
		{"a write commits itself", []string{"INSERT INTO t VALUES (1)"}, Counts{Writes: 1, Commits: 1}},
		{"a transaction commits once", []string{"BEGIN", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "COMMIT"}, Counts{Writes: 2, Commits: 1}},
		{"a transaction that only reads commits nothing", []string{"BEGIN", "SELECT 1", "COMMIT"}, Counts{Reads: 1}},
		{"a rollback commits nothing", []string{"BEGIN", "INSERT INTO t VALUES (1)", "ROLLBACK"}, Counts{Writes: 1}},
		{
			"a rollback to a savepoint goes on",
			[]string{"BEGIN", "SAVEPOINT s", "INSERT INTO t VALUES (1)", "ROLLBACK TO s", "RELEASE s", "COMMIT"},
			Counts{Writes: 1, Commits: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := &Tracer{}
			db := open(t, tracer)
			before := tracer.Counts()
			for _, s := range tt.statements {
				prepared, err := db.PrepareContext(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := prepared.ExecContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := prepared.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if got := tracer.Counts().Since(before); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if got := tracer.Statements()[1:]; !slices.Equal(got, tt.statements) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTransactionsOfTheDriver(t *testing.T) {
	tracer := &Tracer{}
	db := open(t, tracer)
	for _, commit := range []bool{true, false} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "INSERT\n\tINTO t VALUES ($1)", 7); err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"BEGIN", "INSERT INTO t VALUES ($1)", "COMMIT", "BEGIN", "INSERT INTO t VALUES ($1)", "ROLLBACK"}
	if got := tracer.Statements()[1:]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := tracer.Counts(), (Counts{Writes: 3, Commits: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFaults(t *testing.T) {
	failed := errors.New("failed")
	fail := func(string) error { return failed }
	tests := []struct {
		name    string
		set     func(tracer *Tracer, f func(string) error)
		happens int
	}{
		{"before: it never happens", (*Tracer).Before, 0},
		{"after: it happened", (*Tracer).After, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := &Tracer{}
			db := open(t, tracer)
			tt.set(tracer, fail)
			if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1)"); !errors.Is(err, failed) {
				t.Errorf("the write ends with %v", err)
			}
			var n int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); !errors.Is(err, failed) {
				t.Errorf("the read ends with %v", err)
			}
			tt.set(tracer, nil)
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil || n != tt.happens {
				t.Errorf("%d rows, error %v; want %d", n, err, tt.happens)
			}
		})
	}
}
