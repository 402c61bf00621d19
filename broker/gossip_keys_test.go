package broker_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
)

// The keys of gossip are changed by reading the configuration again. A round that
// begins before the one before it is over everywhere changes nothing, not even what
// stands beside it in the file.
func TestGossipKeysAreReadAgain(t *testing.T) {
	_, busan := siteKeys(t, "busan")
	_, jeju := siteKeys(t, "jeju")
	n, operator := operated(t, threeSites(busan, jeju))
	other := joins(t, n, "busan/n1")
	eventually(t, "busan is a member", func() bool { return tally(t, n, "bongsu_gossip_members") == 2 })
	keysOf := func(names ...string) (all [][]byte) {
		for _, name := range names {
			all = append(all, gossipKey(name))
		}
		return all
	}
	gone := n.Config().Clients[0].ID
	reload := func(names ...string) error {
		change, err := n.Broker.Reload(t.Context(), func() (*config.Config, error) {
			next, gossip := *n.Config(), *n.Config().Gossip
			gossip.Keys, next.Gossip, next.Clients = keysOf(names...), &gossip, next.Clients[1:]
			return &next, nil
		})
		if err == nil && (!slices.Contains(change.Now, "gossip.keys") || len(change.Restart) > 0) {
			t.Errorf("with %v it is said that changed: %v, and at a restart: %v", names, change.Now, change.Restart)
		}
		return err
	}
	wantRefused := func(want error, names ...string) {
		t.Helper()
		if err := reload(names...); !errors.Is(err, want) {
			t.Fatalf("with %v: %v, want %v", names, err, want)
		}
	}
	registered := func() bool {
		got, err := operator.Clients(t.Context())
		must(t, err)
		return slices.ContainsFunc(got, func(c admin.ClientState) bool { return c.ID == gone })
	}

	wantRefused(cluster.ErrNotEverywhere, "next", "pool")
	if !registered() {
		t.Error("a reload that was refused was taken over")
	}
	must(t, reload("pool", "next"))
	if registered() {
		t.Error("what stands beside the keys was not taken over")
	}
	wantRefused(cluster.ErrNotEverywhere, "next", "pool")
	must(t, other.Hold(t.Context(), keysOf("pool", "next")))
	eventually(t, "the new key is used", func() bool { return reload("next", "pool") == nil })
	wantRefused(cluster.ErrInUse, "next")
	eventually(t, "the other node uses it", func() bool { return other.Hold(t.Context(), keysOf("next", "pool")) == nil })
	eventually(t, "the old key is gone", func() bool { return reload("next") == nil })
	must(t, other.Hold(t.Context(), keysOf("next")))
	if lost := tally(t, n, "bongsu_gossip_dropped_total", reason("key")); lost != 0 || tally(t, n, "bongsu_gossip_members") != 2 {
		t.Errorf("%d packets could not be read, and the pool has %d members", lost, tally(t, n, "bongsu_gossip_members"))
	}
}
