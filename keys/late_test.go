package keys_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// slow is a store of which one read, once it is armed, takes until release is
// closed: it has seen the records, and says so late.
type slow struct {
	*keystest.Store

	armed   atomic.Bool
	seen    chan struct{}
	release chan struct{}
}

func (s *slow) SigningKeys(ctx context.Context) ([]keys.Record, error) {
	records, err := s.Store.SigningKeys(ctx)
	if s.armed.CompareAndSwap(true, false) {
		close(s.seen)
		<-s.release
	}
	return records, err
}

func TestALateReadUndoesNothing(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	open(t, store, at(c))
	late := &slow{Store: store, seen: make(chan struct{}), release: make(chan struct{})}
	r := open(t, late, at(c))
	late.armed.Store(true)

	stuck := make(chan struct{})
	stranger := mustSign(t, open(t, keystest.NewStore(), at(c)), keys.IDToken, keys.ES256)
	go func() {
		defer close(stuck)
		if _, err := r.Verify(keys.IDToken, stranger); !errors.Is(err, keys.ErrToken) { // has the keys read
			t.Errorf("error %v, want %v", err, keys.ErrToken)
		}
	}()
	<-late.seen
	keys.Tick(t.Context(), r) // makes the next key and reads it
	want := r.JWKS().Body
	close(late.release)
	<-stuck
	if got := r.JWKS().Body; len(kids(t, r)) != 2 || !bytes.Equal(got, want) {
		t.Errorf("key set %s after a late read, want %s", got, want)
	}
}
