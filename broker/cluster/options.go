package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
)

// ErrOptions says that a Peer cannot be made of these Options.
var ErrOptions = errors.New("cluster: options")

// The bounds of Options.
const (
	maxSeeds = 64
	maxKeys  = 8
	maxLabel = 32
	maxName  = 128
	keySize  = 32 // AES-256
	maxMeta  = 400
)

// srvPrefix marks a seed that is the name of SRV records.
const srvPrefix = "srv:"

// Resolver finds seeds. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Options is what a [Peer] is made of.
type Options struct {
	// Name is this node's, "site/node". It must stay the same over restarts: a
	// new name each time leaves a dead one behind.
	Name string
	// Sites are the sites whose nodes are let in, this node's included; empty
	// is that one alone.
	Sites []string
	// Label names the deployment, at most 32 bytes. It travels in the clear and
	// keeps two deployments apart that share keys by mistake.
	Label string

	Listen    string         // "IP:port", UDP and TCP; no IP is 0.0.0.0, port 0 any free one
	Advertise string         // "host:port" under which others reach this node; empty is Listen
	Seeds     []string       // "host:port" or "srv:_bongsu._udp.example", at most 64; at least two of each site are wise
	Allow     []netip.Prefix // whom to listen to; empty is loopback and private addresses
	Keys      [][]byte       // AES-256, at most 8; the first encrypts, all decrypt; a key is good for 2^32 packets, so change it every 30 days

	// Meta is told to the others beside this node's name, at most 400 bytes. What
	// it means is for whoever reads [Member.Meta]; it is believed of nobody.
	Meta []byte

	// InsecurePlain allows no keys, on loopback or over Transport alone.
	InsecurePlain bool

	// Pass is asked before every packet and every piece of a stream, in either
	// direction. It may wait, and an error loses it: dev mode cuts and freezes
	// nodes so. Whoever has it wait lets it go before Close. nil lets all pass.
	Pass func() error

	Resolver   Resolver              // nil is the machine's
	Transport  memberlist.Transport  // instead of a network, for tests; Listen and Advertise are then unused
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil counts nowhere
}

// Private returns who is listened to when Options does not say: loopback and
// private addresses.
func Private() []netip.Prefix { return slices.Clone(private) }

var private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"),
}

// completed returns o with its defaults, or an error that names what is wrong.
func (o Options) completed() (Options, error) {
	if len(o.Allow) == 0 {
		o.Allow = private
	}
	if o.Pass == nil {
		o.Pass = func() error { return nil }
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if site, _, ok := splitName(o.Name); ok && len(o.Sites) == 0 {
		o.Sites = []string{site}
	}
	if err := o.validate(); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return o, nil
}

func (o Options) validate() error {
	site, _, ok := splitName(o.Name)
	switch {
	case !ok:
		return fmt.Errorf("name %q is not site/node of letters, digits, dots, dashes and underscores", o.Name)
	case !slices.Contains(o.Sites, site):
		return fmt.Errorf("site %q is not among the sites", site)
	case len(o.Meta) > maxMeta:
		return fmt.Errorf("meta of %d bytes, at most %d", len(o.Meta), maxMeta)
	case o.Label == "" || len(o.Label) > maxLabel:
		return fmt.Errorf("label of %d bytes, want 1 to %d", len(o.Label), maxLabel)
	}
	if err := o.validateKeys(); err != nil {
		return err
	}
	if err := o.validateSeeds(); err != nil {
		return err
	}
	if o.Transport != nil {
		return nil
	}
	return o.validateAddresses()
}

func (o Options) validateKeys() error {
	if len(o.Keys) > maxKeys {
		return fmt.Errorf("%d keys, at most %d", len(o.Keys), maxKeys)
	}
	for i, key := range o.Keys {
		if len(key) != keySize {
			return fmt.Errorf("key %d has %d bytes, want %d", i+1, len(key), keySize)
		}
	}
	if len(o.Keys) > 0 {
		return nil
	}
	if !o.InsecurePlain {
		return errors.New("no keys")
	}
	if o.Transport != nil {
		return nil
	}
	if at, err := listenAddr(o.Listen); err != nil || !at.Addr().IsLoopback() {
		return errors.New("no keys, and not on loopback")
	}
	return nil
}

func (o Options) validateSeeds() error {
	if len(o.Seeds) > maxSeeds {
		return fmt.Errorf("%d seeds, at most %d", len(o.Seeds), maxSeeds)
	}
	for _, seed := range o.Seeds {
		if name, ok := strings.CutPrefix(seed, srvPrefix); ok {
			if name == "" {
				return errors.New("a seed without a name")
			}
			continue
		}
		if _, _, err := hostPort(seed); err != nil {
			return fmt.Errorf("seed %q: %w", seed, err)
		}
	}
	return nil
}

func (o Options) validateAddresses() error {
	at, err := listenAddr(o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if o.Advertise == "" {
		if at.Addr() == netip.IPv6Unspecified() {
			return errors.New("listening on all addresses of IPv6 needs one to advertise")
		}
		return nil
	}
	if _, _, err := hostPort(o.Advertise); err != nil {
		return fmt.Errorf("advertise %q: %w", o.Advertise, err)
	}
	return nil
}

// allows reports whether an address is listened to.
func (o Options) allows(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(o.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// admits returns why a node of that name is no peer; nil: it may be one.
func (o Options) admits(name string) error {
	site, _, ok := splitName(name)
	if !ok {
		return errors.New("not a name")
	}
	if !slices.Contains(o.Sites, site) {
		return errors.New("not of a configured site")
	}
	return nil
}

// tuned is memberlist's configuration; DESIGN.md says where the numbers come
// from.
func (o Options) tuned() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label = o.Name, o.Label
	c.ProbeInterval, c.ProbeTimeout = 2*time.Second, time.Second
	c.SuspicionMult = 4
	c.GossipInterval, c.GossipNodes = 200*time.Millisecond, 4
	c.PushPullInterval = 30 * time.Second
	c.GossipToTheDeadTime = 2 * time.Minute
	c.TCPTimeout = tcpTimeout
	c.UDPBufferSize = 1400
	c.EnableCompression = false
	c.DeadNodeReclaimTime = 30 * time.Second
	c.RequireNodeNames = true
	for _, p := range o.Allow {
		c.CIDRsAllowed = append(c.CIDRsAllowed, net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		})
	}
	return c
}

// tcpTimeout bounds one stream: connecting, and then each direction.
const tcpTimeout = 5 * time.Second

// splitName takes "site/node" apart.
func splitName(name string) (site, node string, ok bool) {
	site, node, ok = strings.Cut(name, "/")
	return site, node, ok && len(name) <= maxName && isName(site) && isName(node)
}

func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}) < 0
}

// listenAddr reads "IP:port", where no IP is all of IPv4.
func listenAddr(s string) (netip.AddrPort, error) {
	if strings.HasPrefix(s, ":") {
		s = "0.0.0.0" + s
	}
	return netip.ParseAddrPort(s)
}

// hostPort reads "host:port" with a port that is one.
func hostPort(s string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || host == "" {
		return "", 0, errors.New("not host:port")
	}
	return host, uint16(number), nil
}
