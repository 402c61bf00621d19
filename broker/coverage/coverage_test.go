package coverage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// Kakao and Daum stand in one building.
func ways() []Provider {
	return []Provider{
		{ID: "kakao", Domains: []string{"kakao", "pangyo"}},
		{ID: "daum", Domains: []string{"daum", "pangyo"}},
		{ID: "naver", Domains: []string{"naver"}},
		{ID: "google", Domains: []string{"google"}},
	}
}

func shops() []Client {
	return []Client{{ID: "shop"}, {ID: "narrow", Providers: []string{"kakao", "daum"}}}
}

type world struct {
	t      *testing.T
	now    time.Time
	store  *sqlstore.Store
	out    map[string]bool
	ledger *Ledger
}

func newWorld(t *testing.T) *world {
	t.Helper()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	w := &world{t: t, now: noon, store: opened, out: map[string]bool{}}
	w.ledger, err = New(Options{
		Store: opened, Providers: ways(), Clients: shops, Out: func(p string) bool { return w.out[p] },
		Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// person opens an account with those links.
func (w *world) person(providers ...string) string {
	w.t.Helper()
	account, err := id.New(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	key := store.IdentityKey{Provider: providers[0], Subject: account}
	if err := w.store.OpenAccount(w.t.Context(), store.Account{ID: account, Seed: make([]byte, 32), Epoch: 1}, key); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range providers[1:] {
		key.Provider = p
		if err := w.store.LinkIdentity(w.t.Context(), store.Link{IdentityKey: key, AccountID: account}); err != nil {
			w.t.Fatal(err)
		}
	}
	return account
}

func (w *world) want(client, without string, active, covered int64) {
	w.t.Helper()
	got, err := w.ledger.Measure(w.t.Context(), client, without)
	if err != nil {
		w.t.Fatal(err)
	}
	if want := (Coverage{client, without, active, covered}); got != want {
		w.t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWhoCouldStillComeIn(t *testing.T) {
	w := newWorld(t)
	for _, links := range [][]string{{"kakao"}, {"kakao", "daum"}, {"kakao", "naver"}, {"naver"}} {
		account := w.person(links...)
		w.ledger.Note("shop", account)
		w.ledger.Note("shop", account)
		if links[0] == "kakao" {
			w.ledger.Note("narrow", account)
		}
	}
	w.ledger.Note("", "nobody")
	w.ledger.Note("shop", "")
	if err := w.ledger.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("shop", "", 4, 4)
	w.want("shop", "kakao", 4, 2)   // daum stands in the same building
	w.want("shop", "naver", 4, 3)   // who has naver alone is out
	w.want("shop", "google", 4, 4)  // nobody has it
	w.want("narrow", "naver", 3, 3) // it is not permitted there: nothing is lost
	w.want("narrow", "kakao", 3, 0)
	w.want("", "kakao", 4, 2)

	w.out["naver"] = true // retired: its links are tombstones
	w.want("shop", "kakao", 4, 0)
	w.want("shop", "", 4, 3)
	if diff := cmp.Diff([]string{"kakao", "daum", "google"}, w.ledger.Permits("shop")); diff != "" {
		t.Error(diff)
	}
	w.now = noon.AddDate(0, 0, ActiveFor)
	w.want("shop", "", 4, 3)
	w.now = noon.AddDate(0, 0, ActiveFor+1)
	w.want("shop", "", 0, 0)
}

func TestUnknownNames(t *testing.T) {
	w := newWorld(t)
	if _, err := w.ledger.Measure(t.Context(), "nosuchshop", ""); !errors.Is(err, ErrClient) {
		t.Errorf("got %v", err)
	}
	if _, err := w.ledger.Measure(t.Context(), "shop", "nosuchprovider"); !errors.Is(err, ErrProvider) {
		t.Errorf("got %v", err)
	}
	if got := w.ledger.Permits("nosuchshop"); got != nil {
		t.Errorf("got %v", got)
	}
	if _, ok := (Coverage{}).Ratio(); ok {
		t.Error("nobody has a ratio")
	}
	for _, o := range []Options{{}, {Store: w.store, Providers: []Provider{{ID: "kakao"}}, Clients: shops}} {
		if _, err := New(o); err == nil {
			t.Errorf("made of %+v", o)
		}
	}
}

// book is a store in memory that can be closed.
type book struct {
	mu      sync.Mutex
	noted   map[key]int64
	batches []int
	closed  error
}

func (b *book) NoteActivity(_ context.Context, batch []store.Activity) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed != nil {
		return b.closed
	}
	b.batches = append(b.batches, len(batch))
	for _, a := range batch {
		b.noted[key{a.Client, a.Account}] = a.Day
	}
	return nil
}

func (b *book) Coverage(_ context.Context, q store.CoverageQuery) (active, covered int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.Client == "narrow" {
		return 0, 0, b.closed
	}
	return 4, int64(len(q.Surviving)), b.closed
}

func (b *book) WaysIn(context.Context, store.WaysQuery) ([]store.WaysCount, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return []store.WaysCount{{Ways: 1, Accounts: 3}, {Ways: 1 | 2, Accounts: 2}, {Ways: 1 | 4 | 8, Accounts: 1}}, b.closed
}

// open lets the store answer again.
func (b *book) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = nil
}

// told is how many records came at a time.
func (b *book) told() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.batches)
}

func TestNotesReachTheStoreInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, registry := &book{noted: map[key]int64{}, closed: store.ErrUnavailable}, prometheus.NewRegistry()
		l, err := New(Options{Store: b, Providers: ways(), Clients: shops, Registerer: registry})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { l.Run(ctx); close(done) }()
		for i := range 2500 {
			l.Note("shop", fmt.Sprint(i))
		}
		time.Sleep(flushEvery + time.Second) // the store is away
		synctest.Wait()
		b.open()
		time.Sleep(flushEvery)
		synctest.Wait()
		if batches := b.told(); !slices.Equal(batches, []int{1000, 1000, 500}) {
			t.Errorf("batches %v", batches)
		}
		l.Note("shop", "1") // was noted today
		time.Sleep(flushEvery)
		synctest.Wait()
		if batches := b.told(); len(batches) != 3 {
			t.Errorf("batches %v", batches)
		}
		time.Sleep(firstMeasure)
		synctest.Wait()
		if got, want := ratios(t, registry), map[string]float64{
			"shop kakao": 0.5, "shop daum": 0.5, "shop naver": 0.75, "shop google": 0.75,
		}; !maps.Equal(got, want) {
			t.Errorf("ratios %v, want %v", got, want)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		l.Note("shop", "1")
		stop()
		<-done // what was noted last is written
		if day := b.noted[key{"shop", "1"}]; day != dayOf(time.Now()) {
			t.Errorf("noted on day %d", day)
		}
	})
}

