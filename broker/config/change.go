package config

import (
	"fmt"
	"reflect"
	"slices"
)

// Change is what differs between two configurations, as keys of the file.
type Change struct {
	Now     []string // takes effect in a running node
	Restart []string // takes effect when the node starts anew
}

// setting is a part of a configuration that changes as a whole.
type setting struct {
	key  string
	part func(*Config) any
}

const keysOfGossip = "gossip.keys"

// atOnce are the settings that a running node takes over.
var atOnce = []setting{
	{"clients", func(c *Config) any { return c.Clients }},
	{"limits", func(c *Config) any { return c.Limits }},
	{"operators", func(c *Config) any { return c.Operators }},
	{"providers[].ceiling", func(c *Config) any { return c.Ceilings() }},
	{"log", func(c *Config) any { return c.Log }},
	{keysOfGossip, func(c *Config) any { return c.gossipKeys() }},
}

// atStart are the settings that a node reads once. Every field of [Config] stands
// in one of the two lists, which a test checks.
var atStart = []setting{
	{"issuer", func(c *Config) any { return c.Issuer }},
	{"site", func(c *Config) any { return c.Site }},
	{"node", func(c *Config) any { return c.Node }},
	{"sites", func(c *Config) any { return c.Sites }},
	{"browser_mark", func(c *Config) any { return c.MarkDomain }},
	{"passkeys", func(c *Config) any { return c.RPID }},
	{"listen", func(c *Config) any { return c.Listen }},
	{"admin", func(c *Config) any { return c.Admin }},
	{"tls", func(c *Config) any { return c.TLS }},
	{"trusted_proxies", func(c *Config) any { return c.TrustedProxies }},
	{"store", func(c *Config) any { return c.Store }},
	{"data_dir", func(c *Config) any { return c.DataDir }},
	{"site_key", func(c *Config) any { return c.SiteKey }},
	{"cluster_key", func(c *Config) any { return c.ClusterKey }},
	{"keys", func(c *Config) any { k := c.Keys; k.Algorithms = nil; return k }}, // the clients' wish
	{"sessions", func(c *Config) any { return c.Sessions }},
	{"resources", func(c *Config) any { return c.Resources }},
	{"contact", func(c *Config) any { return c.Contact }},
	{"drain", func(c *Config) any { return c.Drain }},
	{"snapshot", func(c *Config) any { return c.Snapshot }},
	{"providers", func(c *Config) any { return withoutCeilings(c.Providers) }},
	{"outbound", func(c *Config) any { return c.Outbound }},
	{"gossip", func(c *Config) any { return withoutKeys(c.Gossip) }},
	{"peers", func(c *Config) any { return c.Peers }},
	{"health", func(c *Config) any { return c.Health }},
	{"languages", func(c *Config) any { return c.Languages }},
}

// Ceilings are the providers' ceilings in logins begun per second, of those that
// have one, by id.
func (c *Config) Ceilings() map[string]float64 {
	ceilings := make(map[string]float64)
	for _, p := range c.Providers {
		if p.Ceiling > 0 {
			ceilings[p.ID] = p.Ceiling
		}
	}
	return ceilings
}

func withoutCeilings(providers []Provider) []Provider {
	same := slices.Clone(providers)
	for i := range same {
		same[i].Ceiling = 0
	}
	return same
}

// gossipKeys are what gossip is encrypted with, if there is any.
func (c *Config) gossipKeys() [][]byte {
	if c.Gossip == nil {
		return nil
	}
	return c.Gossip.Keys
}

func withoutKeys(g *Gossip) *Gossip {
	if g == nil {
		return nil
	}
	same := *g
	same.Keys = nil
	return &same
}

// OtherProviders reports whether the providers of c differ from those of another
// configuration, in more than ceilings.
func (c *Config) OtherProviders(other *Config) bool {
	return !reflect.DeepEqual(withoutCeilings(c.Providers), withoutCeilings(other.Providers))
}

// Since returns what is different in c from the configuration that a node runs
// with: what it started with and what it took over last.
func (c *Config) Since(started, taken *Config) Change {
	now := differing(atOnce, taken, c)
	if started.Gossip == nil || c.Gossip == nil { // it begins and ends with the node
		now = slices.DeleteFunc(now, func(key string) bool { return key == keysOfGossip })
	}
	return Change{Now: now, Restart: differing(atStart, started, c)}
}

func differing(settings []setting, a, b *Config) []string {
	var keys []string
	for _, s := range settings {
		if !reflect.DeepEqual(s.part(a), s.part(b)) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// Follows reports why a node that started with another configuration cannot take
// over what is new in c; nil: it can.
func (c *Config) Follows(started *Config) error {
	for _, algorithm := range c.Keys.Algorithms {
		if !slices.Contains(started.Keys.Algorithms, algorithm) {
			return fmt.Errorf("config: a client wants ID tokens signed with %s, for which this node has no key before it is restarted", algorithm)
		}
	}
	return nil
}
