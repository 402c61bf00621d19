package snapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// shows is a replica.
type shows struct {
	sealing  []seal.Record
	signing  []keys.Record
	identity []keys.IdentityRecord
	err      error
	asked    int
}

func (r *shows) ReplicaSealingKeys(ctx context.Context) ([]seal.Record, error) {
	r.asked++
	if errors.Is(r.err, context.DeadlineExceeded) { // frozen
		<-ctx.Done()
	}
	return r.sealing, r.err
}

func (r *shows) ReplicaSigningKeys(context.Context) ([]keys.Record, error) {
	r.asked++
	return r.signing, r.err
}

func (r *shows) ReplicaSiteIdentities(context.Context, string) ([]keys.IdentityRecord, error) {
	r.asked++
	return r.identity, r.err
}

func sealingKey(id string, generation int64) seal.Record {
	return seal.Record{ID: id, Generation: generation, Wrapped: []byte(id), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
}

func signingKey(id string, state keys.State) keys.Record {
	return keys.Record{KeyID: id, Site: "seoul", Algorithm: keys.ES256, State: state, Manifest: []byte(state)}
}

func identity(b byte, state keys.State, at time.Time) keys.IdentityRecord {
	return keys.IdentityRecord{Site: "seoul", State: state, Public: []byte(strings.Repeat(string(rune('a'+b)), 32)), Wrapped: []byte{b}, CreatedAt: at}
}

// restarted is a node that starts without a writer from what it kept, beside a
// replica, and its rings as it takes them.
func (h *house) restarted(r *shows) (sealing []seal.Record, signing []keys.Record, active keys.IdentityRecord, s *Snapshot) {
	h.t.Helper()
	if _, err := h.start(h.open()); err != nil {
		h.t.Fatal(err)
	}
	h.away.Store(true)
	s = h.open()
	ctx := h.t.Context()
	var errs [3]error
	sealing, errs[0] = s.Sealing(sealStore{h}, r).SealingKeys(ctx)
	active, errs[1] = s.Signing(keyStore{h}, r).EnsureSiteIdentity(ctx, keys.IdentityRecord{Site: "seoul", State: keys.Active})
	signing, errs[2] = s.Signing(keyStore{h}, r).SigningKeys(ctx)
	if err := errors.Join(errs[:]...); err != nil {
		h.t.Fatal(err)
	}
	return sealing, signing, active, s
}

// The node was off for a day: the replica has keys that its disk has not, and shows
// how far the others have come.
func TestAReplicaThatKnowsMoreThanTheDisk(t *testing.T) {
	h := newHouse(t)
	h.identity = []keys.IdentityRecord{identity(0, keys.Active, noon)}
	r := &shows{
		sealing:  []seal.Record{h.sealing[0], sealingKey("ijklmnop", 2)},
		signing:  []keys.Record{signingKey("seoul-k", keys.Withdrawn), signingKey("seoul-l", keys.Active)},
		identity: []keys.IdentityRecord{identity(1, keys.Active, noon.Add(time.Hour)), identity(0, keys.Retiring, noon)},
	}
	sealing, signing, active, s := h.restarted(r)
	if diff := cmp.Diff(r.sealing, sealing) + cmp.Diff(r.signing, signing) + cmp.Diff(r.identity[0], active); diff != "" {
		t.Error(diff)
	}
	if served := s.Served(); len(served) != 3 || !strings.Contains(h.log.String(), "event=snapshot.replica") {
		t.Errorf("until the writer says it, this node goes by %v\n%s", served, h.log.String())
	}
	if err := s.Started(zero); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Signing(keyStore{h}, r).SigningKeys(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("once it has started, the replica is no writer: %v", err)
	}
}

// The replica was cut off before the node was: what is kept is not gone behind, a
// withdrawal least of all.
func TestAReplicaThatKnowsLessThanTheDisk(t *testing.T) {
	h := newHouse(t)
	h.sealing = append(h.sealing, sealingKey("ijklmnop", 2))
	h.signing = []keys.Record{signingKey("seoul-k", keys.Withdrawn), signingKey("seoul-l", keys.Active), signingKey("seoul-m", keys.Published)}
	h.identity = []keys.IdentityRecord{identity(1, keys.Active, noon.Add(time.Hour)), identity(0, keys.Retiring, noon)}
	r := &shows{
		sealing:  h.sealing[:1],
		signing:  []keys.Record{signingKey("seoul-k", keys.Active), signingKey("seoul-l", keys.Published)},
		identity: []keys.IdentityRecord{identity(0, keys.Active, noon)},
	}
	sealing, signing, active, _ := h.restarted(r)
	if diff := cmp.Diff(h.sealing, sealing) + cmp.Diff(h.signing, signing) + cmp.Diff(h.identity[0], active); diff != "" {
		t.Error(diff)
	}
}

// Nothing is kept that is of use, and the replica shows something: that is a yes. A
// replica that shows nothing was wiped, one that is frozen costs its moment once, and
// either leaves what is kept.
func TestAReplicaAlone(t *testing.T) {
	h := newHouse(t)
	h.away.Store(true)
	r := &shows{sealing: h.sealing, signing: h.signing, identity: h.identity}
	s := h.open()
	got, err := s.Sealing(sealStore{h}, r).SealingKeys(t.Context())
	if diff := cmp.Diff(h.sealing, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	own, err := s.Signing(keyStore{h}, r).EnsureSiteIdentity(t.Context(), keys.IdentityRecord{Site: "seoul", State: keys.Active})
	if diff := cmp.Diff(h.identity[0], own); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	h.away.Store(false)
	for _, r := range []*shows{{}, {err: store.ErrUnavailable}, {err: context.DeadlineExceeded}} {
		h.away.Store(false)
		sealing, signing, active, _ := h.restarted(r)
		if diff := cmp.Diff(h.sealing, sealing) + cmp.Diff(h.signing, signing) + cmp.Diff(h.identity[0], active); diff != "" {
			t.Errorf("beside %v: %s", r.err, diff)
		}
		if r.err != nil && r.asked != 1 {
			t.Errorf("a replica that did not answer is asked %d times", r.asked)
		}
	}
}

// Of identities the list counts that has seen more of a change, whichever it is.
func TestWhichIdentitiesAreFresher(t *testing.T) {
	later := noon.Add(time.Hour)
	inOrder := [][]keys.IdentityRecord{
		{identity(0, keys.Active, noon)},
		{identity(0, keys.Active, noon), identity(1, keys.Staged, later)},
		{identity(1, keys.Active, later), identity(0, keys.Retiring, noon)},
		{identity(1, keys.Active, later)},
		{identity(1, keys.Active, later), identity(2, keys.Staged, later.Add(time.Hour))},
		{identity(2, keys.Active, later.Add(time.Hour)), identity(1, keys.Retiring, later)},
		{identity(2, keys.Active, later.Add(time.Hour))},
	}
	for i, older := range inOrder {
		for j, newer := range inOrder[i:] {
			for _, got := range [][]keys.IdentityRecord{fresherIdentities(older, newer), fresherIdentities(newer, older)} {
				if diff := cmp.Diff(newer, got); diff != "" {
					t.Errorf("%s: %s", fmt.Sprint(i, " and ", i+j), diff)
				}
			}
		}
	}
}
