package drill

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
)

func TestWhatADrillMayBe(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Request)
	}{
		{"an unknown provider", func(r *Request) { r.Provider = "daum" }},
		{"an unknown kind", func(r *Request) { r.Kind = "explode" }},
		{"no kind", func(r *Request) { r.Kind = None }},
		{"no share", func(r *Request) { r.Share = 0 }},
		{"more than half", func(r *Request) { r.Share = MaxShare + 1 }},
		{"no time", func(r *Request) { r.For = 0 }},
		{"longer than an hour", func(r *Request) { r.For = MaxFor + 1 }},
	}
	w := newWorld(t, "a")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			tt.spoil(&r)
			if _, err := w.nodes[0].Start(t.Context(), r); !errors.Is(err, ErrRequest) {
				t.Errorf("got %v", err)
			}
		})
	}
	if w.takes(w.nodes[0]) {
		t.Error("a login is drilled")
	}
}

func TestGuardsRefuse(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*world)
		check string
	}{
		{"the lever is engaged", func(w *world) { w.forbidden = true }, "D01"},
		{"a real incident is open", func(w *world) { w.incident = "naver is down" }, "D02"},
		{"one other provider is healthy", func(w *world) { w.healthy["naver"] = false }, "D03"},
		{"nobody knows of the others", func(w *world) { clear(w.healthy) }, "D03"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "a")
			tt.spoil(w)
			_, err := w.nodes[0].Start(t.Context(), request())
			if g, ok := errors.AsType[Guard](err); !ok || g.Check != tt.check {
				t.Errorf("got %v, want %s", err, tt.check)
			}
			if drills, err := w.nodes[0].List(t.Context(), 10); err != nil || len(drills) != 0 {
				t.Errorf("%v %v", drills, err)
			}
		})
	}
}

func TestOneDrillAtATime(t *testing.T) {
	w := newWorld(t, "a", "b")
	first := w.start(request())
	if _, err := w.nodes[1].Start(t.Context(), request()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v", err)
	}
	if err := w.nodes[1].Stop(t.Context(), first.ID, StopOperator); err != nil {
		t.Fatal(err)
	}
	if _, err := w.nodes[1].Start(t.Context(), request()); err != nil {
		t.Error(err)
	}
	if err := w.nodes[0].Stop(t.Context(), "nosuchdrill", StopOperator); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// The share is kept, every node agrees on every login, and another drill meets
// others.
func TestWhoTakesPart(t *testing.T) {
	w := newWorld(t, "a", "b")
	r := request()
	r.Share = 100
	d := w.start(r)
	const n = 20_000
	taken, same := 0, 0
	for range n {
		login := w.login()
		kind, drill := w.nodes[0].Looks("kakao", login, 0)
		if other, _ := w.nodes[1].Looks("kakao", login, 3); other != kind {
			t.Fatalf("nodes disagree about %s", login)
		}
		if kind == None {
			continue
		}
		taken++
		if kind != Down || drill != d.ID {
			t.Fatalf("got %q %q", kind, drill)
		}
		if share("another drill", login) < 100 {
			same++
		}
		if kind, _ := w.nodes[0].Looks("naver", login, 2); kind != None {
			t.Fatal("another provider is drilled")
		}
		if kind, _ := w.nodes[0].Looks("kakao", login, 1); kind != None {
			t.Fatal("somebody with one way takes part")
		}
	}
	if sigma := math.Sqrt(n * 0.1 * 0.9); math.Abs(float64(taken)-n*0.1) > 5*sigma {
		t.Errorf("%d of %d take part, want a tenth", taken, n)
	}
	if same > taken/5 {
		t.Errorf("%d of %d would take part in another drill too", same, taken)
	}
}

func TestPeopleWithOneWayOnRequest(t *testing.T) {
	w := newWorld(t, "a")
	r := request()
	r.IncludeSingle = true
	w.start(r)
	login, _ := w.drilled(w.nodes[0])
	if kind, _ := w.nodes[0].Looks("kakao", login, 1); kind != Down {
		t.Error("somebody with one way takes no part")
	}
}

// Whoever controls a drill may vanish: each node ends it alone.
func TestHowADrillEnds(t *testing.T) {
	tests := []struct {
		name string
		end  func(w *world, d store.Drill)
		stop string
	}{
		{"its time is over", func(w *world, _ store.Drill) { w.pass(10 * time.Minute) }, ""},
		{"an operator stops it at another node", func(w *world, d store.Drill) {
			if err := w.nodes[0].Stop(w.t.Context(), d.ID, StopOperator); err != nil {
				w.t.Fatal(err)
			}
			w.pass(time.Second)
		}, StopOperator},
		{"the store cannot be read", func(w *world, _ store.Drill) {
			w.store.cut = true
			w.pass(believed + time.Second)
		}, ""},
		{"the store cannot be read, nor does anybody look", func(w *world, _ store.Drill) {
			w.now = w.now.Add(10 * time.Minute)
		}, ""},
		{"a provider really goes down", func(w *world, _ store.Drill) {
			w.incident = "kakao is down"
			w.pass(time.Second)
		}, StopIncident},
		{"the lever is engaged", func(w *world, _ store.Drill) {
			w.forbidden = true
			w.pass(time.Second)
		}, StopLever},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "a", "b")
			d := w.start(request())
			for i, e := range w.nodes {
				if !w.takes(e) {
					t.Fatalf("node %d does not take part", i)
				}
			}
			tt.end(w, d)
			for i, e := range w.nodes {
				if w.takes(e) {
					t.Errorf("node %d goes on", i)
				}
				if kind := e.Seems("kakao", d.ID); kind != None {
					t.Errorf("a leg at node %d still meets %q", i, kind)
				}
			}
			w.store.cut = false
			if drills, err := w.nodes[0].List(t.Context(), 1); err != nil || drills[0].Stop != tt.stop {
				t.Errorf("stopped for %+v (%v), want %q", drills, err, tt.stop)
			}
		})
	}
}

