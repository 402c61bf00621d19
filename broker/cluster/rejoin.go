package cluster

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The measures of the rejoin loop. memberlist alone never finds nodes again
// that were cut off for longer than it gossips to the dead.
const (
	rejoinEvery   = 10 * time.Second
	rejoinJitter  = 3 * time.Second // either way
	resolveWithin = 3 * time.Second
	maxResolved   = 64 // addresses of one seed
	maxJoining    = 16 // at a time
	catchUpAfter  = time.Second
	catchUpJitter = 2 * time.Second
)

// The measures of settling: this many equal counts in a row, a second apart.
const (
	settledAfter  = 3
	settledWithin = 10 * time.Second
)

// rejoiner looks for nodes that should be members and are not.
type rejoiner struct {
	peer *Peer
	free chan struct{} // one for each join that may run

	mu   sync.Mutex
	busy map[string]bool // seeds and addresses being asked
}

func newRejoiner(p *Peer) *rejoiner {
	return &rejoiner{peer: p, free: make(chan struct{}, maxJoining), busy: make(map[string]bool)}
}

// run looks now and then every few seconds until ctx ends. What a round began
// may go on for some seconds afterwards; no round waits for another.
func (r *rejoiner) run(ctx context.Context) {
	go r.peer.settle(ctx, r.round(ctx))
	next := time.NewTimer(rejoinWait())
	defer next.Stop()
	var calm <-chan time.Time
	for {
		stirred := r.peer.stirred
		if calm != nil {
			stirred = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			r.round(ctx)
			next.Reset(rejoinWait())
		case <-stirred:
			calm = time.After(catchUpAfter + rand.N(catchUpJitter))
		case <-calm:
			calm = nil
			r.catchUp()
		}
	}
}

func rejoinWait() time.Duration { return rejoinEvery - rejoinJitter + rand.N(2*rejoinJitter) }

// catchUp exchanges everything with any one member, after some have joined or
// returned: half of the nodes may have known for long what is news to the
// others, and only those that find it news pass it on.
func (r *rejoiner) catchUp() {
	members := r.peer.members.others()
	if len(members) == 0 {
		return
	}
	addr := members[rand.N(len(members))].Addr
	r.once(new(sync.WaitGroup), addr.String(), func() { r.exchange(addr, rejoinCaughtUp) })
}

// round asks every seed and lost peer that is not a member. The channel is
// closed when all of them have answered.
func (r *rejoiner) round(ctx context.Context) <-chan struct{} {
	var asking sync.WaitGroup
	for _, seed := range r.peer.options.Seeds {
		r.once(&asking, "seed "+seed, func() { r.seed(ctx, &asking, seed) })
	}
	for _, addr := range r.peer.members.missed() {
		r.join(ctx, &asking, addr)
	}
	done := make(chan struct{})
	go func() {
		asking.Wait()
		close(done)
	}()
	return done
}

// once runs f unless the same is running already.
func (r *rejoiner) once(asking *sync.WaitGroup, what string, f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[what] {
		return
	}
	r.busy[what] = true
	asking.Go(func() {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.busy, what)
		}()
		f()
	})
}

// seed finds out where a seed is now, and joins it there.
func (r *rejoiner) seed(ctx context.Context, asking *sync.WaitGroup, seed string) {
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	addrs, err := r.peer.options.resolve(ctx, seed)
	if err != nil {
		r.peer.metrics.rejoins[rejoinUnresolved].Inc()
		r.peer.logger.LogAttrs(ctx, slog.LevelDebug, "gossip seed cannot be resolved", slog.String("seed", seed), slog.Any("error", err))
	}
	for _, addr := range addrs {
		r.join(ctx, asking, addr)
	}
}

// join exchanges everything with the node at addr, unless it is a member.
func (r *rejoiner) join(ctx context.Context, asking *sync.WaitGroup, addr netip.AddrPort) {
	if r.peer.members.has(addr) || !r.peer.options.allows(addr.Addr()) || ctx.Err() != nil {
		return
	}
	r.once(asking, addr.String(), func() { r.exchange(addr, rejoinJoined) })
}

// exchange is a push/pull with the node at addr.
func (r *rejoiner) exchange(addr netip.AddrPort, outcome string) {
	r.free <- struct{}{}
	defer func() { <-r.free }()
	if r.peer.life.Err() != nil {
		return
	}
	// A name must stand there and is not looked at.
	if _, err := r.peer.list.Join([]string{"seed/" + addr.String()}); err != nil {
		outcome = rejoinFailed
	}
	r.peer.metrics.rejoins[outcome].Inc()
}

// resolve returns where a seed is, without this node's memory: stale addresses
// make islands.
func (o Options) resolve(ctx context.Context, seed string) ([]netip.AddrPort, error) {
	service, ok := strings.CutPrefix(seed, srvPrefix)
	if !ok {
		host, port, err := hostPort(seed)
		if err != nil {
			return nil, err
		}
		return o.resolveHost(ctx, host, port)
	}
	_, records, err := o.Resolver.LookupSRV(ctx, "", "", service)
	if err != nil {
		return nil, err
	}
	var found []netip.AddrPort
	for _, record := range records[:min(len(records), maxResolved)] {
		addrs, failed := o.resolveHost(ctx, strings.TrimSuffix(record.Target, "."), record.Port)
		if failed != nil {
			err = failed
		}
		found = append(found, addrs...)
	}
	if len(found) > 0 {
		err = nil
	}
	return found[:min(len(found), maxResolved)], err
}

func (o Options) resolveHost(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), port)}, nil
	}
	ips, err := o.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var found []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxResolved)] {
		if addr := netip.AddrPortFrom(ip.Unmap(), port); !slices.Contains(found, addr) {
			found = append(found, addr)
		}
	}
	return found, nil
}

// advertised returns the IP and port that others are told, "" for what the
// transport finds. A host that has no address now is no reason not to start.
func (o Options) advertised(ctx context.Context) (ip string, port int) {
	if o.Advertise == "" {
		return "", 0
	}
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	host, number, err := hostPort(o.Advertise)
	if err != nil { // validated
		return "", 0
	}
	addrs, err := o.resolveHost(ctx, host, number)
	if err != nil || len(addrs) == 0 {
		o.Logger.LogAttrs(ctx, slog.LevelWarn, "the address to advertise to peers cannot be resolved; using the one listened on",
			slog.String("advertise", net.JoinHostPort(host, strconv.Itoa(int(number)))), slog.Any("error", err))
		return "", 0
	}
	return addrs[0].Addr().String(), int(number)
}

// settle closes Settled when the first round is over and the number of members
// has stood still for a while, or after ten seconds.
func (p *Peer) settle(ctx context.Context, asked <-chan struct{}) {
	defer close(p.settled)
	ctx, cancel := context.WithTimeout(ctx, settledWithin)
	defer cancel()
	select {
	case <-asked:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for count, equal := p.members.count(), 1; equal < settledAfter; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := p.members.count(); now == count {
			equal++
		} else {
			count, equal = now, 1
		}
	}
}
