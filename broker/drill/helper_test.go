package drill

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// world is some nodes around one store, and the clock on all their walls.
type world struct {
	t         *testing.T
	now       time.Time
	store     *lossy
	nodes     []*Engine
	healthy   map[string]bool
	incident  string
	forbidden bool
}

// lossy is a real store that can be cut off.
type lossy struct {
	*sqlstore.Store

	cut bool
}

func (l *lossy) Drills(ctx context.Context, limit int) ([]store.Drill, error) {
	if l.cut {
		return nil, store.ErrUnavailable
	}
	return l.Store.Drills(ctx, limit)
}

func (l *lossy) CountDrill(ctx context.Context, drill, node string, counts map[string]int64) error {
	if l.cut {
		return store.ErrUnavailable
	}
	return l.Store.CountDrill(ctx, drill, node, counts)
}

func newWorld(t *testing.T, nodes ...string) *world {
	t.Helper()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	w := &world{t: t, now: noon, store: &lossy{Store: opened}, healthy: map[string]bool{"naver": true, "google": true}}
	for _, node := range nodes {
		e, err := New(Options{
			Store: w.store, Node: node, Providers: []string{"kakao", "naver", "google"},
			Healthy:  func(p string) bool { return w.healthy[p] },
			Incident: func() string { return w.incident }, Forbidden: func() bool { return w.forbidden },
			Now: func() time.Time { return w.now },
		})
		if err != nil {
			t.Fatal(err)
		}
		w.nodes = append(w.nodes, e)
	}
	return w
}

// request is a drill that everybody may start.
func request() Request {
	return Request{Provider: "kakao", Kind: Down, Share: 500, For: 10 * time.Minute, By: "ops", Reason: "practice"}
}

func (w *world) start(r Request) store.Drill {
	w.t.Helper()
	d, err := w.nodes[0].Start(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pass(0)
	return d
}

// pass lets time pass, and every node have its second.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	for _, e := range w.nodes {
		if err := e.step(w.t.Context()); err != nil && !w.store.cut {
			w.t.Fatal(err)
		}
	}
}

// login is the id of a login that begins now.
func (w *world) login() string {
	w.t.Helper()
	made, err := id.Dated(w.now, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// drilled is the id of a login that takes part.
func (w *world) drilled(e *Engine) (login, drill string) {
	w.t.Helper()
	for range 1000 {
		login = w.login()
		if kind, in := e.Looks("kakao", login, 2); kind != None {
			return login, in
		}
	}
	w.t.Fatal("no login takes part")
	return "", ""
}

// takes reports whether any of many logins takes part at e.
func (w *world) takes(e *Engine) bool {
	w.t.Helper()
	for range 200 {
		if kind, _ := e.Looks("kakao", w.login(), 2); kind != None {
			return true
		}
	}
	return false
}
