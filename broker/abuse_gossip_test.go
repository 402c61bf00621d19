package broker_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/health"
)

// AB-61: what does not come from the pool is dropped and counted; who is in it,
// what is known of providers, and logins stay as they are.
func TestAB61PlainOrForeignGossip(t *testing.T) {
	busan, known := siteKeys(t, "busan")
	_, jeju := siteKeys(t, "jeju")
	n, operator := probed(t, threeSites(known, jeju))
	friend := joins(t, n, "busan/n1")
	eventually(t, "busan is a member", func() bool { return tally(t, n, "bongsu_gossip_members") == 2 })
	before := turns(n, "p")
	down := says(t, "busan", "n2", health.Down, n.Clock.Now(), signedBy(busan)) // true words by the wrong door
	for name, tt := range map[string]struct {
		reason string
		change func(*cluster.Options)
	}{
		"another key":   {"key", func(o *cluster.Options) { o.Keys = [][]byte{gossipKey("other")} }},
		"another label": {"label", func(o *cluster.Options) { o.Label = "other" }},
		"plain":         {"key", func(o *cluster.Options) { o.Keys, o.InsecurePlain = nil, true }},
	} {
		t.Run(name, func(t *testing.T) {
			dropped := tally(t, n, "bongsu_gossip_dropped_total", reason(tt.reason))
			stranger := joins(t, n, "busan/n2", tt.change)
			stranger.health.Broadcast(down)
			eventually(t, "it is dropped and counted", func() bool {
				return tally(t, n, "bongsu_gossip_dropped_total", reason(tt.reason)) > dropped
			})
			if len(stranger.Members()) != 1 {
				t.Errorf("the stranger knows %v", stranger.Members())
			}
		})
	}
	t.Run("rubbish", func(t *testing.T) {
		dropped := tally(t, n, "bongsu_gossip_dropped_total", reason("key")) + tally(t, n, "bongsu_gossip_dropped_total", reason("label"))
		throws(t, n.Broker.GossipAddress(), down)
		eventually(t, "it is dropped and counted", func() bool {
			return tally(t, n, "bongsu_gossip_dropped_total", reason("key"))+tally(t, n, "bongsu_gossip_dropped_total", reason("label")) >= dropped+20
		})
	})
	if got := tally(t, n, "bongsu_gossip_members"); got != 2 || len(friend.Members()) != 2 {
		t.Errorf("the pool has %d members here, %v there", got, friend.Members())
	}
	for what, count := range map[string]int{
		"messages":    tally(t, n, "bongsu_gossip_messages_total", `channel="health"`, `direction="in"`),
		"new records": tally(t, n, "bongsu_health_records_total", result("news")),
		"changes":     turns(n, "p") - before,
	} {
		if count != 0 {
			t.Errorf("%d %s", count, what)
		}
	}
	first(t, n)
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	friend.health.Broadcast(down) // by the right one it is heard
	eventually(t, "a member is heard", func() bool { s, _ := heardOf(t, operator, "busan"); return s == health.Down })
}

