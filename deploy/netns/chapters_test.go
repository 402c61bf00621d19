//go:build linux

package netns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// goodDay: everybody logs in at every site as the same person, and once with
// each request at another site; and every site hears all.
func (s *story) goodDay() {
	s.everybody(func(p *person) {
		home := p.near
		for _, by := range []website{shop, travel} {
			for _, p.near = range sites {
				l := p.login(s.t.Context(), by)
				if l.err != nil || l.extra() != 0 || l.sub == "" || l.sub != p.sub {
					s.t.Errorf("on a good day %s at %s: %+v", p.name, p.near, l)
				}
			}
		}
		p.near, p.wanders = home, true
		if l := p.login(s.t.Context(), shop); l.err != nil || l.extra() != 0 || l.sub != p.sub {
			s.t.Errorf("from site to site %s: %+v", p.name, l)
		}
		p.wanders = false
	})
	s.await("every site hears all", time.Now(), 15*time.Second, sites, func(_ string, h admin.Health) bool {
		for _, name := range sites {
			if fresh, _ := heard(h, name); !fresh {
				return false
			}
		}
		for _, way := range ownWays {
			if verdict(h, way).State != health.Up {
				return false
			}
		}
		return true
	})
	for _, name := range sites {
		out := s.all[name].mustRun("health", "--config", s.all[name].config())
		for _, word := range append(append([]string{"up"}, sites...), ownWays...) {
			if !strings.Contains(out, word) {
				s.t.Errorf("bongsu health at %s does not say %s:\n%s", name, word, out)
			}
		}
	}
	s.start()
}

// inFlight breaks something while one person of each site is on the way back from
// the first provider of a website, with a code that is good for nothing then. It
// returns when that was, and what waits until all of them have come in.
func (s *story) inFlight(by website, breaks func()) (cut time.Time, arrived func()) {
	s.t.Helper()
	var returning, walking sync.WaitGroup
	broken := make(chan struct{})
	for _, name := range sites {
		p := *s.people[slices.IndexFunc(s.people, func(p *person) bool { return p.near == name })]
		returning.Add(1)
		p.returns = sync.OnceFunc(func() { returning.Done(); <-broken })
		walking.Go(func() { s.keep(p.login(s.t.Context(), by)) })
	}
	returning.Wait()
	cut = time.Now()
	breaks()
	close(broken)
	return cut, walking.Wait
}

// dark: Kakao's cable is cut. Everybody comes in by Naver, and all sites find out
// that it is Kakao.
func (s *story) dark() {
	s.goTo(shop)
	cut, arrived := s.inFlight(shop, func() { s.cable("kakao", machines.Wide, false) })
	s.await("Kakao is down", cut, foundWithin, sites, func(_ string, h admin.Health) bool {
		return verdict(h, "kakao").State == health.Down
	})
	s.await("and it is Kakao", cut, foundWithin, sites, func(_ string, h admin.Health) bool {
		v := verdict(h, "kakao")
		return v.State == health.Down && v.Cause == health.CauseProvider
	})
	known := time.Now()
	for _, name := range sites {
		s.led("naver", known, shop, name)
	}
	arrived()
	s.cable("kakao", machines.Wide, true)
}

// cutOff: the way from seoul to Google leads nowhere. Seoul says that it is
// seoul; elsewhere Google stays what it was.
func (s *story) cutOff() {
	s.goTo(travel)
	s.logins(1, time.Now(), travel, "seoul")
	cut := time.Now()
	s.route("seoul", "google", false)
	s.await("seoul is cut off from Google", cut, foundWithin, []string{"seoul"}, func(_ string, h admin.Health) bool {
		v := verdict(h, "google")
		return v.State == health.Down && v.Cause == health.CauseCutOff
	})
	known := time.Now()
	s.led("naver", known, travel, "seoul")
	for _, name := range []string{"busan", "tokyo"} {
		s.led("google", cut, travel, name)
	}
	s.saysCutOff()
	s.route("seoul", "google", true)
}

// saysCutOff checks the words and the data of seoul's trouble.
func (s *story) saysCutOff() {
	s.t.Helper()
	seoul := s.all["seoul"]
	if out := seoul.mustRun("health", "--config", seoul.config()); !strings.Contains(out, "cut_off") {
		s.t.Errorf("bongsu health does not say that seoul is cut off:\n%s", out)
	}
	out := seoul.mustRun("health", "explain", "google", "--config", seoul.config(), "-o", "json")
	if !strings.Contains(out, `"cause": "cut_off"`) {
		s.t.Errorf("bongsu health explain does not say that seoul is cut off:\n%s", out)
	}
	for path, words := range map[string][]string{
		"/status?lang=en": {"at Seoul only. Other sites can use it."},
		"/status.json":    {`"seoul": "down"`, `"busan": "up"`, `"tokyo": "up"`},
	} {
		s.says("seoul", path, words...)
	}
	asked := travel.Request()
	s.says("seoul", "/authorize?"+asked.Encode(), "from here right now", "The trouble is with our connection.")
}

// says waits until what anybody can read at a site holds some words; documents
// are a few seconds old.
func (s *story) says(at, path string, words ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	reader := &person{fleet: s.fleet, name: "reader", near: at}
	for {
		page, err := reader.browser().Open(ctx, fmt.Sprintf("https://%s%s", issuerHost, path))
		missing := ""
		if err == nil {
			for _, word := range words {
				if !strings.Contains(page.Text(), word) {
					missing = word
				}
			}
			if missing == "" {
				return
			}
		}
		select {
		case <-ctx.Done():
			text := ""
			if page != nil {
				text = page.Text()
			}
			s.t.Errorf("%s at %s does not say %q: %v: %s", path, at, missing, err, text)
			return
		case <-time.After(lookEvery):
		}
	}
}