func TestHowManyWaysPeopleHave(t *testing.T) {
	w := newWorld(t)
	for _, links := range [][]string{{"kakao"}, {"kakao", "daum"}, {"kakao", "naver"}, {"kakao", "daum", "naver", "google"}, {"naver"}} {
		account := w.person(links...)
		w.ledger.Note("shop", account)
		w.ledger.Note("narrow", account) // one person, whatever they visit
	}
	w.person("google") // was never here
	want := func(d Distribution) {
		t.Helper()
		got, err := w.ledger.Ways(t.Context())
		if err != nil || got != d {
			t.Errorf("got %v, %v, want %v", got, err, d)
		}
	}
	want(Distribution{})
	if err := w.ledger.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(Distribution{1: 3, 2: 1, 3: 1}) // kakao and daum stand in one building
	w.out["naver"] = true
	want(Distribution{0: 1, 1: 3, 2: 1})
	w.now = noon.AddDate(0, 0, ActiveFor+1)
	want(Distribution{})
}

// Whatever shares its fate with whatever else, the largest choice is found.
func TestWaysThatAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 9).Draw(t, "ways")
		ways := make([]Provider, n)
		for i := range ways {
			for _, d := range rapid.SliceOfNDistinct(rapid.IntRange(0, 7), 1, 3, rapid.ID[int]).Draw(t, "domains") {
				ways[i].Domains = append(ways[i].Domains, fmt.Sprint(d))
			}
		}
		clashes := clashesOf(ways)
		best := 0
		for set := range uint64(1) << n {
			good := true
			for i := range n {
				good = good && (set&(1<<i) == 0 || set&clashes[i] == 1<<i)
			}
			if good {
				best = max(best, bits.OnesCount64(set))
			}
		}
		if got := apart(1<<n-1, clashes, mostWays); got != min(best, mostWays) {
			t.Errorf("%d of %v, want %d", got, ways, min(best, mostWays))
		}
	})
}

