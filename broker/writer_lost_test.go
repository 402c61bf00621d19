package broker_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// patient has its people wait while the writer is gone.
var patient = brokertest.Website{ID: "RP-patient", Secret: "patient-secret-of-more-than-thirty-two", RedirectURI: "https://patient.example/cb"}

// twinsOnReplica are two nodes of a site, which ask each other, on a database
// whose writer can go while its replica stays.
func twinsOnReplica(t *testing.T, changes ...func(*brokertest.Setup)) (*pgtest.Server, *brokertest.Node) {
	t.Helper()
	primary := pgtest.Primary(t)
	dsn := primary.Database("broker", brokertest.Fill)
	replica := primary.Standby()
	n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		s.Twins = true
		s.Clients = []*client.Client{{
			ID: patient.ID, Name: "Patient", FirstParty: true, RedirectURIs: []string{patient.RedirectURI},
			SecretHashes: [][32]byte{client.HashSecret(patient.Secret)}, WriterGone: client.WriterGoneWait,
		}}
		for _, change := range changes {
			change(s)
		}
		s.Configure = func(c *config.Config) {
			c.Store.Reader = replica.On(dsn)
			c.Gossip = &config.Gossip{Listen: "127.0.0.1:0", Label: "bongsu", Keys: [][]byte{gossipKey("pool")}}
			c.Peers = &config.Peers{Listen: "127.0.0.1:0"}
		}
		s.Second = func(first *broker.Broker, c *config.Config) {
			gossip := *c.Gossip
			gossip.Seeds = []string{first.GossipAddress()}
			c.Gossip = &gossip
		}
	})
	eventually(t, "the nodes find each other", func() bool {
		_, there := n.Broker.PeerAddress("seoul/seoul-2")
		_, back := n.Twin().PeerAddress("seoul/seoul-1")
		return there && back
	})
	t.Cleanup(func() { n.Choose(1) })
	return primary, n
}

// bothAre waits until both nodes are in a mode.
func bothAre(t *testing.T, n *brokertest.Node, mode contact.Mode) {
	t.Helper()
	for _, b := range []*broker.Broker{n.Broker, n.Twin()} {
		eventually(t, "a node is "+mode.String(), func() bool { return b.Contact().Mode == mode })
	}
}

// writerLost is a site whose writer goes and comes back, and what people and
// websites hold meanwhile.
type writerLost struct {
	n       *brokertest.Node
	primary *pgtest.Server
	told    *told // a website that is told when sessions end
	twice   twice

	vic, waiting                 *brokertest.Browser
	kept, public, given          brokertest.Response // tokens of before
	before                       brokertest.Answer   // a code of before
	waits                        brokertest.Request
	grants                       int // that the store has to have in the end
	during, killed, usedMeantime brokertest.Answer
	meantime, second             brokertest.Response
}

// Without a writer people log in, their codes are good once, wherever they are
// redeemed, and the store knows in the end what was given.
func TestWriterLost(t *testing.T) {
	told := newTold(t)
	primary, n := twinsOnReplica(t, told.register)
	w := &writerLost{n: n, primary: primary, told: told, vic: n.NewBrowser(), waiting: n.NewBrowser()}
	w.holds(t)
	primary.Kill()
	bothAre(t, n, contact.WriterLost)
	t.Run("codes", w.codes)
	t.Run("AB-17 at once", w.atOnce)
	t.Run("a second code of a login", w.secondCode)
	t.Run("a logout", w.leaves)
	t.Run("tokens of before", w.tokens)
	t.Run("who waits", w.waitsFor)
	t.Run("a node that restarts", w.restart)
	primary.Restart()
	bothAre(t, n, contact.Full)
	t.Run("when it is back", w.back)
}

// holds is what there is before the writer goes.
func (w *writerLost) holds(t *testing.T) {
	t.Helper()
	n := w.n
	n.Clock.Stop() // codes live for a minute, and machines are slow
	w.given = n.Redeem(n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request()))
	w.kept, w.public = offline(t, n, brokertest.RP1), offline(t, n, brokertest.RP3)
	w.before = n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request())
	w.twice.begin(t, n)
	if got := n.Redeem(w.twice.agree(t, n)); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	w.grants = n.Rows()["grants"]
	n.Login(w.waiting, "kakao", "vic", brokertest.RP1.Request())
}

