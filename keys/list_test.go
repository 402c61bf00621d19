package keys_test

import (
	"testing"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// Who watches sees each key as this node obeys it: a withdrawn one not at all.
func TestKeysAreListed(t *testing.T) {
	c := newClock()
	r := open(t, keystest.NewStore(), at(c), signs(keys.ES256))
	if err := r.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	listed := map[keys.State]keys.Listed{}
	for _, k := range r.Keys() {
		listed[k.State] = k
	}
	active, next := listed[keys.Active], listed[keys.Published]
	if len(listed) != 2 || active.ActivatedAt.IsZero() || active.Algorithm != keys.ES256 || active.Site == "" || !next.ActivatedAt.IsZero() {
		t.Fatalf("the ring lists %+v", listed)
	}
	if kid := kidOf(t, mustSign(t, r, keys.AccessToken, keys.ES256)); kid != active.KeyID {
		t.Errorf("%s signs, and %s is listed as active", kid, active.KeyID)
	}
	r.Withdraw(active.KeyID)
	for _, k := range r.Keys() {
		if k.KeyID == active.KeyID {
			t.Errorf("a withdrawn key is listed as %s", k.State)
		}
	}
}
