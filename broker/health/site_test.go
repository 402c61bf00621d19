package health

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/providers"
)

// three is one site of three nodes that hear each other.
func three(t *testing.T, sites ...string) []*node {
	c := &clock{noon}
	return connect(at(t, c, "seoul", "a", sites...), at(t, c, "seoul", "b", sites...), at(t, c, "seoul", "c", sites...))
}

// Counters of a site's nodes are summed: what each sees too little of, all see
// together.
func TestSiteSumsItsNodes(t *testing.T) {
	nodes := three(t)
	down := func(nodes []*node) time.Duration {
		began := nodes[0].now
		pass(nodes, 60, func(i int) {
			if nodes[0].Snapshot().Of("kakao").State == Down {
				return
			}
			if i%5 == 4 {
				for _, n := range nodes {
					n.called("kakao", providers.Down, 1)
				}
			}
		})
		if since := nodes[0].Snapshot().Of("kakao").Since; nodes[0].Snapshot().Of("kakao").State == Down {
			return since.Sub(began)
		}
		return time.Hour
	}
	together, single := down(nodes), down([]*node{alone(t)})
	if together > 30*time.Second || single < together+15*time.Second {
		t.Errorf("three nodes need %v, one %v", together, single)
	}
}

// One node of three whose own way out is broken, or that lies, takes nothing
// from the others, and it is noticed.
func TestOneNodeOfThree(t *testing.T) {
	nodes := three(t)
	busy(nodes, 60, 10)
	pass(nodes, 180, func(int) {
		nodes[0].called("kakao", providers.Down, 400)
		nodes[1].called("kakao", providers.OK, 10)
		nodes[2].called("kakao", providers.OK, 10)
	})
	nodes[0].holds("kakao", Down, CauseCutOff) // its own logins do fail
	nodes[1].holds("kakao", Up, CauseNone)
	nodes[2].holds("kakao", Up, CauseNone)
	// A fourth node sees three others, of which one differs.
	d := at(t, nodes[0].clock, "seoul", "d")
	d.now = nodes[0].now
	connect(append(slices.Clone(nodes), d)...)
	pass(append(nodes, d), 150, func(int) {
		nodes[0].called("kakao", providers.Down, 10)
		nodes[1].called("kakao", providers.OK, 10)
		nodes[2].called("kakao", providers.OK, 10)
	})
	d.holds("kakao", Up, CauseNone)
	if got := d.metrics.differs.Load(); got != 1 {
		t.Errorf("%d nodes are known to differ, want 1", got)
	}
}

// Where one node probes for its site, the others follow what it finds, down and
// back; what they know themselves counts for more.
func TestNodesFollowTheOneThatProbes(t *testing.T) {
	probed := func(nodes []*node, seconds int, outcome providers.Outcome) {
		pass(nodes, seconds, func(i int) {
			if i%5 == 0 {
				nodes[0].probe("kakao", providers.LevelToken, outcome)
			}
		})
	}
	nodes := three(t)
	probed(nodes, 15, providers.Down)
	for _, n := range nodes {
		n.holds("kakao", Down, CauseProvider)
	}
	if nodes[1].byID["kakao"].said != Unknown {
		t.Error("a node tells as its own what it heard")
	}
	probed(nodes, 300, providers.OK)
	for _, n := range nodes {
		n.holds("kakao", Up, CauseNone)
	}
	busy(nodes[2:], 5, 10)
	probed(nodes, 15, providers.Down)
	nodes[2].holds("kakao", Up, CauseNone)
}

// However loud one node is, it weighs no more than two of its site's, and a
// minority's failures are never the site's.
func TestPool(t *testing.T) {
	tests := []struct {
		name   string
		own    share
		others []share
		want   share
	}{
		{"alone", share{10, 5}, nil, share{10, 5}},
		{"two nodes", share{10, 5}, []share{{20, 1}}, share{30, 6}},
		{"one shouts", share{100, 0}, []share{{100, 0}, {10000, 10000}}, share{100, 0}},
		{"one shouts that all is well", share{100, 100}, []share{{100, 100}, {10000, 0}}, share{400, 200}},
		{"most see it", share{100, 90}, []share{{100, 80}, {100, 0}}, share{300, 170}},
		{"only we see it", share{100, 90}, []share{{100, 0}, {100, 0}}, share{100, 90}},
		{"nodes without traffic have no say", share{100, 90}, []share{{}, {}, {}}, share{100, 90}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := pool(tt.own, tt.others, callsLimit, tt.own); got != tt.want {
				t.Errorf("pool = %+v, want %+v", got, tt.want)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		good := share{rapid.IntRange(10, 1000).Draw(t, "n"), 0}
		liar := share{rapid.IntRange(1, 65535).Draw(t, "liar"), 0}
		liar.failed = liar.n
		if got := pool(good, []share{good, liar}, callsLimit, good); got.failed > 0 && got.part() > callsLimit {
			t.Fatalf("one liar of three made %+v", got)
		}
	})
}

// Three sites: a provider that dies is down everywhere as the provider's fault,
// and the site without traffic learns it from its own probes, sooner for the news.
func TestOutageAcrossSites(t *testing.T) {
	c := &clock{noon}
	sites := []string{"seoul", "busan", "tokyo"}
	nodes := connect(at(t, c, "seoul", "a", sites...), at(t, c, "busan", "b", sites...), at(t, c, "tokyo", "c", sites...))
	busy(nodes[:2], 1, 1)
	pass(nodes, 60, func(i int) {
		nodes[0].called("kakao", providers.OK, 10)
		nodes[1].called("kakao", providers.OK, 10)
		if i == 0 {
			nodes[2].probe("kakao", providers.LevelToken, providers.OK)
		}
	})
	asked, began := nodes[2].hurried["kakao"], c.now
	pass(nodes, 25, func(int) {
		nodes[0].called("kakao", providers.Down, 10)
		nodes[1].called("kakao", providers.Down, 10)
		if hurried := nodes[2].hurried["kakao"]; hurried > asked {
			asked = hurried
			nodes[2].probe("kakao", providers.LevelToken, providers.Down)
		}
	})
	for _, n := range nodes {
		n.holds("kakao", Down, CauseProvider)
	}
	t.Logf("tokyo: down %v after the fault", nodes[2].Snapshot().Of("kakao").Since.Sub(began))
	if took := nodes[2].Snapshot().Of("kakao").Since.Sub(began); took > 20*time.Second {
		t.Errorf("the quiet site took %v", took)
	}
	if !nodes[0].Snapshot().Contact() || len(nodes[0].Snapshot().Sites()) != 3 {
		t.Error("no contact with sites that are heard")
	}
	nodes[1].deafness, nodes[2].deafness = true, true
	pass(nodes, 31, nil)
	if nodes[0].Snapshot().Contact() {
		t.Error("contact with sites that are silent")
	}
}
