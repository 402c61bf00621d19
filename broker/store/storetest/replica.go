package storetest

import (
	"context"
	"math"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// testReplica proves for every verb that reads whose word it takes. The replica
// stands still until it is told to catch up.
func testReplica(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, r Replica)
	}{
		{"what the replica does not know yet, the writer is asked for", testNotYetReplicated},
		{"what the replica knows needs no writer", testReplicaAlone},
		{"a replica's no is no answer while the writer is gone", testReplicaSaysNo},
		{"a replica behind the wanted epoch is not believed", func(t *testing.T, r Replica) {
			a := open(t, r.Store, newKey(t))
			r.CatchUp()
			must[store.Fact](t)(r.Store.EndSessions(t.Context(), a.ID, noon))
			if now := must[store.Account](t)(r.Store.Account(t.Context(), a.ID, 1)); now.Epoch != 1 {
				t.Errorf("the replica was not asked, or caught up by itself: epoch %d", now.Epoch)
			}
			if now := must[store.Account](t)(r.Store.Account(t.Context(), a.ID, 2)); now.Epoch != 2 {
				t.Errorf("got epoch %d, want 2", now.Epoch)
			}
			if now := must[store.Account](t)(r.Store.Account(t.Context(), a.ID, math.MaxInt64)); now.Epoch != 2 {
				t.Errorf("the writer's word was not taken: epoch %d, want 2", now.Epoch)
			}
			r.LoseWriter()
			_, err := r.Store.Account(t.Context(), a.ID, 2)
			wantUnavailable(t, err)
		}},
		{"a replica that still has the link of an earlier epoch is not believed", testReplicaStillLinked},
		{"a replica that still says disabled is not believed", testReplicaSaysDisabled},
		{"every yes", testEveryYes},
		{"a consent that does not speak of all that is asked is no yes", testReplicaConsent},
		{"registrations of websites", testReplicaClients},
		{"links are the writer's word", func(t *testing.T, r Replica) {
			key := newKey(t)
			a := open(t, r.Store, key)
			r.CatchUp()
			second := store.Link{IdentityKey: newKey(t), AccountID: a.ID, CreatedAt: noon}
			if err := r.Store.LinkIdentity(t.Context(), second); err != nil {
				t.Fatal(err)
			}
			if links := must[[]store.Link](t)(r.Store.Links(t.Context(), a.ID)); len(links) != 2 {
				t.Errorf("got %d links, want 2", len(links))
			}
			r.LoseWriter()
			_, err := r.Store.Links(t.Context(), a.ID)
			wantUnavailable(t, err)
		}},
		{"a replica whose refresh family lags behind is not believed", testReplicaFamily},
		{"the feed is the writer's, and the replica's while the writer is gone", testReplicaFeed},
		{"a replica's beat is its own", testReplicaBeat},
		{"operators' verbs", testReplicaOperations},
		{"people's own accounts", testReplicaPersonal},
		{"what instances are", testReplicaInstances},
		{"keys are the writer's word, and a replica shows what it knows to who asks it", testReplicaKeys},
		{"whatever writes is refused without the writer", testRefusedWithoutWriter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.Replica(t)) })
	}
}

func testReplicaKeys(t *testing.T, r Replica) {
	insertKey(t, r.Store, newSigningKey(t, "seoul", "ES256", 1), true)
	insertSealing(t, r.Store, newSealingKey(t, 1), true)
	own := ensure(t, r.Store, "seoul")
	signing, sealing := signingKeys(t, r.Store), sealingKeys(t, r.Store)
	r.CatchUp()
	insertKey(t, r.Store, newSigningKey(t, "seoul", "ES256", 2), true)
	insertSealing(t, r.Store, newSealingKey(t, 2), true)
	if more, others := signingKeys(t, r.Store), sealingKeys(t, r.Store); len(more) != 2 || len(others) != 2 {
		t.Errorf("got %d signing keys and %d sealing keys, want 2 of each", len(more), len(others))
	}
	for range 2 {
		wantSame(t, must[[]keys.Record](t)(r.Store.ReplicaSigningKeys(t.Context())), signing)
		wantSame(t, must[[]seal.Record](t)(r.Store.ReplicaSealingKeys(t.Context())), sealing)
		wantSame(t, must[[]keys.IdentityRecord](t)(r.Store.ReplicaSiteIdentities(t.Context(), "seoul")), []keys.IdentityRecord{own})
		r.LoseWriter()
		_, err := r.Store.SigningKeys(t.Context())
		wantUnavailable(t, err)
		_, err = r.Store.SealingKeys(t.Context())
		wantUnavailable(t, err)
	}
}

