package roster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
)

const (
	pollEvery    = time.Second
	answerWithin = 2 * time.Second // with it, and the pause before, well within R = 5 s
)

// Store keeps registrations.
type Store interface {
	ClientsRevision(ctx context.Context) (int64, error)
	Clients(ctx context.Context) ([]store.Client, int64, error)
	NoteSecretUses(ctx context.Context, batch []store.SecretUse) error
}

// Directory is where clients are looked up.
type Directory interface {
	// SetStored makes clients those of the store and names those it left out.
	SetStored(clients []*client.Client) (left []error)
}

// Options is what a Roster is made of. Store, Directory and Read are required.
type Options struct {
	Store     Store
	Directory Directory
	// Read makes a client of a registration and the hashes of its secrets, or
	// says why it is none.
	Read func(document []byte, hashes [][32]byte) (*client.Client, error)

	Now        func() time.Time      // nil is time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing
}

// Roster reads registrations and notes uses. It is safe for concurrent use.
type Roster struct {
	o       Options
	left    prometheus.Gauge
	current atomic.Pointer[reading]
	sure    atomic.Bool // the store answered when it was asked last

	polling sync.Mutex // one answer after another
	uses    uses
}

// reading is what the store said last.
type reading struct {
	revision int64
	byID     map[string]store.Client
	left     string // what is left out, and why
}

// New returns a roster that has read nothing yet.
func New(o Options) (*Roster, error) {
	if o.Store == nil || o.Directory == nil || o.Read == nil {
		return nil, errors.New("roster: store, directory and reader are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Roster{o: o, left: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bongsu_clients_left_out",
		Help: "Registrations in the store that this node does not serve, because it cannot read or accept them.",
	})}
	r.current.Store(&reading{revision: -1})
	if o.Registerer != nil {
		o.Registerer.MustRegister(r.left)
	}
	return r, nil
}

// Refresh asks the store now, and reads every registration if one has changed.
func (r *Roster) Refresh(ctx context.Context) error {
	r.polling.Lock()
	defer r.polling.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := r.ask(ctx)
	r.sure.Store(err == nil)
	return err
}

func (r *Roster) ask(ctx context.Context) error {
	revision, err := r.o.Store.ClientsRevision(ctx)
	if err != nil {
		return fmt.Errorf("read registrations: %w", err)
	}
	// A replica may lag: what this node has read already stands.
	if revision > r.current.Load().revision {
		stored, revision, err := r.o.Store.Clients(ctx)
		if err != nil {
			return fmt.Errorf("read registrations: %w", err)
		}
		r.take(ctx, stored, revision)
	}
	return nil
}

// Restore goes by registrations that the store said once, because it does not answer
// now. What it says first, however it counts, replaces them; until then nobody who
// is not among them is called unknown.
func (r *Roster) Restore(ctx context.Context, kept []store.Client) {
	r.polling.Lock()
	defer r.polling.Unlock()
	r.take(ctx, kept, -1)
	r.sure.Store(false)
}

// take makes the directory what the store said.
func (r *Roster) take(ctx context.Context, stored []store.Client, revision int64) {
	next := &reading{revision: revision, byID: make(map[string]store.Client, len(stored))}
	var clients []*client.Client
	var left []error
	for _, s := range stored {
		next.byID[s.ID] = s
		hashes, err := hashesOf(s)
		var c *client.Client
		if err == nil {
			c, err = r.o.Read(s.Document, hashes)
		}
		if err == nil && c.ID != s.ID {
			err = errors.New("it is registered under another id")
		}
		if err != nil {
			left = append(left, fmt.Errorf("client %q: %w", s.ID, err))
			continue
		}
		clients = append(clients, c)
	}
	left = append(left, r.o.Directory.SetStored(clients)...)
	r.left.Set(float64(len(left)))
	next.left = text(left)
	if next.left != r.current.Load().left {
		r.o.Logger.LogAttrs(ctx, slog.LevelWarn, "registrations in the store are left out",
			slog.String("event", "clients.left_out"), slog.Int("count", len(left)), slog.String("error", next.left))
	}
	r.current.Store(next)
}

func hashesOf(s store.Client) ([][32]byte, error) {
	hashes := make([][32]byte, len(s.Secrets))
	for i, secret := range s.Secrets {
		if copy(hashes[i][:], secret.Hash) != len(secret.Hash) || len(secret.Hash) != len(hashes[i]) {
			return nil, errors.New("a secret is kept as something else than its SHA-256")
		}
	}
	return hashes, nil
}

// text is errors in one line, at most ten of them.
func text(errs []error) string {
	said := make([]string, 0, len(errs))
	for i, err := range errs {
		if i == 10 {
			said = append(said, fmt.Sprintf("and %d more", len(errs)-i))
			break
		}
		said = append(said, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return strings.Join(said, "; ")
}

// Complete returns nil if every client that is registered anywhere is known
// here, but for those of the last seconds, and an error matching
// [store.ErrUnavailable] otherwise: nobody may be called unknown then.
func (r *Roster) Complete() error {
	if r.sure.Load() {
		return nil
	}
	return fmt.Errorf("registrations could not be read: %w", store.ErrUnavailable)
}

// Stored returns what the store last said about a client.
func (r *Roster) Stored(id string) (store.Client, bool) {
	c, ok := r.current.Load().byID[id]
	return c, ok
}

// All returns what the store last said, by id.
func (r *Roster) All() []store.Client {
	now := r.current.Load()
	all := make([]store.Client, 0, len(now.byID))
	for _, c := range now.byID {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b store.Client) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Run asks the store every second and writes uses every few, until ctx ends and
// a last attempt to write was made.
func (r *Roster) Run(ctx context.Context) {
	poll, write := time.NewTicker(pollEvery), time.NewTicker(writeEvery)
	defer poll.Stop()
	defer write.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = r.writeUses(last) // what it could not write is lost, and noted with the next use
			return
		case <-poll.C:
			err = r.Refresh(ctx)
		case <-write.C:
			err = r.writeUses(ctx)
		}
		if failed := err != nil && ctx.Err() == nil; failed != failing {
			failing = failed
			r.o.Logger.LogAttrs(ctx, slog.LevelInfo, "registrations", slog.Bool("readable", !failing), slog.Any("error", err))
		}
	}
}
