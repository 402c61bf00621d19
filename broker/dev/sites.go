package dev

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/loopback"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fetch"
)

// names are what several sites are called.
var names = []string{"seoul", "busan", "tokyo"}

// MaxSites is the most sites that an instance can have.
const MaxSites = 3

// Of N, the issuer's port: the first site listens on N+10, the next ones every
// ten ports further. A site's gossip takes the port behind its own.
const (
	siteStep   = 10
	gossipStep = 1
)

// listenSites takes the ports of the sites. A single one stands at the issuer's
// address itself.
func (i *Instance) listenSites(ctx context.Context) error {
	if i.options.Sites <= 1 {
		i.sites = []*Site{{name: siteName, url: i.Issuer(), listeners: i.listeners[0], turns: i}}
		i.seat = newSeat(i.sites, func(*Site) {})
		return nil
	}
	for n := range i.options.Sites {
		wanted := 0
		if i.options.Port != 0 {
			wanted = i.options.Port + siteStep*(n+1)
		}
		listeners, port, err := i.port(ctx, wanted)
		if err != nil {
			return err
		}
		i.sites = append(i.sites, &Site{
			name: names[n], url: "http://localhost:" + strconv.Itoa(port), listeners: listeners,
			address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), ports: [2]int{port}, turns: i,
		})
	}
	i.seat = newSeat(i.sites, func(to *Site) { i.teller.at(to.name).add(switchboard.Event{Kind: switchboard.WriterMoved}) })
	i.onStop(func() error { i.seat.stop(); return nil })
	return nil
}

// buildSites opens the store and builds every site on it.
func (i *Instance) buildSites(ctx context.Context) error {
	base, err := i.settings()
	if err != nil {
		return err
	}
	opened, err := sqlstore.Open(ctx, sqlstore.Options{
		Driver: base.Store.Driver, Path: base.Store.Path, Writer: base.Store.Writer, Reader: base.Store.Reader,
		Logger: i.options.Logger,
	})
	if err != nil {
		return err
	}
	i.onStop(opened.Close)
	i.file = base.Store.Path
	if len(i.sites) == 1 {
		i.sites[0].config = base
	} else if err := i.settle(ctx, opened, base); err != nil {
		return err
	}
	for _, site := range i.sites {
		i.equip(site, opened)
		if err := site.build(ctx); err != nil {
			return err
		}
	}
	return nil
}

// equip gives a site what its broker is built with, in this life and in every
// later one. Of several, each sees the store, the providers and the others through
// its hull.
func (i *Instance) equip(site *Site, opened *sqlstore.Store) {
	o := broker.Options{
		Logger: i.options.Logger, Dev: true, Shared: opened,
		Clients: []client.Option{client.InsecureLoopback(), client.InsecureRedirects(client.LoopbackHTTP)},
		OnEvent: i.teller.audit, OnStep: i.teller.step, OnChange: i.teller.change, Fetch: i.network.From(site.name).Fetch,
	}
	if len(i.sites) > 1 {
		told := i.teller.at(site.name)
		o.OnEvent, o.OnStep, o.OnChange = told.audit, told.step, told.change
		o.Logger = i.options.Logger.With(slog.String("site", site.name))
		site.shared = opened
		o.Shared = opened.Behind(sqlstore.Between{
			Writer:  func(ctx context.Context) error { return i.seat.reach(ctx, site) },
			Replica: site.replica,
		})
		i.onStop(o.Shared.Close)
		outside := o.Fetch
		o.Fetch = func(f *fetch.Options) {
			outside(f)
			f.Dial = site.hull.Dial(f.Dial)
		}
		o.Gossip = func(c *cluster.Options) { c.Pass = site.hull.Cross }
		o.Peers = func(p *peer.Options) { p.Through = site.hull.Between }
	}
	site.options = o
}

// settle makes everything that several sites have of their own, and tells each
// of the others: wrapping key, identity, first signing keys, gossip.
func (i *Instance) settle(ctx context.Context, opened *sqlstore.Store, base *config.Config) error {
	for _, site := range i.sites {
		own := *base
		own.Site, own.Node = site.name, site.name+"-1"
		own.DataDir = filepath.Join(i.dir, site.name)
		own.TrustedProxies = []netip.Prefix{frontDoorAddress}
		key, err := newKey()
		if err != nil {
			return err
		}
		own.SiteKey = key
		site.config = &own
	}
	known, err := i.introduce(ctx, opened)
	if err != nil {
		return err
	}
	gossip, err := i.gossip(ctx)
	if err != nil {
		return err
	}
	for n, site := range i.sites {
		site.config.Sites, site.config.Gossip = known, gossip[n]
		site.config.Peers = &config.Peers{Listen: "127.0.0.1:0"} // the others hear which port it is
	}
	return nil
}

// introduce has every site begin as the only one: its identity is made, and its
// keys sign at once. Only then do the sites learn of each other, or the keys of
// all but the first would have to be published for two days first.
func (i *Instance) introduce(ctx context.Context, opened *sqlstore.Store) ([]config.Site, error) {
	known := make([]config.Site, len(i.sites))
	for n, site := range i.sites {
		origin, err := url.Parse(site.url)
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", site.name, err)
		}
		known[n].Name, known[n].Origin = site.name, origin
	}
	failed := make([]error, len(i.sites))
	var beginning sync.WaitGroup
	for n, site := range i.sites {
		beginning.Go(func() {
			var public ed25519.PublicKey
			public, failed[n] = begin(ctx, opened, site.config)
			known[n].Identities = []ed25519.PublicKey{public}
		})
	}
	beginning.Wait()
	return known, errors.Join(failed...)
}

// begin makes the identity and the keys of cfg's site: those that sign and the
// next ones, so that all sites show the same list from the start.
func begin(ctx context.Context, opened *sqlstore.Store, cfg *config.Config) (ed25519.PublicKey, error) {
	ring, err := keys.Open(ctx, keys.Options{
		Issuer: cfg.Issuer.String(), Site: cfg.Site, Algorithms: cfg.Keys.Algorithms, Store: opened, Wrap: cfg.SiteKey,
	})
	if err == nil {
		err = ring.Keep(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("first keys of %s: %w", cfg.Site, err)
	}
	all, err := opened.SiteIdentities(ctx, cfg.Site)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", cfg.Site, err)
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("identity of %s: there are %d", cfg.Site, len(all))
	}
	return all[0].Public, nil
}

// gossip arranges how each of the sites speaks with the others.
func (i *Instance) gossip(ctx context.Context) ([]*config.Gossip, error) {
	key := make([]byte, 32)
	if _, err := io.ReadFull(rand.Reader, key); err != nil {
		return nil, fmt.Errorf("make gossip key: %w", err)
	}
	all := make([]*config.Gossip, len(i.sites))
	var seeds []string
	for n := range i.sites {
		port := i.options.Port + siteStep*(n+1) + gossipStep
		if i.options.Port == 0 {
			var err error
			if port, err = loopback.Pick(ctx); err != nil {
				return nil, err
			}
		}
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		seeds = append(seeds, at)
		all[n] = &config.Gossip{
			Listen: at, Advertise: at, Label: "bongsu-dev", Keys: [][]byte{key},
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		}
	}
	for _, each := range all {
		each.Seeds = seeds
	}
	return all, nil
}

// newKey makes a wrapping key.
func newKey() (*wrap.Key, error) {
	text, err := wrap.Generate(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	key, err := wrap.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}
