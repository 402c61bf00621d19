package outage

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// desk is a store of declared outages that can be closed.
type desk struct {
	mu      sync.Mutex
	outages []store.Outage
	closed  error
}

// say changes what the store holds, and whether it is closed.
func (d *desk) say(closed error, outages ...store.Outage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outages, d.closed = outages, closed
}

func (d *desk) Outages(_ context.Context, at time.Time) ([]store.Outage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var standing []store.Outage
	for _, o := range d.outages {
		if o.Until.After(at) {
			standing = append(standing, o)
		}
	}
	return standing, d.closed
}

func TestWhatIsDeclaredIsKnownWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		s, err := New(Options{Store: d})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		synctest.Wait()
		want := func(provider string, declared bool) {
			t.Helper()
			if _, ok := s.Declared(provider); ok != declared {
				t.Errorf("%s is declared: %t, want %t", provider, ok, declared)
			}
		}
		want("kakao", false)
		until := time.Now().Add(time.Hour)
		kakao := store.Outage{Provider: "kakao", Until: until}
		d.say(nil, kakao, store.Outage{Provider: "line", Until: time.Now().Add(-time.Second)})
		time.Sleep(poll)
		synctest.Wait()
		want("kakao", true)
		want("naver", false)
		want("line", false)
		if got, _ := s.Declared("kakao"); !got.Equal(until) {
			t.Errorf("until %s, want %s", got, until)
		}

		d.say(errors.New("away"), kakao) // what was said last stands …
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		want("kakao", true)
		time.Sleep(30 * time.Minute) // … but no longer than it was said for
		synctest.Wait()
		want("kakao", false)

		d.say(nil, store.Outage{Provider: "kakao", Until: time.Now().Add(time.Hour)})
		time.Sleep(poll)
		synctest.Wait()
		want("kakao", true)
		d.say(nil)
		time.Sleep(poll)
		synctest.Wait()
		want("kakao", false)
		stop()
		<-done
	})
}

func TestAStoreIsRequired(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("made of nothing")
	}
}