// codes are those of before and of meanwhile.
func (w *writerLost) codes(t *testing.T) {
	n := w.n
	n.Choose(1)
	couldNotCheck(t, "a code that the writer decides about", n.Redeem(w.before))
	n.Choose(2)
	w.usedMeantime = n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request(brokertest.Offline))
	w.during = n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request())
	n.Choose(1)
	got := n.Redeem(w.usedMeantime) // at the node that did not issue it
	if got.Status != http.StatusOK || got.JSON()["expires_in"] != 300.0 || got.Text("refresh_token") != "" || strings.Contains(got.Text("scope"), "offline_access") {
		t.Fatalf("a code of a node gives %d %s", got.Status, got.Body)
	}
	w.meantime = got
	for node := range int32(2) {
		n.Choose(node + 1)
		if info := n.Userinfo(got.Text("access_token")); info.Status != http.StatusOK {
			t.Errorf("node %d: userinfo answers %d %s", node+1, info.Status, info.Body)
		}
		active(t, n.Introspect(brokertest.RP1, got.Text("access_token")))
	}
	// Replayed at one node, revoked at both.
	n.Choose(2)
	replayed := n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request())
	first := n.Redeem(replayed)
	if first.Status != http.StatusOK {
		t.Fatalf("at its own node: %d %s", first.Status, first.Body)
	}
	n.Choose(1)
	refused(t, n.Redeem(replayed), "invalid_grant")
	for node := range int32(2) {
		n.Choose(node + 1)
		refused(t, n.Userinfo(first.Text("access_token")), "invalid_token")
		refused(t, n.Redeem(replayed), "invalid_grant")
	}
	w.grants += 2
}

// atOnce redeems one code at both nodes at the same time.
func (w *writerLost) atOnce(t *testing.T) {
	n := w.n
	n.Choose(2)
	answer := n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request())
	var racing sync.WaitGroup
	answers := make([]brokertest.Response, 12)
	for i := range answers {
		n.Choose(int32(i%2) + 1)
		racing.Go(func() { answers[i] = n.Redeem(answer) })
	}
	racing.Wait()
	won := 0
	for _, got := range answers {
		if got.Status != http.StatusOK {
			refused(t, got, "invalid_grant")
			continue
		}
		won++
		for node := range int32(2) { // within R at the one where no replay arrived
			n.Choose(node + 1)
			eventually(t, "what was replayed is revoked", func() bool {
				return n.Userinfo(got.Text("access_token")).Text("error") == "invalid_token"
			})
		}
	}
	if won != 1 {
		t.Errorf("%d of %d redeemed the code, want 1", won, len(answers))
	}
	w.grants++
}

// twice is a login whose browser says yes with the same cookies again.
type twice struct {
	request                     brokertest.Request
	path, cookies, step, origin string
}

var stepField = regexp.MustCompile(`name="step_token" value="([^"]+)"`)

// begin brings a browser to the question and keeps what it would send.
func (d *twice) begin(t *testing.T, n *brokertest.Node) {
	t.Helper()
	b := n.NewBrowser()
	n.Login(b, "kakao", "vic", brokertest.RP1.Request())
	d.request = brokertest.Third.Request()
	page := b.Open(n.AuthorizeURL(d.request))
	step := stepField.FindSubmatch(page.Body)
	if !page.Has("agree") || step == nil {
		t.Fatalf("at %s: %d %s", page.URL, page.Status, page.Text())
	}
	d.path, d.step, d.origin = page.URL.Path, string(step[1]), n.Issuer
	for _, c := range b.Cookies("localhost") {
		d.cookies += c.Name + "=" + c.Value + "; "
	}
}

// agree says yes and returns the code that the website gets.
func (d *twice) agree(t *testing.T, n *brokertest.Node) brokertest.Answer {
	t.Helper()
	got := n.Post(d.path+"/agree", url.Values{"step_token": {d.step}}, "Cookie", d.cookies, "Origin", d.origin, "Sec-Fetch-Site", "same-origin")
	code := regexp.MustCompile(`[?&;]code=([\w.-]+)`).FindSubmatch(got.Body)
	if code == nil {
		t.Fatalf("no code: %d %s", got.Status, got.Body)
	}
	n.Secret("code", string(code[1]))
	return brokertest.Answer{Request: d.request, Code: string(code[1])}
}

// secondCode is of a login whose first code the writer decided about. Nobody can
// know that now.
func (w *writerLost) secondCode(t *testing.T) {
	n := w.n
	n.Choose(2)
	w.second = n.Redeem(w.twice.agree(t, n))
	if w.second.Status != http.StatusOK {
		t.Fatalf("%d %s", w.second.Status, w.second.Body)
	}
}

// leaves logs in at a website that is told, and out again.
func (w *writerLost) leaves(t *testing.T) {
	n := w.n
	b := n.NewBrowser()
	if got := n.Redeem(n.Login(b, "kakao", "vic", w.told.Request())); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	w.grants++
	b.Open(n.Issuer + "/logout")
	if page := b.Click("logout"); page.Status != http.StatusOK {
		t.Errorf("%d %s", page.Status, page.Text())
	}
}