// A clock that is behind does not lengthen a drill.
func TestANodeWhoseClockIsBehindEndsTheDrillAllTheSame(t *testing.T) {
	w := newWorld(t, "a")
	w.start(request())
	late, err := New(Options{
		Store: w.store, Node: "late", Providers: []string{"kakao", "naver", "google"}, Healthy: func(string) bool { return true },
		Incident: func() string { return "" }, Now: func() time.Time { return w.now.Add(-time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.nodes = append(w.nodes, late)
	w.pass(time.Second)
	if !w.takes(late) {
		t.Fatal("the late node does not take part")
	}
	for range 11 {
		w.now = w.now.Add(time.Minute)
		if err := late.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if w.takes(late) {
		t.Error("the late node goes on")
	}
}

func TestADrillStopsWhenTooFewSucceed(t *testing.T) {
	tests := []struct {
		name        string
		n, succeed  int
		after       time.Duration
		stops, slow bool
	}{
		{"most succeed", 40, 30, Patience, false, false},
		{"too few do", 40, 23, Patience, true, false},
		{"too few do, but nobody has had the time", 40, 0, Patience - 5*time.Second, false, false},
		{"too few do, of a handful", Enough - 1, 0, Patience, false, false},
		{"most do, though late", 40, 30, Patience, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "a", "b")
			d := w.start(request())
			end := func(i int, login string) {
				what, way := Completed, "naver"
				if i >= tt.succeed {
					what, way = Refused, ""
				}
				w.nodes[1].Count(Event{What: what, Drill: d.ID, Login: login, Way: way})
			}
			var logins []string
			for i := range tt.n {
				login, _ := w.drilled(w.nodes[0])
				w.nodes[0].Count(Event{What: Assigned, Drill: d.ID, Login: login})
				if !tt.slow {
					end(i, login)
				}
				logins = append(logins, login)
			}
			w.now = w.now.Add(tt.after)
			if tt.slow { // they end in the second in which they are due
				for i, login := range logins {
					end(i, login)
				}
			}
			for _, e := range w.nodes { // all tell before any of them judges
				if err := e.flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.pass(time.Second)
			w.pass(time.Second)
			if stopped := !w.takes(w.nodes[0]); stopped != tt.stops {
				t.Errorf("stopped: %t", stopped)
			}
		})
	}
}

func TestRunKeepsANodeInTouch(t *testing.T) {
	w := newWorld(t, "a") // its store's goroutines must not be in the bubble
	d := w.start(request())
	registry := prometheus.NewRegistry()
	memory := &fixed{drills: []store.Drill{d}}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		e, err := New(Options{
			Store: memory, Node: "b", Providers: []string{"kakao", "naver", "google"}, Healthy: func(string) bool { return true },
			Incident: func() string { return "" }, Now: func() time.Time { return noon.Add(time.Since(began)) }, Registerer: registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		active := func(want float64) {
			t.Helper()
			families, err := registry.Gather()
			if err != nil || len(families) != 1 || families[0].GetName() != "bongsu_drill_active" {
				t.Fatalf("got %v, %v", families, err)
			}
			if got := families[0].GetMetric()[0].GetGauge().GetValue(); got != want {
				t.Errorf("bongsu_drill_active is %v, want %v", got, want)
			}
		}
		active(0)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { e.Run(ctx); close(done) }()
		synctest.Wait()
		active(1)
		if _, ok := e.now(); !ok {
			t.Error("not active")
		}
		login := w.login()
		e.Count(Event{What: Assigned, Drill: d.ID, Login: login})
		time.Sleep(poll)
		synctest.Wait()
		if memory.counts[countAssigned] != 1 {
			t.Errorf("counts are %v", memory.counts)
		}
		e.Count(Event{What: Completed, Drill: d.ID, Login: login, Way: "naver"})
		stop()
		<-done // and what was counted last is written
		if memory.counts[countWay+"naver"] != 1 {
			t.Errorf("counts are %v", memory.counts)
		}
	})
}

// fixed is a store that says the same for ever.
type fixed struct {
	Store

	drills []store.Drill
	counts map[string]int64
}

func (f *fixed) Drills(context.Context, int) ([]store.Drill, error) { return f.drills, nil }
func (f *fixed) DrillCounts(context.Context, string) (map[string]int64, error) {
	return f.counts, nil
}

func (f *fixed) CountDrill(_ context.Context, _, _ string, counts map[string]int64) error {
	if f.counts == nil {
		f.counts = map[string]int64{}
	}
	maps.Copy(f.counts, counts)
	return nil
}

func TestOptionsAreRequired(t *testing.T) {
	if _, err := New(Options{Node: "a"}); err == nil {
		t.Error("made of nothing")
	}
}
