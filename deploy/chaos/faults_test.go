//go:build linux

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// stage is where faults are played.
type stage struct {
	*door

	history *history
	stale   time.Duration
}

// strike does a fault and returns what undoes it. Both return when that is done.
func (s *stage) strike(ctx context.Context, a act) (heal func(context.Context) error, err error) {
	c := s.databases
	leader := c.leader()
	standby := c.standbys()[a.pick]
	n := s.of(standby.site)[a.node]
	switch a.kind {
	case brokerKilled:
		n.kill()
		return func(context.Context) error { return s.startAll(n) }, nil
	case brokerFrozen:
		return func(context.Context) error { return n.running.Thaw() }, n.running.Freeze()
	case brokerFull:
		return s.full(n.data())
	case brokerSkewed:
		return s.skewed(n, a.ahead)
	case siteKilled:
		s.killSite(standby.site)
		return func(ctx context.Context) error { return s.restoreSite(ctx, standby.site) }, nil
	case writerSiteDies:
		s.killSite(leader.site)
		return func(ctx context.Context) error {
			_, err := c.failover(ctx)
			if err != nil {
				return err
			}
			return s.restoreSite(ctx, leader.site)
		}, nil
	case siteCut, writerCut:
		return s.cutOff(ctx, a, leader, standby)
	case linkCut:
		return s.link(leader.site, standby.site)
	case providerCut:
		return s.hole(standby.site, s.Address("kakao"))
	}
	return s.strikeDatabase(ctx, a, leader, standby)
}

// strikeDatabase does a fault of databases alone.
func (s *stage) strikeDatabase(ctx context.Context, a act, leader, standby *database) (heal func(context.Context) error, err error) {
	c := s.databases
	switch a.kind {
	case writerKilled:
		leader.kill()
		return s.promote, nil
	case writerReturns:
		leader.kill()
		return c.mend, nil
	case writerFrozen:
		leader.freeze()
		return s.promote, nil
	case writerFull:
		filler, err := fill(leader.disk())
		return func(ctx context.Context) error {
			leader.kill()
			if err := os.Remove(filler); err != nil {
				return err
			}
			return s.promote(ctx)
		}, err
	case standbyKilled:
		standby.kill()
		return c.mend, nil
	case standbyFrozen:
		standby.freeze()
		return func(context.Context) error { standby.thaw(); return nil }, nil
	case allGone:
		for _, d := range c.all {
			d.kill()
		}
		return c.mend, nil
	}
	return nil, fmt.Errorf("nobody knows how %s is done", a.kind)
}

// promote is the whole of a failover: another takes over, and the old primary
// comes back as a standby.
func (s *stage) promote(ctx context.Context) error {
	took, err := s.databases.failover(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = s.databases.mend(ctx)
	s.t.Logf("%s took over in %s; the old one came back in %s", s.databases.leader().site, short(took), short(time.Since(began)))
	return err
}

func (s *stage) full(disk string) (func(context.Context) error, error) {
	filler, err := fill(disk)
	return func(context.Context) error { return os.Remove(filler) }, err
}

// skewed starts a broker anew with another clock.
func (s *stage) skewed(n *node, ahead time.Duration) (func(context.Context) error, error) {
	again := func(ahead time.Duration) error {
		n.kill()
		if err := n.skew(ahead); err != nil {
			return err
		}
		return s.startAll(n)
	}
	return func(context.Context) error { return again(0) }, again(ahead)
}

// killSite ends all that runs at a site.
func (s *stage) killSite(site string) {
	for _, n := range s.of(site) {
		n.kill()
	}
	s.databases.all[site].kill()
}

func (s *stage) restoreSite(ctx context.Context, site string) error {
	if err := s.databases.mend(ctx); err != nil {
		return err
	}
	return s.startAll(s.of(site)...)
}

// cutOff cuts a site from the other two, not from people nor providers.
func (s *stage) cutOff(ctx context.Context, a act, leader, standby *database) (func(context.Context) error, error) {
	site := standby.site
	if a.kind == writerCut {
		site = leader.site
	}
	from := s.at()
	if err := s.Cable(site, machines.Inner, false); err != nil {
		return nil, err
	}
	now := 0
	s.history.note(func(h *history) {
		now = len(h.cuts)
		h.cuts = append(h.cuts, cut{site: site, from: from, to: time.Hour})
	})
	return func(ctx context.Context) error {
		if a.kind == writerCut { // its commits wait for a standby that does not hear it
			if _, err := s.databases.failover(ctx); err != nil {
				return err
			}
		}
		if err := s.Cable(site, machines.Inner, true); err != nil {
			return err
		}
		lost, err := s.lostContact(site, from)
		if err != nil {
			return err
		}
		s.history.note(func(h *history) { h.cuts[now].to, h.cuts[now].lost = s.at(), lost })
		return s.databases.mend(ctx)
	}, nil
}

// lostContact is when the nodes of a site themselves said that they lost contact, by
// their logs: the first time since the site was cut off.
func (s *stage) lostContact(site string, cut time.Duration) (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for _, n := range s.of(site) {
		text, err := os.ReadFile(n.log.Name())
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			var said struct {
				Time        time.Time
				Event, Mode string
			}
			if !bytes.Contains(line, []byte(`"contact.changed"`)) || json.Unmarshal(line, &said) != nil || said.Mode != "cut_off" {
				continue
			}
			if at := said.Time.Sub(s.began.Round(0)); at >= cut {
				all[n.name()] = at
				break
			}
		}
	}
	return all, nil
}

// link cuts two sites from each other, and not from the third.
func (s *stage) link(a, b string) (func(context.Context) error, error) {
	if err := s.Hole(a, s.InnerAddress(b)+"/32", false); err != nil {
		return nil, err
	}
	return func(context.Context) error { return s.Hole(a, s.InnerAddress(b)+"/32", true) }, nil
}

// hole cuts a site from an address.
func (s *stage) hole(site, address string) (func(context.Context) error, error) {
	return func(context.Context) error { return s.Hole(site, address+"/32", true) }, s.Hole(site, address+"/32", false)
}
