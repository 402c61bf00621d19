package sqltrace

import (
	"context"
	"database/sql/driver"
)

type connector struct {
	driver.Connector
	tracer *Tracer
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: opened, tracer: c.tracer}, nil
}

// conn has every optional interface that the drivers of sqlstore have; where
// one lacks it, database/sql is told to go on without.
type conn struct {
	driver.Conn
	tracer *Tracer
	at     transaction // one statement at a time runs on a connection
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var prepared driver.Stmt
	var err error
	if p, ok := c.Conn.(driver.ConnPrepareContext); ok {
		prepared, err = p.PrepareContext(ctx, query)
	} else {
		prepared, err = c.Prepare(query)
	}
	if err != nil {
		return nil, err
	}
	return &stmt{Stmt: prepared, conn: c, text: query}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	e, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	var result driver.Result
	err := c.tracer.pass(&c.at, query, func() (err error) {
		result, err = e.ExecContext(ctx, query, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	q, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return c.query(query, func() (driver.Rows, error) { return q.QueryContext(ctx, query, args) })
}

func (c *conn) query(text string, run func() (driver.Rows, error)) (driver.Rows, error) {
	var rows driver.Rows
	err := c.tracer.pass(&c.at, text, func() (err error) {
		rows, err = run()
		return err
	})
	if err != nil {
		if rows != nil {
			_ = rows.Close()
		}
		return nil, err
	}
	return rows, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	var begun driver.Tx
	err := c.tracer.pass(&c.at, "BEGIN", func() (err error) {
		if b, ok := c.Conn.(driver.ConnBeginTx); ok {
			begun, err = b.BeginTx(ctx, opts)
			return err
		}
		begun, err = c.Begin()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &tx{begun, c}, nil
}

func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.Conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *conn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

// Unwrap returns the driver's own connection.
func (c *conn) Unwrap() driver.Conn { return c.Conn }

type stmt struct {
	driver.Stmt
	conn *conn
	text string
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	var result driver.Result
	err := s.conn.tracer.pass(&s.conn.at, s.text, func() (err error) {
		if e, ok := s.Stmt.(driver.StmtExecContext); ok {
			result, err = e.ExecContext(ctx, args)
			return err
		}
		result, err = s.Exec(plain(args))
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(s.text, func() (driver.Rows, error) {
		if q, ok := s.Stmt.(driver.StmtQueryContext); ok {
			return q.QueryContext(ctx, args)
		}
		return s.Query(plain(args))
	})
}

func plain(args []driver.NamedValue) []driver.Value {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	return values
}

type tx struct {
	driver.Tx
	conn *conn
}

func (t *tx) Commit() error   { return t.conn.tracer.pass(&t.conn.at, "COMMIT", t.Tx.Commit) }
func (t *tx) Rollback() error { return t.conn.tracer.pass(&t.conn.at, "ROLLBACK", t.Tx.Rollback) }
