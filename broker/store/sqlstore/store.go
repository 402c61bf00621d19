package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// Store keeps records in one database. It is safe for concurrent use. Use
// [Open].
type Store struct {
	writer  engine // has the last word
	reader  engine // a replica, which may say yes; nil: there is none
	replica engine // whose beat is this site's own: the reader, or the file itself; nil: there is none
	timeout time.Duration
	logger  *slog.Logger

	running sync.RWMutex // held for reading by every verb, by Close for writing
	closed  bool
}

// Interface guards.
var (
	_ store.Store        = (*Store)(nil)
	_ keys.IdentityStore = (*Store)(nil)
	_ seal.Store         = (*Store)(nil)
)

// Open connects to the database and brings its schema up to date. It refuses a
// schema that needs a newer program. While the writer cannot be reached it opens
// all the same if there is a reader with a schema of this program, or if o is
// Patient: the writer's schema is looked at and brought up to date when it first
// answers. Otherwise the error matches [store.ErrUnavailable].
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Store{timeout: o.Timeout, logger: o.Logger}
	open := openPostgres
	if o.Driver == SQLite {
		open = openSQLite
	}
	if err := open(ctx, o, s); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// openFirst opens the writer, or makes sure that what is there will do for a start.
func (s *Store) openFirst(ctx context.Context, o Options, writer *late) error {
	_, err := writer.get(ctx)
	if err == nil || !errors.Is(err, store.ErrUnavailable) {
		return err
	}
	reader, ok := s.reader.(*late)
	if ok {
		_, readErr := reader.get(ctx)
		if readErr == nil {
			o.Logger.LogAttrs(ctx, slog.LevelWarn, "the store's writer does not answer: starting with the reader alone",
				slog.Any("error", err))
			return nil
		}
		err = errors.Join(err, readErr)
		if !errors.Is(readErr, store.ErrUnavailable) {
			return err
		}
	}
	if !o.Patient {
		return err
	}
	o.Logger.LogAttrs(ctx, slog.LevelError, "no database answers: starting without, and trying again whenever one is needed",
		slog.String("event", "store.away"), slog.Any("error", err))
	return nil
}

var errClosed = errors.New("sqlstore: closed")

// verb runs f with the time a verb has, and makes its error one of the
// contract's.
func (s *Store) verb(ctx context.Context, name string, f func(context.Context) error) error {
	s.running.RLock()
	defer s.running.RUnlock()
	if s.closed {
		return fact(name, errClosed)
	}
	if err := ctx.Err(); err != nil {
		return fact(name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return fact(name, f(ctx))
}

// known are the errors of the contracts; no driver returns them.
var known = []error{
	store.ErrNotFound, store.ErrConflict, store.ErrReplayed, store.ErrUsed, store.ErrLast, store.ErrInvalid, store.ErrUnavailable,
	store.ErrInUse,
	keys.ErrConflict,
}

// fact makes err, with the name of the verb, match what it says, and
// [store.ErrUnavailable] if it says nothing for certain.
func fact(verb string, err error) error {
	if err == nil {
		return nil
	}
	for _, k := range known {
		if errors.Is(err, k) {
			return fmt.Errorf("%s: %w", verb, err)
		}
	}
	kind := store.ErrUnavailable
	if errors.Is(err, errTaken) || errors.Is(err, errRaced) {
		kind = store.ErrConflict
	}
	return fmt.Errorf("%s: %w: %w", verb, kind, err)
}

// ask runs f at the reader and is content if that answered and sure says that
// the answer is a yes; otherwise the writer is asked.
func (s *Store) ask(ctx context.Context, f work, sure func() bool) error {
	if s.reader != nil {
		if err := s.half(ctx, s.reader, f); err == nil && sure() {
			return nil
		}
	}
	return s.writer.read(ctx, f)
}

// askWriterFirst runs f at the writer and, only if that cannot be reached or did
// not answer others a moment ago, at the reader.
func (s *Store) askWriterFirst(ctx context.Context, f work) error {
	if s.reader == nil {
		return s.writer.read(ctx, f)
	}
	if s.writerAway() && s.half(ctx, s.reader, f) == nil {
		return nil
	}
	err := s.half(ctx, s.writer, f)
	if err == nil || errors.Is(err, sql.ErrNoRows) || s.reader.read(ctx, f) != nil {
		return err
	}
	return nil
}

// half reads within half of a verb's time, and leaves the rest to somebody else.
func (s *Store) half(ctx context.Context, e engine, f work) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout/2)
	defer cancel()
	return e.read(ctx, f)
}

// execute makes one statement that writes, and returns how many rows it wrote.
func (s *Store) execute(ctx context.Context, e effort, q query, args ...any) (int64, error) {
	// A caller that gives up leaves the writer running: what it writes to must
	// not be what is returned then.
	var wrote int64
	err := s.writer.write(ctx, e, func(ctx context.Context, on session) error {
		n, err := on.exec(ctx, q, args...)
		if err == nil {
			wrote = n
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return wrote, nil
}

const countBeat query = `UPDATE beat SET count = count + 1 WHERE id = 1`

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.verb(ctx, "ping", func(ctx context.Context) error {
		_, err := s.execute(ctx, again, countBeat)
		return err
	})
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.running.Lock()
	defer s.running.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.reader != nil {
		err = s.reader.close()
	}
	return errors.Join(err, s.writer.close())
}
