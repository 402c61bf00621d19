package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/wrap"
)

// kind is one kind of thing that is kept, in a file of its own.
type kind string

const (
	sealingKeys     kind = "sealing_keys"
	signingKeys     kind = "signing_keys"
	identities      kind = "site_identities"
	clients         kind = "clients"
	fingerprints    kind = "fingerprints"
	providerSecrets kind = "provider_secrets"
	pins            kind = "pins"
	secrets         kind = "secrets"
	outages         kind = "outages"
)

// kinds are all of them. What is this site's alone is wrapped by the site's key.
var kinds = []kind{sealingKeys, signingKeys, identities, clients, fingerprints, providerSecrets, pins, secrets, outages}

func (k kind) ofSite() bool { return k == signingKeys || k == identities }

const (
	// restampEvery is how old the moment in a file may become at which the store
	// last said the same.
	restampEvery = 5 * time.Minute
	// mostWaited is how long a node that could start from its disk waits in all for a
	// store that does not answer.
	mostWaited = 1500 * time.Millisecond
)

// Options is what a Snapshot is made of. All but Now, Logger and Registerer are
// required.
type Options struct {
	Dir        string // made with mode 0700; the files have 0600
	Issuer     string
	Site       string
	Node       string
	SiteKey    *wrap.Key
	ClusterKey *wrap.Key
	MaxAge     time.Duration // what is older is refused

	Now        func() time.Time // nil is time.Now
	Logger     *slog.Logger     // nil discards
	Registerer prometheus.Registerer
}

// Facts are the negative facts that are known here.
type Facts interface {
	// Revision is the store's up to which all are known.
	Revision() int64
	// ReadAt is when they were last read to their end by this process; zero if never.
	ReadAt() time.Time
}

// Snapshot is what one node keeps of the store. It is safe for concurrent use. A
// nil one keeps nothing and gives nothing.
type Snapshot struct {
	o        Options
	starting atomic.Bool
	unshown  atomic.Bool // the replica did not answer when it was asked for what the writer does not say

	mu     sync.Mutex
	files  map[kind]*file
	waited time.Duration // in all, of mostWaited
	facts  Facts         // nil before they are read

	questions map[string]func(context.Context) error // what is read once and has to be asked again
}

// file is what is known of one file.
type file struct {
	sum       [sha256.Size]byte // of its data
	at        time.Time         // when the store said so last; zero: nothing is kept
	watermark int64
	factsRead int64
	served    bool // this node goes by it, and the store has not said anything since
	failing   bool // it could not be written, which was said
}

// fresh reports whether the moment in the file is as good as now.
func (f *file) fresh(now time.Time) bool {
	age := now.Sub(f.at)
	return age >= 0 && age < restampEvery
}

