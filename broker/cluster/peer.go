package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// The measures of what is sent over streams, and of the end.
const (
	maxLarge    = 200 // large messages waiting to be sent
	maxSending  = 16  // peers that one is sent to at a time
	leaveWithin = time.Second
)

// Peer is this node among the others. It is safe for concurrent use.
type Peer struct {
	options  Options
	logger   *slog.Logger
	metrics  *metrics
	exchange *Exchange
	members  *table
	keys     *keyring
	list     *memberlist.Memberlist

	inbox   chan parcel
	waiting atomic.Int64 // bytes in inbox
	large   chan []byte
	settled chan struct{}
	stirred chan struct{} // somebody joined

	life  context.Context // ends with Close
	end   context.CancelFunc
	ran   atomic.Bool
	close sync.Once
}

// Open listens and answers, alone until [Peer.Run]. Errors: [ErrOptions], those
// of the network, and an address of this node that Allow does not allow.
func Open(o Options) (*Peer, error) {
	o, err := o.completed()
	if err != nil {
		return nil, err
	}
	p := &Peer{
		options: o, logger: o.Logger, metrics: newMetrics(o.Registerer),
		inbox: make(chan parcel, maxInbox), large: make(chan []byte, maxLarge), settled: make(chan struct{}),
		stirred: make(chan struct{}, 1),
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.members = newTable(o.Name, p.note)
	p.exchange = newExchange(wire{p}, p.metrics)
	if p.keys, err = newKeyring(o.Keys); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err := p.listen(); err != nil {
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	return p, nil
}

func (p *Peer) listen() error {
	config := p.options.tuned()
	config.Keyring = p.keys.ring
	config.Logger = slog.NewLogLogger(newLines(p.logger, p.metrics), slog.LevelInfo)
	config.Delegate, config.Alive, config.Conflict, config.Events = delegate{p}, delegate{p}, delegate{p}, p.members
	inner := p.options.Transport
	if inner == nil {
		network, err := p.options.bind(config)
		if err != nil {
			return err
		}
		inner = network
	}
	config.AdvertiseAddr, config.AdvertisePort = p.options.advertised(p.life)
	ip, _, err := inner.FinalAdvertiseAddr(config.AdvertiseAddr, config.AdvertisePort)
	if err == nil {
		// memberlist would let this pass and miss itself later.
		if at, ok := netip.AddrFromSlice(ip); !ok || !p.options.allows(at) {
			err = fmt.Errorf("%s, the address of this node, is not allowed", ip)
		}
	}
	if err != nil {
		return errors.Join(err, inner.Shutdown())
	}
	guarded := newGuard(inner, p.options, p.metrics)
	config.Transport = guarded
	if p.list, err = memberlist.Create(config); err != nil {
		return errors.Join(err, guarded.Shutdown())
	}
	return nil
}

// bind opens the ports, UDP and TCP of one number.
func (o Options) bind(config *memberlist.Config) (*memberlist.NetTransport, error) {
	at, err := listenAddr(o.Listen)
	if err != nil { // validated
		return nil, err
	}
	attempts := 1
	if at.Port() == 0 {
		attempts = 10 // what is free for TCP may be taken for UDP
	}
	var network *memberlist.NetTransport
	for range attempts {
		network, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{at.Addr().String()}, BindPort: int(at.Port()), Logger: config.Logger,
		})
		if err == nil {
			config.BindAddr, config.BindPort = at.Addr().String(), network.GetAutoBindPort()
			return network, nil
		}
		if !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, err
}

// Add makes a channel of which s is the owner, before [Peer.Run]. It panics as
// [Exchange.Add] does.
func (p *Peer) Add(name string, s State) *Channel { return p.exchange.Add(name, s) }

// Run joins the others, finds them again whenever they are lost, and hands what
// arrives to the owners of channels. It returns when ctx has ended or the Peer
// is closed, and may be called once.
func (p *Peer) Run(ctx context.Context) {
	if !p.ran.CompareAndSwap(false, true) {
		panic("cluster: Run is called once")
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(p.life, stop)()
	var running sync.WaitGroup
	running.Go(func() { p.deliver(ctx) })
	running.Go(func() { p.sendLarge(ctx) })
	newRejoiner(p).run(ctx)
	running.Wait()
}

// Settled is closed when the membership has stood still for two seconds, or ten
// seconds after Run began. It is a hint for those who share work among nodes:
// nothing that serves people waits for it.
func (p *Peer) Settled() <-chan struct{} { return p.settled }

// Members returns the nodes believed to live, this one included, by name. It
// takes two to thirty seconds until a dead one is missing.
func (p *Peer) Members() []Member { return p.members.all() }

// Member returns the node "site/node", if it is believed to live.
func (p *Peer) Member(name string) (Member, bool) { return p.members.member(name) }

// Close says goodbye and stops listening. It may be called twice.
func (p *Peer) Close() error {
	var err error
	p.close.Do(func() {
		p.end()
		if failed := p.list.Leave(leaveWithin); failed != nil {
			p.logger.LogAttrs(context.Background(), slog.LevelDebug, "gossip: nobody heard the goodbye", slog.Any("error", failed))
		}
		err = p.list.Shutdown()
	})
	return err
}

func (p *Peer) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case what := <-p.inbox:
			p.take(what)
		}
	}
}

// sendLarge gives large messages to every peer, one message after another.
func (p *Peer) sendLarge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-p.large:
			p.sendToAll(frame)
		}
	}
}

func (p *Peer) sendToAll(frame []byte) {
	var sending sync.WaitGroup
	free := make(chan struct{}, maxSending)
	for _, m := range p.members.others() {
		free <- struct{}{}
		sending.Go(func() {
			defer func() { <-free }()
			to := &memberlist.Node{Name: m.Name, Addr: m.Addr.Addr().AsSlice(), Port: m.Addr.Port()}
			if err := p.list.SendReliable(to, frame); err != nil {
				p.metrics.drop(dropUnsent)
			}
		})
	}
	sending.Wait()
}

// note logs and counts changes of the membership.
func (p *Peer) note(what string, m Member) {
	p.metrics.members.Set(float64(p.members.count()))
	if what == peerJoined && !m.Self {
		select {
		case p.stirred <- struct{}{}:
		default:
		}
	}
	p.logger.LogAttrs(context.Background(), slog.LevelInfo, "gossip membership",
		slog.String("change", what), slog.String("peer", m.Name), slog.String("address", m.Addr.String()))
}

// wire is memberlist as the Exchange sees it: packets are asked for by the
// delegate.
type wire struct{ peer *Peer }

func (w wire) Nodes() int { return w.peer.members.count() }

func (w wire) Reliably(frame []byte) bool {
	select {
	case w.peer.large <- frame:
		return true
	default:
		return false
	}
}
