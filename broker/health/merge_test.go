package health

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// believed is what a node holds of all others, as texts.
func (n *node) believed() []string {
	var all []string
	for _, h := range n.Board.peers.sorted() {
		all = append(all, fmt.Sprintf("%s/%s %d.%d %x", h.site, h.node, h.incarnation, h.sequence, h.message))
	}
	return all
}

func anyRumour(t *rapid.T) rumour {
	return rumour{
		site: rapid.SampledFrom([]string{"busan", "tokyo"}).Draw(t, "site"), node: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node"),
		incarnation: rapid.Uint64Range(1, 3).Draw(t, "incarnation"), sequence: rapid.Uint64Range(1, 3).Draw(t, "sequence"),
		issued: noon, states: map[string]State{"kakao": State(rapid.IntRange(0, 3).Draw(t, "kakao"))},
	}
}

// In whatever order, however often and however grouped records arrive, all nodes
// end up believing the same: merging is commutative, associative and idempotent.
func TestMergeConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rumours := rapid.SliceOfN(rapid.Custom(anyRumour), 1, 12).Draw(rt, "rumours")
		var messages [][]byte
		for _, r := range rumours {
			messages = append(messages, r.message())
		}
		once := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo")
		for _, m := range messages {
			_, _ = once.Merge(m)
		}
		shuffled := rapid.Permutation(append(slices.Clone(messages), messages...)).Draw(rt, "shuffled")
		twice := at(t, &clock{noon}, "seoul", "b", "seoul", "busan", "tokyo")
		for _, m := range shuffled {
			_, _ = twice.Merge(m)
		}
		// A third hears the first half itself and the rest through another node.
		split := rapid.IntRange(0, len(messages)).Draw(rt, "split")
		relay := at(t, &clock{noon}, "seoul", "c", "seoul", "busan", "tokyo")
		grouped := at(t, &clock{noon}, "seoul", "d", "seoul", "busan", "tokyo")
		for _, m := range messages[split:] {
			_, _ = relay.Merge(m)
		}
		for _, m := range append(slices.Clone(messages[:split]), relay.Messages()...) {
			_, _ = grouped.Merge(m)
		}
		if diff := cmp.Diff(once.believed(), twice.believed()); diff != "" {
			rt.Fatalf("order and repetition matter:\n%s", diff)
		}
		if diff := cmp.Diff(once.believed(), grouped.believed()); diff != "" {
			rt.Fatalf("grouping matters:\n%s", diff)
		}
	})
}

// AB-62, AB-63 at this package: a record counts only when a known site signed
// it, when it is newer than what is held, and not too old.
func TestMergeRefuses(t *testing.T) {
	c := &clock{noon}
	down := map[string]State{"kakao": Down}
	tests := []struct {
		name    string
		rumour  rumour
		news    bool
		refused bool
		result  int
	}{
		{"a known site's record", rumour{site: "busan", node: "x", incarnation: 1, sequence: 1, issued: noon, states: down}, true, false, recordNews},
		{"in the name of another site", rumour{site: "tokyo", node: "x", incarnation: 1, sequence: 1, issued: noon, states: down, key: identity("busan")}, false, true, recordUnsigned},
		{"signed by nobody we know", rumour{site: "busan", node: "y", incarnation: 1, sequence: 1, issued: noon, states: down, key: identity("mallory")}, false, true, recordUnsigned},
		{"of an unknown site", rumour{site: "mallory", node: "x", incarnation: 1, sequence: 1, issued: noon, states: down}, false, true, recordForeign},
		{"older than what is held", rumour{site: "busan", node: "held", incarnation: 5, sequence: 8, issued: noon, states: down}, false, false, recordOld},
		{"of an earlier life", rumour{site: "busan", node: "held", incarnation: 4, sequence: 99, issued: noon, states: down}, false, false, recordOld},
		{"a first contact of yesterday", rumour{site: "busan", node: "z", incarnation: 1, sequence: 1, issued: noon.Add(-24 * time.Hour), states: down}, false, true, recordLate},
		{"a first contact from tomorrow", rumour{site: "busan", node: "z", incarnation: 1, sequence: 1, issued: noon.Add(24 * time.Hour), states: down}, false, true, recordLate},
		{"a first contact by a clock that is off by minutes", rumour{site: "busan", node: "w", incarnation: 1, sequence: 1, issued: noon.Add(-3 * time.Minute), states: down}, true, false, recordNews},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := at(t, c, "seoul", "a", "seoul", "busan", "tokyo")
			n.hears(rumour{site: "busan", node: "held", incarnation: 5, sequence: 9, states: map[string]State{"kakao": Up}})
			before := n.metrics.records[tt.result].Load()
			news, err := n.Merge(tt.rumour.message())
			if news != tt.news || (err != nil) != tt.refused || err != nil && !errors.Is(err, ErrRecord) {
				t.Errorf("Merge = %t, %v; want news %t, refused %t", news, err, tt.news, tt.refused)
			}
			if n.metrics.records[tt.result].Load() != before+1 {
				t.Errorf("not counted as %s", recordTexts[tt.result])
			}
			n.Tick()
			if got := n.Snapshot().Of("kakao"); got.State == Down || got.Weight < weightPeers {
				t.Errorf("somebody's word alone made kakao %s with weight %v", got.State, got.Weight)
			}
		})
	}
}