func testNotYetReplicated(t *testing.T, r Replica) {
	key := newKey(t)
	a := open(t, r.Store, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, r.Store, g)
	wantSame(t, must[store.Account](t)(r.Store.AccountByIdentity(t.Context(), key, 0)), a)
	wantSame(t, must[store.Account](t)(r.Store.Account(t.Context(), a.ID, 1)), a)
	granted, account, err := r.Store.GrantedAccount(t.Context(), g.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, granted, g)
	wantSame(t, account, a)
}

func testReplicaAlone(t *testing.T, r Replica) {
	key := newKey(t)
	a := open(t, r.Store, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, r.Store, g)
	r.CatchUp()
	r.LoseWriter()
	wantSame(t, must[store.Account](t)(r.Store.AccountByIdentity(t.Context(), key, 0)), a)
	wantSame(t, must[store.Account](t)(r.Store.Account(t.Context(), a.ID, 1)), a)
	granted, account, err := r.Store.GrantedAccount(t.Context(), g.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, granted, g)
	wantSame(t, account, a)
}

func testReplicaSaysNo(t *testing.T, r Replica) {
	key := newKey(t)
	a := open(t, r.Store, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, r.Store, g)
	r.LoseWriter()
	_, err := r.Store.AccountByIdentity(t.Context(), key, 0)
	wantUnavailable(t, err)
	_, err = r.Store.Account(t.Context(), a.ID, 0)
	wantUnavailable(t, err)
	_, _, err = r.Store.GrantedAccount(t.Context(), g.ID)
	wantUnavailable(t, err)
}

func testReplicaStillLinked(t *testing.T, r Replica) {
	key, other := newKey(t), newKey(t)
	a := open(t, r.Store, key)
	if err := r.Store.LinkIdentity(t.Context(), store.Link{IdentityKey: other, AccountID: a.ID, CreatedAt: noon}); err != nil {
		t.Fatal(err)
	}
	r.CatchUp()
	must[store.Fact](t)(r.Store.UnlinkIdentity(t.Context(), key, a.ID, 0, noon))
	if told := must[store.Account](t)(r.Store.AccountByIdentity(t.Context(), key, 1)); told.Epoch != 1 {
		t.Errorf("the replica was not asked, or caught up by itself: epoch %d", told.Epoch)
	}
	_, err := r.Store.AccountByIdentity(t.Context(), key, 2)
	wantIs(t, err, store.ErrNotFound)
	for _, epoch := range []int64{2, 3} { // the writer is believed whatever the epoch
		if now := must[store.Account](t)(r.Store.AccountByIdentity(t.Context(), other, epoch)); now.Epoch != 2 {
			t.Errorf("got epoch %d, want 2", now.Epoch)
		}
	}
	r.LoseWriter()
	_, err = r.Store.AccountByIdentity(t.Context(), key, 2)
	wantUnavailable(t, err)
}

func testReplicaSaysDisabled(t *testing.T, r Replica) {
	key := newKey(t)
	a := open(t, r.Store, key)
	g := newGrant(t, newID(t), a.ID)
	claim(t, r.Store, g)
	must[store.Fact](t)(r.Store.DisableAccount(t.Context(), a.ID, noon))
	r.CatchUp()
	must[store.Fact](t)(r.Store.EnableAccount(t.Context(), a.ID, noon))
	a.Epoch = 2
	wantSame(t, must[store.Account](t)(r.Store.AccountByIdentity(t.Context(), key, 0)), a)
	wantSame(t, must[store.Account](t)(r.Store.Account(t.Context(), a.ID, 1)), a)
	_, account, err := r.Store.GrantedAccount(t.Context(), g.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, account, a)
	r.LoseWriter()
	_, err = r.Store.AccountByIdentity(t.Context(), key, 0)
	wantUnavailable(t, err)
	_, err = r.Store.Account(t.Context(), a.ID, 1)
	wantUnavailable(t, err)
	_, _, err = r.Store.GrantedAccount(t.Context(), g.ID)
	wantUnavailable(t, err)
}

func testReplicaFeed(t *testing.T, r Replica) {
	first := record(t, r.Store, store.Fact{Kind: store.SessionEnded, ID: "first", At: noon})
	r.CatchUp()
	second := record(t, r.Store, store.Fact{Kind: store.SessionEnded, ID: "second", At: noon})
	wantSame(t, must[[]store.Fact](t)(r.Store.FactsSince(t.Context(), 0, 10)), []store.Fact{first, second})
	r.LoseWriter()
	wantSame(t, must[[]store.Fact](t)(r.Store.FactsSince(t.Context(), 0, 10)), []store.Fact{first})
	wantNothingSince(t, r.Store, second.Revision)
	_, err := r.Store.FeedRevision(t.Context()) // a replica cannot say that there is no later one
	wantUnavailable(t, err)
}

func testRefusedWithoutWriter(t *testing.T, r Replica) {
	all := Verbs(t, r.Store)
	r.CatchUp()
	r.LoseWriter()
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			err := v.Call(context.WithoutCancel(t.Context()))
			if !v.Answered {
				wantUnavailable(t, err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
