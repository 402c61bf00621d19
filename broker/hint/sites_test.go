package hint

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// away is a store that one site cannot reach while it is closed to it.
type away struct{ *sqlstore.Store }

func (away) RecordFact(context.Context, store.Fact) (store.Fact, error) {
	return store.Fact{}, store.ErrUnavailable
}

func (away) FactsSince(context.Context, int64, int) ([]store.Fact, error) {
	return nil, store.ErrUnavailable
}

func (away) FeedRevision(context.Context) (int64, error) { return 0, store.ErrUnavailable }

func (away) Incarnation(context.Context) (string, error) { return "", store.ErrUnavailable }

// living is a site as it is put together: facts, hints and gossip on loopback.
type living struct {
	facts *negative.Set
	peer  *cluster.Peer
}

func live(t *testing.T, name string, facts negative.Store, seeds ...string) living {
	t.Helper()
	var hints *Hints
	set, err := negative.Open(t.Context(), negative.Options{
		Store: facts, Poll: time.Hour, // only a hint has the feed read
		OnSaid: func(f store.Fact) { hints.Say(f) },
	})
	if err != nil {
		t.Fatal(err)
	}
	hints, err = New(Options{Site: name, Sign: signAs(name), Verify: verify, Doubter: set, Waiting: set.Waiting})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := cluster.Open(cluster.Options{
		Name: name + "/n1", Sites: []string{"seoul", "busan"}, Label: "bongsu", Listen: "127.0.0.1:0",
		Keys: [][]byte{make([]byte, 32)}, Seeds: seeds,
	})
	if err != nil {
		t.Fatal(err)
	}
	hints.SetBroadcast(peer.Add("hint", hints).Broadcast)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 3)
	for _, run := range []func(context.Context){set.Run, hints.Run, peer.Run} {
		go func() {
			run(ctx)
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			<-done
		}
		if err := peer.Close(); err != nil {
			t.Error(err)
		}
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return living{facts: set, peer: peer}
}

func (l living) addr() string { return l.peer.Members()[0].Addr.String() }

// within waits until it is so and returns how long it took.
func within(limit time.Duration, so func() bool) (time.Duration, bool) {
	began := time.Now()
	for !so() {
		if time.Since(began) > limit {
			return time.Since(began), false
		}
		<-time.After(5 * time.Millisecond)
	}
	return time.Since(began), true
}

func openStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func TestAFactSaidAtOneSiteIsObeyedAtTheOther(t *testing.T) {
	shared := openStore(t)
	seoul := live(t, "seoul", shared)
	busan := live(t, "busan", shared, seoul.addr())
	if took, ok := within(20*time.Second, func() bool { return len(seoul.peer.Members()) == 2 && len(busan.peer.Members()) == 2 }); !ok {
		t.Fatalf("no pool after %v", took)
	}
	if err := seoul.facts.Apply(t.Context(), store.Fact{Kind: store.SessionEnded, ID: "sid"}); err != nil {
		t.Fatal(err)
	}
	took, ok := within(5*time.Second, func() bool { return busan.facts.Has(store.SessionEnded, "sid") })
	if !ok {
		t.Fatalf("not obeyed at the other site after %v", took)
	}
	t.Logf("obeyed at the other site after %v", took)
	if took, ok := within(5*time.Second, func() bool { return busan.facts.Revision() == 1 && busan.facts.Doubts() == 0 }); !ok {
		t.Errorf("not settled after %v: revision %d, %d doubts", took, busan.facts.Revision(), busan.facts.Doubts())
	}
	if !busan.facts.Has(store.SessionEnded, "sid") {
		t.Error("settled and not obeyed")
	}
}

// Neither site reaches the store: gossip alone carries the fact, and nothing of
// it stays when it was never confirmed.
func TestAFactIsObeyedWithoutAnyStore(t *testing.T) {
	shared := openStore(t)
	seoul := live(t, "seoul", away{shared})
	busan := live(t, "busan", away{shared}, seoul.addr())
	if took, ok := within(20*time.Second, func() bool { return len(seoul.peer.Members()) == 2 && len(busan.peer.Members()) == 2 }); !ok {
		t.Fatalf("no pool after %v", took)
	}
	if err := seoul.facts.Apply(t.Context(), store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 2}); err != nil {
		t.Fatal(err)
	}
	took, ok := within(5*time.Second, func() bool { return busan.facts.Has(store.AccountDisabled, "acc") })
	if !ok {
		t.Fatalf("not obeyed at the other site after %v", took)
	}
	if busan.facts.Len() != 0 || busan.facts.Unsent() != 0 || busan.facts.Doubts() != 1 {
		t.Errorf("%d facts, %d unsent, %d doubts, want only a doubt", busan.facts.Len(), busan.facts.Unsent(), busan.facts.Doubts())
	}
}
