package negative

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// run runs s until the returned function is called, which returns when Run has.
func run(t *testing.T, s *Set) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestTheFeedIsReadToItsEndAtStart(t *testing.T) {
	w := new(writer)
	const many = 2*pageSize + 7
	for i := range many {
		w.say(ended(numbered(i)))
	}
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path, Store: w})
	if s.Len() != many || s.Revision() != many {
		t.Fatalf("%d facts up to revision %d, want %d", s.Len(), s.Revision(), many)
	}
	if !s.ReadAt().Equal(noon) {
		t.Errorf("feed read at %v, want %v", s.ReadAt(), noon)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	w.set(func() { w.err = store.ErrUnavailable })
	alone := open(t, Options{Path: path, Store: w})
	if alone.Len() != many || alone.Revision() != many {
		t.Errorf("without the store: %d facts up to revision %d, want %d", alone.Len(), alone.Revision(), many)
	}
	if !alone.ReadAt().IsZero() {
		t.Errorf("feed read at %v, want never", alone.ReadAt())
	}
}

func TestAnotherNodesFactIsObeyedWithinTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writer)
		s := open(t, Options{Store: w, Now: time.Now})
		stop := run(t, s)
		defer stop()

		said := w.say(ended("a"))
		pass(2 * time.Second)
		synctest.Wait()
		stands(t, s, map[string]bool{"a": true})

		said.Lifted = true
		w.say(said)
		pass(2 * time.Second)
		synctest.Wait()
		stands(t, s, map[string]bool{"a": false})
	})
}

func TestTheStoreHearsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writer)
		s := open(t, Options{Store: w, Now: time.Now})
		stop := run(t, s)
		defer stop()
		synctest.Wait()

		apply(t, s, ended("a"))
		synctest.Wait() // no time passes
		if !w.has(store.SessionEnded, "a") || s.Unsent() != 0 {
			t.Errorf("the store does not know; %d unsent", s.Unsent())
		}
	})
}

func TestAFactSaidWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{err: store.ErrUnavailable}
		path := filepath.Join(t.TempDir(), "negative.log")
		s := open(t, Options{Path: path, Store: w, Now: time.Now})
		stop := run(t, s)
		apply(t, s, ended("a"))
		pass(time.Minute)
		stands(t, s, map[string]bool{"a": true})
		stop()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		again := open(t, Options{Path: path, Store: w, Now: time.Now})
		stop = run(t, again)
		defer stop()
		stands(t, again, map[string]bool{"a": true})
		w.set(func() { w.err = nil })
		pass(10 * time.Second)
		synctest.Wait()
		if !w.has(store.SessionEnded, "a") || again.Unsent() != 0 {
			t.Errorf("the store does not know; %d unsent", again.Unsent())
		}
		if w.recorded != 1 {
			t.Errorf("sent %d times, want once", w.recorded)
		}
	})
}

func TestAFrozenStoreHoldsUpNothingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{frozen: true}
		began := time.Now()
		s := open(t, Options{Store: w, Now: time.Now})
		if took := time.Since(began); took > answerWithin {
			t.Errorf("Open took %v", took)
		}
		stop := run(t, s)
		defer stop()

		began = time.Now()
		apply(t, s, ended("a"))
		if took := time.Since(began); took != 0 {
			t.Errorf("Apply waited %v for the store", took)
		}
		w.set(func() { w.frozen = false })
		w.say(ended("b"))
		pass(answerWithin + time.Second)
		synctest.Wait()
		stands(t, s, map[string]bool{"a": true, "b": true})
		if !w.has(store.SessionEnded, "a") {
			t.Error("the store was not told after it thawed")
		}
	})
}

func TestTheLastFactIsSentOnTheWayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writer)
		s := open(t, Options{Store: w, Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		apply(t, s, ended("a"))
		s.Run(ctx)
		if !w.has(store.SessionEnded, "a") {
			t.Error("the store was not told")
		}
	})
}

func TestOnlyTheWriterLifts(t *testing.T) {
	w := &writer{err: store.ErrUnavailable}
	s := open(t, Options{Store: w})
	apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 1})

	// The writer lifted an earlier fact that this node never saw.
	w.set(func() { w.err = nil })
	w.say(store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 2, Lifted: true})
	if err := s.readFeed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !s.Has(store.AccountDisabled, "acc") {
		t.Fatal("a lift undid what the writer had not heard of")
	}
	if err := s.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !w.has(store.AccountDisabled, "acc") {
		t.Fatal("the writer does not know that the account is disabled")
	}

	// A writer that answers "undone" is obeyed.
	apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "other", Epoch: 1})
	w.set(func() {
		w.answer = func(f store.Fact) store.Fact {
			f.Lifted, f.Epoch, f.Revision = true, 2, 9
			return f
		}
	})
	if err := s.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Has(store.AccountDisabled, "other") || s.Unsent() != 0 {
		t.Errorf("disabled %t, %d unsent, want the writer's answer", s.Has(store.AccountDisabled, "other"), s.Unsent())
	}
}

func TestOneRefusedFactHoldsUpNoOther(t *testing.T) {
	refused := errors.New("constraint failed")
	s := open(t, Options{Store: refusing{new(writer), refused}})
	apply(t, s, ended("bad"))
	apply(t, s, ended("good"))
	if err := s.send(t.Context()); !errors.Is(err, refused) {
		t.Errorf("send: %v, want %v", err, refused)
	}
	if got := s.Unsent(); got != 1 {
		t.Errorf("%d unsent, want the bad one alone", got)
	}
}

type refusing struct {
	*writer
	err error
}

func (r refusing) RecordFact(ctx context.Context, f store.Fact) (store.Fact, error) {
	if f.ID == "bad" {
		return store.Fact{}, r.err
	}
	return r.writer.RecordFact(ctx, f)
}

// A store that was set back to a backup counts revisions again from where the
// backup ended. What it says then must not be taken for old news.
func TestAStoreThatWasSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	w := new(writer)
	for i := range 10 {
		w.say(ended(numbered(i)))
	}
	enabled := store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 2, Lifted: true}
	w.say(enabled)
	s := open(t, Options{Path: path, Store: w})

	w.set(func() { w.facts, w.revision = nil, 0 })
	w.say(store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 3})
	apply(t, s, ended("new"))
	if err := s.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.readFeed(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(s *Set) {
		t.Helper()
		if !s.Has(store.AccountDisabled, "acc") {
			t.Error("the account that was disabled since is not")
		}
		stands(t, s, map[string]bool{numbered(0): true, numbered(9): true, "new": true})
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Path: path, Store: w}))
}

func TestAFeedThatMakesNoSense(t *testing.T) {
	tests := []struct {
		name string
		page []store.Fact
	}{
		{"a revision twice", []store.Fact{{Kind: store.SessionEnded, ID: "a", Revision: 1}, {Kind: store.SessionEnded, ID: "b", Revision: 1}}},
		{"no revision", []store.Fact{{Kind: store.SessionEnded, ID: "a"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, Options{})
			if err := s.take(tt.page); !errors.Is(err, errFeed) {
				t.Errorf("take: %v, want %v", err, errFeed)
			}
		})
	}
	s := open(t, Options{})
	if err := s.take([]store.Fact{{Kind: store.SessionEnded, ID: "a\nb", Revision: 1}, {Kind: store.SessionEnded, ID: "b", Revision: 2}}); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 1 || s.Revision() != 2 {
		t.Errorf("%d facts up to %d, want the sound one and 2", s.Len(), s.Revision())
	}
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }
