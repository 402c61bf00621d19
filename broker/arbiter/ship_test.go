package arbiter

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/journal/journaltest"
	"github.com/bongsu/bongsu/broker/store"
)

func shipper(t *testing.T, o ShipOptions) *Shipper {
	t.Helper()
	if o.Refused == nil {
		o.Refused = func(_ context.Context, g store.Grant, why error) error {
			t.Errorf("grant %s was refused: %v", g.ID, why)
			return nil
		}
	}
	s, err := NewShipper(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is claimed while the store is away is there when it is back, once, as it
// was claimed, however often the store went away meanwhile.
func TestGrantsAreShippedOnce(t *testing.T) {
	l := open(t, LogOptions{})
	w := &writer{err: store.ErrUnavailable, after: 130}
	var taken []string
	s := shipper(t, ShipOptions{Log: l, Writer: w, Taken: func(_ context.Context, g store.Grant) { taken = append(taken, g.ID) }})
	const n = 250
	for i := range n {
		claims(t, l, grant(fmt.Sprintf("login%03d", i), "code", 1), nil)
	}
	if err := s.ship(t.Context()); !errors.Is(err, store.ErrUnavailable) || l.Waiting() != n-130 {
		t.Fatalf("%v, %d wait", err, l.Waiting())
	}
	w.set(func() { w.err = nil })
	if err := s.ship(t.Context()); err != nil || l.Waiting() != 0 {
		t.Fatalf("%v, %d wait", err, l.Waiting())
	}
	if len(w.grants) != n || len(taken) != n || w.asked != n+1 {
		t.Errorf("the store has %d grants and was asked %d times, %d were told", len(w.grants), w.asked, len(taken))
	}
	if diff := cmp.Diff(grant("login000", "code", 1), w.grants["login000"]); diff != "" {
		t.Error(diff)
	}
}

// A kill between shipping and marking ships again, which is the same claim.
func TestAKillBeforeTheMarkShipsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.log")
	d := new(journaltest.Disk)
	l := open(t, LogOptions{Path: path, disk: d.Disk()})
	claims(t, l, grant("a", "code", 1), nil)
	claims(t, l, grant("b", "code", 1), nil)
	w := new(writer)
	before := read(t, path)
	if err := shipper(t, ShipOptions{Log: l, Writer: w}).ship(t.Context()); err != nil {
		t.Fatal(err)
	}
	killed := open(t, LogOptions{Path: crashed(t, before)})
	if err := shipper(t, ShipOptions{Log: killed, Writer: w}).ship(t.Context()); err != nil {
		t.Fatal(err)
	}
	marked := open(t, LogOptions{Path: crashed(t, read(t, path))})
	if len(w.grants) != 2 || killed.Waiting() != 0 || marked.Waiting() != 0 {
		t.Errorf("the store has %d grants; %d and %d wait", len(w.grants), killed.Waiting(), marked.Waiting())
	}
}

// A grant of a login that the store knows by another code is revoked before it is
// put aside, and does not hold up the others.
func TestAGrantThatTheStoreRefusesIsRevoked(t *testing.T) {
	l := open(t, LogOptions{})
	w := new(writer)
	for _, g := range []store.Grant{grant("a", "other", 1), grant("b", "code", 1)} {
		if _, err := w.ClaimCode(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	for _, login := range []string{"a", "b", "c"} {
		claims(t, l, grant(login, "code", 2), nil)
	}
	revoked := map[string]error{}
	broken := errors.New("no space left on device")
	failing := broken
	s := shipper(t, ShipOptions{Log: l, Writer: w, Refused: func(_ context.Context, g store.Grant, why error) error {
		if failing == nil {
			revoked[g.ID] = why
		}
		return failing
	}})
	if err := s.ship(t.Context()); !errors.Is(err, broken) || l.Waiting() != 3 {
		t.Fatalf("%v, %d wait", err, l.Waiting())
	}
	failing = nil
	if err := s.ship(t.Context()); err != nil || l.Waiting() != 0 {
		t.Fatalf("%v, %d wait", err, l.Waiting())
	}
	if len(revoked) != 2 || !errors.Is(revoked["a-code-2"], store.ErrUsed) || !errors.Is(revoked["b-code-2"], store.ErrReplayed) {
		t.Errorf("revoked %v", revoked)
	}
	if w.grants["c"].ID != "c-code-2" {
		t.Errorf("the store has %v of the third", w.grants["c"])
	}
}

// The store is asked with growing pauses while it does not answer, soon after it
// is back all is there, and what came during the last moment too.
func TestShippingWaitsForTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.log")
	synctest.Test(t, func(t *testing.T) {
		l := open(t, LogOptions{Path: path, Now: time.Now})
		w := &writer{err: store.ErrUnavailable}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		s := shipper(t, ShipOptions{Log: l, Writer: w})
		go func() {
			s.Run(ctx)
			close(done)
		}()
		now := func(login string) {
			if _, err := l.Claim(t.Context(), grant(login, "code", 1), time.Now()); err != nil {
				t.Error(err)
			}
		}
		now("a")
		time.Sleep(10 * time.Minute)
		w.set(func() {
			if w.asked < 70 || w.asked > 90 {
				t.Errorf("asked %d times in ten minutes", w.asked)
			}
			w.err = nil
		})
		time.Sleep(maxShipPause + time.Second)
		if l.Waiting() != 0 {
			t.Errorf("%d wait %s after the store is back", l.Waiting(), maxShipPause)
		}
		now("b")
		stop()
		<-done
		if l.Waiting() != 0 || len(w.grants) != 2 {
			t.Errorf("%d wait when the node has stopped", l.Waiting())
		}
	})
}
