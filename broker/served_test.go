package broker_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

const day = 24 * time.Hour

// AB-29, AB-30 over real sites, which ask each other over real connections: a key
// signs once every node of every site serves it, and one that was withdrawn is
// obeyed by all that hear of it.
func TestKeysOverSites(t *testing.T) {
	n := newNation(t, newWorld(t, nationHosts...))
	first := n.signer("seoul")
	n.pass(3 * day) // the window of the next one is over long before it is due
	n.publishes()
	n.pass(88 * day)

	n.sites["tokyo"].fence.set(true) // nobody knows what it serves
	n.keeps("seoul")
	if kid := n.signer("seoul"); kid != first {
		t.Errorf("with a site cut off seoul signs with %s", kid)
	}
	n.pass(keys.LongestWait - 4*day)
	n.keeps("seoul")
	if kid := n.signer("seoul"); kid != first {
		t.Errorf("with a site cut off for days seoul signs with %s", kid)
	}
	n.sites["tokyo"].fence.set(false)
	var second string
	n.await(func() bool {
		n.keeps("seoul")
		second = n.signer("seoul")
		return second != first
	})
	n.shows("the key that signs", second, true)
	n.sameKeySets()
	t.Run("a dead site", func(t *testing.T) { testDeadSite(t, n) })
	t.Run("a key withdrawn", func(t *testing.T) { testWithdrawn(t, n) })
}

// A site that is dead serves nothing: the next key waits, for as long as the longest
// wait, and then no longer.
func testDeadSite(t *testing.T, n *nation) {
	n.keepsAll()
	n.pass(3 * day)
	n.publishes()
	before := n.signer("seoul")
	n.kill("tokyo")
	delete(n.sites, "tokyo")
	n.await(func() bool { return len(n.living("seoul")) == 1 })
	n.pass(88 * day)
	n.keeps("seoul")
	if kid := n.signer("seoul"); kid != before {
		t.Errorf("with a site dead seoul signs with %s", kid)
	}
	n.pass(keys.LongestWait)
	n.keeps("seoul")
	if kid := n.signer("seoul"); kid == before {
		t.Error("a site that is away for good keeps keys from changing")
	}
}

// A withdrawal, said at one site, is obeyed at all that hear of it within R, by every
// node; an older copy of the store does not bring the key back.
func testWithdrawn(t *testing.T, n *nation) {
	seoul := n.sites["seoul"].broker
	n.keepsAll()
	token, err := seoul.SignsWith(keys.RS256)
	must(t, err)
	kid, _ := header(t, token)["kid"].(string)
	n.shows("before", kid, true)
	older := n.records(kid)
	began := time.Now()
	must(t, seoul.Negative().Apply(t.Context(), store.Fact{Kind: store.KeyWithdrawn, ID: kid, At: n.now()}))
	if seoul.Takes(token) || n.signer("seoul") == kid {
		t.Error("where it was said it is not obeyed at once")
	}
	n.await(func() bool {
		for _, node := range n.nodes() {
			if node.Takes(token) || bytes.Contains(jwks(node), []byte(kid)) {
				return false
			}
		}
		return true
	})
	if took := time.Since(began); took > obeyedWithin {
		t.Errorf("obeyed after %s", took)
	}
	n.keepsAll()
	if got := n.records(kid); got.State != keys.Withdrawn {
		t.Errorf("it is stored as %s", got.State)
	}
	db, err := brokertest.OpenFile(n.path)
	must(t, err)
	_, err = db.ExecContext(t.Context(), "UPDATE signing_keys SET state = $1, manifest = $2 WHERE key_id = $3", string(older.State), older.Manifest, kid)
	must(t, errors.Join(err, db.Close()))
	n.keepsAll()
	n.shows("after an older copy of the store", kid, false)
	if got := n.records(kid); got.State != keys.Withdrawn {
		t.Errorf("the older copy is stored as %s", got.State)
	}
	n.sameKeySets()
}

// records is a signing key as it is stored.
func (n *nation) records(kid string) keys.Record {
	n.t.Helper()
	all, err := n.opened.SigningKeys(n.t.Context())
	must(n.t, err)
	i := slices.IndexFunc(all, func(r keys.Record) bool { return r.KeyID == kid })
	if i < 0 {
		n.t.Fatalf("there is no key %s", kid)
	}
	return all[i]
}

func (n *nation) pass(d time.Duration) { n.ahead.Add(int64(d)) }

// nodes are those of all sites.
func (n *nation) nodes() (all []*broker.Broker) {
	for _, p := range n.sites {
		all = append(all, p.nodes...)
	}
	return all
}

// keeps has the nodes of a site look after their keys now.
func (n *nation) keeps(site string) {
	n.t.Helper()
	for _, node := range n.sites[site].nodes {
		must(n.t, node.KeepKeys(n.t.Context()))
	}
}

// keepsAll does so at every site, until each has read what the others wrote.
func (n *nation) keepsAll() {
	n.t.Helper()
	for range 2 {
		for site := range n.sites {
			n.keeps(site)
		}
	}
}

// publishes waits until every node has read the key after the one that signs.
func (n *nation) publishes() {
	n.t.Helper()
	n.keepsAll()
	n.sameKeySets()
}

// signer is the kid that a site signs ID tokens with.
func (n *nation) signer(site string) string {
	n.t.Helper()
	token, err := n.sites[site].broker.SignsWith(keys.RS256)
	must(n.t, err)
	kid, _ := header(n.t, token)["kid"].(string)
	return kid
}

// shows fails unless all nodes have a key in their key set, or none has.
func (n *nation) shows(when, kid string, want bool) {
	n.t.Helper()
	for i, node := range n.nodes() {
		if got := bytes.Contains(jwks(node), []byte(kid)); got != want {
			n.t.Errorf("%s: node %d serves %s: %t", when, i, kid, got)
		}
	}
}

// sameKeySets fails unless all nodes serve the same bytes (AB-28).
func (n *nation) sameKeySets() {
	n.t.Helper()
	n.keepsAll()
	nodes := n.nodes()
	for i, node := range nodes[1:] {
		if one, other := jwks(nodes[0]), jwks(node); !bytes.Equal(one, other) {
			n.t.Errorf("node %d serves %s and not %s", i+1, other, one)
		}
	}
}

func jwks(node *broker.Broker) []byte {
	r := httptest.NewRequest(http.MethodGet, nationURL+"/jwks", http.NoBody)
	r.RemoteAddr = "127.0.0.1:9"
	answer := httptest.NewRecorder()
	node.Handler().ServeHTTP(answer, r)
	return answer.Body.Bytes()
}