// Random bytes, and a node without the other sites' keys, believe nothing.
func TestNothingIsBelievedWithoutKeys(t *testing.T) {
	b, err := New(Options{Site: "seoul", Node: "a", Sites: []string{"seoul", "busan"}, Now: (&clock{noon}).Now})
	if err != nil {
		t.Fatal(err)
	}
	r := rumour{site: "busan", node: "b", incarnation: 1, sequence: 1, issued: noon}
	if news, err := b.Merge(r.message()); news || !errors.Is(err, ErrRecord) {
		t.Errorf("Merge = %t, %v", news, err)
	}
	b.Tick()
	if n := len(b.Messages()); n != 0 {
		t.Errorf("%d messages of a node that cannot sign", n)
	}
}

// A record lives for 30 seconds of our own clock, and only a higher number
// prolongs it; afterwards it is nothing, not bad news, and cannot be replayed.
func TestRecordsExpire(t *testing.T) {
	c := &clock{noon}
	n := at(t, c, "seoul", "a", "seoul", "busan", "tokyo")
	r := rumour{site: "busan", node: "b", incarnation: 1, sequence: 4, issued: noon, states: map[string]State{"kakao": Down}}
	n.hears(r)
	state := func() State {
		n.Tick()
		for _, row := range n.Snapshot().Matrix() {
			if row.Provider == "kakao" {
				return row.Cells[1].State
			}
		}
		return Unknown
	}
	if got := state(); got != Down {
		t.Errorf("busan says kakao is %s, want down", got)
	}
	for range 4 { // a relay sends it again and again
		c.now = c.now.Add(8 * time.Second)
		if news, err := n.Merge(r.message()); news || err != nil {
			t.Errorf("Merge again = %t, %v", news, err)
		}
	}
	if got := state(); got != Unknown {
		t.Errorf("after 32 s busan says kakao is %s, want unknown", got)
	}
	cell := n.Snapshot().Matrix()[0].Cells[1]
	if !cell.Stale || cell.Age != 32*time.Second {
		t.Errorf("cell %+v, want stale and 32 s old", cell)
	}
	if len(n.Messages()) != 1 {
		t.Error("an expired record is passed on")
	}
	c.now = c.now.Add(20 * time.Minute)
	n.Tick()
	if news, err := n.Merge(r.message()); news || !errors.Is(err, ErrRecord) {
		t.Errorf("a replay after the node was forgotten: %t, %v", news, err)
	}
	r.incarnation, r.sequence, r.issued = 0, 1, c.now // started again, with a clock that went back
	n.hears(r)
}