// Open reads what is kept, as far as it is of use. What is refused is logged, and
// replaced by what the store says.
func Open(o Options) (*Snapshot, error) {
	if o.Dir == "" || o.Issuer == "" || o.Site == "" || o.Node == "" || o.SiteKey == nil || o.ClusterKey == nil || o.MaxAge <= 0 {
		return nil, errors.New("snapshot: directory, issuer, site, node, keys and a greatest age are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	s := &Snapshot{o: o, files: make(map[kind]*file, len(kinds)), questions: map[string]func(context.Context) error{}}
	s.starting.Store(true)
	for _, k := range kinds {
		s.files[k] = &file{}
		e, err := s.load(k)
		if err == nil {
			s.files[k] = &file{sum: sha256.Sum256(e.Data), at: time.UnixMicro(e.At), watermark: e.Watermark, factsRead: e.FactsRead}
		} else if !errors.Is(err, ErrNone) {
			s.refused(k, err)
		}
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(newGauges(s)); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return s, nil
}

func (s *Snapshot) path(k kind) string { return filepath.Join(s.o.Dir, string(k)) }

func (s *Snapshot) header(k kind) header {
	return header{Format: format, Kind: string(k), Issuer: s.o.Issuer, Site: s.o.Site, Node: s.o.Node}
}

func (s *Snapshot) key(k kind) *wrap.Key {
	if k.ofSite() {
		return s.o.SiteKey
	}
	return s.o.ClusterKey
}

// load reads a file, whatever its age.
func (s *Snapshot) load(k kind) (envelope, error) {
	text, err := readFile(s.path(k))
	if err != nil {
		return envelope{}, err
	}
	return unpack(text, s.header(k), s.key(k))
}

func (s *Snapshot) refused(k kind, err error) {
	s.o.Logger.LogAttrs(context.Background(), slog.LevelError, "what was kept of the store is refused",
		slog.String("event", "snapshot.refused"), slog.String("kind", string(k)), slog.Any("error", err))
}

// keep notes that the store said v just now. A file that cannot be written is said
// once: whoever asked the store has the answer all the same.
func (s *Snapshot) keep(k kind, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.o.Logger.Error("what the store said cannot be kept", slog.String("kind", string(k)), slog.Any("error", err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k, data)
}

// put writes a file where that is due. The caller holds mu.
func (s *Snapshot) put(k kind, data []byte) {
	f, now := s.files[k], s.o.Now()
	f.served = false
	next := file{sum: sha256.Sum256(data), at: now, watermark: f.watermark, factsRead: f.factsRead}
	if s.facts != nil {
		next.watermark = s.facts.Revision()
		if read := s.facts.ReadAt(); !read.IsZero() {
			next.factsRead = read.UnixMicro()
		}
	}
	if !f.failing && f.sum == next.sum && next.watermark >= f.watermark && f.fresh(now) {
		return
	}
	s.write(k, next, data)
}

// write puts next, which holds data, in the place of a file. The caller holds mu.
func (s *Snapshot) write(k kind, next file, data []byte) {
	f := s.files[k]
	text, err := pack(s.header(k), s.key(k), envelope{At: next.at.UnixMicro(), Watermark: next.watermark, FactsRead: next.factsRead, Data: data})
	if err == nil {
		err = writeFile(s.path(k), text)
	}
	if err != nil {
		if !f.failing {
			s.o.Logger.LogAttrs(context.Background(), slog.LevelError, "what the store said cannot be kept: a start without it would go by what is older",
				slog.String("event", "snapshot.not_kept"), slog.String("kind", string(k)), slog.Any("error", err))
		}
		f.failing = true
		return
	}
	s.files[k] = &next
}

// restamp notes that the store still says what is kept, without saying it.
func (s *Snapshot) restamp(k kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[k]
	f.served = false
	if f.at.IsZero() || f.fresh(s.o.Now()) {
		return
	}
	if e, err := s.load(k); err == nil && sha256.Sum256(e.Data) == f.sum {
		s.put(k, e.Data)
	}
}

// recall reads what is kept into v, while the node starts and cause says that
// the store does not answer. The error is cause, with the reason why nothing kept
// takes its place.
func (s *Snapshot) recall(k kind, v any, cause error) error {
	e, err := s.load(k)
	var age time.Duration
	if err == nil {
		age, err = e.age(s.o.Now(), s.o.MaxAge)
	}
	if err == nil {
		err = decode(e.Data, v)
	}
	if errors.Is(err, ErrNone) {
		return fmt.Errorf("%w (%w: %s)", cause, err, k)
	}
	if err != nil {
		s.refused(k, err)
		return fmt.Errorf("%w (%s: %w)", cause, k, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[k]
	if !f.served {
		s.o.Logger.LogAttrs(context.Background(), slog.LevelWarn, "the store does not answer: going by what was kept of it",
			slog.String("event", "snapshot.served"), slog.String("kind", string(k)), slog.Duration("age", age.Round(time.Second)))
	}
	f.served = true
	return nil
}

// holds reports whether something is kept.
func (s *Snapshot) holds(k kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.files[k].at.IsZero()
}

// ask puts a question to the store. A node that starts and could do without waits
// for answers no longer than mostWaited in all.
func (s *Snapshot) ask(ctx context.Context, k kind, question func(context.Context) error) error {
	if !s.starting.Load() || !s.holds(k) {
		return question(ctx)
	}
	left := s.patience(0)
	if left <= 0 {
		return fmt.Errorf("the store did not answer before: %w", store.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	began := s.o.Now()
	err := question(ctx)
	if errors.Is(err, store.ErrUnavailable) {
		s.patience(s.o.Now().Sub(began))
	}
	return err
}

// patience takes from what is left of it, and returns that.
func (s *Snapshot) patience(spent time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waited += spent
	return mostWaited - s.waited
}

// read asks the store and keeps the answer. While the node starts, and the store
// does not answer, it returns what is kept.
func read[T any](ctx context.Context, s *Snapshot, k kind, ask func(context.Context) (T, error)) (T, error) {
	if s == nil {
		return ask(ctx)
	}
	var answer T
	err := s.ask(ctx, k, func(ctx context.Context) (err error) {
		answer, err = ask(ctx)
		return err
	})
	switch {
	case err == nil:
		s.keep(k, answer)
	case s.starting.Load() && errors.Is(err, store.ErrUnavailable):
		var kept T
		err = s.recall(k, &kept, err)
		answer = kept
	}
	if err != nil {
		var nothing T
		return nothing, err
	}
	return answer, nil
}
