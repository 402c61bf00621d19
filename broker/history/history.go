package history

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
)

// KeptFor is how long events are kept.
const KeptFor = 90 * 24 * time.Hour

// What happened, in the order of a person's life with us.
const (
	Opened     = "opened"
	SignedIn   = "signed_in"
	Linked     = "linked"
	Unlinked   = "unlinked"
	LinkFailed = "link_refused"
	Consented  = "consented"
	TookAway   = "took_away"
	SignedOut  = "signed_out"
	Everywhere = "signed_out_everywhere"
	Downloaded = "downloaded"
)

// words are what people read of audit events; the others are none of theirs.
var words = map[audit.Name]string{
	audit.AccountOpened: Opened, audit.LoginCompleted: SignedIn, audit.AccountLinked: Linked,
	audit.AccountUnlinked: Unlinked, audit.LinkRefused: LinkFailed, audit.ConsentGiven: Consented,
	audit.ConsentTaken: TookAway, audit.SessionEnded: SignedOut, audit.SessionsEnded: Everywhere,
	audit.AccountExported: Downloaded,
}

const (
	flushEvery   = 2 * time.Second
	answerWithin = 5 * time.Second
	maxWaiting   = 20_000 // events that wait for the store; the oldest make room
)

// Store keeps events.
type Store interface {
	NoteEvents(ctx context.Context, batch []store.AccountEvent) error
}

// Options says what a chronicle works with. All fields but Now and Logger are
// required.
type Options struct {
	Store  Store
	Site   string
	NewID  func(at time.Time) (string, error) // ids that sort by time
	Now    func() time.Time                   // default time.Now
	Logger *slog.Logger                       // nil discards
}

// Chronicle writes down what happens. It is safe for concurrent use.
type Chronicle struct {
	o Options

	mu      sync.Mutex
	waiting []store.AccountEvent
}

// New returns a chronicle in which nothing stands.
func New(o Options) (*Chronicle, error) {
	if o.Store == nil || o.NewID == nil {
		return nil, errors.New("history: store and ids are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Chronicle{o: o}, nil
}

// Note takes an audit event that a person may want to read of. It never blocks.
func (c *Chronicle) Note(e audit.Event) {
	what, ok := words[e.Name]
	if !ok || !id.Valid(e.Account, id.Length) {
		return
	}
	now := c.o.Now().UTC()
	name, err := c.o.NewID(now)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= maxWaiting {
		c.waiting = c.waiting[len(c.waiting)-maxWaiting+1:]
	}
	c.waiting = append(c.waiting, store.AccountEvent{
		ID: name, AccountID: e.Account, At: now, What: what, ClientID: e.Client, Provider: e.Provider,
		Device: e.Device, Site: c.o.Site, SID: e.Session,
	})
}

// Flush writes what waits. An error means that some of it waits on.
func (c *Chronicle) Flush(ctx context.Context) error {
	for {
		c.mu.Lock()
		batch := c.waiting[:min(len(c.waiting), store.MaxEvents)]
		c.waiting = c.waiting[len(batch):]
		c.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, answerWithin)
		err := c.o.Store.NoteEvents(limited, batch)
		cancel()
		if err == nil || errors.Is(err, store.ErrInvalid) { // what is wrong would be wrong the next time too
			continue
		}
		c.mu.Lock()
		c.waiting = append(slices.Clip(batch), c.waiting...)
		c.waiting = c.waiting[max(0, len(c.waiting)-maxWaiting):]
		c.mu.Unlock()
		return err
	}
}

// Run writes every few seconds, until ctx ends and a last attempt was made.
func (c *Chronicle) Run(ctx context.Context) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = c.Flush(last) // what it could not write is lost, as the package says
			return
		case <-ticker.C:
			err := c.Flush(ctx)
			if failed := err != nil && ctx.Err() == nil; failed != failing {
				failing = failed
				c.o.Logger.LogAttrs(ctx, slog.LevelInfo, "account history", slog.Bool("writable", !failing), slog.Any("error", err))
			}
		}
	}
}
