package sqlstore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	openAgain  = 250 * time.Millisecond // after an attempt that failed
	misfitWait = 10 * time.Second       // after one that found a schema or server of the wrong kind
)

// late is an engine that is opened when it is first used and answers: a database
// that was away when the program started, or whose schema nobody has looked at yet.
// Until it is open everything asked of it fails; whoever asks has it tried again,
// together with all others who ask meanwhile, and waits as long as they like. An
// attempt goes on without them: bringing a schema up to date may take longer than a
// verb.
type late struct {
	name   string // of what is opened, for the log
	open   func(ctx context.Context) (engine, error)
	giveUp func() error // releases what open would have used; nil: nothing
	logger *slog.Logger

	opened atomic.Pointer[engine]
	ctx    context.Context //nolint:containedctx // of attempts, which outlive who asked; ends with close
	stop   context.CancelFunc

	mu      sync.Mutex
	attempt *attempt  // under way
	rests   time.Time // until when failed is the answer
	failed  error
}

// attempt is one call of open.
type attempt struct {
	done   chan struct{} // closed when the rest is set
	engine engine
	err    error
}

func newLate(name string, logger *slog.Logger, open func(context.Context) (engine, error), giveUp func() error) *late {
	l := &late{name: name, open: open, giveUp: giveUp, logger: logger}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// get returns the engine once it is open. The error is that of the attempt, or the
// context's.
func (l *late) get(ctx context.Context) (engine, error) {
	if e := l.opened.Load(); e != nil {
		return *e, nil
	}
	a, err := l.try()
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return a.engine, a.err
	case <-ctx.Done():
		return nil, fault(nil, ctx.Err())
	}
}

// try returns the attempt under way, or begins one unless the last has only just
// failed: its error is the answer then.
func (l *late) try() (*attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.attempt != nil {
		return l.attempt, nil
	}
	if l.ctx.Err() != nil {
		return nil, fault(nil, errClosed)
	}
	if time.Now().Before(l.rests) {
		return nil, l.failed
	}
	a := &attempt{done: make(chan struct{})}
	l.attempt = a
	go l.run(a)
	return a, nil
}

func (l *late) run(a *attempt) {
	defer close(a.done)
	a.engine, a.err = l.open(l.ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	misfit := misfits(a.err)
	switch {
	case a.err == nil:
		l.opened.Store(&a.engine)
		if l.failed != nil {
			l.logger.LogAttrs(l.ctx, slog.LevelInfo, "a database that was away answers", slog.String("event", "store.opened"), slog.String("what", l.name))
		}
		return // the attempt stays: it is what later callers find until they see opened
	case misfit:
		l.rests = time.Now().Add(misfitWait)
		l.logger.LogAttrs(l.ctx, slog.LevelError, "a database does not fit this program", slog.String("event", "store.misfit"),
			slog.String("what", l.name), slog.Any("error", a.err))
	default:
		l.rests = time.Now().Add(openAgain)
	}
	l.failed = a.err
	l.attempt = nil
}

// read implements engine.
func (l *late) read(ctx context.Context, f work) error {
	e, err := l.get(ctx)
	if err != nil {
		return err
	}
	return e.read(ctx, f)
}

// write implements engine.
func (l *late) write(ctx context.Context, effort effort, f work) error {
	e, err := l.get(ctx)
	if err != nil {
		return err
	}
	return e.write(ctx, effort, f)
}

// transact implements engine.
func (l *late) transact(ctx context.Context, effort effort, f work) error {
	e, err := l.get(ctx)
	if err != nil {
		return err
	}
	return e.transact(ctx, effort, f)
}

// close implements engine. It ends an attempt and waits for it.
func (l *late) close() error {
	l.mu.Lock()
	l.stop()
	a := l.attempt
	l.mu.Unlock()
	if a != nil {
		<-a.done
	}
	if e := l.opened.Load(); e != nil {
		return (*e).close()
	}
	if l.giveUp != nil {
		return l.giveUp()
	}
	return nil
}

// unwrap is the engine itself where it is open already.
func (l *late) unwrap() engine {
	if e := l.opened.Load(); e != nil {
		return *e
	}
	return l
}
