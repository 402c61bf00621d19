package broker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/providers"
)

// conditions are all that a board may hold of a provider.
var conditions = []string{"unknown", "up", "slow", "down", "trial", "ramp"}

// crawled is a node with three providers in each condition, and a website for
// each combination of three.
func crawled(t *testing.T) (*brokertest.Node, []brokertest.Website, [][]string) {
	t.Helper()
	var websites []brokertest.Website
	var ways [][]string
	for _, a := range conditions {
		for _, b := range conditions {
			for _, c := range conditions {
				three := []string{"a-" + a, "b-" + b, "c-" + c}
				name := strings.Join(three, ".")
				websites = append(websites, brokertest.Website{ID: name, RedirectURI: "https://crawl.example/" + name})
				ways = append(ways, three)
			}
		}
	}
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		for i, w := range websites {
			s.Clients = append(s.Clients, &client.Client{
				ID: w.ID, Name: w.ID, FirstParty: true, Public: true, RedirectURIs: []string{w.RedirectURI}, Providers: ways[i],
			})
		}
		s.Configure = func(cfg *config.Config) {
			like := cfg.Providers[len(cfg.Providers)-1]
			for _, place := range []string{"a-", "b-", "c-"} {
				for _, condition := range conditions {
					p := like
					p.ID, p.Name, p.Domains = place+condition, place+condition, []string{place + condition}
					p.ClientID = p.ID // nobody comes in by it, but each is an app of its own
					cfg.Providers = append(cfg.Providers, p)
				}
			}
		}
	})
	conditioned(t, n)
	return n, websites, ways
}

// conditioned brings each provider into the condition of its name, by what its
// probes would find, and stops the clock there.
func conditioned(t *testing.T, n *brokertest.Node) {
	t.Helper()
	board := n.Broker.Board()
	n.Clock.Stop()
	probes := func(outcome providers.Outcome, took time.Duration, names ...string) {
		for _, place := range []string{"a-", "b-", "c-"} {
			for _, name := range names {
				board.Probed(providers.Probed{Provider: place + name, Level: providers.LevelToken, Step: providers.StepToken, Outcome: outcome, Took: took})
			}
		}
	}
	pass := func(times int, each func()) {
		for range times {
			n.Clock.Advance(5 * time.Second)
			each()
			board.Tick()
		}
	}
	pass(3, func() { probes(providers.Down, 0, "trial", "ramp") })
	pass(13, func() { probes(providers.OK, 0, "ramp") })
	probes(providers.OK, 0, "trial") // it answers: whether it is back people will show
	pass(3, func() {
		probes(providers.Down, 0, "down")
		probes(providers.OK, 5*time.Second, "slow") // later than people like, earlier than they leave
		probes(providers.OK, 0, "up")
	})
	snapshot := board.Snapshot()
	for _, place := range []string{"a-", "b-", "c-"} {
		for condition, want := range map[string]struct {
			state health.State
			cause health.Cause
		}{
			"unknown": {health.Unknown, health.CauseNone}, "up": {health.Up, health.CauseNone},
			"slow": {health.Degraded, health.CauseSlow}, "down": {health.Down, health.CauseProvider},
			"trial": {health.Down, health.CauseTrial}, "ramp": {health.Degraded, health.CauseRamp},
		} {
			v := snapshot.Of(place + condition)
			if v.State != want.state || v.Cause != want.cause || v.Weight <= 0 {
				t.Fatalf("%s%s is %+v", place, condition, v)
			}
		}
	}
}

// Whatever the board holds, and whether or not this site is cut off, the menu in
// every language has every way that the website permits, as a link into the same
// login, and no other (P3, P6).
func TestNoVerdictTakesAWayAway(t *testing.T) {
	n, websites, ways := crawled(t)
	crawl := func(t *testing.T, lang string) {
		for i, w := range websites {
			page := n.NewBrowser().Open(n.AuthorizeURL(w.Request(set("ui_locales", lang))))
			if page.Language() != lang || len(page.IDs("way-")) != len(ways[i]) {
				t.Fatalf("%s: %d in %q with %v", w.ID, page.Status, page.Language(), page.IDs("way-"))
			}
			for _, way := range ways[i] {
				if href, _ := page.Attribute("way-"+way, "href"); !strings.HasPrefix(href, "/login/") || !strings.HasSuffix(href, "/go/"+way) {
					t.Errorf("%s: the way %s leads to %q", w.ID, way, href)
				}
			}
		}
	}
	for _, lang := range []string{"ko", "en", "ja"} {
		t.Run(lang, func(t *testing.T) { crawl(t, lang) })
	}
	board := n.Broker.Board()
	board.Canaries(0, 5)
	n.Clock.Advance(time.Second)
	board.Tick()
	if !board.Snapshot().Isolated {
		t.Fatal("the site is not cut off")
	}
	t.Run("cut off", func(t *testing.T) { crawl(t, "en") })
}
