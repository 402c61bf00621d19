package borrow

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const obeyedWithin = 5 * time.Second // R

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pass(d time.Duration) { <-time.After(d) }

// database is a store that keeps facts by the rule of the real one, and can be away.
type database struct {
	mu       sync.Mutex
	away     bool
	facts    []store.Fact
	revision int64
	recorded int
}

func (d *database) RecordFact(_ context.Context, f store.Fact) (store.Fact, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return store.Fact{}, store.ErrUnavailable
	}
	d.recorded++
	for _, old := range d.facts {
		if old.Kind == f.Kind && old.ID == f.ID {
			return old, nil
		}
	}
	d.revision++
	f.Revision = d.revision
	d.facts = append(d.facts, f)
	return f, nil
}

func (d *database) FactsSince(_ context.Context, revision int64, _ int) ([]store.Fact, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return nil, store.ErrUnavailable
	}
	return append([]store.Fact(nil), d.facts[revision:]...), nil
}

func (d *database) FeedRevision(context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return 0, store.ErrUnavailable
	}
	return d.revision, nil
}

func (d *database) Incarnation(context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return "", store.ErrUnavailable
	}
	return "the only one", nil
}

func (d *database) RenewIncarnation(ctx context.Context, _, _ string) (string, error) {
	return d.Incarnation(ctx)
}

func (d *database) goAway(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

// pool is nodes that reach each other, or do not.
type pool struct {
	t     *testing.T
	db    *database
	sites int

	mu     sync.Mutex
	nodes  map[string]*node
	cut    map[[2]string]bool
	frozen map[string]bool
}

type node struct {
	name     string
	path     string
	set      *negative.Set
	exchange *Exchange
	stop     func()
}

func newPool(t *testing.T, names ...string) *pool {
	p := &pool{t: t, db: new(database), nodes: make(map[string]*node), cut: make(map[[2]string]bool), frozen: make(map[string]bool)}
	sites := make(map[string]bool)
	for _, name := range names {
		site, _, _ := strings.Cut(name, "/")
		sites[site] = true
	}
	p.sites = len(sites)
	for _, name := range names {
		p.nodes[name] = &node{name: name, path: filepath.Join(t.TempDir(), "negative.log")}
	}
	for _, name := range names {
		p.start(name)
	}
	return p
}

func (p *pool) start(name string) {
	n := p.nodes[name]
	site, _, _ := strings.Cut(name, "/")
	set, err := negative.Open(p.t.Context(), negative.Options{Path: n.path, Store: p.db, Now: time.Now, Site: site, Sites: p.sites})
	must(p.t, err)
	exchange, err := New(Options{Facts: set, Nodes: func() []Node { return p.others(name) }, Ask: p.asks(name)})
	must(p.t, err)
	ctx, cancel := context.WithCancel(p.t.Context())
	var running sync.WaitGroup
	running.Go(func() { set.Run(ctx) })
	running.Go(func() { exchange.Run(ctx) })
	p.mu.Lock()
	n.set, n.exchange, n.stop = set, exchange, func() { cancel(); running.Wait(); must(p.t, set.Close()) }
	p.mu.Unlock()
}

// end stops a node; who asks it gets no answer.
func (p *pool) end(name string) {
	n := p.nodes[name]
	n.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	n.exchange = nil
}

func (p *pool) endAll() {
	for name, n := range p.nodes {
		if n.exchange != nil {
			p.end(name)
		}
	}
}

func (p *pool) others(self string) []Node {
	var others []Node
	for name := range p.nodes {
		if site, _, _ := strings.Cut(name, "/"); name != self {
			others = append(others, Node{name, site})
		}
	}
	return others
}

var errUnreached = errors.New("not reached")

func (p *pool) asks(self string) func(context.Context, string, []byte) ([]byte, error) {
	return func(ctx context.Context, to string, body []byte) ([]byte, error) {
		p.mu.Lock()
		exchange, cut, frozen := p.nodes[to].exchange, p.cut[[2]string{self, to}], p.frozen[to]
		p.mu.Unlock()
		if frozen {
			pass(time.Second)
			return nil, errUnreached
		}
		if cut || exchange == nil {
			return nil, errUnreached
		}
		pass(30 * time.Millisecond)
		answer, err := exchange.Answer(ctx, body)
		if len(answer) > 64<<10 {
			return nil, errors.New("too long")
		}
		return answer, err
	}
}

func (p *pool) sever(a, b string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut[[2]string{a, b}], p.cut[[2]string{b, a}] = true, true
}

func (p *pool) freeze(name string, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen[name] = is
}

// obey fails unless exactly the named nodes, or all, obey a fact.
func (p *pool) obey(when string, f store.Fact, names ...string) {
	p.t.Helper()
	for name, n := range p.nodes {
		want := len(names) == 0
		for _, who := range names {
			want = want || who == name
		}
		if got := n.set.Has(f.Kind, f.ID); got != want {
			p.t.Errorf("%s: %s obeys %s %s: %t", when, name, f.Kind, f.ID, got)
		}
	}
}

var threeSites = []string{"seoul/a", "seoul/b", "busan/a", "busan/b", "jeju/a"}

// What is said to one node while no database takes it is obeyed at all within R,
// without a hint, for as long as that lasts, over restarts of all, and is in the
// store once when it is back; then nobody holds anything of another's.
func TestObeyedEverywhereWithoutAWriter(t *testing.T) {
	kinds := []store.FactKind{
		store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked, store.TokenRevoked, store.ConsentWithdrawn,
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threeSites...)
		defer p.endAll()
		p.db.goAway(true)
		pass(time.Minute)
		var all []store.Fact
		for i, kind := range kinds {
			f := store.Fact{Kind: kind, ID: fmt.Sprint("id-", i), Epoch: 2}
			all = append(all, f)
			must(t, p.nodes["busan/a"].set.Apply(t.Context(), f))
			pass(obeyedWithin)
			p.obey("after R", f)
		}
		for _, name := range threeSites {
			pass(5 * time.Minute)
			p.end(name)
			pass(time.Minute)
			p.start(name)
			for _, f := range all {
				p.obey("as soon as "+name+" has started", f)
			}
		}
		pass(time.Hour)
		p.db.goAway(false)
		pass(obeyedWithin)
		for _, f := range all {
			p.obey("when the store is back", f)
		}
		if len(p.db.facts) != len(all) || p.db.recorded != len(all) {
			t.Errorf("the store has %d facts, told %d times, want %d", len(p.db.facts), p.db.recorded, len(all))
		}
		for name, n := range p.nodes {
			if n.set.Lent() != 0 || n.set.Unsent() != 0 {
				t.Errorf("%s: %d lent, %d unsent", name, n.set.Lent(), n.set.Unsent())
			}
		}
	})
}

