package negative

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

// The errors of this package. Test them with [errors.Is].
var (
	ErrFact   = errors.New("negative: not a fact")                    // no kind, no id, or an id of more than 255 bytes or with control characters
	ErrLift   = errors.New("negative: only the store's writer lifts") // a lifted fact without a revision
	ErrLocked = journal.ErrLocked                                     // one process per log
)

// maxID bounds the id of a fact in bytes, maxKind its kind.
const (
	maxID   = 255
	maxKind = 64
)

// Store is the part of the store that keeps facts and feeds them to every node.
type Store interface {
	// RecordFact stores a fact with a new revision and returns what stands.
	RecordFact(ctx context.Context, f store.Fact) (store.Fact, error)
	// FactsSince returns at most limit facts above revision, ascending.
	FactsSince(ctx context.Context, revision int64, limit int) ([]store.Fact, error)
	// FeedRevision returns the newest revision there is, by the writer's word.
	FeedRevision(ctx context.Context) (int64, error)
	// Incarnation returns what the store is called, by the writer's word.
	Incarnation(ctx context.Context) (string, error)
	// RenewIncarnation has it go by next if it goes by was, and returns the name
	// that stands.
	RenewIncarnation(ctx context.Context, was, next string) (string, error)
}

// Options is what a Set is made of.
type Options struct {
	Path   string           // log file; its directory is made with mode 0700; empty keeps everything in memory alone
	Store  Store            // nil: no feed, and nothing is sent
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
	Poll   time.Duration    // how often the feed is read; 0 is one second

	// OnFact is told of every fact that stands when the log was read, and then
	// whenever what holds under a kind and id changes, in order: Lifted says
	// that it holds no more. It must be quick and must not call Apply.
	OnFact func(store.Fact)

	// OnSaid is told of every fact that was said here, once it is obeyed and on
	// disk, and again with its revision when the store has it: what peers may be
	// hinted at. It is never told of what the feed or the log says, nor of
	// lifted facts. It may be called at several places at once and must be quick.
	OnSaid func(store.Fact)

	// DoubtFor is how long at most a peer's hint is obeyed that the store does
	// not settle; 0 is ten minutes. One that touches everybody is obeyed for
	// five seconds at most.
	DoubtFor time.Duration

	// Site is this node's own, and Sites how many there are in all, at least one:
	// what touches everybody is believed of other nodes only if they are of this
	// site, of more than half of all sites, or of the one that Owner names: the
	// site that a thing belongs to, empty if that is not known. Owner may be nil
	// and must be quick.
	Site  string
	Sites int
	Owner func(kind store.FactKind, id string) string

	disk journal.Disk // tests; zero is the real one
}

// Set is the set of negative facts of this node. It is safe for concurrent use.
type Set struct {
	store  Store
	now    func() time.Time
	logger *slog.Logger
	poll   time.Duration
	onFact func(store.Fact)
	onSaid func(store.Fact)

	entries   sync.Map // key to *entry, immutable
	count     atomic.Int64
	watermark atomic.Int64 // revision up to which the feed has been read
	read      atomic.Int64 // when it was last read to its end, Unix microseconds
	checked   atomic.Bool  // the store is the one whose feed was read, since it last failed

	incarnation atomic.Pointer[string]     // of the store whose feed was read
	beat        atomic.Pointer[store.Beat] // the writer's last one
	fewer       atomic.Bool                // it counted less than before, and nobody has looked into it

	mu      sync.Mutex // one merge at a time, so that memory, log and OnFact see one order
	unsent  map[key]record
	loans   map[key][]loan // what other nodes said; of a thing one at most, else one of a site
	lenders map[string]*lender
	offered map[key]uint64 // what this node tells others, by when it became so
	told    []offered      // the same in order, with places that are not offered any more
	offers  uint64
	reading bool // the log is being read: OnFact hears of the outcome alone

	doubts   sync.Map // key to *doubt, immutable
	doubted  atomic.Int64
	doubtFor time.Duration

	site     string
	majority int // of sites
	owner    func(store.FactKind, string) string
	run      uint64 // names this run of the process to those who ask what it offers
	vouching vouching

	wake    chan struct{}    // something waits to be sent
	hurry   chan struct{}    // the feed is to be read now
	journal *journal.Journal // nil: memory only
}

