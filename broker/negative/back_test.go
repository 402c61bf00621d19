package negative

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

// A database restored from a backup has forgotten what was said since, and gives
// revisions out again that this node has read: of another node's news none may be
// missed, and what was forgotten is entered again, even over one more restart.
func TestARestoredStore(t *testing.T) {
	tests := []struct {
		name string
		more int // facts that others entered before this node started
	}{{"that is behind", 2}, {"that has caught up", 5}, {"that is ahead", 9}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "negative.log")
			w := new(writer)
			for i := range 10 {
				w.say(ended(numbered(i)))
			}
			w.say(store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
			if err := open(t, Options{Path: path, Store: w}).Close(); err != nil {
				t.Fatal(err)
			}
			w.set(func() { w.facts, w.revision = w.facts[:6:6], 6 })
			for i := range tt.more {
				w.say(ended(numbered(100 + i)))
			}
			check := func() {
				t.Helper()
				s := open(t, Options{Path: path, Store: w})
				want := make(map[string]bool)
				for i := range 10 {
					want[numbered(i)] = true
				}
				for i := range tt.more {
					want[numbered(100+i)] = true
				}
				stands(t, s, want)
				if s.MinEpoch("acc") != 4 {
					t.Errorf("sessions of epoch %d are good", s.MinEpoch("acc"))
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			check() // and is not there for long enough to send anything
			s := open(t, Options{Path: path, Store: w})
			if err := s.send(t.Context()); err != nil || s.Unsent() > 0 {
				t.Fatalf("send: %v, %d are not sent", err, s.Unsent())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			fresh := open(t, Options{Store: w}) // knows what the store knows
			stands(t, fresh, map[string]bool{numbered(0): true, numbered(6): true, numbered(9): true, numbered(100): true})
			if fresh.MinEpoch("acc") != 4 {
				t.Errorf("the store knows epoch %d", fresh.MinEpoch("acc"))
			}
			check()
		})
	}
}

// The store that was read is the one that is there: nothing is said twice.
func TestAStoreThatWasNotSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	w := new(writer)
	for i := range 10 {
		w.say(ended(numbered(i)))
	}
	for range 3 {
		s := open(t, Options{Path: path, Store: w})
		if s.Unsent() > 0 {
			t.Errorf("%d are sent again", s.Unsent())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		w.say(ended(numbered(3))) // has another revision now
	}
}

// However a store became another one than was read, every node that ever read it
// learns of it, whenever it asks: nothing is missed and nothing forgotten.
func TestAStoreThatIsNotWhatItWas(t *testing.T) {
	setBack := func(w *writer) {
		w.set(func() { w.facts, w.revision = w.facts[:6:6], 6 })
	}
	tests := []struct {
		name    string
		happens func(t *testing.T, w *writer)
		beats   []store.Beat // that this node hears then
		renamed int
	}{
		{
			"another one in its place, which counts as far",
			func(_ *testing.T, w *writer) { w.set(func() { w.facts, w.name = w.facts[:6:6], "other" }) },
			nil, 0,
		},
		{
			"set back, noticed by another node, and grown beyond what this one has read",
			func(t *testing.T, w *writer) {
				setBack(w)
				other := open(t, Options{Store: w})
				other.Heard(store.Beat{Count: 100, Incarnation: "first"})
				other.Heard(store.Beat{Count: 60, Incarnation: "first"})
				if err := other.readFeed(t.Context()); err != nil {
					t.Fatal(err)
				}
				// The tenth fact is told again by somebody, at the very revision it had.
				for i := 6; i < 10; i++ {
					w.say(ended(numbered(i + 100)))
				}
				w.say(store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
			},
			nil, 1,
		},
		{
			"set back and grown so far that only its beats show it",
			func(_ *testing.T, w *writer) {
				setBack(w)
				for i := 6; i < 10; i++ {
					w.say(ended(numbered(i + 100)))
				}
				w.say(store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
			},
			[]store.Beat{{Count: 90, Incarnation: "first"}, {Count: 70, Incarnation: "first"}},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "negative.log")
			w := &writer{name: "first"}
			for i := range 10 {
				w.say(ended(numbered(i)))
			}
			w.say(store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
			if err := open(t, Options{Path: path, Store: w}).Close(); err != nil {
				t.Fatal(err)
			}
			tt.happens(t, w)
			s := open(t, Options{Path: path, Store: w})
			for _, b := range tt.beats {
				s.Heard(b)
			}
			if err := errors.Join(s.readFeed(t.Context()), s.send(t.Context())); err != nil || s.Unsent() > 0 {
				t.Fatalf("send: %v, %d are not sent", err, s.Unsent())
			}
			want := make(map[string]bool)
			for i := range 10 {
				want[numbered(i)] = true
			}
			stands(t, s, want)
			stands(t, open(t, Options{Store: w}), want) // who knows what the store knows
			if w.renamed != tt.renamed || s.Incarnation() != w.name {
				t.Errorf("it was renamed %d times and is known as %q, not %q", w.renamed, s.Incarnation(), w.name)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := open(t, Options{Path: path, Store: w})
			if again.Unsent() > 0 || again.Incarnation() != w.name {
				t.Errorf("after a restart %d are sent again, and it is known as %q", again.Unsent(), again.Incarnation())
			}
		})
	}
}

// Beats of a store that is what it was, and even those of one that nobody has
// named yet, have nothing read anew; nor does a writer that is away.
func TestBeatsOfTheSameStore(t *testing.T) {
	w := &writer{name: "first"}
	w.say(ended("one"))
	s := open(t, Options{Store: w})
	for i := range int64(5) {
		s.Heard(store.Beat{Count: 10 + i, Incarnation: "first"})
	}
	if err := s.readFeed(t.Context()); err != nil || s.Unsent() > 0 || w.renamed > 0 {
		t.Errorf("%v, %d are sent again, renamed %d times", err, s.Unsent(), w.renamed)
	}
	s.Heard(store.Beat{Count: 3, Incarnation: "first"})
	w.set(func() { w.err = store.ErrUnavailable })
	if err := s.readFeed(t.Context()); err == nil {
		t.Error("nobody was asked")
	}
	w.set(func() { w.err = nil })
	if err := s.readFeed(t.Context()); err != nil || w.renamed != 1 {
		t.Errorf("%v; what the beats showed was forgotten while the writer was away", err)
	}
	if s.readFeed(t.Context()) != nil || w.renamed != 1 {
		t.Error("and was noticed twice")
	}
}
