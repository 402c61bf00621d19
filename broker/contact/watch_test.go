package contact

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// databases are a writer and a replica that tests take away.
type databases struct {
	mu      sync.Mutex
	count   int64 // the writer's
	copied  int64 // the replica's
	writer  condition
	replica condition
	lagging bool // the replica stands still
}

type condition uint8

const (
	answers condition = iota
	refuses           // at once
	frozen            // says nothing at all
)

var errAway = errors.Join(store.ErrUnavailable, errors.New("away"))

func (c condition) wait(ctx context.Context) error {
	switch c {
	case refuses:
		return errAway
	case frozen:
		<-ctx.Done()
		return errAway
	}
	return ctx.Err()
}

func (d *databases) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *databases) WriteBeat(ctx context.Context) (store.Beat, error) {
	d.mu.Lock()
	is := d.writer
	d.mu.Unlock()
	if err := is.wait(ctx); err != nil {
		return store.Beat{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	return store.Beat{Count: d.count, Incarnation: "first"}, nil
}

func (d *databases) ReplicaBeat(ctx context.Context) (store.Beat, error) {
	d.mu.Lock()
	is := d.replica
	d.mu.Unlock()
	if err := is.wait(ctx); err != nil {
		return store.Beat{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.lagging {
		d.copied = d.count
	}
	return store.Beat{Count: d.copied, Incarnation: "first"}, nil
}

// place is a watch in a bubble, with what it said.
type place struct {
	*Watch
	db    *databases
	heard atomic.Int64 // of three sites
	log   bytes.Buffer
	told  []State
	beats []store.Beat
	began time.Time
}

// watching runs f beside a watch that runs.
func watching(t *testing.T, begin func(*databases), f func(t *testing.T, p *place)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &place{db: &databases{}, began: time.Now()}
		p.heard.Store(3)
		if begin != nil {
			begin(p.db)
		}
		w, err := New(Options{
			Beats: p.db, StaleAfter: time.Minute, Logger: slog.New(slog.NewTextHandler(&p.log, nil)),
			Contact:  func() (int, int) { return 3, int(p.heard.Load()) },
			OnChange: func(_, is State) { p.told = append(p.told, is) },
			OnBeat:   func(b store.Beat) { p.beats = append(p.beats, b) },
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Watch = w
		ctx, stop := context.WithCancel(t.Context())
		w.Look(ctx)
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		synctest.Wait()
		f(t, p)
		stop()
		<-done
	})
}

// after lets d pass and returns the mode then.
func (p *place) after(d time.Duration) State {
	time.Sleep(d)
	synctest.Wait()
	return p.State()
}

func (p *place) want(t *testing.T, got State, mode Mode, stale bool) {
	t.Helper()
	if got.Mode != mode || got.Stale != stale {
		t.Errorf("after %s: %s, stale %t; want %s, %t", time.Since(p.began), got.Mode, got.Stale, mode, stale)
	}
}

func TestAWriterThatDiesIsLostAfterFiveSecondsAndFoundAtOnce(t *testing.T) {
	watching(t, nil, func(t *testing.T, p *place) {
		p.want(t, p.State(), Full, false)
		p.want(t, p.after(10500*time.Millisecond), Full, false)
		p.db.set(func() { p.db.writer = refuses })
		p.want(t, p.after(4400*time.Millisecond), Full, false) // the last was asked for half a second before
		p.want(t, p.after(200*time.Millisecond), WriterLost, false)
		since := p.after(time.Hour)
		p.want(t, since, WriterLost, false)
		if got := since.Since.Sub(p.began); got < 15*time.Second || got > 16*time.Second {
			t.Errorf("lost since %s", got)
		}
		p.db.set(func() { p.db.writer = answers })
		p.want(t, p.after(time.Second), Full, false)
		var modes []Mode
		for _, s := range p.told {
			modes = append(modes, s.Mode)
		}
		if diff := cmp.Diff([]Mode{Full, WriterLost, Full}, modes); diff != "" {
			t.Errorf("it told (-want +got):\n%s", diff)
		}
		if log := p.log.String(); strings.Count(log, "event=contact.changed") != 2 || strings.Contains(log, "level=ERROR") ||
			!strings.Contains(log, "mode=writer_lost") || !strings.Contains(log, "mode=full stale=false from=writer_lost lasted=1h0m") {
			t.Errorf("it logged\n%s", log)
		}
	})
}

// A frozen writer holds every question for its time; the replica is read every
// second all the same.
func TestAFrozenWriterHoldsUpNothing(t *testing.T) {
	watching(t, nil, func(t *testing.T, p *place) {
		p.after(10500 * time.Millisecond)
		p.db.set(func() { p.db.writer = frozen })
		p.want(t, p.after(4600*time.Millisecond), WriterLost, false)
		if age := time.Since(p.seen.Load().Read); age > time.Second {
			t.Errorf("the replica was read %s ago", age)
		}
		p.db.set(func() { p.db.writer = answers })
		p.want(t, p.after(answerWithin+beatEvery), Full, false)
	})
}

func TestASiteThatIsCutOffGoesOnForS(t *testing.T) {
	watching(t, nil, func(t *testing.T, p *place) {
		p.after(10500 * time.Millisecond)
		p.db.set(func() { p.db.writer, p.db.lagging = refuses, true })
		p.want(t, p.after(30*time.Second), WriterLost, false) // its records of the others have not expired
		p.heard.Store(1)
		p.want(t, p.after(time.Second), CutOff, false)
		// The replica was read half a second before the cut; the beat was new to it then, or
		// one second earlier: it is written at the same moment.
		p.want(t, p.after(27400*time.Millisecond), CutOff, false)
		p.want(t, p.after(1200*time.Millisecond), CutOff, true)
		p.want(t, p.after(time.Hour), CutOff, true)
		p.heard.Store(2)
		p.want(t, p.after(0), WriterLost, false) // State needs no tick to see it
		p.heard.Store(1)
		p.db.set(func() { p.db.writer, p.db.lagging = answers, false })
		p.want(t, p.after(time.Second), Full, false)
		if !strings.Contains(p.log.String(), "mode=cut_off stale=true from=cut_off") {
			t.Errorf("that S ran out is not in the log:\n%s", p.log.String())
		}
	})
}

func TestEveryDatabaseGone(t *testing.T) {
	watching(t, nil, func(t *testing.T, p *place) {
		p.after(10500 * time.Millisecond)
		p.db.set(func() { p.db.writer, p.db.replica = frozen, frozen })
		p.want(t, p.after(4600*time.Millisecond), Alone, false)
		p.db.set(func() { p.db.replica = answers })
		p.want(t, p.after(answerWithin+beatEvery), WriterLost, false)
		if !strings.Contains(p.log.String(), "level=ERROR") {
			t.Errorf("nobody is woken:\n%s", p.log.String())
		}
	})
}

// A node that starts knows at once where it is, and believes no replica whose
// beat it never saw change.
func TestStarts(t *testing.T) {
	tests := []struct {
		name  string
		begin func(*databases)
		heard int64
		want  Mode
		stale bool
	}{
		{"all is well", nil, 3, Full, false},
		{"the writer is dead", func(d *databases) { d.writer = refuses }, 3, WriterLost, false},
		{"the writer is frozen", func(d *databases) { d.writer = frozen }, 3, WriterLost, false},
		{"this site is cut off", func(d *databases) { d.writer = refuses }, 1, CutOff, true},
		{"no database answers", func(d *databases) { d.writer, d.replica = refuses, frozen }, 3, Alone, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			watching(t, tt.begin, func(t *testing.T, p *place) {
				p.heard.Store(tt.heard)
				p.want(t, p.State(), tt.want, tt.stale)
				if began := time.Since(p.began); began > answerWithin {
					t.Errorf("it took %s to know", began)
				}
			})
		})
	}
}

// Before Run nothing ages: a broker that is built and asked, and whose background
// nobody runs, stays as its first look found it.
func TestBeforeItRunsTheFirstLookStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := New(Options{Beats: &databases{}, StaleAfter: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.State(); got.Mode != Alone {
			t.Errorf("nothing was seen, and it is %s", got.Mode)
		}
		w.Look(t.Context())
		time.Sleep(time.Hour)
		if got := w.State(); got.Mode != Full {
			t.Errorf("it is %s", got.Mode)
		}
	})
}

// A process that was stopped does not go on with what was so before: what it saw
// has aged, though none of its own clocks has ticked yet.
func TestAProcessThatWasStoppedTrustsNothing(t *testing.T) {
	now := noon
	w, err := New(Options{Beats: &databases{}, StaleAfter: time.Minute, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	w.Look(t.Context())
	w.running.Store(true)
	if got := w.State(); got.Mode != Full {
		t.Errorf("it is %s", got.Mode)
	}
	now = now.Add(time.Minute)
	if got := w.State(); got.Mode != Alone || !got.Since.Equal(now) {
		t.Errorf("it is %s since %s", got.Mode, got.Since)
	}
}

func TestEveryBeatIsToldInOrder(t *testing.T) {
	watching(t, nil, func(t *testing.T, p *place) {
		p.after(10500 * time.Millisecond)
		if len(p.beats) < 10 {
			t.Errorf("%d beats in ten seconds", len(p.beats))
		}
		for i, b := range p.beats {
			if b.Count != int64(i+1) {
				t.Errorf("beat %d is %+v", i, b)
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	now := noon
	w, err := New(Options{Beats: &databases{}, StaleAfter: time.Minute, Now: func() time.Time { return now }, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	w.Look(t.Context())
	now = now.Add(2 * time.Second)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP bongsu_contact_beat_age_seconds How long ago the writer took this node's beat, and the replica's beat changed; absent before the first.
# TYPE bongsu_contact_beat_age_seconds gauge
bongsu_contact_beat_age_seconds{of="writer"} 2
# HELP bongsu_contact_beats_total Beats asked for, of the database's writer and of this site's replica.
# TYPE bongsu_contact_beats_total counter
bongsu_contact_beats_total{of="replica",result="failed"} 0
bongsu_contact_beats_total{of="replica",result="ok"} 1
bongsu_contact_beats_total{of="writer",result="failed"} 0
bongsu_contact_beats_total{of="writer",result="ok"} 1
# HELP bongsu_contact_mode 1 for the mode that this node is in, 0 for the others.
# TYPE bongsu_contact_mode gauge
bongsu_contact_mode{mode="alone"} 0
bongsu_contact_mode{mode="cut_off"} 0
bongsu_contact_mode{mode="full"} 1
bongsu_contact_mode{mode="writer_lost"} 0
# HELP bongsu_contact_stale 1 while this site is cut off for longer than contact.stale_after.
# TYPE bongsu_contact_stale gauge
bongsu_contact_stale 0
`), "bongsu_contact_mode", "bongsu_contact_stale", "bongsu_contact_beats_total", "bongsu_contact_beat_age_seconds"); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no store": {StaleAfter: time.Minute}, "no S": {Beats: &databases{}}, "an S below zero": {Beats: &databases{}, StaleAfter: -1},
	} {
		if _, err := New(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// State is read by every login; it must cost none of them anything.
func BenchmarkState(b *testing.B) {
	w, err := New(Options{Beats: &databases{}, StaleAfter: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	w.Look(b.Context())
	w.running.Store(true)
	b.ReportAllocs()
	for b.Loop() {
		_ = w.State()
	}
}
