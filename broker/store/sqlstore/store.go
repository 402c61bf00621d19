package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// The drivers.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// defaultTimeout bounds one verb.
const defaultTimeout = 2 * time.Second

// Options says where the records are.
type Options struct {
	Driver  string        // SQLite or Postgres
	Path    string        // sqlite: the file; its folder must exist
	Writer  string        // postgres: DSN, all hosts, read-write
	Reader  string        // postgres: DSN of this site's replica; empty: reads go to the writer
	Timeout time.Duration // of one verb; default 2 s
	Now     func() time.Time
	Logger  *slog.Logger
	// Connector, where set, wraps every connector, so that a test can count
	// what reaches the driver.
	Connector func(driver.Connector) driver.Connector
}

func (o *Options) validate() error {
	switch {
	case o.Driver == SQLite && o.Path == "":
		return errors.New("sqlstore: sqlite needs a path")
	case o.Driver == Postgres && o.Writer == "":
		return errors.New("sqlstore: postgres needs a writer")
	case o.Driver != SQLite && o.Driver != Postgres:
		return fmt.Errorf("sqlstore: driver %q is neither sqlite nor postgres", o.Driver)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Connector == nil {
		o.Connector = func(c driver.Connector) driver.Connector { return c }
	}
	return nil
}

// Store implements store.Store, keys.Store and seal.Store. It is safe for
// concurrent use.
type Store struct {
	engine  engine
	timeout time.Duration
}

var (
	_ store.Store = (*Store)(nil)
	_ keys.Store  = (*Store)(nil)
	_ seal.Store  = (*Store)(nil)
)

// engine is what a dialect does in its own way.
type engine interface {
	// reader answers fast and may lag; the same as writer where there is one
	// copy of the records.
	reader() runner
	// writer answers what is so.
	writer() runner
	// lags reports whether reader may be behind writer.
	lags() bool
	// one runs op, a single statement, so that it is committed when one
	// returns nil.
	one(ctx context.Context, op func(context.Context, runner) error) error
	// atomic runs op in a transaction: all of it is committed, or none.
	atomic(ctx context.Context, op func(context.Context, runner) error) error
	// classify says what a driver's error means.
	classify(err error) error
	ping(ctx context.Context) error
	close() error
}

// runner runs statements. Queries are written with $1, $2, …
type runner interface {
	exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	row(ctx context.Context, query string, args ...any) *sql.Row
	rows(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Open connects and migrates the schema. It refuses a schema that is newer
// than it knows.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	opened, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Store{engine: opened, timeout: o.Timeout}, nil
}

func openEngine(ctx context.Context, o Options) (engine, error) {
	if o.Driver == SQLite {
		return openSQLite(ctx, o)
	}
	return openPostgres(ctx, o)
}

// Ping answers nil when the writer takes writes.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.engine.classify(s.engine.ping(ctx))
}

// Close waits for running verbs and closes the connections.
func (s *Store) Close() error { return s.engine.close() }

// find reads by look: from the reader first, whose yes counts, and from the
// writer where the reader lags and says no. look returns sql.ErrNoRows for no.
func (s *Store) find(ctx context.Context, look func(context.Context, runner) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := look(ctx, s.engine.reader())
	if err != nil && s.engine.lags() {
		err = look(ctx, s.engine.writer())
	}
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return s.engine.classify(err)
}

// one runs a single statement that writes.
func (s *Store) one(ctx context.Context, op func(context.Context, runner) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.engine.classify(s.engine.one(ctx, op))
}

// atomic runs statements that belong together.
func (s *Store) atomic(ctx context.Context, op func(context.Context, runner) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.engine.classify(s.engine.atomic(ctx, op))
}

// known reports whether err is one of the store's facts, which pass through
// every classification.
func known(err error) bool {
	for _, fact := range []error{
		store.ErrNotFound, store.ErrConflict, store.ErrReplayed, store.ErrUsed, store.ErrDisabled,
		store.ErrUnavailable, keys.ErrConflict,
	} {
		if errors.Is(err, fact) {
			return true
		}
	}
	return false
}

// unavailable says that nothing is known.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// micros and moment are how times stand in both dialects: microseconds since
// 1970, UTC; 0 is no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