// throws sends everything that is no gossip to both ports.
func throws(t *testing.T, to string, message []byte) {
	t.Helper()
	const labelled, encrypted = 244, 10 // memberlist's first bytes
	ours := append([]byte{labelled, 6}, "bongsu"...)
	rubbish := [][]byte{
		{},
		{0},
		{255},
		[]byte("GET / HTTP/1.1\r\n\r\n"), message,
		ours, append(slices.Clone(ours), message...), append([]byte{labelled, 200}, "bongsu"...),
		{labelled, 0},
		append(slices.Clone(ours), encrypted, 0xff, 0xff, 0xff, 0xff), append(slices.Clone(ours), encrypted, 0, 0, 0, 0),
		bytes.Repeat([]byte{7}, 1400), bytes.Repeat([]byte{255}, 60_000),
	}
	for range 20 {
		random := make([]byte, 300)
		_, _ = rand.Read(random)
		rubbish = append(rubbish, random, append(slices.Clone(ours), random...))
	}
	for _, network := range []string{"udp", "tcp"} {
		for i, b := range rubbish {
			var d net.Dialer
			conn, err := d.DialContext(t.Context(), network, to)
			must(t, err)
			if _, err := conn.Write(b); err != nil {
				t.Errorf("%s %d: %v", network, i, err)
			}
			if half, ok := conn.(*net.TCPConn); ok {
				_ = half.CloseWrite()
				_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}
	}
}

// AB-62: who holds the gossip key is a member and no site. A statement counts if
// a known site signed it for this purpose, later than what it said before, and
// not long ago; all others are counted and change nothing.
func TestAB62HealthStatementsWithoutAnAuthor(t *testing.T) {
	busan, busans := siteKeys(t, "busan")
	jeju, jejus := siteKeys(t, "jeju")
	osaka, _ := siteKeys(t, "osaka")
	n, operator := probed(t, threeSites(busans, jejus))
	mallory := joins(t, n, "busan/mallory")
	eventually(t, "mallory is a member", func() bool { return tally(t, n, "bongsu_gossip_members") == 2 })
	now := n.Clock.Now()
	replayed := says(t, "busan", "n1", health.Down, now.Add(-time.Second), signedBy(busan))
	latest := says(t, "busan", "n1", health.Up, now, signedBy(busan))
	mallory.health.Broadcast(latest)
	eventually(t, "busan's word is heard", func() bool { s, _ := heardOf(t, operator, "busan"); return s == health.Up })
	before := turns(n, "p")
	signs := func(signature []byte) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return signature, nil }
	}
	forHints := func(message []byte) ([]byte, error) { return busan.SignNews("hint", message) }
	changed := slices.Clone(latest)
	changed[len(changed)-70]++ // a count in the last entry
	forgeries := map[string]struct {
		result  string
		message []byte
	}{
		"by nobody":                        {"signature", says(t, "busan", "n2", health.Down, now, signs([]byte{0}))},
		"by rubbish":                       {"signature", says(t, "busan", "n2", health.Down, now, signs(bytes.Repeat([]byte{7}, 64)))},
		"by another site":                  {"signature", says(t, "busan", "n2", health.Down, now, signedBy(jeju))},
		"by nobody's site under its name":  {"signature", says(t, "jeju", "n1", health.Down, now, signedBy(osaka))},
		"for another purpose":              {"signature", says(t, "busan", "n2", health.Down, now, forHints)},
		"in this site's name":              {"signature", says(t, "seoul", "seoul-2", health.Down, now, signedBy(busan))},
		"in this node's own name":          {"signature", says(t, "seoul", "seoul-1", health.Down, now.Add(time.Hour), signedBy(busan))},
		"changed on the way":               {"signature", newer(t, changed)},
		"of a site that nobody knows":      {"unknown_site", says(t, "osaka", "n1", health.Down, now, signedBy(osaka))},
		"said before, and again":           {"old", replayed},
		"said once and never heard, old":   {"late", says(t, "busan", "n3", health.Down, now.Add(-6*time.Minute), signedBy(busan))},
		"said once and never heard, early": {"late", says(t, "busan", "n3", health.Down, now.Add(6*time.Minute), signedBy(busan))},
		"cut off":                          {"malformed", latest[:len(latest)/3]},
	}
	wanted := map[string]int{}
	for _, tt := range forgeries {
		wanted[tt.result]++
		mallory.health.Broadcast(tt.message)
	}
	drained(t, n)
	for what, count := range wanted { // each is sent more than once
		if got := tally(t, n, "bongsu_health_records_total", result(what)); got < count {
			t.Errorf("%d of %d are counted as %s", got, count, what)
		}
	}
	if got := tally(t, n, "bongsu_gossip_dropped_total", reason("refused")); got < len(forgeries)-wanted["old"] {
		t.Errorf("gossip has dropped %d", got)
	}
	judgedSince(t, operator)
	e := held(t, operator, "p")
	if e.Verdict.State != health.Up || e.Verdict.Weight != 1 || turns(n, "p") != before || e.Global.Down != 0 {
		t.Errorf("p is %+v, %+v", e.Verdict, e.Global)
	}
	if got := tally(t, n, "bongsu_health_records_total", result("news")); got != 1 {
		t.Errorf("%d records were news: %+v", got, e.Global.Votes)
	}
	first(t, n)
	// All that was missing was an author.
	mallory.health.Broadcast(says(t, "busan", "n2", health.Down, n.Clock.Now(), signedBy(busan)))
	eventually(t, "a signed statement is heard", func() bool { _, nodes := heardOf(t, operator, "busan"); return nodes == 2 })
}

// drained waits until nothing more comes by gossip: what is said is said some
// times over, each fifth of a second.
func drained(t *testing.T, n *brokertest.Node) {
	t.Helper()
	last, since := -1, time.Now()
	eventually(t, "gossip comes to rest", func() bool {
		if got := tally(t, n, "bongsu_gossip_messages_total", `channel="health"`, `direction="in"`); got != last {
			last, since = got, time.Now()
		}
		return time.Since(since) > time.Second
	})
}

