package negative

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func TestAHintIsObeyedUntilTheFeedWasReadPastIt(t *testing.T) {
	tests := []struct {
		name  string
		said  func(w *writer) // what the store holds when it answers
		after bool            // whether the session has ended then
	}{
		{"and it was true", func(w *writer) { w.say(ended("a")) }, true},
		{"and it was lifted since", func(w *writer) {
			f := w.say(ended("a"))
			f.Lifted = true
			w.say(f)
		}, false},
		{"and it was a lie", func(w *writer) { w.say(ended("another")) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &writer{err: store.ErrUnavailable}
				s := open(t, Options{Store: w, Now: time.Now})
				stop := run(t, s)
				defer stop()
				s.Doubt(store.SessionEnded, "a", 1)
				stands(t, s, map[string]bool{"a": true, "b": false})
				pass(5 * time.Minute) // nobody answers
				stands(t, s, map[string]bool{"a": true})

				tt.said(w)
				w.set(func() { w.err = nil })
				pass(2 * time.Second)
				synctest.Wait()
				stands(t, s, map[string]bool{"a": tt.after})
				if s.Doubts() != 0 {
					t.Errorf("%d hints are still obeyed", s.Doubts())
				}
			})
		})
	}
}

func TestAHintHasTheFeedReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writer)
		s := open(t, Options{Store: w, Now: time.Now, Poll: time.Hour})
		stop := run(t, s)
		defer stop()
		synctest.Wait()
		f := w.say(ended("a"))
		s.Doubt(store.SessionEnded, "a", f.Revision)
		synctest.Wait() // no time passes
		if s.Revision() != f.Revision || s.Doubts() != 0 || !s.Has(store.SessionEnded, "a") {
			t.Errorf("read to %d of %d, %d hints obeyed", s.Revision(), f.Revision, s.Doubts())
		}
	})
}

// However many hints come, the store is asked ten times a second.
func TestManyHintsAskTheStoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writer)
		s := open(t, Options{Store: w, Now: time.Now, Poll: time.Hour})
		stop := run(t, s)
		defer stop()
		synctest.Wait()
		before := w.readings()
		for range 1000 {
			s.Hurry()
			pass(time.Millisecond)
		}
		if asked := w.readings() - before; asked < 5 || asked > 11 {
			t.Errorf("asked %d times in a second", asked)
		}
	})
}

func TestAHintThatIsNeverConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writer)
		s := open(t, Options{Store: w, Now: time.Now})
		stop := run(t, s)
		defer stop()
		s.Doubt(store.SessionEnded, "b", 0) // of a fact that the store never gets
		w.say(ended("c"))
		pass(10*time.Minute - time.Second)
		stands(t, s, map[string]bool{"b": true, "c": true})
		pass(2 * time.Second)
		stands(t, s, map[string]bool{"b": false, "c": true})
		pass(sweepEvery)
		if s.Doubts() != 0 {
			t.Errorf("%d hints are kept", s.Doubts())
		}
	})
}

// Of what the writer has not heard of it cannot have told anybody.
func TestAHintOfARevisionThatThereIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{err: store.ErrUnavailable}
		s := open(t, Options{Store: w, Now: time.Now})
		stop := run(t, s)
		defer stop()
		s.Doubt(store.SessionEnded, "a", 1<<40)
		pass(time.Minute) // nobody can say
		stands(t, s, map[string]bool{"a": true})
		w.set(func() { w.err = nil })
		pass(2 * time.Second)
		stands(t, s, map[string]bool{"a": false})
		s.Doubt(store.SessionEnded, "a", 1<<40)
		synctest.Wait()
		if s.Doubts() != 0 {
			t.Error("the writer answers and the hint is obeyed")
		}
	})
}

// What one site says of everybody is obeyed for seconds, however often it is said.
func TestAHintThatTouchesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{err: store.ErrUnavailable}
		s := open(t, Options{Store: w, Now: time.Now})
		stop := run(t, s)
		defer stop()
		for range 4 {
			s.Doubt(store.ProviderDisabled, "kakao", 9)
			if !s.Has(store.ProviderDisabled, "kakao") {
				t.Fatal("it is not obeyed")
			}
			pass(time.Second)
		}
		pass(time.Second)
		if s.Has(store.ProviderDisabled, "kakao") {
			t.Error("it is obeyed for more than five seconds")
		}
	})
}

func TestAHintOfWhatTheStoreHasNotHeardOf(t *testing.T) {
	w := new(writer)
	s := open(t, Options{Store: w, DoubtFor: time.Hour})
	w.say(ended("other"))
	lifted := w.say(ended("a"))
	lifted.Lifted = true
	w.say(lifted) // an older story of the same session
	s.Doubt(store.SessionEnded, "a", 0)
	readOn(t, s)
	stands(t, s, map[string]bool{"a": true})
	if s.Doubts() != 1 {
		t.Fatal("an older lift has settled it")
	}
	w.say(ended("a"))
	readOn(t, s)
	stands(t, s, map[string]bool{"a": true})
	if s.Doubts() != 0 {
		t.Error("the feed has brought it and it is in doubt still")
	}
}

