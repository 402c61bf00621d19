package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Between is what lies between a store and one of several who share it in one
// process, as a network lies between a database and its sites. Dev mode and tests
// have such networks; a broker that opens its own store has a real one.
type Between struct {
	// Writer is asked each time before the writer is. It may wait. An error
	// means that the writer cannot be reached.
	Writer func(ctx context.Context) error
	// Replica is asked before every read that a replica may answer, and names
	// the store that does: the shared one while it can be seen, or a copy of it.
	Replica func(ctx context.Context) (*Store, error)
}

// Behind returns s as it is seen through b, where everybody has a replica. It is
// closed like any store, before s, and leaves s open.
func (s *Store) Behind(b Between) *Store {
	replica := remote{b.Replica, true}
	return &Store{
		timeout: s.timeout, logger: s.logger,
		writer: remote{func(ctx context.Context) (*Store, error) { return s, b.Writer(ctx) }, false},
		reader: replica, replica: replica,
	}
}

// remote is an engine of another store, which is looked for each time.
type remote struct {
	find   func(context.Context) (*Store, error)
	reader bool // what that store itself reads from when it needs no last word
}

// on runs f at the engine that is found, which is not closed meanwhile.
func (r remote) on(ctx context.Context, f func(engine) error) error {
	s, err := r.find(ctx)
	if err != nil {
		return fault(nil, err)
	}
	s.running.RLock()
	defer s.running.RUnlock()
	switch {
	case s.closed:
		return fault(nil, errClosed)
	case r.reader && s.reader != nil:
		return f(s.reader)
	default:
		return f(s.writer)
	}
}

func (r remote) read(ctx context.Context, f work) error {
	return r.on(ctx, func(e engine) error { return e.read(ctx, f) })
}

func (r remote) write(ctx context.Context, how effort, f work) error {
	return r.on(ctx, func(e engine) error { return e.write(ctx, how, f) })
}

func (r remote) transact(ctx context.Context, how effort, f work) error {
	return r.on(ctx, func(e engine) error { return e.transact(ctx, how, f) })
}

func (r remote) close() error { return nil }

// CopySQLite copies a database, which may be in use, as it is at one moment to
// the file to, which must not exist.
func CopySQLite(ctx context.Context, from Options, to string) (err error) {
	if err := from.validate(); err != nil {
		return err
	}
	if from.Driver != SQLite {
		return fmt.Errorf("sqlstore: copy: %s is another program's to copy", from.Driver)
	}
	connector, err := sqliteConnector(from, from.Path)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return fmt.Errorf("copy database: %w", sqliteFault(err))
	}
	return nil
}

// OpenCopy opens what [CopySQLite] made, for reading: whatever needs a writer
// answers [store.ErrUnavailable], and it never changes.
func OpenCopy(o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Driver != SQLite {
		return nil, fmt.Errorf("sqlstore: open copy: %s has none", o.Driver)
	}
	copied, err := openSQLiteReaders(o, o.Path)
	if err != nil {
		return nil, fmt.Errorf("open copy: %w", err)
	}
	gone := func(context.Context) (*Store, error) { return nil, errReadOnly }
	return &Store{timeout: o.Timeout, logger: o.Logger, writer: remote{gone, false}, reader: copied, replica: copied}, nil
}
