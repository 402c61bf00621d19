package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func newDrill(t testing.TB) store.Drill {
	t.Helper()
	return store.Drill{
		ID: newID(t), Provider: "kakao", Kind: "down", Share: 50, By: "ops", Reason: "정기 훈련", StartedAt: noon, EndsAt: minute(10),
	}
}

func start(t testing.TB, s Store, d store.Drill) {
	t.Helper()
	if err := s.StartDrill(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func testDrills(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"a drill comes back as it was started", func(t *testing.T, s Store) {
			d := newDrill(t)
			d.IncludeSingle = true
			start(t, s, d)
			wantSame(t, must[[]store.Drill](t)(s.Drills(t.Context(), 10)), []store.Drill{d})
		}},
		{"while one runs no other starts", func(t *testing.T, s Store) {
			start(t, s, newDrill(t))
			second := newDrill(t)
			second.Provider, second.StartedAt, second.EndsAt = "naver", minute(9), minute(19)
			wantIs(t, s.StartDrill(t.Context(), second), store.ErrConflict)
			if drills := must[[]store.Drill](t)(s.Drills(t.Context(), 10)); len(drills) != 1 {
				t.Errorf("got %+v", drills)
			}
		}},
		{"one whose time is over makes room, and says so", func(t *testing.T, s Store) {
			first, second := newDrill(t), newDrill(t)
			start(t, s, first)
			second.StartedAt, second.EndsAt = minute(10), minute(20)
			start(t, s, second)
			first.StoppedAt, first.Stop = minute(10), "time"
			wantSame(t, must[[]store.Drill](t)(s.Drills(t.Context(), 10)), []store.Drill{second, first})
			wantSame(t, must[[]store.Drill](t)(s.Drills(t.Context(), 1)), []store.Drill{second})
		}},
		{"the first reason to stop stays", func(t *testing.T, s Store) {
			d := newDrill(t)
			start(t, s, d)
			for i, reason := range []string{"operator", "floor"} {
				if err := s.StopDrill(t.Context(), d.ID, reason, minute(1+i)); err != nil {
					t.Fatal(err)
				}
			}
			d.StoppedAt, d.Stop = minute(1), "operator"
			wantSame(t, must[[]store.Drill](t)(s.Drills(t.Context(), 10)), []store.Drill{d})
			next := newDrill(t)
			next.StartedAt, next.EndsAt = minute(2), minute(3)
			start(t, s, next)
		}},
		{"an unknown drill is neither stopped nor counted in", func(t *testing.T, s Store) {
			wantIs(t, s.StopDrill(t.Context(), newID(t), "operator", noon), store.ErrNotFound)
			wantIs(t, s.CountDrill(t.Context(), newID(t), "seoul/a/1", map[string]int64{"assigned": 1}), store.ErrNotFound)
			wantSame(t, must[map[string]int64](t)(s.DrillCounts(t.Context(), newID(t))), map[string]int64{})
		}},
		{"counts of all nodes are summed, and writing them twice counts nothing twice", testDrillCounts},
		{"bounds", testDrillBounds},
		{"of racing starts exactly one wins", func(t *testing.T, s Store) {
			drills := make([]store.Drill, racers)
			for i := range drills {
				drills[i] = newDrill(t)
			}
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				return s.StartDrill(ctx, drills[i])
			}), store.ErrConflict)
			if len(won) != 1 {
				t.Fatalf("%d drills started", len(won))
			}
			wantSame(t, must[[]store.Drill](t)(s.Drills(t.Context(), 10)), []store.Drill{drills[won[0]]})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

func testDrillCounts(t *testing.T, s Store) {
	d := newDrill(t)
	start(t, s, d)
	for _, told := range []struct {
		node   string
		counts map[string]int64
	}{
		{"seoul/a/1", map[string]int64{"assigned": 3, "refused": 1}},
		{"seoul/a/1", map[string]int64{"assigned": 5, "refused": 1}},
		{"seoul/a/1", map[string]int64{"assigned": 4}}, // arrives late
		{"seoul/a/2", map[string]int64{"assigned": 10}},
		{"busan/b/1", map[string]int64{"fell_back": 7}},
		{"busan/b/1", nil},
	} {
		if err := s.CountDrill(t.Context(), d.ID, told.node, told.counts); err != nil {
			t.Fatal(err)
		}
	}
	winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
		return s.CountDrill(ctx, d.ID, "tokyo/c/1", map[string]int64{"gave_up": int64(i + 1), "assigned": int64(i + 1)})
	}), nil)
	wantSame(t, must[map[string]int64](t)(s.DrillCounts(t.Context(), d.ID)), map[string]int64{
		"assigned": 15 + racers, "refused": 1, "fell_back": 7, "gave_up": racers,
	})
}

func testDrillBounds(t *testing.T, s Store) {
	for _, spoil := range []func(d *store.Drill){
		func(d *store.Drill) { d.ID = "" },
		func(d *store.Drill) { d.Provider = "" },
		func(d *store.Drill) { d.Kind = "" },
		func(d *store.Drill) { d.By = "" },
		func(d *store.Drill) { d.Reason = strings.Repeat("a", store.MaxReason+1) },
		func(d *store.Drill) { d.Share = 0 },
		func(d *store.Drill) { d.Share = 1001 },
		func(d *store.Drill) { d.EndsAt = d.StartedAt },
		func(d *store.Drill) { d.StoppedAt = noon },
		func(d *store.Drill) { d.Stop = "before it began" },
	} {
		bad := newDrill(t)
		spoil(&bad)
		wantInvalid(t, s.StartDrill(t.Context(), bad))
	}
	wantInvalid(t, s.StopDrill(t.Context(), newID(t), "", noon))
	wantInvalid(t, s.StopDrill(t.Context(), newID(t), "operator", time.Time{}))
	wantInvalid(t, s.CountDrill(t.Context(), newID(t), "", nil))
	wantInvalid(t, s.CountDrill(t.Context(), newID(t), "a", map[string]int64{"": 1}))
	wantInvalid(t, s.CountDrill(t.Context(), newID(t), "a", map[string]int64{"a": -1}))
	for _, limit := range []int{0, -1} {
		if drills := must[[]store.Drill](t)(s.Drills(t.Context(), limit)); len(drills) != 0 {
			t.Errorf("%d drills of %d", len(drills), limit)
		}
	}
}
