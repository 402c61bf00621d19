//go:build linux && nightly

package netns

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

const (
	perFault = 15 // logins at each site below every fault

	// awakeWithin bounds how long three sites take to be one again after all of
	// them were started.
	awakeWithin = 30 * time.Second

	// backWithin is how long sites may take to give a provider all its logins
	// back that came back, fell again and came back.
	backWithin = 8 * time.Minute
)

// TestNamespacesFaults breaks one provider in every way that simulated upstreams
// know, below people who log in all the time at three real sites. Whatever it is,
// everybody is the same person after one choice more at most, and no page leaves
// anybody without a way on; what sites find out costs nobody a choice from then on.
//
// Sites remember how often a provider fell, so all are started anew for every
// fault. That they give a provider all its logins back is seen once, after the
// fault that is about it.
func TestNamespacesFaults(t *testing.T) {
	w := newWorld(t)
	s := &story{crowd: newCrowd(newFleet(w))}
	s.goodDay()
	s.finish()
	s.forget()
	all := ordeals()
	for _, kind := range fakeidp.Kinds() {
		if !slices.ContainsFunc(all, func(o ordeal) bool { return o.fault == kind.Name }) {
			t.Errorf("%s %s is not played", kind.Number, kind.Name)
		}
	}
	for _, o := range all {
		t.Run(o.name(), func(t *testing.T) {
			defer func(whole *testing.T) { w.t = whole }(w.t)
			w.t = t // whatever fails, fails this
			began := time.Now()
			s.suffer(o)
			t.Logf("all of it took %s", time.Since(began).Round(100*time.Millisecond))
		})
	}
}

// suffer plays one fault.
func (s *story) suffer(o ordeal) {
	s.again()
	s.start()
	defer s.finish()
	kakao, _ := s.providers.Upstream("kakao")
	mend := o.breaks(s, kakao)
	defer mend()
	began := time.Now()
	if o.found != health.Unknown {
		s.await("Kakao is "+o.found.String(), began, foundWithin, sites, func(_ string, h admin.Health) bool {
			return verdict(h, "kakao").State == o.found
		})
	}
	if known := time.Now(); o.found == health.Down {
		for _, name := range sites {
			s.led("naver", known, shop, name)
		}
	}
	var under []login
	for _, name := range sites {
		under = append(under, s.logins(perFault, began, shop, name)...)
	}
	if o.then != nil {
		o.then(s, kakao)
	}
	s.finish()
	s.check()
	s.tell(under)
	if o.spares == nil {
		return
	}
	for _, l := range under {
		if l.err == nil && o.spares(l) && (l.extra() != 0 || l.choices[0] != "kakao") {
			s.t.Errorf("%s at %s is none whom this concerns, and came in by %v", l.who, l.at, l.choices)
		}
	}
}

// again starts the three sites anew, as operators do, and waits until they are
// one and nothing is wrong with Kakao.
func (s *story) again() {
	s.t.Helper()
	s.goTo(shop)
	s.forget()
	var starting sync.WaitGroup
	for _, name := range sites {
		starting.Go(func() {
			site := s.all[name]
			if site.running != nil {
				site.stop(site.running)
			}
			if err := site.start(); err != nil {
				s.t.Error(err)
			}
		})
	}
	starting.Wait()
	s.everybody(func(p *person) {
		if l := p.login(s.t.Context(), shop); l.err != nil || l.sub != p.sub || l.extra() != 0 || l.choices[0] != "kakao" {
			s.t.Errorf("before the fault %s at %s: %+v", p.name, p.near, l)
		}
	})
	s.await("all are well", time.Now(), awakeWithin, sites, func(_ string, h admin.Health) bool {
		for _, name := range sites {
			if fresh, _ := heard(h, name); !fresh {
				return false
			}
		}
		v := verdict(h, "kakao")
		return v.State == health.Up && v.Weight == 1
	})
}

// tell says how logins went.
func (s *story) tell(under []login) {
	elsewhere, again := 0, 0
	var longest time.Duration
	for _, l := range under {
		if l.extra() > 0 {
			again++
		}
		if len(l.choices) > 0 && l.choices[len(l.choices)-1] != "kakao" {
			elsewhere++
		}
		longest = max(longest, l.took)
	}
	held := map[string]string{}
	for _, name := range sites {
		h, err := s.all[name].health(s.t.Context())
		if err != nil {
			s.t.Error(err)
			continue
		}
		v := verdict(h, "kakao")
		held[name] = v.State.String() + " " + string(v.Cause)
	}
	s.t.Logf("%d logins, %d came in another way, %d after one choice more, the longest took %s; held of Kakao: %v",
		len(under), elsewhere, again, longest.Round(100*time.Millisecond), held)
}

// forget forgets all logins so far.
func (c *crowd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = nil
}
