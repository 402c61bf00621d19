package token

import (
	"testing"

	"github.com/bongsu/bongsu/broker/oauth"
)

// A site that is cut off for too long says nothing about people to websites that have
// not allowed it, and nothing that is not so: the code is as good as before.
func TestWhatIsKnownIsTooOld(t *testing.T) {
	h := newHouse(t)
	stale := true
	h.endpoint.Stale = func() bool { return stale }
	code := h.sealed(h.sample())
	if _, err := h.redeem("shop", code); !oauth.HasCode(err, oauth.CodeTemporarilyUnavailable) {
		t.Errorf("a code: %v", err)
	}
	stale = false
	if _, err := h.redeem("shop", code); err != nil {
		t.Errorf("the code afterwards: %v", err)
	}
}