// A second record under one number is a broken node's; all keep the same one.
func TestTwoRecordsOfOneNumber(t *testing.T) {
	a := rumour{site: "busan", node: "b", incarnation: 1, sequence: 1, issued: noon, states: map[string]State{"kakao": Down}}
	b := a
	b.states = map[string]State{"kakao": Up}
	for _, order := range [][]rumour{{a, b}, {b, a}} {
		c := &clock{noon}
		n := at(t, c, "seoul", "a", "seoul", "busan")
		n.hears(order[0])
		c.now = c.now.Add(20 * time.Second)
		_, _ = n.Merge(order[1].message())
		c.now = c.now.Add(11 * time.Second)
		if len(n.Messages()) != 0 {
			t.Error("a second record of the same number prolonged its life")
		}
		if diff := cmp.Diff(max(string(a.message()), string(b.message())), string(n.Board.peers.sorted()[0].message)); diff != "" {
			t.Error("the order of arrival decides which is kept")
		}
	}
}

// The number of nodes is bounded; the ones that are known go on.
func TestNodesAreBounded(t *testing.T) {
	n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo", "jeju", "osaka", "daegu")
	for _, site := range []string{"busan", "tokyo", "jeju", "osaka"} {
		for i := range maxSiteNodes {
			n.hears(rumour{site: site, node: numbered(i), incarnation: 1, sequence: 1})
		}
		r := rumour{site: site, node: "one too many", incarnation: 1, sequence: 1, issued: noon}
		if news, err := n.Merge(r.message()); news || !errors.Is(err, ErrRecord) {
			t.Errorf("node 65 of %s: %t, %v", site, news, err)
		}
	}
	r := rumour{site: "daegu", node: "a", incarnation: 1, sequence: 1, issued: noon}
	if news, err := n.Merge(r.message()); news || !errors.Is(err, ErrRecord) {
		t.Errorf("node 257: %t, %v", news, err)
	}
	n.hears(rumour{site: "busan", node: numbered(3), incarnation: 1, sequence: 2})
}

// A node whose clock went back between two starts is heard again at once.
func TestANodeOvertakesItsEarlierLife(t *testing.T) {
	c := &clock{noon}
	before := with(t, c, Options{Site: "seoul", Node: "a", Sites: []string{"seoul", "busan"}, Incarnation: 500})
	before.Tick()
	now := with(t, c, Options{Site: "seoul", Node: "a", Sites: []string{"seoul", "busan"}, Incarnation: 400})
	now.Tick()
	other := at(t, c, "busan", "b", "seoul", "busan")
	for _, m := range before.Messages() {
		if _, err := other.Merge(m); err != nil {
			t.Fatal(err)
		}
	}
	if news, _ := other.Merge(now.sent[0]); news {
		t.Error("a lower number was news")
	}
	if _, err := now.Merge(before.sent[0]); err != nil {
		t.Errorf("hearing of an earlier life: %v", err)
	}
	now.pass(1, nil)
	if news, err := other.Merge(now.sent[len(now.sent)-1]); !news || err != nil {
		t.Errorf("Merge after overtaking = %t, %v", news, err)
	}
	if news, err := now.Merge(now.sent[len(now.sent)-1]); news || err != nil {
		t.Errorf("our own record came back: %t, %v", news, err)
	}
}

// A node is heard as long as what its site has signed for it has not expired.
func TestHears(t *testing.T) {
	n := at(t, &clock{noon}, "seoul", "b", "seoul", "busan")
	n.hears(rumour{site: "seoul", node: "a", incarnation: 1, sequence: 1})
	if _, err := n.Merge(rumour{site: "seoul", node: "0", incarnation: 1, sequence: 1, issued: n.now, key: identity("elsewhere")}.message()); err == nil {
		t.Error("a record that the site has not signed was taken")
	}
	for node, want := range map[string]bool{"a": true, "0": false, "c": false} {
		if n.Hears("seoul", node) != want {
			t.Errorf("hears %s: %v", node, !want)
		}
	}
	n.pass(31, nil)
	if n.Hears("seoul", "a") {
		t.Error("heard for ever")
	}
}
