package sqlstore

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"
)

// The drivers.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

const (
	defaultTimeout = 2 * time.Second
	defaultConns   = 16
)

// Options says where the records are. Driver is required, and Path or Writer
// with it.
type Options struct {
	Driver string // SQLite or Postgres

	// Path is the database file of SQLite. It is made with mode 0600 where it
	// is missing, its directory with 0700.
	Path string

	// Writer is the connection string of PostgreSQL 15 or later, a URL or
	// key=value words. It may name several hosts; the first that takes writes
	// is used unless target_session_attrs says otherwise.
	Writer string

	// Reader is the connection string of this site's replica, if it has one.
	// It may say yes; whatever else it says the writer is asked.
	Reader string

	// Patient has Open succeed while no database answers. Every verb is
	// [store.ErrUnavailable] then, until one does and its schema was looked at.
	Patient bool

	// Manual leaves the schema to [Migrate]: a database that lacks something this
	// program needs is refused. Else what only adds is added when the store is opened.
	Manual bool

	Conns   int              // of PostgreSQL, for writer and reader each; 0 is 16
	Timeout time.Duration    // of a verb; 0 is 2 s; an attempt, and the reader, get half of it
	Now     func() time.Time // nil is time.Now
	Logger  *slog.Logger     // nil logs nothing

	// Connector may wrap the driver's connections: tests count the statements
	// that pass and have them fail. nil wraps nothing.
	Connector func(driver.Connector) driver.Connector

	replica string // of SQLite: a file that stands in for a replica; tests
	schema  fs.FS  // the migrations, nil is those of this program; tests
}

func (o *Options) validate() error {
	switch {
	case o.Driver == SQLite && o.Path == "":
		return errors.New("sqlstore: sqlite wants a path")
	case o.Driver == SQLite && o.Writer+o.Reader != "":
		return errors.New("sqlstore: sqlite takes no connection strings")
	case o.Driver == Postgres && o.Writer == "":
		return errors.New("sqlstore: postgres wants the writer's connection string")
	case o.Driver == Postgres && o.Path != "":
		return errors.New("sqlstore: postgres takes no path")
	case o.Driver != SQLite && o.Driver != Postgres:
		return fmt.Errorf("sqlstore: unknown driver %q", o.Driver)
	case o.Conns < 0 || o.Timeout < 0:
		return errors.New("sqlstore: no size or time may be negative")
	}
	if o.Conns == 0 {
		o.Conns = defaultConns
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.schema == nil {
		o.schema = migrations
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