// tokens that were given before hold on.
func (w *writerLost) tokens(t *testing.T) {
	n := w.n
	n.Choose(1)
	if info := n.Userinfo(w.given.Text("access_token")); info.Status != http.StatusOK {
		t.Errorf("userinfo answers %d %s", info.Status, info.Body)
	}
	active(t, n.Introspect(brokertest.RP1, w.given.Text("access_token")))
	active(t, n.Introspect(brokertest.RP1, w.kept.Text("refresh_token")))
	for range 2 { // it stays the good one
		got := n.Refresh(brokertest.RP1, w.kept.Text("refresh_token"))
		if got.Status != http.StatusOK || got.Text("refresh_token") != "" || got.Text("id_token") == "" || got.JSON()["expires_in"] != 300.0 {
			t.Errorf("a refresh token gives %d %s", got.Status, got.Body)
		}
	}
	couldNotCheck(t, "a public client's refresh token", n.Refresh(brokertest.RP3, w.public.Text("refresh_token")))
}

// waitsFor brings somebody to the page that waits.
func (w *writerLost) waitsFor(t *testing.T) {
	n := w.n
	n.Choose(1)
	w.waits = patient.Request()
	page := w.waiting.Open(n.AuthorizeURL(w.waits))
	if page.Status != http.StatusServiceUnavailable || !page.Has("onward") || !page.Has("cancel") || !strings.Contains(string(page.Body), `http-equiv="refresh"`) {
		t.Fatalf("at %s: %d %s", page.URL, page.Status, page.Text())
	}
}

// restart ends a node that is an arbiter: its codes wait for it, and those that
// were used stay so.
func (w *writerLost) restart(t *testing.T) {
	n := w.n
	n.Choose(2)
	w.killed = n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request())
	used := n.Login(w.vic, "kakao", "vic", brokertest.RP1.Request())
	if got := n.Redeem(used); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	n.Choose(1)
	n.RestartTwin(func() { couldNotCheck(t, "a code whose arbiter is gone", n.Redeem(w.killed)) })
	bothAre(t, n, contact.WriterLost)
	var got brokertest.Response
	eventually(t, "the arbiter is found again", func() bool {
		got = n.Redeem(w.killed)
		return got.Status != http.StatusServiceUnavailable
	})
	if got.Status != http.StatusOK {
		t.Errorf("a code of before the restart gives %d %s", got.Status, got.Body)
	}
	for node := range int32(2) {
		n.Choose(node + 1)
		refused(t, n.Redeem(used), "invalid_grant")
	}
	w.grants += 2
}

// back is when the writer is there again.
func (w *writerLost) back(t *testing.T) {
	n := w.n
	n.Choose(1)
	if got := n.Redeem(w.before); got.Status != http.StatusOK {
		t.Errorf("the writer's code gives %d %s", got.Status, got.Body)
	}
	if got := n.Redeem(w.during); got.Status != http.StatusOK {
		t.Errorf("a node's code gives %d %s", got.Status, got.Body)
	}
	refused(t, n.Redeem(w.during), "invalid_grant")
	refused(t, n.Redeem(w.usedMeantime), "invalid_grant")
	w.grants += 2

	code := n.Answered(w.waiting.Click("onward"), w.waits)
	if got := n.Redeem(code); got.Status != http.StatusOK || got.JSON()["expires_in"] != 600.0 {
		t.Errorf("who waited gets %d %s", got.Status, got.Body)
	}
	w.grants++
	refreshed(t, n, brokertest.RP1, w.kept.Text("refresh_token"))
	refreshed(t, n, brokertest.RP3, w.public.Text("refresh_token"))
	eventually(t, "the store has all that was given", func() bool { return n.Rows()["grants"] == w.grants })
	n.Secret("logout token", w.told.heard(t, 1)...)

	// The store knew the first code of that login: what the second gave is over.
	eventually(t, "the second code's grant is refused", func() bool { return len(n.Events(audit.GrantRefused)) == 1 })
	if refusal := n.Events(audit.GrantRefused)[0]; refusal.Reason != "used" || refusal.Client != brokertest.Third.ID {
		t.Errorf("refused %+v", refusal)
	}
	for node := range int32(2) {
		n.Choose(node + 1)
		eventually(t, "what it gave is revoked", func() bool {
			return n.Userinfo(w.second.Text("access_token")).Text("error") == "invalid_token"
		})
	}
	if info := n.Userinfo(w.meantime.Text("access_token")); info.Text("error") != "invalid_token" { // replayed above
		t.Errorf("what a replayed code gave is answered %d %s", info.Status, info.Body)
	}
}
