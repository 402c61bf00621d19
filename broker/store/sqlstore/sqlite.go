package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	sqliteReaders    = 8
	sqliteCacheKiB   = 4 << 10 // of each connection
	sqliteCheckpoint = 4000    // pages in the log before they move into the database
)

// openSQLite opens s on a file.
func openSQLite(ctx context.Context, o Options, s *Store) error {
	has := newLate("file", o.Logger, func(ctx context.Context) (engine, error) {
		if err := touch(o.Path); err != nil {
			return nil, err
		}
		return newSQLite(ctx, o, o.Path)
	}, nil)
	if err := s.openFirst(ctx, o, has); err != nil {
		return errors.Join(err, has.close())
	}
	s.writer = has.unwrap()
	s.replica = s.writer
	if o.replica == "" {
		return nil
	}
	reader, err := openSQLiteReaders(o, o.replica)
	if err != nil {
		return errors.Join(err, s.writer.close())
	}
	s.reader, s.replica = reader, reader
	return nil
}

// touch makes the file and its directory where they are missing, for this user
// alone: SQLite gives its log the mode of the database.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault(nil, err)
	}
	return f.Close()
}

// sqliteEngine is the engine of one file.
type sqliteEngine struct {
	writer *sqliteWriter // nil: read only
	pool   *sql.DB       // of connections that only read
	seats  chan struct{} // as many as the pool has connections
	stmts  sync.Map      // query to *sql.Stmt of the pool
}

func newSQLite(ctx context.Context, o Options, path string) (engine, error) {
	connector, err := sqliteConnector(o, path, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"wal_autocheckpoint("+strconv.Itoa(sqliteCheckpoint)+")")
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	if err := migrateSQLite(ctx, o, db, o.bring); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	writer, err := startSQLiteWriter(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	e, err := openSQLiteReaders(o, path)
	if err != nil {
		return nil, errors.Join(err, writer.close())
	}
	e.writer = writer
	return e, nil
}

func openSQLiteReaders(o Options, path string) (*sqliteEngine, error) {
	connector, err := sqliteConnector(o, path, "query_only(1)")
	if err != nil {
		return nil, err
	}
	e := &sqliteEngine{pool: sql.OpenDB(connector), seats: make(chan struct{}, sqliteReaders)}
	e.pool.SetMaxOpenConns(sqliteReaders)
	e.pool.SetMaxIdleConns(sqliteReaders)
	return e, nil
}

// sqliteConnector returns connections to path on which the pragmas were run.
func sqliteConnector(o Options, path string, pragmas ...string) (driver.Connector, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	busy := "busy_timeout(" + strconv.FormatInt((o.Timeout/2).Milliseconds(), 10) + ")"
	cache := "cache_size(-" + strconv.Itoa(sqliteCacheKiB) + ")"
	values := url.Values{"_pragma": append([]string{busy, cache}, pragmas...)}
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + values.Encode())
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	return o.Connector(connector), nil
}

// read implements engine. What has begun is not interrupted, which would cost
// every read a goroutine: it ends by itself, or with the busy timeout.
func (e *sqliteEngine) read(ctx context.Context, f work) error {
	select {
	case e.seats <- struct{}{}:
	case <-ctx.Done():
		return fault(nil, ctx.Err())
	}
	defer func() { <-e.seats }()
	return f(context.WithoutCancel(ctx), preparedSession{e.prepared})
}

// prepared returns the statement, which every connection of the pool parses
// once.
func (e *sqliteEngine) prepared(ctx context.Context, q query) (*sql.Stmt, error) {
	if stmt, ok := e.stmts.Load(q); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := e.pool.PrepareContext(ctx, string(q))
	if err != nil {
		return nil, err
	}
	if other, ok := e.stmts.LoadOrStore(q, stmt); ok {
		_ = stmt.Close() // somebody was faster
		return other.(*sql.Stmt), nil
	}
	return stmt, nil
}

// write implements engine.
func (e *sqliteEngine) write(ctx context.Context, _ effort, f work) error {
	return e.submit(ctx, f, false)
}

// transact implements engine.
func (e *sqliteEngine) transact(ctx context.Context, _ effort, f work) error {
	return e.submit(ctx, f, true)
}

var errReadOnly = errors.New("sqlstore: opened for reading")

func (e *sqliteEngine) submit(ctx context.Context, f work, several bool) error {
	if e.writer == nil {
		return fault(nil, errReadOnly)
	}
	return e.writer.submit(ctx, &job{ctx: ctx, run: f, several: several, done: make(chan error, 1)})
}

// close implements engine. The last connection to go moves the log into the
// database.
func (e *sqliteEngine) close() error {
	err := e.pool.Close()
	if e.writer != nil {
		err = errors.Join(err, e.writer.close())
	}
	return err
}

// preparedSession runs prepared statements: the driver would parse others every
// time.
type preparedSession struct {
	prepared func(ctx context.Context, q query) (*sql.Stmt, error)
}

func (s preparedSession) exec(ctx context.Context, q query, args ...any) (int64, error) {
	stmt, err := s.prepared(ctx, q)
	if err != nil {
		return 0, sqliteFault(err)
	}
	n, err := affected(stmt.ExecContext(ctx, args...))
	return n, sqliteFault(err)
}

func (s preparedSession) row(ctx context.Context, q query, args []any, dest ...any) error {
	stmt, err := s.prepared(ctx, q)
	if err != nil {
		return sqliteFault(err)
	}
	return sqliteFault(stmt.QueryRowContext(ctx, args...).Scan(dest...))
}

func (s preparedSession) rows(ctx context.Context, q query, args []any, each func(scan scan) error) error {
	stmt, err := s.prepared(ctx, q)
	if err != nil {
		return sqliteFault(err)
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return sqliteFault(err)
	}
	return sqliteFault(scanAll(rows, each))
}

// sqliteFault classifies what SQLite says. Only constraints are facts: that the
// file is locked, full, damaged or read-only says nothing about a record.
func sqliteFault(err error) error {
	var kind error
	if said, ok := errors.AsType[*sqlite.Error](err); ok {
		switch said.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			kind = errTaken
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			kind = errMissing
		}
	}
	return fault(kind, err)
}
