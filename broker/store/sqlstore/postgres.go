package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	oldestServer = 150000 // PostgreSQL 15
	connLifetime = 30 * time.Minute
	readOnly     = "25006" // read_only_sql_transaction
)

const selectServer query = `SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding')`

// openPostgres opens s on a writer and, if there is one, a reader. They share
// one breaker: an address that is silent is so for both.
func openPostgres(ctx context.Context, o Options, s *Store) error {
	b := newBreaker(o)
	writer, err := newPostgres(o, o.Writer, b, pgconn.ValidateConnectTargetSessionAttrsReadWrite)
	if err != nil {
		return fmt.Errorf("connection string of the writer: %w", err)
	}
	writer.breaker = b
	has := newLate("writer", o.Logger, func(ctx context.Context) (engine, error) {
		return writer, writer.migrate(ctx, o, o.bring)
	}, writer.close)
	s.writer = has
	if o.Reader != "" {
		reader, err := newPostgres(o, o.Reader, b, nil)
		if err != nil {
			return errors.Join(fmt.Errorf("connection string of the reader: %w", err), writer.close())
		}
		s.reader = newLate("reader", o.Logger, func(ctx context.Context) (engine, error) {
			return reader, reader.fit(ctx, o)
		}, reader.close)
		s.replica = s.reader
	}
	if err := s.openFirst(ctx, o, has); err != nil {
		if s.reader != nil {
			err = errors.Join(err, s.reader.close())
		}
		return errors.Join(err, has.close())
	}
	s.writer = has.unwrap()
	if s.reader != nil {
		s.writer = newMissed(s.writer, o)
	}
	return nil
}

// fit looks whether the server has every table that this program knows.
func (p *postgres) fit(ctx context.Context, o Options) error {
	m, err := newMigrator(goose.DialectPostgres, Postgres, p.pool, o)
	if err != nil {
		return err
	}
	found, err := p.schema(ctx)
	if err != nil {
		return err
	}
	if _, err = found.fits(m.latest); err == nil && found.version < m.wanted() {
		err = fault(nil, fmt.Errorf("schema %d of %d", found.version, m.latest)) // a replica may still be told
	}
	return err
}

// postgres is the engine of one pool.
type postgres struct {
	pool     *sql.DB
	patience time.Duration // with one attempt
	breaker  *breaker      // to close at last; nil: the writer's engine does
}

// newPostgres makes a pool; it connects when it is used. accept chooses among
// the hosts where the connection string does not.
func newPostgres(o Options, dsn string, b *breaker, accept pgconn.ValidateConnectFunc) (*postgres, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err // says which part, without the password
	}
	p := &postgres{patience: o.Timeout / 2}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = p.patience
	}
	if config.ValidateConnect == nil {
		config.ValidateConnect = accept
	}
	if _, ok := config.RuntimeParams["application_name"]; !ok {
		config.RuntimeParams["application_name"] = "bongsu"
	}
	config.DialFunc = neverCancels(b.dialer(config.DialFunc))
	// A server that has become read-only is no writer any more: the next
	// connection looks for the one that is.
	closing := config.OnPgError
	config.OnPgError = func(c *pgconn.PgConn, said *pgconn.PgError) bool {
		return said.Code != readOnly && closing(c, said)
	}
	p.pool = sql.OpenDB(o.Connector(connector{stdlib.GetConnector(*config)}))
	p.pool.SetMaxOpenConns(o.Conns)
	p.pool.SetMaxIdleConns(o.Conns)
	p.pool.SetConnMaxLifetime(connLifetime)
	return p, nil
}

var errServer = errors.New("sqlstore: PostgreSQL 15 or later with a UTF-8 database is required")

// migrate looks at the server and its schema and has do bring the latter up to date.
func (p *postgres) migrate(ctx context.Context, o Options, do func(ctx context.Context, m *migrator, found schema) error) error {
	var version int64
	var encoding string
	err := p.look(ctx, func(ctx context.Context, q session) error {
		return q.row(ctx, selectServer, nil, &version, &encoding)
	})
	if err != nil {
		return err
	}
	if version < oldestServer || encoding != "UTF8" {
		return fmt.Errorf("%w (it is %d, %s)", errServer, version/10000, encoding)
	}
	m, err := newMigrator(goose.DialectPostgres, Postgres, p.pool, o)
	if err != nil {
		return err
	}
	found, err := p.schema(ctx)
	if err != nil {
		return err
	}
	err = do(ctx, m, found)
	if misfits(err) {
		return err
	}
	return postgresFault(err)
}

func (p *postgres) schema(ctx context.Context) (schema, error) {
	var found schema
	err := p.look(ctx, readSchema(postgresHasVersions, &found))
	return found, err
}

// look reads with the time of a verb.
func (p *postgres) look(ctx context.Context, f work) error {
	ctx, cancel := context.WithTimeout(ctx, 2*p.patience)
	defer cancel()
	return p.read(ctx, f)
}

// read implements engine.
func (p *postgres) read(ctx context.Context, f work) error {
	return p.write(ctx, asks, f)
}

// write implements engine: a single statement is its own transaction.
func (p *postgres) write(ctx context.Context, e effort, f work) error {
	return p.attempts(ctx, e, func(ctx context.Context) error {
		return f(ctx, plainSession{p.pool, postgresFault})
	})
}

// transact implements engine.
func (p *postgres) transact(ctx context.Context, e effort, f work) error {
	return p.attempts(ctx, e, func(ctx context.Context) error {
		tx, err := p.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return postgresFault(err)
		}
		if err := f(ctx, plainSession{tx, postgresFault}); err != nil {
			_ = tx.Rollback() // a connection that cannot is closed, which is the same
			return err
		}
		if err := tx.Commit(); err != nil {
			return postgresFault(fmt.Errorf("%w: %w", errCommit, err))
		}
		return nil
	})
}

// errCommit is a commit without an answer, whatever the driver says of the connection
// by then: it was sent.
var errCommit = errors.New("sqlstore: commit")

// close implements engine. The writer's comes last.
func (p *postgres) close() error {
	err := p.pool.Close()
	if p.breaker != nil {
		p.breaker.close()
	}
	return err
}

// outcome is what is known after an attempt that failed.
type outcome uint8

const (
	said   outcome = iota // the server has spoken
	unsent                // nothing was asked, or the server would not hear of it
	raced                 // undone; another time it may work
	lost                  // nobody knows
)

// outcomeOf reads the outcome from an attempt's error.
func outcomeOf(err error) outcome {
	var refused *pgconn.ConnectError
	var answer *pgconn.PgError
	switch {
	case errors.Is(err, errRaced):
		return raced
	case errors.Is(err, errCommit) && !errors.As(err, &answer):
		return lost
	case errors.As(err, &refused), errors.Is(err, driver.ErrBadConn), pgconn.SafeToRetry(err):
		return unsent
	case errors.As(err, &answer) && answer.Code == readOnly:
		return unsent
	case errors.As(err, &answer) && !breaksOff(answer.Code):
		return said
	case isFact(err):
		return said
	}
	return lost
}

// breaksOff reports whether the server ended the connection: class 08, and the
// shutdowns of class 57.
func breaksOff(code string) bool {
	return len(code) == 5 && (code[:2] == "08" || code[:3] == "57P")
}

// postgresFault classifies what PostgreSQL says. Its message names constraints,
// never values.
func postgresFault(err error) error {
	var kind error
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch answer.Code {
		case "23505":
			kind = errTaken
		case "23503":
			kind = errMissing
		case "40001", "40P01":
			kind = errRaced
		}
	}
	return fault(kind, err)
}