// newer gives a record a higher number, which its signature does not cover.
func newer(t *testing.T, record []byte) []byte {
	t.Helper()
	changed := slices.Clone(record)
	changed[8]++ // the last byte of the incarnation
	return changed
}

// AB-63: a site that lies is one voice. Where p is reached nothing moves; two
// that lie move weight alone, until this site's own probe has answered.
func TestAB63OneSiteCannotMoveEverybody(t *testing.T) {
	busan, busans := siteKeys(t, "busan")
	jeju, jejus := siteKeys(t, "jeju")
	n, operator := probed(t, threeSites(busans, jejus))
	liar, other := joins(t, n, "busan/n1"), joins(t, n, "jeju/n1")
	eventually(t, "the sites are members", func() bool { return tally(t, n, "bongsu_gossip_members") == 3 })
	before := turns(n, "p")
	for _, node := range []string{"n1", "n2", "n3", "n4", "n5"} {
		liar.health.Broadcast(says(t, "busan", node, health.Down, n.Clock.Now(), signedBy(busan)))
	}
	settles(t, n, operator, 4*time.Second, health.Up, 1)
	if _, nodes := heardOf(t, operator, "busan"); nodes != 5 {
		t.Errorf("%d nodes of busan are heard", nodes)
	}
	if e := held(t, operator, "p"); e.Global.Down != 1 || e.Global.Sites != 2 || e.Global.State != health.Up {
		t.Errorf("five nodes of one site are %+v", e.Global)
	}
	first(t, n)
	other.health.Broadcast(says(t, "jeju", "n1", health.Down, n.Clock.Now(), signedBy(jeju)))
	settles(t, n, operator, 7*time.Second, health.Up, 0.5)
	if got := turns(n, "p") - before; got != 0 {
		t.Errorf("the verdict changed %d times", got)
	}
	first(t, n)
}

// AB-63, where nothing is known here: most sites' word lowers the weight, never
// the verdict, and for no longer than an answer may take; changing their minds
// does not keep it low.
func TestAB63MostSitesWhereNothingIsKnown(t *testing.T) {
	busan, busans := siteKeys(t, "busan")
	jeju, jejus := siteKeys(t, "jeju")
	n, operator := operated(t, threeSites(busans, jejus), func(cfg *config.Config) {
		slices.SortStableFunc(cfg.Providers, func(a, b config.Provider) int { return len(a.ID) - len(b.ID) })
	})
	liar, other := joins(t, n, "busan/n1"), joins(t, n, "jeju/n1")
	eventually(t, "the sites are members", func() bool { return tally(t, n, "bongsu_gossip_members") == 3 })
	both := func(state health.State) {
		liar.health.Broadcast(says(t, "busan", "n1", state, n.Clock.Now(), signedBy(busan)))
		other.health.Broadcast(says(t, "jeju", "n1", state, n.Clock.Now(), signedBy(jeju)))
		eventually(t, "both are heard", func() bool {
			one, _ := heardOf(t, operator, "busan")
			two, _ := heardOf(t, operator, "jeju")
			return one == state && two == state
		})
	}
	both(health.Down)
	if yielded := settles(t, n, operator, 7*time.Second, health.Unknown, 0.25); !yielded {
		t.Error("nobody asked for an answer")
	}
	both(health.Up)
	both(health.Down)
	if yielded := settles(t, n, operator, 7*time.Second, health.Unknown, 1); yielded {
		t.Error("minds that change keep p yielding")
	}
	if got := turns(n, "p"); got != 0 {
		t.Errorf("the verdict changed %d times", got)
	}
	first(t, n)
}

// settles watches p for a while: its state is always the one that is given, its
// weight never below the least, every way stands on the menu, and p has all of
// its weight again within the five seconds that an answer may take, and the tick
// after. It reports whether p yielded.
func settles(t *testing.T, n *brokertest.Node, operator *admin.Client, while time.Duration, state health.State, least float64) (yielded bool) {
	t.Helper()
	began, lowest := time.Now(), time.Time{}
	eventually(t, "it is watched", func() bool {
		v := held(t, operator, "p").Verdict
		if v.State != state || v.Weight < least {
			t.Errorf("p is %+v", v)
		}
		if v.Weight < 1 {
			yielded, lowest = true, time.Now()
		}
		if page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request())); !page.Has("way-p") || !page.Has("way-q") {
			t.Errorf("a way is missing: %s", page.Text())
		}
		return time.Since(began) > while
	})
	if yielded && lowest.Sub(began) > 6500*time.Millisecond {
		t.Errorf("p yields for %s", lowest.Sub(began))
	}
	return yielded
}
