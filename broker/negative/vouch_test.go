package negative

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// running runs a set in a bubble until stop is called.
func running(t *testing.T, o Options) (s *Set, stop func()) {
	t.Helper()
	o.Now = time.Now
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	return s, func() {
		end()
		all.Wait()
	}
}

// What a node acknowledged and could never enter, because it is gone for good, is
// entered by one that has borrowed it, once the writer has been there for a while;
// what its own node enters is left to it.
func TestWhoBorrowsVouchesForTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{err: store.ErrUnavailable, whole: true}
		o := seoul(3)
		o.Store = w
		s, stop := running(t, o)
		other, end := running(t, o)
		takes(t, s, "busan", ended("orphan"), ended("sent"))
		takes(t, other, "busan", ended("orphan"), ended("sent"))
		pass(time.Hour)
		if !s.Has(store.SessionEnded, "orphan") || w.recorded != 0 {
			t.Fatalf("obeyed %t, sent %d times", s.Has(store.SessionEnded, "orphan"), w.recorded)
		}
		w.set(func() { w.err = nil })
		pass(time.Second)
		w.say(ended("sent")) // by the node where it was said
		pass(vouchAfter - 2*time.Second)
		if w.has(store.SessionEnded, "orphan") {
			t.Error("entered before the node of it could have")
		}
		pass(vouchSpread + 5*time.Second)
		if !w.has(store.SessionEnded, "orphan") || s.Lent()+other.Lent() != 0 {
			t.Errorf("in the store %t, %d and %d lent", w.has(store.SessionEnded, "orphan"), s.Lent(), other.Lent())
		}
		if w.revision != 2 {
			t.Errorf("the store counts %d facts", w.revision)
		}
		if w.recorded > 2 {
			t.Errorf("sent %d times", w.recorded)
		}
		stop()
		end()
	})
}

// What the writer has undone stays undone, however late somebody vouches for it,
// and who has no say in what touches everybody vouches for none of it.
func TestVouchingUndoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{whole: true}
		o := seoul(3)
		o.Store = w
		s, stop := running(t, o)
		w.say(store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 7, Lifted: true})
		takes(t, s, "busan", store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 6},
			store.Fact{Kind: store.ProviderDisabled, ID: "kakao", Epoch: 1})
		pass(2 * time.Minute)
		if s.Has(store.AccountDisabled, "acc") || w.has(store.AccountDisabled, "acc") || w.has(store.ProviderDisabled, "kakao") {
			t.Error("something undone stands again, or one site has switched a provider off")
		}
		if s.MinEpoch("acc") != 7 {
			t.Errorf("sessions from epoch %d are good", s.MinEpoch("acc"))
		}
		stop()
	})
}

// A writer that comes and goes is not vouched to before it has stayed.
func TestVouchingWaitsForAWriterThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{err: store.ErrUnavailable, whole: true}
		o := seoul(3)
		o.Store = w
		s, stop := running(t, o)
		takes(t, s, "busan", ended("orphan"))
		for range 20 {
			w.set(func() { w.err = nil })
			pass(vouchAfter - 2*time.Second)
			w.set(func() { w.err = store.ErrUnavailable })
			pass(5 * time.Second)
		}
		if w.recorded != 0 {
			t.Errorf("sent %d times", w.recorded)
		}
		stop()
	})
}