// Open reads the log and then the feed as far as the store answers within two
// seconds; without the store the node starts alone. A torn end of the log is cut
// off, a damaged line is passed over and the feed read from its start. Errors:
// [ErrLocked] and those of the file system.
func Open(ctx context.Context, o Options) (*Set, error) {
	s := &Set{
		store: o.Store, now: o.Now, logger: o.Logger, poll: o.Poll, onFact: o.OnFact, onSaid: o.OnSaid,
		unsent: make(map[key]record), loans: make(map[key][]loan), lenders: make(map[string]*lender), offered: make(map[key]uint64),
		site: o.Site, majority: max(o.Sites, 1)/2 + 1, owner: o.Owner, run: rand.Uint64(), wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), doubtFor: o.DoubtFor,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.poll <= 0 {
		s.poll = time.Second
	}
	if s.doubtFor <= 0 {
		s.doubtFor = 10 * time.Minute
	}
	if o.Path != "" {
		if err := s.openJournal(ctx, o); err != nil {
			return nil, fmt.Errorf("open negative log: %w", err)
		}
	}
	s.sweep()
	s.announce()
	if err := s.readFeed(ctx); err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "store does not answer: starting with the negative facts known here",
			slog.Int64("revision", s.Revision()), slog.Any("error", err))
	}
	return s, nil
}

// Close releases the log. Facts applied afterwards are refused. It may be
// called twice.
func (s *Set) Close() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Close()
}

// Has reports whether a fact of that kind stands, or is to be obeyed because of
// a hint. It takes no lock.
func (s *Set) Has(kind store.FactKind, id string) bool {
	k := key{kind, id}
	if s.inDoubt(k) { // first: a doubt ends when what settles it can be seen below
		return true
	}
	e, ok := s.load(k)
	return ok && e.stands()
}

// MinEpoch returns the lowest epoch that sessions of the account may have, 0 if
// any, as far as it is known here: [Set.EpochInDoubt] is to be asked first.
// Enabling an account raises it too: what was void stays void.
func (s *Set) MinEpoch(account string) int64 {
	ended, _ := s.load(key{store.AccountEpoch, account})
	disabled, _ := s.load(key{store.AccountDisabled, account})
	return max(ended.highest(), disabled.highest())
}

// Epoch returns the highest epoch ever heard of under a kind and id, 0 if none:
// of a fact that stands or of its lifting. It takes no lock.
func (s *Set) Epoch(kind store.FactKind, id string) int64 {
	e, _ := s.load(key{kind, id})
	return e.highest()
}

// Revision returns the store's revision up to which every fact is known here.
func (s *Set) Revision() int64 { return s.watermark.Load() }

// ReadAt returns when the feed was last read to its end; zero if never.
func (s *Set) ReadAt() time.Time { return journal.Time(s.read.Load()) }

// Len returns how many facts are known, lifted ones included.
func (s *Set) Len() int { return int(s.count.Load()) }

// Unsent returns how many facts the store has not heard of yet.
func (s *Set) Unsent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unsent)
}

// Apply takes note of f: it is obeyed here at once and on disk before Apply
// returns nil. A fact without revision goes to the store as soon as it answers;
// the store being away is no error. After any other error the fact is obeyed all
// the same, but a restart may forget it: say it again. ctx does not cancel: who
// asked for it may be gone. Errors: [ErrFact], [ErrLift] and those of the log.
func (s *Set) Apply(ctx context.Context, f store.Fact) error {
	if !wellFormed(f) {
		return ErrFact
	}
	if f.Lifted && f.Revision <= 0 {
		return ErrLift
	}
	if f.At.IsZero() {
		f.At = s.now()
	}
	r := recordOf(f)
	if r.Until != 0 && r.Until < s.now().UnixMicro() {
		return nil
	}
	err := s.keep(r)
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelError, "negative fact is obeyed but not on disk",
			slog.String("kind", string(f.Kind)), slog.Any("error", err))
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	s.tell(f)
	return err
}

// keep merges records into memory and returns when the log has them.
func (s *Set) keep(records ...record) error {
	s.mu.Lock()
	var b *journal.Batch
	for _, r := range records {
		s.merge(r)
		if s.journal != nil {
			b = s.journal.Append(r.encode())
		}
	}
	s.mu.Unlock()
	if b == nil {
		return nil
	}
	return s.journal.Commit(b)
}

// merge takes one record into memory. The caller holds mu.
func (s *Set) merge(r record) {
	if r.Watermark != 0 {
		s.reach(r.Watermark)
		return
	}
	if r.Incarnation != "" {
		s.incarnation.Store(&r.Incarnation)
		return
	}
	k := key{r.Kind, r.ID}
	if r.Site != "" {
		s.lend(k, r)
		return
	}
	old, _ := s.load(k)
	waiting := s.waiting(k)
	var next entry
	if r.Revision > 0 {
		var settled bool
		if next, settled = old.told(r, waiting); settled {
			delete(s.unsent, k)
		}
	} else {
		var send bool
		if waiting != nil {
			r.Epoch, r.Until = max(r.Epoch, waiting.Epoch), later(r.Until, waiting.Until)
		}
		if next, send = old.said(r, waiting); send {
			s.unsent[k] = r
		}
	}
	s.become(k, next)
}

// become puts an entry into its place, with what others said beside it. The caller
// holds mu.
func (s *Set) become(k key, next entry) {
	s.weigh(k, &next)
	old, known := s.load(k)
	if next == old { // what is not there is as good as empty
		return
	}
	s.entries.Store(k, &next)
	if !known {
		s.count.Add(1)
	}
	s.offer(k, old, next)
	if s.onFact != nil && !s.reading && (next.stands() != old.stands() || next.highest() != old.highest()) {
		s.onFact(next.fact(k))
	}
}

// reach moves the watermark. Below zero the store counts anew from an earlier
// state: whatever it says from now on is news, and what stands goes on standing
// and is sent again, for the store may have forgotten it.
func (s *Set) reach(watermark int64) {
	s.watermark.Store(max(watermark, 0))
	if watermark > 0 {
		return
	}
	for k, v := range s.entries.Range {
		k, e := k.(key), *v.(*entry)
		if e.revision == 0 {
			continue
		}
		old := e
		e.revision = 1
		if e.known() && !e.unsent {
			e.revision, e.written, e.unsent = 0, 0, true
			s.unsent[k] = record{Kind: k.kind, ID: k.id, Epoch: e.epoch, At: e.at, Until: e.until}
		}
		s.entries.Store(k, &e)
		s.offer(k, old, e)
	}
}

func (s *Set) waiting(k key) *record {
	if r, ok := s.unsent[k]; ok {
		return &r
	}
	return nil
}

func (s *Set) load(k key) (entry, bool) {
	if v, ok := s.entries.Load(k); ok {
		return *v.(*entry), true
	}
	return entry{}, false
}

// sweep forgets what nobody needs any more.
func (s *Set) sweep() {
	s.settleDoubts()
	now := s.now().Add(-time.Minute).UnixMicro() // other sites' clocks may be behind
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLoans(now)
	for k, v := range s.entries.Range {
		if k, e := k.(key), v.(*entry); e.expired(now) {
			s.entries.Delete(k)
			s.count.Add(-1)
			delete(s.unsent, k)
			delete(s.offered, k)
		}
	}
}

func wellFormed(f store.Fact) bool {
	control := func(text string) bool {
		for _, r := range text {
			if unicode.IsControl(r) {
				return true
			}
		}
		return !utf8.ValidString(text)
	}
	return f.Kind != "" && len(f.Kind) <= maxKind && !control(string(f.Kind)) &&
		f.ID != "" && len(f.ID) <= maxID && !control(f.ID)
}