// Whoever reaches one that knows comes to know, though not the node where it was
// said; a node that is frozen keeps nobody from hearing the others.
func TestObeyedByWayOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threeSites...)
		defer p.endAll()
		p.db.goAway(true)
		for _, name := range []string{"seoul/b", "busan/a", "busan/b"} {
			p.sever("seoul/a", name) // only jeju is left
		}
		p.freeze("busan/b", true)
		f := store.Fact{Kind: store.SessionEnded, ID: "sid"}
		must(t, p.nodes["seoul/a"].set.Apply(t.Context(), f))
		pass(obeyedWithin)
		p.obey("after R", f) // two ways long
		p.end("seoul/a")
		p.end("jeju/a")
		pass(10 * time.Minute)
		p.db.goAway(false) // and both that could have told the store are gone
		pass(time.Minute)
		if len(p.db.facts) != 1 {
			t.Errorf("the store has %v", p.db.facts)
		}
	})
}

// What touches everybody, said at one site, is obeyed by the nodes of that site and
// by no other; once a second site says it, by all. Nothing of it needs the store.
func TestOneSiteMovesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threeSites...)
		defer p.endAll()
		p.db.goAway(true)
		for _, kind := range []store.FactKind{
			store.ProviderDisabled, store.ProviderRetired, store.DrillsForbidden, store.UpstreamKeyDistrusted, store.ProviderSessionsEnded, store.KeyWithdrawn,
		} {
			f := store.Fact{Kind: kind, ID: "kakao", Epoch: 1}
			must(t, p.nodes["busan/a"].set.Apply(t.Context(), f))
			pass(obeyedWithin)
			p.obey("said at one site", f, "busan/a", "busan/b")
			pass(5 * time.Minute)
			p.obey("minutes later", f, "busan/a", "busan/b")
			must(t, p.nodes["jeju/a"].set.Apply(t.Context(), f))
			pass(obeyedWithin)
			p.obey("said at two of three", f)
		}
	})
}

