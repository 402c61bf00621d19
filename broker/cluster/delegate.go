package cluster

import (
	"bytes"

	"github.com/hashicorp/memberlist"
)

// The bounds of what waits for owners.
const (
	maxInbox      = 1024
	maxInboxBytes = 8 << 20
)

// parcel is what arrived: one frame, or another node's snapshot.
type parcel struct {
	content  []byte
	snapshot bool
}

// delegate is what memberlist calls. Every method copies and returns.
type delegate struct{ peer *Peer }

// NodeMeta is what others are told of this node.
func (d delegate) NodeMeta(limit int) []byte {
	meta := appendMeta(nil, d.peer.keys.fingerprints(), d.peer.options.Meta)
	if len(meta) > limit {
		return nil
	}
	return meta
}

// NotifyMsg is called with a frame in a buffer that is used again.
func (d delegate) NotifyMsg(frame []byte) { d.peer.post(parcel{content: bytes.Clone(frame)}) }

// GetBroadcasts fills what is left of a packet.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.peer.exchange.Packet(overhead, limit)
}

// LocalState is this node's part of a push/pull, and MergeRemoteState takes the
// other's.
func (d delegate) LocalState(bool) []byte { return d.peer.exchange.Snapshot() }

func (d delegate) MergeRemoteState(snapshot []byte, _ bool) {
	d.peer.post(parcel{content: bytes.Clone(snapshot), snapshot: true})
}

// NotifyAlive decides who may be a peer.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	if d.peer.members.full(n.Name) {
		return errFull
	}
	return d.peer.options.admits(n.Name)
}

// NotifyConflict is told of a name that has another address.
func (d delegate) NotifyConflict(_, _ *memberlist.Node) { d.peer.metrics.drop(dropConflict) }

// post puts what arrived where owners find it, or drops it.
func (p *Peer) post(what parcel) {
	if len(what.content) > maxState {
		p.metrics.drop(dropOversize)
		return
	}
	size := int64(len(what.content))
	if p.waiting.Add(size) > maxInboxBytes {
		p.waiting.Add(-size)
		p.metrics.drop(dropQueueFull)
		return
	}
	select {
	case p.inbox <- what:
	default:
		p.waiting.Add(-size)
		p.metrics.drop(dropQueueFull)
	}
}

// take hands a parcel to the owners of channels.
func (p *Peer) take(what parcel) {
	p.waiting.Add(-int64(len(what.content)))
	if what.snapshot {
		p.exchange.Absorb(what.content)
		return
	}
	p.exchange.Receive(what.content)
}
