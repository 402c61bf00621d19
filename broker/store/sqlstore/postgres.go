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

	"github.com/bongsu/bongsu/broker/store"
)

// poolSize is the number of connections to the writer, and to the reader.
const poolSize = 16

// connectTimeout bounds how long one address may take to answer a new
// connection.
const connectTimeout = 2 * time.Second

// SQLSTATEs that are facts.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// postgresEngine is a writer, wherever it stands, and this site's replica.
type postgresEngine struct {
	writeDB, readDB *sql.DB // readDB is writeDB where no reader is configured
	writes, reads   *direct
	breaker         *breaker
}

func openPostgres(ctx context.Context, o Options) (engine, error) {
	b := newBreaker(o.Now)
	writeDB, err := openPool(o.Writer, pgconn.ValidateConnectTargetSessionAttrsReadWrite, b, o)
	if err != nil {
		return nil, fmt.Errorf("writer: %w", err)
	}
	if err := migrate(ctx, writeDB, Postgres); err != nil {
		return nil, errors.Join(err, writeDB.Close())
	}
	e := &postgresEngine{writeDB: writeDB, readDB: writeDB, writes: &direct{db: writeDB}, breaker: b}
	e.reads = e.writes
	if o.Reader != "" {
		readDB, err := openPool(o.Reader, nil, newBreaker(o.Now), o)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reader: %w", err), writeDB.Close())
		}
		e.readDB, e.reads = readDB, &direct{db: readDB}
	}
	return e, nil
}

// openPool prepares a pool; it connects when it is first asked. Statements are
// prepared and cached by connection.
func openPool(dsn string, validate pgconn.ValidateConnectFunc, b *breaker, o Options) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the DSN cannot be parsed") // the driver's text may hold the password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if validate != nil && len(config.Fallbacks) > 0 {
		config.ValidateConnect = validate
	}
	config.DialFunc = b.dial
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "bongsu"
	}
	db := sql.OpenDB(o.Connector(stdlib.GetConnector(*config)))
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	db.SetConnMaxLifetime(time.Hour)
	return db, nil
}

func (e *postgresEngine) reader() runner { return e.reads }
func (e *postgresEngine) writer() runner { return e.writes }
func (e *postgresEngine) lags() bool     { return e.readDB != e.writeDB }

func (e *postgresEngine) one(ctx context.Context, op func(context.Context, runner) error) error {
	return op(ctx, e.writes)
}

func (e *postgresEngine) atomic(ctx context.Context, op func(context.Context, runner) error) error {
	tx, err := e.writeDB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := op(ctx, &direct{db: tx}); err != nil {
		return errors.Join(err, undone(tx.Rollback()))
	}
	return tx.Commit()
}

// undone leaves out what a rollback says of a connection that is gone: the
// server rolls back by itself.
func undone(err error) error {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

func (e *postgresEngine) ping(ctx context.Context) error {
	_, err := e.writes.exec(ctx, `UPDATE revision SET last = last WHERE name = $1`, revisionName)
	return err
}

func (e *postgresEngine) close() error {
	err := e.writeDB.Close()
	if e.lags() {
		err = errors.Join(err, e.readDB.Close())
	}
	return err
}

func (e *postgresEngine) classify(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		e.breaker.silence()
	} else {
		e.breaker.answered()
	}
	if err == nil || known(err) {
		return err
	}
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		switch failed.Code {
		case uniqueViolation, serializationFailure, deadlockDetected:
			return fmt.Errorf("%w: %w", store.ErrConflict, err)
		}
	}
	return unavailable(err)
}

// queries is a *sql.DB or a *sql.Tx.
type queries interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// direct hands statements to the driver, which prepares and caches them.
type direct struct{ db queries }

func (d *direct) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return d.db.ExecContext(ctx, query, args...)
}

func (d *direct) row(ctx context.Context, query string, args ...any) *sql.Row {
	return d.db.QueryRowContext(ctx, query, args...)
}

func (d *direct) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.db.QueryContext(ctx, query, args...)
}
