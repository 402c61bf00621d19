package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// preparer is a *sql.DB or a *sql.Conn.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// prepared runs statements that are parsed once. The texts are constants of
// this package, so their number is bounded.
type prepared struct {
	db         preparer
	statements sync.Map // text → *sql.Stmt
}

func newPrepared(db preparer) *prepared { return &prepared{db: db} }

func (p *prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if found, ok := p.statements.Load(query); ok {
		return found.(*sql.Stmt), nil
	}
	made, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	kept, raced := p.statements.LoadOrStore(query, made)
	if raced {
		_ = made.Close()
	}
	return kept.(*sql.Stmt), nil
}

func (p *prepared) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p *prepared) row(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.statement(ctx, query)
	if err != nil {
		return p.db.QueryRowContext(ctx, query, args...) // fails in the same way, as a row
	}
	return s.QueryRowContext(ctx, args...)
}

func (p *prepared) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}