// A thousand people log out in one moment at one site, and it is obeyed
// everywhere within R: a mass of logouts is nobody's attack. That one site shuts out
// more than a thousand is obeyed elsewhere for a thousand alone, until a second site says so.
func TestManyAtOnce(t *testing.T) {
	const logouts, out = 1000, 1050
	ends := func(i int) store.Fact { return store.Fact{Kind: store.SessionEnded, ID: fmt.Sprintf("sid-%026d", i)} }
	shuts := func(i int) store.Fact {
		return store.Fact{Kind: store.AccountDisabled, ID: fmt.Sprintf("%020d", i), Epoch: 1}
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, threeSites...)
		defer p.endAll()
		p.db.goAway(true)
		p.says("seoul/a", logouts, ends)
		pass(obeyedWithin)
		p.counts("logouts", logouts, ends, logouts, threeSites...)
		p.says("seoul/a", out, shuts)
		pass(obeyedWithin)
		p.counts("shut out", out, shuts, out, "seoul/a", "seoul/b")
		p.counts("shut out", out, shuts, 1000, "busan/a", "busan/b", "jeju/a")
		pass(10 * time.Second)
		p.counts("later, too", out, shuts, 1000, "busan/a", "busan/b", "jeju/a")
		p.says("busan/a", out, shuts)
		pass(obeyedWithin)
		p.counts("said at two of three", out, shuts, out, threeSites...)
		p.says("seoul/a", 1, func(int) store.Fact { return ends(logouts) }) // the other measure is not used up
		pass(obeyedWithin)
		p.obey("afterwards", ends(logouts))
		p.db.goAway(false)
		pass(obeyedWithin)
		p.counts("the store has them", out, shuts, out, threeSites...)
		for name, n := range p.nodes {
			if n.set.Lent() != 0 || n.set.Unsent() != 0 {
				t.Errorf("%s: %d lent, %d unsent", name, n.set.Lent(), n.set.Unsent())
			}
		}
		if len(p.db.facts) != logouts+out+1 {
			t.Errorf("the store has %d facts", len(p.db.facts))
		}
	})
}

// says has a node say count facts at once.
func (p *pool) says(name string, count int, fact func(i int) store.Fact) {
	p.t.Helper()
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			if err := p.nodes[name].set.Apply(p.t.Context(), fact(i)); err != nil {
				p.t.Error(err)
			}
		})
	}
	all.Wait()
}

// counts fails unless nodes obey that many of count facts.
func (p *pool) counts(when string, count int, fact func(i int) store.Fact, want int, names ...string) {
	p.t.Helper()
	for _, name := range names {
		got := 0
		for i := range count {
			if f := fact(i); p.nodes[name].set.Has(f.Kind, f.ID) {
				got++
			}
		}
		if got != want {
			p.t.Errorf("%s: %s obeys %d, want %d", when, name, got, want)
		}
	}
}

// A hint has the others asked at once, and not with every hint.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "seoul/a", "busan/a")
		defer p.endAll()
		p.db.goAway(true)
		pass(time.Second)
		f := store.Fact{Kind: store.SessionEnded, ID: "sid"}
		must(t, p.nodes["seoul/a"].set.Apply(t.Context(), f))
		for range 100 {
			p.nodes["busan/a"].exchange.Hurry()
		}
		pass(100 * time.Millisecond)
		p.obey("at once", f)
	})
}

// What another node answers and makes no sense does nothing.
func TestNonsense(t *testing.T) {
	set, err := negative.Open(t.Context(), negative.Options{Site: "seoul", Sites: 2})
	must(t, err)
	for _, answer := range []string{"", "nonsense", "[]", `{"facts":[{"k":"","i":""}]}`, `{"facts":[{"n":1,"k":"session_ended","i":"\n"}]}`, `{"more":true}`} {
		e, err := New(Options{
			Facts: set, Nodes: func() []Node { return []Node{{"busan/a", "busan"}} },
			Ask: func(context.Context, string, []byte) ([]byte, error) { return []byte(answer), nil },
		})
		must(t, err)
		e.Once(t.Context())
		if set.Lent()+set.Len() != 0 {
			t.Errorf("%q is obeyed", answer)
		}
		if _, err := e.Answer(t.Context(), []byte(answer)); err == nil && !strings.HasPrefix(answer, "{") {
			t.Errorf("the question %q is answered", answer)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("an exchange of nothing")
	}
}
