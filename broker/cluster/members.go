package cluster

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/hashicorp/memberlist"
)

// Member is a node that gossip believes to live.
type Member struct {
	Name string // "site/node"
	Site string
	Node string
	Addr netip.AddrPort // where it says it can be reached
	Keys []string       // fingerprints of the gossip keys it holds, the one it encrypts with first; empty: none
	Meta []byte         // what it says of itself, for whoever knows what it means; at most 400 bytes
	Self bool
}

// What a table tells of.
const (
	peerJoined  = "peer joined"
	peerChanged = "peer changed"
	peerLeft    = "peer left" // or died
)

// The bounds of what is remembered of peers, and of those that were lost.
const (
	maxMembers  = 512 // this node included: whoever holds the gossip key can make up names
	maxLost     = 256
	lostForgets = 360 // attempts to join again; about an hour
)

// table is who lives and who was lost, told by memberlist's events. Members of
// memberlist itself are changed under its lock and are not read.
type table struct {
	self string
	note func(what string, m Member) // of what changed

	mu      sync.Mutex
	members map[string]Member
	lost    map[string]*lost
}

// lost is a peer that lived and is no more.
type lost struct {
	addr  netip.AddrPort
	tries int
}

func newTable(self string, note func(string, Member)) *table {
	return &table{self: self, note: note, members: make(map[string]Member), lost: make(map[string]*lost)}
}

// NotifyJoin, NotifyLeave and NotifyUpdate are memberlist's, which holds its
// lock meanwhile.
func (t *table) NotifyJoin(n *memberlist.Node)   { t.put(n, peerJoined) }
func (t *table) NotifyUpdate(n *memberlist.Node) { t.put(n, peerChanged) }

// NotifyLeave is told both of those that left and of those that died.
func (t *table) NotifyLeave(n *memberlist.Node) {
	m := memberOf(n, t.self)
	t.mu.Lock()
	delete(t.members, n.Name)
	if !m.Self && len(t.lost) < maxLost {
		t.lost[n.Name] = &lost{addr: m.Addr}
	}
	t.mu.Unlock()
	t.note(peerLeft, m)
}

func (t *table) put(n *memberlist.Node, what string) {
	m := memberOf(n, t.self)
	t.mu.Lock()
	t.members[n.Name] = m
	delete(t.lost, n.Name)
	t.mu.Unlock()
	t.note(what, m)
}

// all returns the members by name.
func (t *table) all() []Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := make([]Member, 0, len(t.members))
	for _, m := range t.members {
		m.Keys, m.Meta = slices.Clone(m.Keys), slices.Clone(m.Meta)
		found = append(found, m)
	}
	slices.SortFunc(found, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// member returns the one of that name.
func (t *table) member(name string) (Member, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.members[name]
	m.Keys, m.Meta = slices.Clone(m.Keys), slices.Clone(m.Meta)
	return m, ok
}

// others returns the members but this one.
func (t *table) others() []Member {
	return slices.DeleteFunc(t.all(), func(m Member) bool { return m.Self })
}

var errFull = errors.New("too many nodes")

// full reports whether there is no room for a node of that name.
func (t *table) full(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.members[name]
	return !known && len(t.members) >= maxMembers
}

// count returns how many live, at least this node.
func (t *table) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(len(t.members), 1)
}

// has reports whether a member can be reached at addr.
func (t *table) has(addr netip.AddrPort) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.members {
		if m.Addr == addr {
			return true
		}
	}
	return false
}

// missed returns where lost peers were, and forgets those asked for too often.
func (t *table) missed() []netip.AddrPort {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []netip.AddrPort
	for name, l := range t.lost {
		if l.tries++; l.tries > lostForgets {
			delete(t.lost, name)
			continue
		}
		found = append(found, l.addr)
	}
	return found
}

func memberOf(n *memberlist.Node, self string) Member {
	site, node, _ := splitName(n.Name)
	m := Member{Name: n.Name, Site: site, Node: node, Self: n.Name == self}
	m.Keys, m.Meta = parseMeta(n.Meta)
	if ip, ok := netip.AddrFromSlice(n.Addr); ok {
		m.Addr = netip.AddrPortFrom(ip.Unmap(), n.Port)
	}
	return m
}
