package contact

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	beatEvery    = time.Second
	answerWithin = 2 * time.Second // one question to a database; slower is no answer
)

// Beats is the part of the store that shows who is there.
type Beats interface {
	// WriteBeat has the writer write.
	WriteBeat(ctx context.Context) (store.Beat, error)
	// ReplicaBeat reads what the replica knows, from it alone.
	ReplicaBeat(ctx context.Context) (store.Beat, error)
}

// Options is what a Watch is made of. Beats and StaleAfter are required.
type Options struct {
	Beats      Beats
	StaleAfter time.Duration // S: how old what a replica holds may be when this site is cut off

	// Contact returns how many sites are configured, and how many of them have a
	// signed record that has not expired, this one included. It must not block;
	// nil is this site alone.
	Contact func() (sites, heard int)

	// OnBeat is told every beat that was written, in order, and OnChange of every
	// change of mode or staleness. Both must be quick; either may be nil.
	OnBeat   func(store.Beat)
	OnChange func(was, is State)

	Now        func() time.Time      // nil is time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil counts nowhere
}

// ErrOptions is wrapped by every error about [Options].
var ErrOptions = errors.New("contact: options")

func (o *Options) validate() error {
	if o.Beats == nil || o.StaleAfter <= 0 {
		return fmt.Errorf("%w: Beats and a positive StaleAfter are required", ErrOptions)
	}
	if o.Contact == nil {
		o.Contact = func() (int, int) { return 1, 1 }
	}
	if o.OnBeat == nil {
		o.OnBeat = func(store.Beat) {}
	}
	if o.OnChange == nil {
		o.OnChange = func(State, State) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Watch knows the mode of this node. It is safe for concurrent use.
type Watch struct {
	o       Options
	metrics *metrics
	running atomic.Bool

	seen atomic.Pointer[Seen]  // but for the sites, which are asked for when it is read
	told atomic.Pointer[State] // what log, metrics and OnChange know

	mu      sync.Mutex // of those who note: one after the other
	replica store.Beat // that was read last
	known   bool       // replica was read
	looked  bool       // the first look is over: changes are told
}

// New returns a watch that has seen nothing and so is [Alone]. Errors wrap
// [ErrOptions], or are the registerer's.
func New(o Options) (*Watch, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	w := &Watch{o: o}
	w.seen.Store(&Seen{})
	w.told.Store(&State{Mode: Alone, Since: o.Now()})
	m, err := newMetrics(w)
	if err != nil {
		return nil, err
	}
	w.metrics = m
	return w, nil
}

// State returns the mode now. It takes no lock and asks nobody. Once [Watch.Run]
// runs, what was seen ages even if nothing is seen any more, so that a process
// that was stopped for a while does not go on as if nothing had happened; before
// that the state is the one of the last [Watch.Look].
func (w *Watch) State() State {
	told := *w.told.Load()
	if !w.running.Load() {
		return told
	}
	now := w.o.Now()
	mode, stale := Decide(w.look(), w.o.StaleAfter, now)
	if mode != told.Mode {
		return State{Mode: mode, Since: now, Stale: stale}
	}
	told.Stale = stale
	return told
}

// Writer is State().Writer(), and costs no more than to look at the clock: it is
// asked for every token.
func (w *Watch) Writer() bool {
	if !w.running.Load() {
		return w.told.Load().Writer()
	}
	return within(w.seen.Load().Wrote, beatFresh, w.o.Now())
}

// look is what was seen, with the sites as they are now.
func (w *Watch) look() Seen {
	s := *w.seen.Load()
	s.Sites, s.Heard = w.o.Contact()
	return s
}

// Look asks writer and replica once and returns when both have answered or their
// time is over: after it State says what is so and not that nothing is known.
func (w *Watch) Look(ctx context.Context) {
	var asking sync.WaitGroup
	asking.Go(func() { w.write(ctx) })
	asking.Go(func() { w.read(ctx) })
	asking.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	first := !w.looked
	w.tell()
	w.looked = true
	if first {
		w.log(ctx, State{}, *w.told.Load())
	}
}

// Run writes and reads a beat every second until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	w.mu.Lock()
	w.looked = true
	w.mu.Unlock()
	w.running.Store(true)
	defer w.running.Store(false)
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { every(ctx, func() { w.write(ctx) }) })
	asking.Go(func() { every(ctx, func() { w.read(ctx) }) })
	every(ctx, w.age)
}

// every calls f at once and then each second, until ctx ends. A call that takes
// longer makes the next one late and none of them two.
func every(ctx context.Context, f func()) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// age tells what has changed because nothing was seen.
func (w *Watch) age() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell()
}

// write has the writer write a beat.
func (w *Watch) write(ctx context.Context) {
	asked := w.o.Now()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	beat, err := w.o.Beats.WriteBeat(ctx)
	w.metrics.asked(writer, err, w.o.Now().Sub(asked))
	if err == nil {
		w.o.OnBeat(beat)
	}
	w.note(err, func(s *Seen) { s.Wrote = asked })
}

// read has the replica tell its beat.
func (w *Watch) read(ctx context.Context) {
	asked := w.o.Now()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	beat, err := w.o.Beats.ReplicaBeat(ctx)
	w.metrics.asked(replica, err, w.o.Now().Sub(asked))
	w.note(err, func(s *Seen) {
		s.Read = asked
		if w.known && beat != w.replica {
			s.Changed = asked
		}
		w.replica, w.known = beat, true
	})
}

// note keeps what an answer shows, if there was one, and tells what follows.
func (w *Watch) note(err error, shows func(*Seen)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		next := *w.seen.Load()
		shows(&next)
		w.seen.Store(&next)
	}
	if w.looked { // the halves of the first look are told together
		w.tell()
	}
}

// tell decides, and tells whoever wants to know if that is another state than
// before. The caller holds mu.
func (w *Watch) tell() {
	was, now := *w.told.Load(), w.o.Now()
	mode, stale := Decide(w.look(), w.o.StaleAfter, now)
	if mode == was.Mode && stale == was.Stale {
		return
	}
	is := State{Mode: mode, Since: was.Since, Stale: stale}
	if mode != was.Mode {
		is.Since = now
	}
	w.told.Store(&is)
	if w.looked {
		w.log(context.Background(), was, is)
	}
	w.o.OnChange(was, is)
}

// log tells operators of a change, or where a node begins when that is not well.
func (w *Watch) log(ctx context.Context, was, is State) {
	level := slog.LevelInfo
	switch {
	case is.Mode == Alone:
		level = slog.LevelError
	case is.Mode != Full:
		level = slog.LevelWarn
	case was.Since.IsZero():
		return
	}
	attrs := []slog.Attr{slog.String("event", "contact.changed"), slog.String("mode", is.Mode.String()), slog.Bool("stale", is.Stale)}
	if !was.Since.IsZero() {
		attrs = append(attrs, slog.String("from", was.Mode.String()), slog.Duration("lasted", w.o.Now().Sub(was.Since)))
	}
	seen := w.look()
	attrs = append(attrs, slog.Int("sites", seen.Sites), slog.Int("heard", seen.Heard))
	attrs = append(attrs, slog.String("what", is.Means()))
	w.o.Logger.LogAttrs(ctx, level, "what this node may do", attrs...)
}
