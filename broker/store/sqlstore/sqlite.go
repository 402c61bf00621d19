package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bongsu/bongsu/broker/store"
)

// readers is the number of connections that read beside the writer.
const readers = 8

// sqliteEngine is one file: many readers, and one writer that shares commits.
type sqliteEngine struct {
	readDB  *sql.DB
	writeDB *sql.DB
	reads   *prepared
	queue   chan *job
	stopped chan struct{}
	closing sync.Once
}

func openSQLite(ctx context.Context, o Options) (engine, error) {
	writeDB := sql.OpenDB(o.Connector(sqliteConnector(o.Path, "")))
	writeDB.SetMaxOpenConns(1)
	if err := migrate(ctx, writeDB, SQLite); err != nil {
		return nil, errors.Join(err, writeDB.Close())
	}
	readDB := sql.OpenDB(o.Connector(sqliteConnector(o.Path, "&_pragma=query_only(1)")))
	readDB.SetMaxOpenConns(readers)
	readDB.SetMaxIdleConns(readers)
	e := &sqliteEngine{
		readDB: readDB, writeDB: writeDB, reads: newPrepared(readDB),
		queue: make(chan *job, maxShared), stopped: make(chan struct{}),
	}
	w, err := newSharedWriter(ctx, writeDB)
	if err != nil {
		return nil, errors.Join(err, readDB.Close(), writeDB.Close())
	}
	go func() {
		defer close(e.stopped)
		w.run(e.queue)
	}()
	return e, nil
}

// sqliteConnector opens path with what durability and concurrency need: a
// write-ahead log so that readers never wait, and a full sync at each commit,
// because a code whose claim is lost at a power cut could be used again.
func sqliteConnector(path, more string) driver.Connector {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
		"&_pragma=busy_timeout(2000)&_txlock=immediate" + more
	return dsnConnector{dsn: dsn, driver: &sqlite.Driver{}}
}

// dsnConnector makes a connector of a driver that only knows names.
type dsnConnector struct {
	dsn    string
	driver driver.Driver
}

// Connect implements [driver.Connector].
func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver implements [driver.Connector].
func (c dsnConnector) Driver() driver.Driver { return c.driver }

func (e *sqliteEngine) reader() runner { return e.reads }
func (e *sqliteEngine) writer() runner { return e.reads }
func (e *sqliteEngine) lags() bool     { return false }

func (e *sqliteEngine) one(ctx context.Context, op func(context.Context, runner) error) error {
	return e.submit(ctx, &job{op: op, alone: true, done: make(chan error, 1)})
}

func (e *sqliteEngine) atomic(ctx context.Context, op func(context.Context, runner) error) error {
	return e.submit(ctx, &job{op: op, done: make(chan error, 1)})
}

// submit queues a job and waits for its commit. A caller whose patience ends
// learns that nothing is known; the job may still be committed.
func (e *sqliteEngine) submit(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case e.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped:
		return errors.New("the store is closed")
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped:
		return errors.New("the store is closed")
	}
}

func (e *sqliteEngine) ping(ctx context.Context) error {
	return e.one(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, `UPDATE revision SET last = last WHERE name = $1`, revisionName)
		return err
	})
}

func (e *sqliteEngine) close() error {
	var err error
	e.closing.Do(func() {
		e.queue <- nil
		<-e.stopped
		err = errors.Join(e.readDB.Close(), e.writeDB.Close())
	})
	return err
}

func (e *sqliteEngine) classify(err error) error {
	if err == nil || known(err) {
		return err
	}
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		switch failed.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return fmt.Errorf("%w: %w", store.ErrConflict, err)
		}
	}
	return unavailable(err)
}
