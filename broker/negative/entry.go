package negative

import (
	"github.com/bongsu/bongsu/broker/store"
)

// key is what a fact is about.
type key struct {
	kind store.FactKind
	id   string
}

// entry is what is known under a key. It never changes once readers see it.
type entry struct {
	epoch    int64 // the highest ever heard of, from whomever
	written  int64 // that of the writer's latest word
	revision int64 // of the writer's latest word; 0: the writer has said nothing
	at       int64 // Unix microseconds
	until    int64 // Unix microseconds; 0 is never
	lifted   bool  // the writer's latest word undoes the fact
	unsent   bool  // said here, and the writer has not answered yet

	lent      bool  // other nodes said it, who are believed, and the feed does not say it yet
	lentEpoch int64 // of what they said
	lentUntil int64 // Unix microseconds; 0 is never
}

// stands reports whether the fact is in force. What the writer has not heard of
// it cannot have lifted.
func (e entry) stands() bool { return e.known() || e.lent }

// known reports whether it is in force by what was said here or by the writer.
func (e entry) known() bool { return e.unsent || e.revision > 0 && !e.lifted }

// highest is the highest epoch that counts: of what others said, only while they
// are believed.
func (e entry) highest() int64 {
	if e.lent {
		return max(e.epoch, e.lentEpoch)
	}
	return e.epoch
}

// expired reports whether nobody needs the entry any more.
func (e entry) expired(now int64) bool {
	if e.lent && (e.lentUntil == 0 || e.lentUntil >= now) {
		return false
	}
	if !e.unsent && e.revision == 0 {
		return true
	}
	return e.until != 0 && e.until < now
}

// said merges a fact that was said here, r being with it what already waits, if
// there is any. It reports whether the writer must still hear of it.
func (e entry) said(r record, waiting *record) (next entry, send bool) {
	next = e
	next.epoch = max(e.epoch, r.Epoch)
	known := e.revision > 0 && !e.lifted && e.written >= r.Epoch
	if known || waiting != nil && waiting.Epoch >= r.Epoch && waiting.Until == r.Until {
		return next, false
	}
	if e.known() {
		next.until = later(e.until, r.Until)
	} else {
		next.until = r.Until
	}
	next.at, next.unsent = r.At, true
	return next, true
}

// told merges the writer's word. It reports whether that answers the fact that
// waits to be sent.
func (e entry) told(r record, waiting *record) (next entry, settled bool) {
	next = e
	next.epoch = max(e.epoch, r.Epoch, r.Floor)
	if waiting != nil {
		settled = r.Settles && waiting.Epoch <= r.Sent || !r.Lifted && waiting.Epoch <= r.Epoch
	}
	if settled {
		next.unsent = false
	}
	if r.Revision >= e.revision {
		next.revision, next.written, next.lifted, next.at, next.until = r.Revision, r.Epoch, r.Lifted, r.At, r.Until
		if next.unsent {
			next.until = later(r.Until, waiting.Until)
		}
	}
	return next, settled
}

// later returns the later of two ends, where 0 is never.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// record is the writer's word in e as a line of the log.
func (e entry) record(k key) record {
	r := record{
		Kind: k.kind, ID: k.id, Epoch: e.written, Revision: e.revision, Lifted: e.lifted,
		At: e.at, Until: e.until,
	}
	if e.epoch > e.written {
		r.Floor = e.epoch
	}
	return r
}

// fact is what holds under k.
func (e entry) fact(k key) store.Fact {
	f := e.record(k).fact()
	f.Epoch, f.Lifted = e.highest(), !e.stands()
	return f
}
