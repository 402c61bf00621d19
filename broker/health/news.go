package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	publishEvery   = 10 * time.Second
	publishWorried = 2 * time.Second // while something is suspected, so that the site's nodes can add up
	signatureRoom  = 64              // bytes kept free for the signature
)

// Merge takes in another node's signed record. It reports whether it was news,
// which whoever carries records passes on. What is not newer is no error; every
// refusal wraps [ErrRecord] and is counted.
func (b *Board) Merge(message []byte) (news bool, err error) {
	news, result, err := b.merge(message)
	b.metrics.records[result].Add(1)
	return news, err
}

func (b *Board) merge(message []byte) (bool, int, error) {
	r, body, signature, err := parse(message)
	if err != nil {
		return false, recordMalformed, err
	}
	if !slices.Contains(b.sites, r.site) {
		return false, recordForeign, fmt.Errorf("%w: unknown site", ErrRecord)
	}
	b.mu.Lock()
	own := r.site == b.o.Site && r.node == b.o.Node
	old := own && b.isOurs(&r) || !own && b.peers.known(&r, message)
	b.mu.Unlock()
	if old { // most of what gossip brings: not worth a look at the signature
		return false, recordOld, nil
	}
	if b.o.Verify == nil || !b.o.Verify(r.site, body, signature) {
		return false, recordUnsigned, fmt.Errorf("%w: signature", ErrRecord)
	}
	now := b.o.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if own {
		b.overtake(&r)
		return false, recordOwn, nil
	}
	turned, err := b.peers.merge(r, message, now)
	switch {
	case errors.Is(err, errOld):
		return false, recordOld, nil
	case errors.Is(err, errLate):
		return false, recordLate, err
	case err != nil:
		return false, recordFull, err
	}
	if turned {
		b.hasten()
	}
	return true, recordNews, nil
}

// isOurs tells whether a record in our name is one that we wrote, or older. The
// caller holds mu.
func (b *Board) isOurs(r *record) bool {
	return cmp.Or(cmp.Compare(r.incarnation, b.o.Incarnation), cmp.Compare(r.sequence, b.sequence)) <= 0
}

// overtake answers a record in our own name that we did not write in this life:
// our clock went back between two starts, or another node has our name. We go on
// with a higher number. The caller holds mu.
func (b *Board) overtake(r *record) {
	b.o.Incarnation = max(r.incarnation, r.incarnation+1) // the last number there is has no next
	b.published = time.Time{}
	b.o.Logger.LogAttrs(context.Background(), slog.LevelWarn,
		"another record bears this node's name and a higher number: is the name unique in its site?",
		slog.String("site", r.site), slog.String("node", r.node))
}

// Messages returns all signed records that have not expired, our own included.
// The caller must not change them.
func (b *Board) Messages() [][]byte {
	now := b.o.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := make([][]byte, 0, 1+len(b.peers.held))
	if b.message != nil {
		messages = append(messages, b.message)
	}
	for _, h := range b.peers.sorted() {
		if h.fresh(now) {
			messages = append(messages, h.message)
		}
	}
	return messages
}

// Hears tells whether another node has signed a record that has not expired.
func (b *Board) Hears(site, node string) bool {
	now := b.o.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.peers.held[nodeName{site, node}]
	return h != nil && h.fresh(now)
}

// publish signs our record when it should be sent: at once when a state changed,
// often while something is suspected, and else often enough that it does not
// expire; nil when not now. The caller holds mu.
func (b *Board) publish(now time.Time) []byte {
	if b.o.Sign == nil {
		return nil
	}
	failing := b.canariesFail(now)
	turned, worried := b.published.IsZero() || failing != b.saidNet, false
	for i, w := range b.watches {
		said := &b.said[i]
		turned = turned || said.state != w.said || said.devices != w.local.devices
		worried = worried || w.suspect
	}
	since := now.Sub(b.published)
	if !turned && since < publishWorried || !turned && !worried && since < publishEvery {
		return nil
	}
	b.published, b.saidNet = now, failing
	b.sequence++
	message, err := b.signed(now)
	if err != nil {
		b.o.Logger.LogAttrs(context.Background(), slog.LevelError, "health record could not be signed", slog.Any("error", err))
		return nil
	}
	b.message = message
	return message
}

// signed is our record as it is sent. The caller holds mu.
func (b *Board) signed(now time.Time) ([]byte, error) {
	r := b.own(now)
	for limit := maxRecord - signatureRoom; ; limit -= entrySize {
		r.shorten(limit)
		body := r.append(make([]byte, 0, maxRecord))
		signature, err := b.o.Sign(body)
		switch {
		case err != nil:
			return nil, fmt.Errorf("sign health record: %w", err)
		case len(signature) == 0 || len(signature) > maxSignature:
			return nil, fmt.Errorf("sign health record: a signature of %d bytes", len(signature))
		case len(body)+len(signature) <= maxRecord:
			return append(body, signature...), nil
		}
	}
}

// own is what this node says. The caller holds mu.
func (b *Board) own(now time.Time) record {
	r := record{
		site: b.o.Site, node: b.o.Node, incarnation: b.o.Incarnation, sequence: b.sequence,
		issued: uint32(now.Unix()),
	}
	if c := b.canaries; c.fresh(now) {
		r.asked = uint8(min(c.Asked, 15))
		r.reached = uint8(min(c.Reached*int(r.asked)/max(c.Asked, 1), 15))
	}
	for i, w := range b.watches {
		b.said[i] = w.entry(now)
		r.entries = append(r.entries, b.said[i])
	}
	slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return r
}

// entry is what this node says of the provider: its own evidence, never what it
// heard from others.
func (w *watch) entry(now time.Time) entry {
	e := entry{name: w.name, state: w.said, devices: w.local.devices}
	if w.said >= Degraded {
		e.step = uint8(max(slices.Index(wireSteps[:], w.local.step), 0))
	}
	calls, dues := w.windows()
	e.long = calls == &w.window.long
	for lane := range lanes {
		g := laneGroups[lane]
		e.calls[g] = e.calls[g].add(calls.lane(lane))
	}
	for age := range ages {
		for dev := range devices {
			e.due[age] = e.due[age].add(dues.at(dueCell(age, dev)))
		}
	}
	asked, ok := w.probes.lastMinute(now)
	e.probes, e.probesOK = uint8(asked), uint8(ok)
	e.p95 = packP95(calls.p95())
	return e
}
