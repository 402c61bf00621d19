//go:build linux && nightly

package netns

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/deploy/netns/machines"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// ordeal is one way for Kakao to fail.
type ordeal struct {
	fault   fakeidp.Fault
	variant string

	// breaks does it and returns what undoes it.
	breaks func(*story, *fakeidp.Upstream) (mend func())

	// found is what every site must say of Kakao then; Unknown is that they need
	// not find out. When it is Down, nobody is sent there first any more.
	found health.State

	// spares tells of whose logins the fault must be no matter; nil is nobody's.
	spares func(login) bool

	then func(*story, *fakeidp.Upstream) // what else happens, below the fault
}

func (o ordeal) name() string {
	name := string(o.fault)
	for _, kind := range fakeidp.Kinds() {
		if kind.Name == o.fault && kind.Number != "" {
			name = kind.Number + " " + name
		}
	}
	if o.variant != "" {
		name += ", " + o.variant
	}
	return name
}

// ordeals are all of them: what simulated upstreams do by themselves, and below
// them what is done to names, connections and certificates.
func ordeals() []ordeal {
	is := func(f fakeidp.Fault, found health.State, spares func(login) bool) ordeal {
		return ordeal{fault: f, breaks: answers(f), found: found, spares: spares}
	}
	with := func(o ordeal, then func(*story, *fakeidp.Upstream)) ordeal { o.then = then; return o }
	return slices.Concat([]ordeal{
		is(fakeidp.Slow, health.Down, nil),
		is(fakeidp.Error, health.Down, nil),
		is(fakeidp.Denied, health.Unknown, nil),
		is(fakeidp.BadSignature, health.Down, nil),
	}, below(), []ordeal{
		is(fakeidp.CoreDown, health.Down, nil),
		is(fakeidp.ErrorPage, health.Down, nil),
		is(fakeidp.KeyDropped, health.Unknown, everybody),
		with(is(fakeidp.StolenKey, health.Unknown, everybody), distrusted),
		is(fakeidp.TokenDown, health.Down, nil),
		is(fakeidp.CredentialsRejected, health.Degraded, nil),
		is(fakeidp.UserinfoDown, health.Degraded, nil),
		is(fakeidp.AppRouteDown, health.Unknown, atDesks),
		is(fakeidp.Throttled, health.Unknown, nil),
		is(fakeidp.Brownout, health.Down, nil),
		is(fakeidp.Disguised, health.Down, nil),
		{fault: fakeidp.Relapse, breaks: relapses, found: health.Down, then: trusted},
		with(is(fakeidp.NewLoginsDown, health.Unknown, everybody), newcomers),
		is(fakeidp.Regional, health.Unknown, nil),
		is(fakeidp.StatusFeedLies, health.Down, nil),
		is(fakeidp.ConsentStepDown, health.Unknown, nil),
		is(fakeidp.Clock, health.Down, nil),
		with(is(fakeidp.MovedMetadata, health.Unknown, everybody), startsAnew),
		with(is(fakeidp.Gone, health.Degraded, nil), retired),
	})
}

func everybody(login) bool { return true }
func atDesks(l login) bool { return !l.phone }

// answers has the simulated upstream fail by itself.
func answers(f fakeidp.Fault) func(*story, *fakeidp.Upstream) func() {
	return func(s *story, u *fakeidp.Upstream) func() {
		s.must(u.SetFault(f))
		return u.ClearFault
	}
}

// below are the faults that stand below HTTP.
func below() []ordeal {
	return []ordeal{
		{fault: fakeidp.Dark, found: health.Down, breaks: func(s *story, _ *fakeidp.Upstream) func() {
			s.cable("kakao", machines.Wide, false)
			return func() { s.cable("kakao", machines.Wide, true) }
		}},
		{fault: fakeidp.DNS, variant: "servfail", found: health.Down, breaks: unnamed(machines.Servfail)},
		{fault: fakeidp.DNS, variant: "nxdomain", found: health.Down, breaks: unnamed(machines.NXDomain)},
		{fault: fakeidp.DNS, variant: "stale", found: health.Down, breaks: unnamed(machines.Stale)},
		{fault: fakeidp.HalfOpen, variant: "silent", found: health.Down, breaks: func(s *story, _ *fakeidp.Upstream) func() {
			return s.fronts["kakao"].hush()
		}},
		{fault: fakeidp.HalfOpen, variant: "drop", found: health.Down, breaks: drops},
		{fault: fakeidp.WrongCertificate, variant: "name", found: health.Down, breaks: func(s *story, _ *fakeidp.Upstream) func() {
			return s.show(s.issuers.ours, s.issuers.ours.Root.NotAfter, canaryHost)
		}},
		{fault: fakeidp.WrongCertificate, variant: "expired", found: health.Down, breaks: func(s *story, _ *fakeidp.Upstream) func() {
			return s.show(s.issuers.ours, time.Now().Add(-time.Minute), namesOf("kakao")...)
		}},
		{fault: fakeidp.WrongCertificate, variant: "foreign", found: health.Down, breaks: func(s *story, _ *fakeidp.Upstream) func() {
			return s.show(s.issuers.foreign, s.issuers.foreign.Root.NotAfter, namesOf("kakao")...)
		}},
	}
}

