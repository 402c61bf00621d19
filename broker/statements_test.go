package broker_test

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync"
)

// statements writes down every statement that reaches the driver.
type statements struct {
	mu      sync.Mutex
	all     []string
	commits int
}

func (s *statements) connector(c driver.Connector) driver.Connector {
	return tracedConnector{Connector: c, count: s}
}

func (s *statements) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.commits = nil, 0
}

// said returns how many statements only read, how often something was
// committed, and every statement.
func (s *statements) said() (reads, commits int, all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.all {
		if verb(text) == "SELECT" {
			reads++
		}
	}
	return reads, s.commits, s.all
}

// add notes a statement. A write outside a transaction commits itself.
func (s *statements) add(text string, within *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, strings.Join(strings.Fields(text), " "))
	switch verb(text) {
	case "BEGIN":
		*within = true
	case "COMMIT", "END":
		*within = false
		s.commits++
	case "ROLLBACK":
		*within = *within && strings.Contains(strings.ToUpper(text), " TO ")
	case "SELECT", "PRAGMA", "SAVEPOINT", "RELEASE":
	default:
		if !*within {
			s.commits++
		}
	}
}

func verb(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return strings.ToUpper(strings.TrimSuffix(words[0], ";"))
}

type tracedConnector struct {
	driver.Connector

	count *statements
}

// Connect implements [driver.Connector].
func (c tracedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &tracedConn{able: conn.(able), count: c.count}, nil //nolint:errcheck // the driver of this test has them all
}

// able is what connections of the driver can do and database/sql looks for.
type able interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// tracedConn is one connection; database/sql uses it by one goroutine at a time.
type tracedConn struct {
	able

	count  *statements
	within bool // a transaction
}

// ExecContext implements [driver.ExecerContext].
func (c *tracedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.count.add(text, &c.within)
	return c.able.ExecContext(ctx, text, args)
}

// QueryContext implements [driver.QueryerContext].
func (c *tracedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.count.add(text, &c.within)
	return c.able.QueryContext(ctx, text, args)
}

// BeginTx implements [driver.ConnBeginTx].
func (c *tracedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.count.add("BEGIN", &c.within)
	tx, err := c.able.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return tracedTx{tx, c}, nil
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *tracedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	stmt, err := c.able.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return tracedStmt{ableStmt: stmt.(ableStmt), conn: c, text: text}, nil //nolint:errcheck // the driver of this test has them all
}

type tracedTx struct {
	driver.Tx

	conn *tracedConn
}

// Commit implements [driver.Tx].
func (x tracedTx) Commit() error {
	x.conn.count.add("COMMIT", &x.conn.within)
	return x.Tx.Commit()
}

// Rollback implements [driver.Tx].
func (x tracedTx) Rollback() error {
	x.conn.count.add("ROLLBACK", &x.conn.within)
	return x.Tx.Rollback()
}

type ableStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type tracedStmt struct {
	ableStmt

	conn *tracedConn
	text string
}

// ExecContext implements [driver.StmtExecContext].
func (s tracedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.count.add(s.text, &s.conn.within)
	return s.ableStmt.ExecContext(ctx, args)
}

// QueryContext implements [driver.StmtQueryContext].
func (s tracedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.count.add(s.text, &s.conn.within)
	return s.ableStmt.QueryContext(ctx, args)
}
