package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	maxBatch  = 256  // jobs in one transaction
	maxQueued = 1024 // jobs that wait; whoever comes next waits to wait
)

const (
	begin       query = `BEGIN IMMEDIATE`
	commit      query = `COMMIT`
	rollback    query = `ROLLBACK`
	savepoint   query = `SAVEPOINT job`
	release     query = `RELEASE job`
	rollbackJob query = `ROLLBACK TO job`
)

// job is something to write.
type job struct {
	ctx     context.Context
	run     work
	several bool // statements, which stand or fall together
	err     error
	done    chan error // of size 1
}

// sqliteWriter is the one goroutine that writes. While the disk is busy with a
// commit, jobs queue up; they share the next one. Whoever waits for a commit
// waits for all of it, and so the disk is asked once for up to 256 of them.
type sqliteWriter struct {
	db      *sql.DB
	conn    *sql.Conn
	stmts   map[query]*sql.Stmt
	queue   chan *job
	stopped chan struct{}
}

func startSQLiteWriter(ctx context.Context, db *sql.DB) (*sqliteWriter, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, sqliteFault(err)
	}
	w := &sqliteWriter{
		db: db, conn: conn, stmts: map[query]*sql.Stmt{},
		queue: make(chan *job, maxQueued), stopped: make(chan struct{}),
	}
	go w.loop()
	return w, nil
}

// submit waits until the job is committed. A caller whose context ends leaves;
// a job that has begun may be committed all the same.
func (w *sqliteWriter) submit(ctx context.Context, j *job) error {
	select {
	case w.queue <- j:
	case <-ctx.Done():
		return fault(nil, ctx.Err())
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return fault(nil, ctx.Err())
	}
}

// close finishes what was submitted. Nobody may submit any more.
func (w *sqliteWriter) close() error {
	close(w.queue)
	<-w.stopped
	var err error
	for _, stmt := range w.stmts {
		err = errors.Join(err, stmt.Close()) // one left open would keep the log from being moved
	}
	return errors.Join(err, w.conn.Close(), w.db.Close())
}

func (w *sqliteWriter) loop() {
	defer close(w.stopped)
	batch := make([]*job, 0, maxBatch)
	for first := range w.queue {
		batch = w.share(append(batch[:0], first))
		clear(batch)
	}
}

// share runs the first job and whatever waits behind it in one transaction. No
// answer is given before the commit: what one job was told may rest on another.
func (w *sqliteWriter) share(batch []*job) []*job {
	// No caller's context: one who leaves must not stop the others.
	ctx := context.Background()
	s := preparedSession{w.prepared}
	_, err := s.exec(ctx, begin)
	for i := 0; err == nil && i < len(batch); i++ {
		if err = batch[i].do(ctx, s); err == nil && len(batch) < maxBatch {
			batch = w.more(batch)
		}
	}
	if err == nil {
		_, err = s.exec(ctx, commit)
	}
	if err != nil {
		_, _ = s.exec(ctx, rollback) // fails when SQLite did it already
		err = fmt.Errorf("shared commit: %w", err)
	}
	for _, j := range batch {
		if err != nil {
			j.err = err
		}
		j.done <- j.err
	}
	return batch
}

// more adds a job that waits, if one does.
func (w *sqliteWriter) more(batch []*job) []*job {
	select {
	case j, ok := <-w.queue:
		if ok {
			return append(batch, j)
		}
	default:
	}
	return batch
}

// do runs the job. It returns an error only if the transaction is in doubt; what
// went wrong with this job alone is for its caller, and is undone.
func (j *job) do(ctx context.Context, s session) error {
	if err := j.ctx.Err(); err != nil {
		j.err = fault(nil, err) // nobody waits, nothing has begun
		return nil
	}
	if !j.several {
		j.err = j.run(ctx, s) // SQLite undoes a statement that fails
		return doubt(j.err)
	}
	if _, err := s.exec(ctx, savepoint); err != nil {
		return err
	}
	j.err = j.run(ctx, s)
	if err := doubt(j.err); err != nil {
		return err
	}
	if j.err != nil {
		if _, err := s.exec(ctx, rollbackJob); err != nil {
			return err
		}
	}
	_, err := s.exec(ctx, release)
	return err
}

// doubt returns err if it is no fact: after a full disk or a read error SQLite
// may have undone the whole transaction.
func doubt(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return nil
}

// prepared returns the statement, parsed once.
func (w *sqliteWriter) prepared(ctx context.Context, q query) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[q]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, string(q))
	if err != nil {
		return nil, err
	}
	w.stmts[q] = stmt
	return stmt, nil
}