// drops has Kakao's machine hear everything and reach nobody.
func drops(s *story, _ *fakeidp.Upstream) func() {
	ranges := []string{machines.Homes + "0.0/17", machines.Homes + "128.0/17", s.Address("people") + "/32"} // narrower than the way that there is
	for _, name := range sites {
		ranges = append(ranges, s.Address(name)+"/32")
	}
	all := func(open bool) {
		for _, to := range ranges {
			s.hole("kakao", to, open)
		}
	}
	all(false)
	return func() { all(true) }
}

// unnamed has Kakao's names fail.
func unnamed(how machines.Illness) func(*story, *fakeidp.Upstream) func() {
	return func(s *story, _ *fakeidp.Upstream) func() {
		s.zone.Fail(how, namesOf("kakao")...)
		return func() { s.zone.Fail("", namesOf("kakao")...) }
	}
}

// show has Kakao's machine show another certificate to whoever connects, until the
// function is called that it returns.
func (s *story) show(by *machines.Authority, until time.Time, names ...string) func() {
	kakao := s.fronts["kakao"]
	kakao.show(&tls.Certificate{Certificate: [][]byte{s.sign(by, until, names...)}, PrivateKey: by.Key()})
	return func() { kakao.show(nil) }
}

// relapses is a staged recovery with a relapse, three times as fast as it was.
func relapses(s *story, u *fakeidp.Upstream) func() {
	s.must(u.Play(fakeidp.RelapseScript(fakeidp.DefaultRelapseStep / 3)))
	return u.ClearFault
}

// trusted waits until the sites give Kakao all its logins back.
func trusted(s *story, _ *fakeidp.Upstream) {
	s.await("Kakao is trusted again", time.Now(), backWithin, sites, func(_ string, h admin.Health) bool {
		v := verdict(h, "kakao")
		return v.State == health.Up && v.Weight == 1
	})
	known := time.Now()
	for _, name := range sites {
		s.led("kakao", known, shop, name)
	}
}

// startsAnew: a site that starts meanwhile believes what it believed before.
func startsAnew(s *story, _ *fakeidp.Upstream) {
	seoul := s.all["seoul"]
	seoul.resting.Store(true)
	seoul.kill()
	s.must(seoul.start())
	seoul.resting.Store(false)
	s.led("kakao", time.Now(), shop, "seoul")
}

// newcomers have never been at Kakao, where nobody new gets in.
func newcomers(s *story, _ *fakeidp.Upstream) {
	const each = 3
	var coming sync.WaitGroup
	for _, near := range sites {
		p := &person{fleet: s.fleet, name: "newcomer-" + near, near: near}
		coming.Go(func() {
			if err := p.settle(s.t.Context(), ownWays[1:]...); err != nil {
				s.t.Errorf("settle %s: %v", p.name, err)
				return
			}
			for range each {
				l := p.login(s.t.Context(), shop)
				if l.err != nil || l.sub != p.sub || !slices.Equal(l.choices, []string{"kakao", "naver"}) {
					s.t.Errorf("%s, who was %q: %+v", p.name, p.sub, l)
				}
			}
		})
	}
	coming.Wait()
}

// order gives one site's operator's order, which is for all sites.
func (s *story) order(args ...string) {
	s.t.Helper()
	site := s.all[sites[0]]
	site.mustRun(append(append([]string{"provider"}, args...), "--config", site.config())...)
}

// distrusted: an operator takes the trust from the key that a stranger signs
// with, and nobody comes in by it any more.
func distrusted(s *story, u *fakeidp.Upstream) {
	kid, err := s.strangeKey(u)
	s.must(err)
	s.order("distrust", "kakao", "--key", kid, "--reason", "stolen")
	defer s.order("distrust", "kakao", "--key", kid, "--undo", "--reason", "the test goes on")
	s.await("Kakao is down with its stolen key", time.Now(), foundWithin, sites, func(_ string, h admin.Health) bool {
		return verdict(h, "kakao").State == health.Down
	})
	known := time.Now()
	for _, name := range sites {
		s.led("naver", known, shop, name)
	}
}

// strangeKey is the key that Kakao publishes and did not make.
func (s *story) strangeKey(u *fakeidp.Upstream) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), answerWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL(fakeidp.JWKS), http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := s.people[0].road().RoundTrip(request)
	if err != nil {
		return "", err
	}
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := errors.Join(json.NewDecoder(answer.Body).Decode(&set), answer.Body.Close()); err != nil {
		return "", err
	}
	for _, key := range set.Keys {
		if !slices.Contains(u.PublishedKeys(), key.ID) {
			return key.ID, nil
		}
	}
	return "", errors.New("every key is Kakao's own")
}

// heardWithin is how long an order may take to be known at every node.
const heardWithin = 15 * time.Second

// retired: an operator says that Kakao is gone for good, and nobody sees it any
// more.
func retired(s *story, _ *fakeidp.Upstream) {
	s.order("retire", "kakao", "--yes", "--reason", "the app is suspended")
	defer s.order("enable", "kakao", "--retired")
	known := time.Now().Add(heardWithin)
	select {
	case <-s.t.Context().Done():
	case <-time.After(heardWithin):
	}
	for _, name := range sites {
		s.led("naver", known, shop, name)
		for _, l := range s.since(known, shop, name) {
			for _, page := range l.seen {
				if strings.Contains(page, "way-kakao") {
					s.t.Errorf("%s at %s is still shown Kakao: %v", l.who, l.at, l.seen)
				}
			}
		}
	}
}
