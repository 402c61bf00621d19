package cluster

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bongsu/bongsu/broker/cluster/clustertest"
)

func TestOptionsThatMakeNoPeer(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
	}{
		{"no name", func(o *Options) { o.Name = "" }},
		{"a name without a site", func(o *Options) { o.Name = "n0" }},
		{"a name of three parts", func(o *Options) { o.Name = "seoul/a/b" }},
		{"a name with a space", func(o *Options) { o.Name = "seoul/a b" }},
		{"an endless name", func(o *Options) { o.Name = "seoul/" + strings.Repeat("a", maxName) }},
		{"a site that is not configured", func(o *Options) { o.Name = "osaka/n0" }},
		{"no label", func(o *Options) { o.Label = "" }},
		{"an endless label", func(o *Options) { o.Label = strings.Repeat("l", maxLabel+1) }},
		{"no keys", func(o *Options) { o.Keys = nil }},
		{"no keys off loopback", func(o *Options) { o.Keys, o.InsecurePlain, o.Listen = nil, true, "0.0.0.0:0" }},
		{"a key of AES-128", func(o *Options) { o.Keys = [][]byte{make([]byte, 16)} }},
		{"a second key that is none", func(o *Options) { o.Keys = append(o.Keys, []byte("short")) }},
		{"too many keys", func(o *Options) { o.Keys = slices.Repeat(o.Keys, maxKeys+1) }},
		{"listening on a host", func(o *Options) { o.Listen = "localhost:7946" }},
		{"listening nowhere", func(o *Options) { o.Listen = "" }},
		{"all of IPv6 and nothing to advertise", func(o *Options) { o.Listen = "[::]:0" }},
		{"advertising no port", func(o *Options) { o.Advertise = "host" }},
		{"a seed without port", func(o *Options) { o.Seeds = []string{"host"} }},
		{"a seed of port 0", func(o *Options) { o.Seeds = []string{"host:0"} }},
		{"a seed without host", func(o *Options) { o.Seeds = []string{":7946"} }},
		{"a nameless SRV seed", func(o *Options) { o.Seeds = []string{"srv:"} }},
		{"too many seeds", func(o *Options) { o.Seeds = slices.Repeat([]string{"a:1"}, maxSeeds+1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := onLoopback(0)
			tt.change(&o)
			p, err := Open(o)
			if !errors.Is(err, ErrOptions) {
				t.Errorf("Open: %v, want %v", err, ErrOptions)
			}
			if err == nil {
				_ = p.Close()
			}
		})
	}
}

func TestOptionsThatMakeAPeer(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
	}{
		{"as they are", func(*Options) {}},
		{"its own site alone", func(o *Options) { o.Sites = nil }},
		{"plain on loopback, said so", func(o *Options) { o.Keys, o.InsecurePlain = nil, true }},
		{"plain in memory, said so", func(o *Options) {
			o.Keys, o.InsecurePlain = nil, true
			o.Transport = clustertest.New(clustertest.Options{}).Listen("10.0.0.1:1")
		}},
		{"IPv6", func(o *Options) { o.Listen = "[::1]:0" }},
		{"advertising an address", func(o *Options) { o.Advertise = "127.0.0.1:7946" }},
		{"advertising a host that has no address now", func(o *Options) { o.Advertise, o.Resolver = "none.example:7946", new(names) }},
		{"seeds that cannot be resolved", func(o *Options) { o.Seeds, o.Resolver = []string{"none.example:1", "srv:none.example"}, new(names) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := onLoopback(0)
			tt.change(&o)
			n := start(t, o, 200)
			if n.addr() == "" {
				t.Errorf("members %v", n.Members())
			}
			n.stop()
		})
	}
}

func TestTheTunedNumbers(t *testing.T) {
	o, err := onLoopback(0).completed()
	if err != nil {
		t.Fatal(err)
	}
	c := o.tuned()
	for what, is := range map[string]bool{
		"probe interval":  c.ProbeInterval == 2*time.Second,
		"probe timeout":   c.ProbeTimeout == time.Second,
		"suspicion":       c.SuspicionMult == 4,
		"gossip interval": c.GossipInterval == 200*time.Millisecond,
		"gossip nodes":    c.GossipNodes == 4,
		"push/pull":       c.PushPullInterval == 30*time.Second,
		"to the dead":     c.GossipToTheDeadTime == 2*time.Minute,
		"streams":         c.TCPTimeout == 5*time.Second,
		"packets":         c.UDPBufferSize == 1400,
		"no compression":  !c.EnableCompression,
		"reclaim":         c.DeadNodeReclaimTime == 30*time.Second,
		"names":           c.RequireNodeNames,
		"label checked":   !c.SkipInboundLabelCheck,
		"encrypted":       c.GossipVerifyIncoming && c.GossipVerifyOutgoing,
		"addresses":       len(c.CIDRsAllowed) == len(private),
	} {
		if !is {
			t.Errorf("%s is not as measured", what)
		}
	}
	for addr, want := range map[string]bool{"10.1.2.3": true, "127.0.0.1": true, "::1": true, "fd00::1": true, "::ffff:10.0.0.1": true, "203.0.113.1": false, "2001:db8::1": false} {
		if got := o.allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s allowed: %t, want %t", addr, got, want)
		}
	}
}

