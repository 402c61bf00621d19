package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// maxShared is the number of jobs that share one commit at most.
const maxShared = 256

// commitTimeout bounds one shared transaction.
const commitTimeout = 5 * time.Second

// job is one write that waits for its commit.
type job struct {
	op    func(context.Context, runner) error
	alone bool // a single statement: it fails or not, and needs no savepoint
	done  chan error
}

// sharedWriter is the one connection that writes. A full sync costs far more
// than a statement, so all jobs that queued during the last commit go into the
// next one; each is all or nothing by itself.
type sharedWriter struct {
	conn *sql.Conn
	runs runner
}

func newSharedWriter(ctx context.Context, db *sql.DB) (*sharedWriter, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open writer: %w", err)
	}
	return &sharedWriter{conn: conn, runs: newPrepared(conn)}, nil
}

// run serves the queue until it receives nil.
func (w *sharedWriter) run(queue <-chan *job) {
	defer func() { _ = w.conn.Close() }()
	batch := make([]*job, 0, maxShared)
	for first := range queue {
		if first == nil {
			return
		}
		batch = append(batch[:0], first)
		last := false
	gather:
		for len(batch) < maxShared {
			select {
			case next := <-queue:
				if next == nil {
					last = true
					break gather
				}
				batch = append(batch, next)
			default:
				break gather
			}
		}
		w.commit(batch)
		if last {
			return
		}
	}
}

// commit runs a batch in one transaction and tells each job how it went.
func (w *sharedWriter) commit(batch []*job) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	results := make([]error, len(batch))
	err := w.statement(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		for i, j := range batch {
			results[i] = w.do(ctx, j)
		}
		if err = w.statement(ctx, "COMMIT"); err != nil {
			_ = w.statement(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}
	for i, j := range batch {
		if err != nil && results[i] == nil {
			results[i] = fmt.Errorf("commit: %w", err)
		}
		j.done <- results[i]
	}
}

// do runs one job so that its failure leaves nothing of it behind.
func (w *sharedWriter) do(ctx context.Context, j *job) error {
	if j.alone {
		return j.op(ctx, w.runs)
	}
	if err := w.statement(ctx, "SAVEPOINT job"); err != nil {
		return err
	}
	if err := j.op(ctx, w.runs); err != nil {
		if undo := w.statement(ctx, "ROLLBACK TO job"); undo != nil {
			return undo
		}
		_ = w.statement(ctx, "RELEASE job")
		return err
	}
	return w.statement(ctx, "RELEASE job")
}

func (w *sharedWriter) statement(ctx context.Context, text string) error {
	_, err := w.runs.exec(ctx, text)
	return err
}
