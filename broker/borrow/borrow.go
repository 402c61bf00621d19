package borrow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/store"
)

// Question is the name under which nodes ask each other.
const Question = "facts"

const (
	defaultEvery = 2 * time.Second
	hurryGap     = 200 * time.Millisecond // between rounds that hints ask for
	maxAsking    = 64                     // nodes asked at a time
	pageFacts    = 400
	pageBytes    = 60 << 10 // what a connection between nodes carries is 64 KiB
	maxPages     = 50       // of one node in one round
)

// Node is another node.
type Node struct {
	Name string // "site/node"
	Site string
}

// Facts are the facts of this node.
type Facts interface {
	// Offers returns at most limit facts that this node obeys and the store has
	// not heard of, behind a mark.
	Offers(after negative.Mark, limit int) []negative.Offer
	// Borrow takes facts that a site says, and returns how many.
	Borrow(site string, facts []store.Fact) (taken int, err error)
}

// Options is what an Exchange is made of.
type Options struct {
	Facts Facts
	Nodes func() []Node // the others that may be asked now
	// Ask asks a node and returns its answer; it takes a few seconds at most.
	Ask    func(ctx context.Context, node string, body []byte) ([]byte, error)
	Every  time.Duration // 0 is two seconds
	Logger *slog.Logger  // nil discards
}

func (o Options) validate() error {
	if o.Facts == nil || o.Nodes == nil || o.Ask == nil {
		return errors.New("borrow: options: Facts, Nodes and Ask are needed")
	}
	return nil
}

// Exchange asks and answers. It is safe for concurrent use.
type Exchange struct {
	options Options
	hurry   chan struct{}
	turns   chan struct{} // nodes asked at a time

	mu     sync.Mutex
	heard  map[string]*heard
	warned time.Time
}

// heard is how far one node was heard.
type heard struct {
	asking sync.Mutex
	mark   negative.Mark
}

// New returns an Exchange that asks nobody before Run.
func New(o Options) (*Exchange, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Exchange{
		options: o, hurry: make(chan struct{}, 1), turns: make(chan struct{}, maxAsking), heard: make(map[string]*heard),
	}, nil
}

// Hurry has every node asked now instead of with the next round, at most five
// times a second. It returns at once.
func (e *Exchange) Hurry() {
	select {
	case e.hurry <- struct{}{}:
	default:
	}
}

// Run asks until ctx ends.
func (e *Exchange) Run(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	tick := time.NewTicker(e.options.Every)
	defer tick.Stop()
	hurried, rested := (<-chan struct{})(e.hurry), (<-chan time.Time)(nil)
	for {
		e.round(ctx, &asking)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-hurried:
			hurried, rested = nil, time.After(hurryGap)
		case <-rested:
			hurried, rested = e.hurry, nil
		}
	}
}

// Once asks every node once and returns when all have answered or cannot, or ctx
// has ended.
func (e *Exchange) Once(ctx context.Context) {
	var asking sync.WaitGroup
	e.round(ctx, &asking)
	asking.Wait()
}

// round begins to ask every node that is not being asked, and forgets those that
// are gone.
func (e *Exchange) round(ctx context.Context, asking *sync.WaitGroup) {
	nodes := e.options.Nodes()
	e.mu.Lock()
	defer e.mu.Unlock()
	present := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		present[n.Name] = true
		if e.heard[n.Name] == nil {
			e.heard[n.Name] = new(heard)
		}
		h := e.heard[n.Name]
		asking.Go(func() { e.ask(ctx, n, h) })
	}
	for name := range e.heard {
		if !present[name] {
			delete(e.heard, name)
		}
	}
}

// ask hears one node to its end. Who is being asked is not asked twice.
func (e *Exchange) ask(ctx context.Context, n Node, h *heard) {
	if !h.asking.TryLock() {
		return
	}
	defer h.asking.Unlock()
	select {
	case e.turns <- struct{}{}:
		defer func() { <-e.turns }()
	case <-ctx.Done():
		return
	}
	for range maxPages {
		more, err := e.page(ctx, n, h)
		if err != nil {
			e.options.Logger.LogAttrs(ctx, slog.LevelDebug, "another node did not say what the store has not heard of",
				slog.String("peer", n.Name), slog.Any("error", err))
		}
		if !more || err != nil {
			return
		}
	}
}