// names is a name server whose answers a test changes.
type names struct {
	mu    sync.Mutex
	hosts map[string][]netip.Addr
	srv   map[string][]*net.SRV
	asked int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if found := n.hosts[host]; len(found) > 0 {
		return found, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (n *names) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if found := n.srv[name]; len(found) > 0 {
		return name, found, nil
	}
	return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (n *names) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *names) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// What a seed's name means is asked anew each time: a pool moves, and a name
// server may have failed at the start.
func TestSeedsAreResolvedEachTime(t *testing.T) {
	moved := []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	tests := []struct {
		name, seed string
		before     func(*names)
		after      func(*names)
	}{
		{
			"a host that moves", "seed.example:7946",
			func(n *names) { n.hosts = map[string][]netip.Addr{"seed.example": {netip.MustParseAddr("10.0.7.7")}} },
			func(n *names) { n.hosts = map[string][]netip.Addr{"seed.example": moved} },
		},
		{
			"a host that had no address", "seed.example:7946", func(*names) {},
			func(n *names) {
				n.hosts = map[string][]netip.Addr{"seed.example": {netip.MustParseAddr("fd00::7"), moved[0]}}
			},
		},
		{
			"SRV records that change", "srv:_bongsu._udp.example",
			func(n *names) {
				n.srv = map[string][]*net.SRV{"_bongsu._udp.example": {{Target: "gone.example.", Port: 7946}}}
			},
			func(n *names) {
				n.srv = map[string][]*net.SRV{"_bongsu._udp.example": {{Target: "gone.example.", Port: 7946}, {Target: "new.example.", Port: 7946}}}
				n.hosts = map[string][]netip.Addr{"new.example": moved}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, resolver := far(61), new(names)
				tt.before(resolver)
				known := inMemory(network, 0)
				known.Seeds = nil
				seed := start(t, known, 200)
				o := inMemory(network, 1)
				o.Seeds, o.Resolver = []string{tt.seed}, resolver
				o.Sites = testSites
				n := start(t, o, 200)
				pass(time.Minute)
				if len(n.Members()) != 1 {
					t.Fatal("joined nobody knows what")
				}
				if joins(n, rejoinFailed)+joins(n, rejoinUnresolved) == 0 {
					t.Error("failed attempts were not counted")
				}
				resolver.set(func() { tt.after(resolver) })
				if took, ok := within(14*time.Second, func() bool { return complete([]*node{seed, n}) }); !ok {
					t.Errorf("not joined after %v", took)
				}
				asked := resolver.questions()
				pass(time.Minute)
				if resolver.questions() == asked {
					t.Error("the name is not asked for any more")
				}
				if joins(n, rejoinJoined) > 2 {
					t.Errorf("joined %d times what is a member", joins(n, rejoinJoined))
				}
				end(seed, n)
			})
		})
	}
}

func TestLinesOfMemberlist(t *testing.T) {
	tests := []struct {
		line, drop string
		level      slog.Level
	}{
		{"[ERR] memberlist: Decrypt packet failed: No installed keys could decrypt the message from=1.2.3.4:5", dropKey, slog.LevelDebug},
		{"[ERR] memberlist: discarding packet with unacceptable label \"x\": from=1.2.3.4:5", dropLabel, slog.LevelDebug},
		{"[DEBUG] memberlist: Blocked alive message: 1.2.3.4 is not allowed", dropAddress, slog.LevelDebug},
		{"[DEBUG] memberlist: Stream connection from=1.2.3.4:5", "", slog.LevelDebug},
		{"[WARN] memberlist: Refuting a suspect message (from: x)", "", slog.LevelWarn},
		{"[ERR] memberlist: Push/Pull with x failed: y", "", slog.LevelWarn},
		{"something else", "", slog.LevelInfo},
	}
	for _, tt := range tests {
		m, got := newMetrics(nil), new(levels)
		l := slog.NewLogLogger(newLines(slog.New(got), m), slog.LevelInfo)
		l.Print(tt.line)
		if len(got.levels) != 1 || got.levels[0] != tt.level {
			t.Errorf("%q is logged at %v, want %v", tt.line, got.levels, tt.level)
		}
		for _, reason := range dropReasons {
			if got := testutil.ToFloat64(m.dropped[reason]) == 1; got != (reason == tt.drop) {
				t.Errorf("%q counted as %s: %t", tt.line, reason, got)
			}
		}
	}
	m := newMetrics(nil)
	slog.NewLogLogger(newLines(slog.New(new(levels)), m), slog.LevelInfo).
		Print("[WARN] memberlist: Was able to connect to x over TCP but UDP probes failed, network may be misconfigured")
	if testutil.ToFloat64(m.udpBlocked) != 1 {
		t.Error("that UDP is blocked was not counted")
	}
	got := new(levels)
	l := slog.NewLogLogger(newLines(slog.New(got), newMetrics(nil)), slog.LevelInfo)
	for range 100 {
		l.Print("[ERR] memberlist: over and over")
	}
	warned := 0
	for _, level := range got.levels {
		if level >= slog.LevelWarn {
			warned++
		}
	}
	if warned > 2*maxWarnings {
		t.Errorf("%d warnings at once", warned)
	}
}

// levels keeps the level of every record.
type levels struct {
	slog.Handler

	levels []slog.Level
}

func (l *levels) Enabled(context.Context, slog.Level) bool { return true }
func (l *levels) Handle(_ context.Context, r slog.Record) error {
	l.levels = append(l.levels, r.Level)
	return nil
}
