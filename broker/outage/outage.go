package outage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/follow"
	"github.com/bongsu/bongsu/broker/store"
)

// How often the store is asked, and how long one answer may take.
const (
	poll         = time.Second
	answerWithin = 2 * time.Second
)

// Store keeps what was declared.
type Store interface {
	Outages(ctx context.Context, at time.Time) ([]store.Outage, error)
}

// Options is what a Set is made of. Store is required.
type Options struct {
	Store  Store
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
}

// Set is what was declared, as of the latest answer of the store. It is safe
// for concurrent use.
type Set struct {
	o        Options
	declared atomic.Pointer[map[string]store.Outage]

	reading sync.Mutex // one answer after another
}

// New returns a set that knows of nothing yet.
func New(o Options) (*Set, error) {
	if o.Store == nil {
		return nil, errors.New("outage: a store is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{o: o}
	s.declared.Store(&map[string]store.Outage{})
	return s, nil
}

// Declared reports whether an operator declared the outage of a provider, and
// until when. An outage ends by itself, whether the store answers or not.
func (s *Set) Declared(provider string) (until time.Time, ok bool) {
	o, known := (*s.declared.Load())[provider]
	if !known || !s.o.Now().Before(o.Until) {
		return time.Time{}, false
	}
	return o.Until, true
}

// Read asks the store now. While it does not answer what it said last stands.
func (s *Set) Read(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	outages, err := s.o.Store.Outages(ctx, s.o.Now())
	if err != nil {
		return err
	}
	declared := make(map[string]store.Outage, len(outages))
	for _, o := range outages {
		declared[o.Provider] = o
	}
	s.declared.Store(&declared)
	return nil
}

// Run asks the store at once and then every second, until ctx ends.
func (s *Set) Run(ctx context.Context) {
	follow.Every(ctx, poll, s.o.Logger, "declared outages", s.Read)
}