// page asks for what is behind the mark, and moves it.
func (e *Exchange) page(ctx context.Context, n Node, h *heard) (more bool, err error) {
	body, err := json.Marshal(question{h.mark.Run, h.mark.Count})
	if err != nil {
		return false, fmt.Errorf("encode question: %w", err)
	}
	body, err = e.options.Ask(ctx, n.Name, body)
	if err != nil {
		return false, err
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return false, fmt.Errorf("read answer: %w", err)
	}
	facts := make([]store.Fact, len(a.Facts))
	for i, f := range a.Facts {
		facts[i] = f.fact()
	}
	taken, err := e.options.Facts.Borrow(n.Site, facts)
	if taken > 0 {
		h.mark = negative.Mark{Run: a.Run, Count: a.Facts[taken-1].Count}
	}
	if taken < len(facts) {
		e.tooMuch(ctx, n)
		return false, err
	}
	return a.More && taken > 0, err
}

// tooMuch tells, once a minute, that a site says more than is taken of one at a
// time. What is left is asked for again.
func (e *Exchange) tooMuch(ctx context.Context, n Node) {
	e.mu.Lock()
	quiet := !e.warned.IsZero() && time.Since(e.warned) < time.Minute
	if !quiet {
		e.warned = time.Now()
	}
	e.mu.Unlock()
	if !quiet {
		e.options.Logger.LogAttrs(ctx, slog.LevelWarn, "another site says more negative facts than are taken of one at a time",
			slog.String("event", "facts.too_many"), slog.String("site", n.Site))
	}
}

// Answer answers another node's question.
func (e *Exchange) Answer(_ context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, fmt.Errorf("read question: %w", err)
	}
	offers := e.options.Facts.Offers(negative.Mark{Run: q.Run, Count: q.Count}, pageFacts+1)
	a := answer{More: len(offers) > pageFacts}
	size := 0
	for _, o := range offers[:min(len(offers), pageFacts)] {
		f := wordOf(o)
		encoded, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("encode fact: %w", err)
		}
		if size += len(encoded) + 1; size > pageBytes {
			a.More = true
			break
		}
		a.Run, a.Facts = o.Mark.Run, append(a.Facts, f)
	}
	return json.Marshal(a)
}

// question asks for what is behind a mark.
type question struct {
	Run   uint64 `json:"run"`
	Count uint64 `json:"count"`
}

// answer is a page of what the store has not heard of.
type answer struct {
	Run   uint64 `json:"run"`
	Facts []word `json:"facts"`
	More  bool   `json:"more,omitempty"`
}

// word is one fact on its way.
type word struct {
	Count uint64         `json:"n"`
	Kind  store.FactKind `json:"k"`
	ID    string         `json:"i"`
	Epoch int64          `json:"e,omitempty"`
	At    int64          `json:"a,omitempty"` // Unix microseconds
	Until int64          `json:"u,omitempty"` // Unix microseconds; 0 is never
}

func wordOf(o negative.Offer) word {
	f := o.Fact
	w := word{Count: o.Mark.Count, Kind: f.Kind, ID: f.ID, Epoch: f.Epoch}
	if !f.At.IsZero() {
		w.At = f.At.UnixMicro()
	}
	if !f.Until.IsZero() {
		w.Until = f.Until.UnixMicro()
	}
	return w
}

func (w word) fact() store.Fact {
	f := store.Fact{Kind: w.Kind, ID: w.ID, Epoch: w.Epoch}
	if w.At != 0 {
		f.At = time.UnixMicro(w.At).UTC()
	}
	if w.Until != 0 {
		f.Until = time.UnixMicro(w.Until).UTC()
	}
	return f
}