const (
	// expiry is how long a record is believed, and a bit.
	expiry = 35 * time.Second
	// healWithin bounds how long news stays away after a cable is mended.
	healWithin = 15 * time.Second
	// frozenFor is longer than gossip waits before it gives a node up.
	frozenFor = 15 * time.Second
)

// partition: seoul hears the others no more, nor they seoul, until the cable is
// mended. Meanwhile tokyo loses its power and comes back, and freezes and thaws.
// Nobody's verdict moves for any of that, nor any login fails.
func (s *story) partition() {
	steady := s.steady("seoul", "busan")
	s.cable("seoul", machines.Inner, false)
	cut := time.Now()
	s.dies()
	s.freezes()
	s.await("the records are too old to be believed", cut, expiry, sites, func(name string, h admin.Health) bool {
		if name != "seoul" {
			fresh, _ := heard(h, "seoul")
			return !fresh
		}
		busan, _ := heard(h, "busan")
		tokyo, _ := heard(h, "tokyo")
		return !busan && !tokyo
	})
	mended := time.Now()
	s.cable("seoul", machines.Inner, true)
	s.await("every site hears all again", mended, healWithin, sites, func(_ string, h admin.Health) bool {
		for _, name := range sites {
			if fresh, _ := heard(h, name); !fresh {
				return false
			}
		}
		return true
	})
	steady()
}

// dies: tokyo's process is killed, and started again under the same name.
func (s *story) dies() {
	tokyo := s.all["tokyo"]
	tokyo.resting.Store(true)
	tokyo.kill()
	again := time.Now()
	s.must(tokyo.start())
	s.t.Logf("tokyo is ready again after %s", time.Since(again).Round(100*time.Millisecond))
	tokyo.resting.Store(false)
	s.speaks("tokyo, killed and started, is one of them again", again)
}

// freezes: tokyo's process stands still for a while.
func (s *story) freezes() {
	tokyo := s.all["tokyo"]
	tokyo.resting.Store(true)
	tokyo.freeze()
	select {
	case <-s.t.Context().Done():
	case <-time.After(frozenFor):
	}
	tokyo.thaw()
	tokyo.resting.Store(false)
	s.speaks("tokyo, frozen and thawed, is one of them again", time.Now())
}

// speaks waits until busan has heard tokyo since a moment, and tokyo busan.
func (s *story) speaks(what string, since time.Time) {
	s.t.Helper()
	s.await(what, since, healWithin, []string{"busan", "tokyo"}, func(name string, h admin.Health) bool {
		other := map[string]string{"busan": "tokyo", "tokyo": "busan"}[name]
		fresh, at := heard(h, other)
		return fresh && at.After(since)
	})
}

// steady watches what sites hold of Naver, which nothing has ever happened to,
// until the function is called that it returns.
func (s *story) steady(where ...string) (done func()) {
	ctx, stop := context.WithCancel(s.t.Context())
	var watching sync.WaitGroup
	for _, name := range where {
		watching.Go(func() {
			for {
				h, err := s.all[name].health(ctx)
				switch v := verdict(h, "naver"); {
				case ctx.Err() != nil:
					return
				case err != nil || v.State != health.Up || v.Weight != 1:
					s.t.Errorf("%s holds of Naver: %+v, %v", name, v, err)
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(lookEvery):
				}
			}
		})
	}
	return func() { stop(); watching.Wait() }
}

// cameIn: the people stop, and every login of the whole story is held against
// the promise.
func (s *story) cameIn() {
	s.finish()
	s.check()
}

// startWithin bounds how long a process may take to be ready without a single
// provider.
const startWithin = 15 * time.Second

// nobody: no provider answers, and seoul starts all the same: it serves, and takes
// orders.
func (s *story) nobody() {
	for _, way := range ownWays {
		s.cable(way, machines.Wide, false)
	}
	seoul := s.all["seoul"]
	seoul.kill()
	again := time.Now()
	s.must(seoul.start())
	if took := time.Since(again); took > startWithin {
		s.t.Errorf("without providers seoul takes %s to start", took)
	} else {
		s.t.Logf("without providers seoul is ready after %s", took.Round(100*time.Millisecond))
	}
	for _, order := range []struct {
		args []string
		says string
	}{
		{[]string{"health"}, "PROVIDER"},
		{[]string{"provider", "disable", "kakao", "--reason", "nobody answers"}, "disabled"},
		{[]string{"health"}, "disabled"},
		{[]string{"provider", "enable", "kakao"}, "in use"},
		{[]string{"health", "declare", "naver", "--for", "1h"}, "naver"},
	} {
		if out := seoul.mustRun(append(order.args, "--config", seoul.config())...); !strings.Contains(out, order.says) {
			s.t.Errorf("bongsu %v does not say %s:\n%s", order.args, order.says, out)
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if _, err := seoul.ask(s.t.Context(), path); err != nil {
			s.t.Errorf("without providers: %v", err)
		}
	}
	asked := shop.Request()
	s.says("seoul", "/authorize?"+asked.Encode(), "Kakao", "NAVER")
}
