package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/cluster/clustertest"
)

// far is a network between cities: 20 ms one way, one packet in a hundred lost.
func far(seed uint64) *clustertest.Network {
	return clustertest.New(clustertest.Options{
		Latency: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Seed: seed,
	})
}

// Longer than memberlist gossips to the dead, so that only the rejoin loop can
// bring the halves together.
func TestAPartitionOf75SecondsHealsWithin15(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			network := clustertest.New(clustertest.Options{
				Latency: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Seed: seed,
				CutRefuses: seed%2 == 0, // no dial that began before the heal succeeds by it
			})
			nodes := together(t, network, 12)
			defer end(nodes...)

			var half []string
			for i := range 6 {
				half = append(half, nodeAddr(i*2))
			}
			network.Partition(half)
			pass(60 * time.Second)
			for _, n := range nodes {
				n.board.say()
			}
			pass(15 * time.Second)
			if complete(nodes) || agreed(nodes) {
				t.Fatal("the partition was none")
			}
			network.Heal()
			members, ok := within(15*time.Second, func() bool { return complete(nodes) })
			if !ok {
				t.Errorf("members are not complete %v after the heal", members)
			}
			news, ok := within(15*time.Second-members, func() bool { return agreed(nodes) })
			if !ok {
				t.Errorf("news is not everywhere %v after the heal", members+news)
			}
			t.Logf("after the heal: members complete %v, news everywhere %v", members, members+news)
		})
	}
}

// Two minutes of gossip to the dead are over: nobody speaks to the other half
// any more but who rejoins.
func TestAPartitionOfTenMinutesHealsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(7)
		nodes := together(t, network, 6)
		defer end(nodes...)
		network.Partition([]string{nodeAddr(0), nodeAddr(1), nodeAddr(2)})
		pass(10 * time.Minute)
		for _, n := range nodes {
			n.board.say()
		}
		network.Heal()
		if took, ok := within(20*time.Second, func() bool { return complete(nodes) && agreed(nodes) }); !ok {
			t.Errorf("not together %v after the heal", took)
		}
	})
}

// A node that is no seed is found again even if all seeds are gone.
func TestLostPeersAreFoundWithoutTheirSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(8)
		nodes := together(t, network, 5)
		defer end(nodes...)
		for _, seed := range nodes[:3] {
			seed.stop()
		}
		network.Partition([]string{nodeAddr(3)})
		pass(5 * time.Minute)
		network.Heal()
		if took, ok := within(30*time.Second, func() bool { return complete(nodes[3:]) }); !ok {
			t.Errorf("the two that are left do not know each other after %v", took)
		}
	})
}

func TestNewsReachesEveryoneWithinASecond(t *testing.T) {
	for _, count := range []int{5, 12, 20} {
		synctest.Test(t, func(t *testing.T) {
			nodes := together(t, far(uint64(count)), count)
			defer end(nodes...)
			pass(10 * time.Second)
			var took []time.Duration
			for i := range 60 {
				took = append(took, spread(nodes, i%count))
			}
			slices.Sort(took)
			p50, p95, last := took[len(took)/2], took[len(took)*95/100], took[len(took)-1]
			t.Logf("%d nodes: all reached after %v (half the time), %v (p95), %v (at most)", count, p50, p95, last)
			if p95 > time.Second {
				t.Errorf("%d nodes: p95 is %v, want at most 1 s", count, p95)
			}
		})
	}
}

// spread has a node say something and returns when the last node heard of it.
func spread(nodes []*node, author int) time.Duration {
	said := time.Now()
	name, value := nodes[author].board.own, nodes[author].board.say()
	within(10*time.Second, func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool { return n.board.value(name) < value })
	})
	last := time.Duration(0)
	for i, n := range nodes {
		at, heard := n.board.heardAt(name, value)
		if !heard {
			return 10 * time.Second
		}
		if i != author {
			last = max(last, at.Sub(said))
		}
	}
	return last
}

func TestAKilledNodeReturnsUnderItsName(t *testing.T) {
	tests := []struct {
		name   string
		absent time.Duration // until it returns
		addr   string
		limit  time.Duration // until all know it again
	}{
		{"at once, before anyone missed it", 0, nodeAddr(3), 15 * time.Second},
		{"after it was missed", time.Minute, nodeAddr(3), 15 * time.Second},
		// Its old address counts until it is found dead and 30 s after that.
		{"at once, at another address", 0, "10.0.9.9:7946", 90 * time.Second},
		{"after a minute, at another address", time.Minute, "10.0.9.9:7946", 45 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := far(11)
				nodes := together(t, network, 5)
				defer func() { end(nodes...) }()
				nodes[3].kill(t)
				pass(tt.absent)
				o := inMemory(network, 4999)
				o.Name, o.Transport = nodeName(3), network.Listen(tt.addr)
				nodes[3] = start(t, o, 200)
				took, ok := within(tt.limit, func() bool { return everywhere(nodes, nodeName(3), tt.addr) })
				if !ok {
					t.Fatalf("not everybody knows it after %v", took)
				}
				nodes[3].board.say()
				if took, ok := within(10*time.Second, func() bool { return agreed(nodes) }); !ok {
					t.Errorf("what it says is not everywhere after %v", took)
				}
				t.Logf("known after %v", took)
			})
		})
	}
}

