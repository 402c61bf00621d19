//go:build linux

package netns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
)

const (
	lookEvery = 200 * time.Millisecond

	// foundWithin is the interval of a healthy provider's probes, and three more
	// of them.
	foundWithin = 30*time.Second + 15*time.Second
)

// TestNamespaces tells one story, because time is dear: three sites are founded,
// and then one thing after another breaks below people who log in all the time.
func TestNamespaces(t *testing.T) {
	began := time.Now()
	w := newWorld(t)
	f := newFleet(w)
	c := newCrowd(f)
	t.Logf("founded and settled in %s", time.Since(began).Round(100*time.Millisecond))
	s := &story{crowd: c}
	for _, chapter := range []struct {
		name string
		tell func()
	}{
		{"a good day", s.goodDay},
		{"a provider goes dark for everybody", s.dark},
		{"one site is cut off from a provider", s.cutOff},
	} {
		start := time.Now()
		chapter.tell()
		t.Logf("%s: %s", chapter.name, time.Since(start).Round(100*time.Millisecond))
		if t.Failed() {
			t.FailNow()
		}
	}
	c.finish()
	c.check()
	t.Logf("%d logins in %s", len(c.done), time.Since(began).Round(100*time.Millisecond))
}

// story is the chapters.
type story struct{ *crowd }

// verdict is what a site holds of a provider.
func verdict(h admin.Health, provider string) health.Verdict {
	for _, row := range h.Rows {
		if row.Provider == provider {
			return row.Verdict
		}
	}
	return health.Verdict{}
}

// heard tells whether the records of a site are fresh, and when the latest came.
func heard(h admin.Health, name string) (fresh bool, at time.Time) {
	for _, view := range h.Sites {
		if view.Site == name {
			return view.Nodes > 0, view.Heard
		}
	}
	return false, time.Time{}
}

// await waits until each of the sites knows what is wanted, and returns how long
// each of them took since a moment.
func (s *story) await(what string, since time.Time, within time.Duration, where []string, wanted func(name string, h admin.Health) bool) map[string]time.Duration {
	s.t.Helper()
	ctx, cancel := context.WithDeadline(s.t.Context(), since.Add(within))
	defer cancel()
	took := map[string]time.Duration{}
	var mu sync.Mutex
	var waiting sync.WaitGroup
	for _, name := range where {
		waiting.Go(func() {
			for {
				h, err := s.all[name].health(ctx)
				if err == nil && wanted(name, h) {
					mu.Lock()
					took[name] = time.Since(since).Round(100 * time.Millisecond)
					mu.Unlock()
					return
				}
				select {
				case <-ctx.Done():
					s.t.Errorf("%s: not so at %s after %s: %v%s", what, name, within, err, s.all[name].explain())
					return
				case <-time.After(lookEvery):
				}
			}
		})
	}
	waiting.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
	s.t.Logf("%s: %v", what, took)
	return took
}

// logins waits until so many logins that began after a moment are over, at one
// site.
func (s *story) logins(n int, began time.Time, by website, at string) []login {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), loginWithin)
	defer cancel()
	for {
		if found := s.since(began, by, at); len(found) >= n {
			return found
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("fewer than %d logins at %s", n, at)
		case <-time.After(lookEvery):
		}
	}
}

// led checks that logins that began after a moment went by one way at once.
func (s *story) led(to string, began time.Time, by website, at string) {
	s.t.Helper()
	for _, l := range s.logins(2*perSite, began, by, at) {
		if l.err == nil && (l.extra() != 0 || l.choices[0] != to) {
			s.t.Errorf("%s at %s was led to %v and not to %s: %v", l.who, at, l.choices, to, l.seen)
		}
	}
}

// goodDay: everybody logs in at every site as the same person, and every site
// hears all.
func (s *story) goodDay() {
	s.everybody(func(p *person) {
		home := p.near
		for _, by := range []website{shop, travel} {
			for _, p.near = range sites {
				l := p.login(s.t.Context(), by)
				if p.sub == "" {
					p.sub = l.sub
				}
				if l.err != nil || l.extra() != 0 || l.sub == "" || l.sub != p.sub {
					s.t.Errorf("on a good day %s at %s: %+v", p.name, p.near, l)
				}
			}
		}
		p.near = home
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
	cut, arrived := s.inFlight(shop, func() { s.cable("kakao", "wide", false) })
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
	s.cable("kakao", "wide", true)
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
