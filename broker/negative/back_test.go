package negative

import (
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