// One node of a site counts for the metric; what another one counted before it
// was relieved is not shown any more.
func TestOneNodeOfASiteCounts(t *testing.T) {
	registry, leads := prometheus.NewRegistry(), true
	l, err := New(Options{
		Store: &book{noted: map[key]int64{}}, Providers: ways(), Clients: shops, Registerer: registry,
		Lead: func() bool { return leads },
	})
	if err != nil {
		t.Fatal(err)
	}
	l.publish(t.Context())
	if got := ratios(t, registry); len(got) == 0 {
		t.Error("the node that leads shows nothing")
	}
	// daum is the second provider and shares kakao's fate, naver and google do not
	if got := waysShown(t, registry); got != "people 6, ways 8, at most [0:0 1:5 2:5 3:6 4:6 5:6]" {
		t.Errorf("ways in: %s", got)
	}
	leads = false
	l.publish(t.Context())
	if got := ratios(t, registry); len(got) != 0 {
		t.Errorf("a node that does not lead shows %v", got)
	}
	if got := waysShown(t, registry); got != "" {
		t.Errorf("a node that does not lead shows %s", got)
	}
}

// waysShown is the histogram of ways in, in a line; empty: there is none.
func waysShown(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "bongsu_user_ways_in" {
			continue
		}
		h, most := f.GetMetric()[0].GetHistogram(), []string{}
		for _, b := range h.GetBucket() {
			most = append(most, fmt.Sprintf("%g:%d", b.GetUpperBound(), b.GetCumulativeCount()))
		}
		return fmt.Sprintf("people %d, ways %g, at most %v", h.GetSampleCount(), h.GetSampleSum(), most)
	}
	return ""
}

// ratios are the values of the metric, by client and provider.
func ratios(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "bongsu_accounts_covered_ratio" {
			continue
		}
		for _, m := range f.GetMetric() {
			got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return got
}

func TestWhatWaitsIsBounded(t *testing.T) {
	l, err := New(Options{Store: &book{closed: store.ErrUnavailable}, Providers: ways(), Clients: shops, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxPending + maxSeen {
		l.Note("shop", fmt.Sprint(i))
	}
	if len(l.pending) != maxPending || len(l.seen) > maxSeen {
		t.Errorf("%d wait, %d are remembered", len(l.pending), len(l.seen))
	}
}

// A record that the store refuses does not hold up the others.
func TestAWrongRecordIsDropped(t *testing.T) {
	b := &book{closed: store.ErrInvalid}
	l, err := New(Options{Store: b, Providers: ways(), Clients: shops, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	l.Note("shop", "a")
	if err := l.flush(t.Context()); err != nil || len(l.pending) != 0 {
		t.Errorf("%v, %d wait", err, len(l.pending))
	}
}

// What belongs to another website carries nobody into this one.
func TestAWayOfAnotherWebsiteCarriesNobody(t *testing.T) {
	w := newWorld(t)
	for i := range w.ledger.o.Providers {
		if p := &w.ledger.o.Providers[i]; p.ID == "naver" {
			p.OnlyFor = []string{"narrow"}
		}
	}
	w.ledger.Note("shop", w.person("kakao", "naver"))
	if err := w.ledger.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("shop", "kakao", 1, 0)
	w.want("", "kakao", 1, 1)
	if got := w.ledger.Permits("shop"); slices.Contains(got, "naver") {
		t.Errorf("shop permits %q", got)
	}
}
