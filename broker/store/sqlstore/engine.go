package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/bongsu/bongsu/broker/store"
)

// query is a statement in words that both databases understand.
type query string

// session runs statements. Its errors are classified: see fault.
type session interface {
	// exec returns how many rows a statement wrote.
	exec(ctx context.Context, q query, args ...any) (int64, error)
	// row scans the first row; [sql.ErrNoRows].
	row(ctx context.Context, q query, args []any, dest ...any) error
	// rows calls each for every row.
	rows(ctx context.Context, q query, args []any, each func(scan scan) error) error
}

// scan reads the columns of one row.
type scan func(dest ...any) error

// work is what a verb does on a session. It may be called several times and
// must give the same results then.
type work func(context.Context, session) error

// effort says what to do when nobody knows whether a write happened.
type effort uint8

const (
	once  effort = iota // give up: the second time would be another one
	again               // write again, as long as the deadline allows: the second time answers as the first
	asks                // nothing is written: ask again, as long as the deadline allows
)

// engine is one database, or one side of it.
type engine interface {
	// read runs f, which only reads, on one connection.
	read(ctx context.Context, f work) error
	// write runs f, which makes one statement.
	write(ctx context.Context, e effort, f work) error
	// transact runs f in a transaction, which an error undoes.
	transact(ctx context.Context, e effort, f work) error
	// close may be called when no call runs any more.
	close() error
}

// What a database says that may be a fact. Everything else it says is none.
var (
	errTaken   = errors.New("sqlstore: unique violation")
	errMissing = errors.New("sqlstore: foreign key violation")
	errRaced   = errors.New("sqlstore: serialization failure")
)

// fault marks err with kind, one of the above, or as no fact.
func fault(kind, err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if kind == nil {
		kind = store.ErrUnavailable
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// statement is what both a pool and a transaction have.
type statement interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// plainSession runs statements as they are.
type plainSession struct {
	on       statement
	classify func(error) error
}

func (s plainSession) exec(ctx context.Context, q query, args ...any) (int64, error) {
	n, err := affected(s.on.ExecContext(ctx, string(q), args...))
	return n, s.classify(err)
}

func (s plainSession) row(ctx context.Context, q query, args []any, dest ...any) error {
	return s.classify(s.on.QueryRowContext(ctx, string(q), args...).Scan(dest...))
}

func (s plainSession) rows(ctx context.Context, q query, args []any, each func(scan scan) error) error {
	rows, err := s.on.QueryContext(ctx, string(q), args...)
	if err != nil {
		return s.classify(err)
	}
	return s.classify(scanAll(rows, each))
}

// affected returns how many rows were written.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// scanAll calls each for every row and closes them.
func scanAll(rows *sql.Rows, each func(scan scan) error) error {
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
