package negative

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// writer is a store in memory that can be away.
type writer struct {
	mu       sync.Mutex
	facts    []store.Fact // ascending by revision
	revision int64
	name     string
	renamed  int
	recorded int   // how often RecordFact was answered
	read     int   // how often FactsSince was
	err      error // when set, nothing is answered
	frozen   bool  // when set, nothing is answered before the caller gives up
	answer   func(f store.Fact) store.Fact
	whole    bool // goes by the whole rule of the real one about facts that are known
}

func (w *writer) RecordFact(ctx context.Context, f store.Fact) (store.Fact, error) {
	if err := w.away(ctx); err != nil {
		return store.Fact{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorded++
	if w.answer != nil {
		return w.answer(f), nil
	}
	if i := w.index(f); i >= 0 && w.whole {
		old := w.facts[i]
		if old.Lifted && f.Epoch < old.Epoch {
			return old, nil
		}
		if !old.Lifted {
			f.Epoch = max(f.Epoch, old.Epoch)
			f.Until = journal.Time(later(journal.Micros(f.Until), journal.Micros(old.Until)))
			if f.Epoch == old.Epoch && journal.Micros(f.Until) == journal.Micros(old.Until) {
				return old, nil
			}
		}
	} else if i >= 0 && !w.facts[i].Lifted && w.facts[i].Epoch >= f.Epoch {
		return w.facts[i], nil
	}
	return w.put(f), nil
}

func (w *writer) FactsSince(ctx context.Context, revision int64, limit int) ([]store.Fact, error) {
	if err := w.away(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read++
	from, _ := slices.BinarySearchFunc(w.facts, revision+1, func(f store.Fact, r int64) int { return int(f.Revision - r) })
	page := w.facts[from:]
	return slices.Clone(page[:min(len(page), limit)]), nil
}

func (w *writer) FeedRevision(ctx context.Context) (int64, error) {
	if err := w.away(ctx); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.revision, nil
}

func (w *writer) Incarnation(ctx context.Context) (string, error) {
	if err := w.away(ctx); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.name, nil
}

func (w *writer) RenewIncarnation(ctx context.Context, was, next string) (string, error) {
	if err := w.away(ctx); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.name == was {
		w.name = next
		w.renamed++
	}
	return w.name, nil
}

func (w *writer) readings() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read
}

func (w *writer) away(ctx context.Context) error {
	w.mu.Lock()
	err, frozen := w.err, w.frozen
	w.mu.Unlock()
	if frozen {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (w *writer) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// say is what another node tells the store.
func (w *writer) say(f store.Fact) store.Fact {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.put(f)
}

func (w *writer) put(f store.Fact) store.Fact {
	if i := w.index(f); i >= 0 {
		w.facts = slices.Delete(w.facts, i, i+1)
	}
	w.revision++
	f.Revision = w.revision
	w.facts = append(w.facts, f)
	return f
}

func (w *writer) index(f store.Fact) int {
	return slices.IndexFunc(w.facts, func(g store.Fact) bool { return g.Kind == f.Kind && g.ID == f.ID })
}

func (w *writer) has(kind store.FactKind, id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.index(store.Fact{Kind: kind, ID: id})
	return i >= 0 && !w.facts[i].Lifted
}

func open(t *testing.T, o Options) *Set {
	t.Helper()
	if o.Now == nil {
		o.Now = at(noon)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func apply(t *testing.T, s *Set, f store.Fact) {
	t.Helper()
	if err := s.Apply(t.Context(), f); err != nil {
		t.Fatalf("Apply(%v %s): %v", f.Kind, f.ID, err)
	}
}

func ended(sid string) store.Fact { return store.Fact{Kind: store.SessionEnded, ID: sid, At: noon} }

func numbered(i int) string { return fmt.Sprintf("sid-%04d", i) }

// stands fails unless exactly the wanted sessions of the asked ones have ended.
func stands(t *testing.T, s *Set, want map[string]bool) {
	t.Helper()
	for sid, ended := range want {
		if got := s.Has(store.SessionEnded, sid); got != ended {
			t.Errorf("Has(session_ended, %s) = %t, want %t", sid, got, ended)
		}
	}
}