// everywhere reports whether all nodes know name at addr, and each other.
func everywhere(nodes []*node, name, addr string) bool {
	for _, n := range nodes {
		if !slices.ContainsFunc(n.Members(), func(m Member) bool { return m.Name == name && m.Addr.String() == addr }) {
			return false
		}
	}
	return complete(nodes)
}

// An owner that hangs costs news and nothing else.
func TestAFrozenOwnerLosesNewsAndNoPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := together(t, far(12), 6)
		defer end(nodes...)
		for _, n := range nodes {
			n.left.count.Store(0)
		}
		thaw := nodes[5].board.freeze()
		for range 300 {
			for _, n := range nodes[:5] {
				n.board.say()
			}
			pass(200 * time.Millisecond)
		}
		if nodes[5].dropped(dropQueueFull) == 0 {
			t.Error("a minute of 25 messages a second fits the queue: nothing was shown")
		}
		if n := len(nodes[5].inbox); n > maxInbox {
			t.Errorf("%d messages wait, at most %d", n, maxInbox)
		}
		for _, n := range nodes {
			if left := n.left.count.Load(); left != 0 || len(n.Members()) != 6 {
				t.Errorf("%s saw %d leave and has %d members", n.board.own, left, len(n.Members()))
			}
		}
		thaw()
		if took, ok := within(2*time.Minute, func() bool { return agreed(nodes) }); !ok {
			t.Errorf("it has not caught up after %v", took)
		}
	})
}

func TestSettledWithoutPeersAndWithThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(13)
		began := time.Now()
		alone := start(t, inMemory(network, 0), 200)
		<-alone.Settled()
		if took := time.Since(began); took > settledWithin {
			t.Errorf("alone after %v", took)
		}
		began = time.Now()
		second := start(t, inMemory(network, 1), 200)
		<-second.Settled()
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("two after %v", took)
		}
		if !complete([]*node{alone, second}) {
			t.Error("settled and not together")
		}
		end(alone, second)
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := Open(inMemory(far(14), 0))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.Run(ctx)
		}()
		pass(time.Second)
		cancel()
		<-done
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := p.Hold(t.Context(), [][]byte{testKey("one"), testKey("two")}); !errors.Is(err, ErrClosed) {
			t.Errorf("a closed peer holds other keys: %v, want %v", err, ErrClosed)
		}
		pass(time.Minute)
	})
}

// A cut cable, with the tuned intervals: about twelve seconds, thirty at worst.
func TestADeadNodeIsMissed(t *testing.T) {
	var first, all []time.Duration
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			network := far(40 + seed)
			nodes := together(t, network, 12)
			pass(30 * time.Second)
			network.Partition([]string{nodeAddr(5)}) // a cable is cut
			rest := slices.Concat(nodes[:5], nodes[6:])
			noticed, _ := within(time.Minute, func() bool {
				return slices.ContainsFunc(rest, func(n *node) bool { return len(n.Members()) == 11 })
			})
			more, ok := within(time.Minute, func() bool { return complete(rest) })
			if !ok {
				t.Error("somebody still believes in it after two minutes")
			}
			first, all = append(first, noticed), append(all, noticed+more)
			end(nodes...)
		})
	}
	slices.Sort(first)
	slices.Sort(all)
	t.Logf("first notice after %v (at most %v), all after %v (at most %v)", first[1], first[2], all[1], all[2])
	if all[2] > 30*time.Second {
		t.Errorf("it took %v", all[2])
	}
}

// A node whose packets and streams do not pass is missed and misses the others;
// when they pass again all know each other. One that stood still, and did not
// fail, is found again as well.
func TestANodeWhoseMessagesDoNotPass(t *testing.T) {
	for name, stop := range map[string]func(*doorway){
		"cut off":        func(d *doorway) { d.lose() },
		"standing still": func(d *doorway) { d.hold() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := far(13)
				nodes := together(t, network, 4)
				o := inMemory(network, 500)
				o.Name, o.Transport = "seoul/held", network.Listen("10.0.9.9:7946")
				var d doorway
				o.Pass = d.pass
				held := start(t, o, 200)
				nodes = append(nodes, held)
				defer func() { end(nodes...) }()
				pass(20 * time.Second)
				if !complete(nodes) {
					t.Fatal("they never met")
				}
				stop(&d)
				pass(time.Minute)
				held.board.say()
				pass(5 * time.Second)
				for _, n := range nodes[:4] {
					if slices.ContainsFunc(n.Members(), func(m Member) bool { return m.Name == "seoul/held" }) {
						t.Errorf("%s has not missed it", n.board.own)
					}
				}
				if agreed(nodes) {
					t.Error("its news passed")
				}
				d.open()
				if took, ok := within(time.Minute, func() bool { return complete(nodes) && agreed(nodes) }); !ok {
					t.Errorf("not together %v later", took)
				}
			})
		})
	}
}

// doorway lets everything pass, nothing, or has it wait.
type doorway struct {
	mu   sync.Mutex
	lost bool
	wait chan struct{}
}

func (d *doorway) lose() { d.mu.Lock(); d.lost = true; d.mu.Unlock() }
func (d *doorway) hold() { d.mu.Lock(); d.wait = make(chan struct{}); d.mu.Unlock() }

func (d *doorway) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = false
	if d.wait != nil {
		close(d.wait)
		d.wait = nil
	}
}

func (d *doorway) pass() error {
	d.mu.Lock()
	wait, lost := d.wait, d.lost
	d.mu.Unlock()
	if wait != nil {
		<-wait
	}
	if lost {
		return errors.New("the cable is cut")
	}
	return nil
}
