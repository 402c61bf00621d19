package brokertest

import (
	"context"
	"database/sql"
	"maps"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of OpenDatabase
)

// Rows counts what a failed attack may not leave behind: accounts, links,
// grants and negative facts, by the names of the tables.
type Rows map[string]int

// Rows counts the records in the node's database, behind the store's back.
func (n *Node) Rows() Rows {
	n.t.Helper()
	db := n.OpenDatabase()
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.t.Context()), 5*time.Second) // cleanups count too
	defer cancel()
	rows := make(Rows)
	for _, table := range []string{"accounts", "links", "grants", "facts"} {
		var count int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&count); err != nil {
			n.t.Fatalf("count %s: %v", table, err)
		}
		rows[table] = count
	}
	return rows
}

// Same reports whether both hold the same counts.
func (r Rows) Same(other Rows) bool { return maps.Equal(r, other) }

// OpenDatabase opens the node's database a second time, past the node.
func (n *Node) OpenDatabase() *sql.DB {
	n.t.Helper()
	open, at := OpenFile, n.Database
	if at == "" {
		open, at = openPostgres, n.dsn
	}
	db, err := open(at)
	if err != nil {
		n.t.Fatal(err)
	}
	return db
}

// OpenFile opens the SQLite database of nodes a second time, past them.
func OpenFile(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
}

func openPostgres(dsn string) (*sql.DB, error) { return sql.Open("pgx", dsn) }
