package simulate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bongsu/bongsu/broker/ceiling"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/health"
)

// How news travels on the simulated wire: as often and to as many as the tuned
// configuration of broker/cluster says, with the delay of a country.
const (
	gossipEvery = 200 * time.Millisecond
	gossipNodes = 4
	packetSize  = 1350
	wireDelay   = 20 * time.Millisecond
)

// node is one process of a site: its board, its part in the exchange of news,
// and what it lets in.
type node struct {
	site     int
	board    *health.Board
	exchange *cluster.Exchange
	gate     *ceiling.Gate
	inbox    []parcel
	probes   map[string]*prober
	policy   *policy
}

// parcel is a packet under way.
type parcel struct {
	at     time.Time
	frames [][]byte
}

// world is everything at one moment of virtual time.
type world struct {
	script *Script
	random *rand.Rand
	now    time.Time
	nodes  []*node
	sites  [][]*node // by site, the first probes
	things *weather

	policies policies
	people   *people
	tally    *tally
}

// wire carries a node's frames.
type wire struct {
	world *world
	from  *node
}

// Nodes implements [cluster.Wire].
func (w wire) Nodes() int { return len(w.world.nodes) }

// Reliably implements [cluster.Wire].
func (w wire) Reliably(frame []byte) bool {
	for _, to := range w.world.nodes {
		if to != w.from {
			to.inbox = append(to.inbox, parcel{at: w.world.now.Add(wireDelay), frames: [][]byte{frame}})
		}
	}
	return true
}

func newWorld(s *Script, seed uint64) (*world, error) {
	w := &world{script: s, now: s.Start, policies: policies{}, random: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a replay must be repeatable
	w.things = newWeather(s)
	w.tally = newTally(s)
	var names []string
	for _, site := range s.Sites {
		names = append(names, site.Name)
	}
	for i, site := range s.Sites {
		var members []*node
		for k := range site.Nodes {
			n, err := w.newNode(i, fmt.Sprintf("%s-%d", site.Name, k+1), names)
			if err != nil {
				return nil, err
			}
			members = append(members, n)
		}
		w.sites = append(w.sites, members)
	}
	w.people = newPeople(w)
	return w, nil
}

func (w *world) newNode(site int, name string, sites []string) (*node, error) {
	n := &node{site: site, probes: map[string]*prober{}}
	total := 0
	for _, s := range w.script.Sites {
		total += s.Nodes
	}
	limits := map[string]float64{}
	var watched []health.ProviderInfo
	for _, id := range w.script.Order {
		watched = append(watched, health.ProviderInfo{ID: id, Domains: []string{id}, ProfileOptional: true})
		if limit := w.script.Providers[id].Ceiling; limit > 0 {
			limits[id] = limit / float64(total)
		}
		n.probes[id] = newProber(w.now)
	}
	own := w.script.Sites[site].Name
	var err error
	n.board, err = health.New(health.Options{
		Site: own, Node: name, Sites: sites, Providers: watched,
		Sign: func(message []byte) ([]byte, error) { return seal(own, message), nil },
		Verify: func(from string, message, signature []byte) bool {
			return string(seal(from, message)) == string(signature)
		},
		Now:     func() time.Time { return w.now },
		Suspect: func(provider string) { n.probes[provider].hurry() },
		Changed: func(t health.Transition) { w.tally.changed(site, t) },
	})
	if err != nil {
		return nil, fmt.Errorf("board of %s: %w", name, err)
	}
	n.gate, err = ceiling.New(limits, func() time.Time { return w.now })
	if err != nil {
		return nil, fmt.Errorf("ceilings of %s: %w", name, err)
	}
	n.exchange = cluster.NewExchange(wire{world: w, from: n})
	n.policy = w.policies.read(n.board.Snapshot())
	n.board.SetBroadcast(n.exchange.Add("health", n.board).Broadcast)
	w.nodes = append(w.nodes, n)
	return n, nil
}

// seal stands in for a site's signature: nobody lies in a replay.
func seal(site string, message []byte) []byte {
	sum := sha256.Sum256(append([]byte(site+"\x00"), message...))
	return append(sum[:], sum[:]...)
}

// run plays the script to its end, or until ctx ends.
func (w *world) run(ctx context.Context) error {
	end := w.script.Start.Add(w.script.For)
	for w.now.Before(end) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.second()
	}
	return nil
}

// second is one second: gossip in rounds, and then what people and probes do,
// and what the boards make of it.
func (w *world) second() {
	for range time.Second / gossipEvery {
		w.gossip()
		w.now = w.now.Add(gossipEvery)
	}
	w.things.turn(w.now.Sub(w.script.Start))
	w.people.arrive()
	w.people.settle()
	w.probe()
	for _, n := range w.nodes {
		n.board.Tick()
		n.policy = w.policies.read(n.board.Snapshot())
	}
	w.tally.second(w)
}

// gossip is one round: what has arrived is heard, and each node sends what it
// has to a few others.
func (w *world) gossip() {
	for _, n := range w.nodes {
		waiting := n.inbox[:0]
		for _, p := range n.inbox {
			if p.at.After(w.now) {
				waiting = append(waiting, p)
				continue
			}
			for _, frame := range p.frames {
				n.exchange.Receive(frame)
			}
		}
		n.inbox = waiting
	}
	for i, n := range w.nodes {
		for range min(gossipNodes, len(w.nodes)-1) {
			to := w.nodes[(i+1+w.random.IntN(len(w.nodes)-1))%len(w.nodes)]
			if frames := n.exchange.Packet(2, packetSize); len(frames) > 0 {
				to.inbox = append(to.inbox, parcel{at: w.now.Add(wireDelay), frames: frames})
			}
		}
	}
}