// readOn reads the feed as Run does.
func readOn(t *testing.T, s *Set) {
	t.Helper()
	if err := s.readFeed(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestHintsThatChangeNothing(t *testing.T) {
	w := new(writer)
	f := w.say(ended("known"))
	s := open(t, Options{Store: w})
	s.Doubt(store.SessionEnded, "old", f.Revision)
	s.Doubt(store.SessionEnded, "", 9)
	s.Doubt("", "a", 9)
	s.Doubt(store.SessionEnded, strings.Repeat("a", 256), 9)
	s.Doubt(store.SessionEnded, "a\nb", 9)
	s.Doubt(store.SessionEnded, "negative", -1)
	if s.Doubts() != 0 {
		t.Errorf("%d hints are obeyed, want none", s.Doubts())
	}
	stands(t, s, map[string]bool{"known": true, "old": false, "negative": false})
}

func TestAHintThatSessionsWereEnded(t *testing.T) {
	w := new(writer)
	s := open(t, Options{Store: w})
	epochs := func(doubted, stored bool, least int64) {
		t.Helper()
		gotDoubted, gotStored := s.EpochInDoubt("acc")
		if got := s.MinEpoch("acc"); gotDoubted != doubted || gotStored != stored || got != least {
			t.Errorf("doubted %t, stored %t, at least %d; want %t, %t, %d", gotDoubted, gotStored, got, doubted, stored, least)
		}
	}
	epochs(false, false, 0)
	s.Doubt(store.AccountEpoch, "acc", 0)
	epochs(true, false, 0)
	s.Doubt(store.AccountEpoch, "acc", 1)
	epochs(true, true, 0)
	w.say(store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 3})
	readOn(t, s)
	epochs(false, false, 3)
}

func TestHintsAreBoundedAndForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path})
	for i := range maxDoubts + 10 {
		s.Doubt(store.SessionEnded, numbered(i), 1)
	}
	if s.Doubts() != maxDoubts {
		t.Errorf("%d hints are obeyed, want %d", s.Doubts(), maxDoubts)
	}
	s.Doubt(store.SessionEnded, numbered(0), 2)
	stands(t, s, map[string]bool{numbered(0): true, numbered(maxDoubts): false})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, Options{Path: path}); again.Doubts() != 0 || again.Len() != 0 {
		t.Error("a hint is in the log")
	}
}

// A doubt ends only when what settles it can be seen: nobody reads a moment in
// which neither holds.
func TestBetweenDoubtAndFactThereIsNoMoment(t *testing.T) {
	for i := range 200 {
		w := new(writer)
		s := open(t, Options{Store: w})
		f := w.say(ended("a"))
		s.Doubt(store.SessionEnded, "a", f.Revision)
		var reading sync.WaitGroup
		begun := make(chan struct{})
		reading.Go(func() {
			close(begun)
			for s.Doubts() > 0 {
				if !s.Has(store.SessionEnded, "a") {
					t.Errorf("try %d: for a moment the session had not ended", i)
					return
				}
			}
			if !s.Has(store.SessionEnded, "a") {
				t.Errorf("try %d: the session has not ended", i)
			}
		})
		<-begun
		readOn(t, s)
		reading.Wait()
	}
}

// Peers are told what is said here, at once and with its revision; never what
// came from the store, the log or a lift.
func TestOnSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []store.Fact
		w := new(writer)
		w.say(ended("from the feed"))
		path := filepath.Join(t.TempDir(), "negative.log")
		o := Options{Path: path, Store: w, Now: time.Now, OnSaid: func(f store.Fact) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, f)
		}}
		s := open(t, o)
		stop := run(t, s)
		apply(t, s, ended("a"))
		apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "acc", Revision: 9, Epoch: 2, Lifted: true})
		if waiting := s.Waiting(); len(waiting) > 1 {
			t.Errorf("%v wait", waiting)
		}
		synctest.Wait()
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if len(said) != 2 || said[0].ID != "a" || said[0].Revision != 0 || said[1].ID != "a" || said[1].Revision != 2 {
			t.Errorf("told of %v, want a without revision and a with the second", said)
		}
		said = nil
		open(t, o)
		if len(said) != 0 {
			t.Errorf("told of %v after a restart", said)
		}
	})
}

func TestWhatWaitsForTheStore(t *testing.T) {
	s := open(t, Options{})
	apply(t, s, ended("a"))
	if waiting := s.Waiting(); len(waiting) != 1 || waiting[0].ID != "a" || waiting[0].Revision != 0 {
		t.Errorf("%v wait, want a", waiting)
	}
}

func BenchmarkHasWithDoubts(b *testing.B) {
	s, err := Open(b.Context(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		s.Doubt(store.SessionEnded, numbered(i), 1)
	}
	for b.Loop() {
		s.Has(store.SessionEnded, "another")
	}
}
