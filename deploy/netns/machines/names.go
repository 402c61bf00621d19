//go:build linux

package machines

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// Names is the machine that every other asks for names.
const Names = "names"

// Zone is the name server of all machines: what every name leads to, and how some
// of them fail.
type Zone struct {
	server    net.PacketConn
	answering sync.WaitGroup

	mu    sync.Mutex
	hosts map[string]netip.Addr
	ill   map[string]Illness
}

// Illness is how names fail.
type Illness string

// The ways there are.
const (
	Servfail Illness = "servfail" // the server cannot say
	NXDomain Illness = "nxdomain" // the name is gone
	Stale    Illness = "stale"    // the name leads to where nobody is
)

// Resolve starts the name server: it knows which machine each name leads to.
func (n *Network) Resolve(names map[string]string) (*Zone, error) {
	z := &Zone{hosts: map[string]netip.Addr{}, ill: map[string]Illness{}}
	for name, machine := range names {
		z.hosts[name] = netip.MustParseAddr(n.Address(machine))
	}
	err := n.In(Names, func() (err error) {
		z.server, err = listenConfig.ListenPacket(context.Background(), "udp4", net.JoinHostPort(n.Address(Names), "53"))
		return err
	})
	if err != nil {
		return nil, err
	}
	z.answering.Go(z.answer)
	return z, nil
}

// Close ends the server.
func (z *Zone) Close() error {
	err := z.server.Close()
	z.answering.Wait()
	return err
}

// Fail makes names fail in a way; the empty way heals them.
func (z *Zone) Fail(how Illness, names ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, name := range names {
		z.ill[name] = how
	}
}

// answer answers until the server closes. What is no question gets no answer.
func (z *Zone) answer() {
	packet := make([]byte, 1<<12)
	for {
		n, from, err := z.server.ReadFrom(packet)
		if err != nil {
			return // closed
		}
		if answer, err := z.reply(packet[:n]); err == nil {
			_, _ = z.server.WriteTo(answer, from) // who gets none asks again
		}
	}
}

func (z *Zone) reply(packet []byte) ([]byte, error) {
	var asked dnsmessage.Message
	if err := asked.Unpack(packet); err != nil {
		return nil, err
	}
	if asked.Response || len(asked.Questions) != 1 {
		return nil, errors.New("not one question")
	}
	q := asked.Questions[0]
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true, RecursionDesired: asked.RecursionDesired, RecursionAvailable: true},
		Questions: asked.Questions,
	}
	at, code := z.look(strings.ToLower(strings.TrimSuffix(q.Name.String(), ".")))
	answer.RCode = code
	if code == dnsmessage.RCodeSuccess && q.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: at.As4()},
		}}
	}
	return answer.Pack()
}

func (z *Zone) look(name string) (netip.Addr, dnsmessage.RCode) {
	z.mu.Lock()
	defer z.mu.Unlock()
	at, known := z.hosts[name]
	switch how := z.ill[name]; {
	case !known || how == NXDomain:
		return netip.Addr{}, dnsmessage.RCodeNameError
	case how == Servfail:
		return netip.Addr{}, dnsmessage.RCodeServerFailure
	case how == Stale:
		return netip.MustParseAddr(nobody), dnsmessage.RCodeSuccess
	}
	return at, dnsmessage.RCodeSuccess
}

// Lookup asks the name server, from a machine.
func (n *Network) Lookup(ctx context.Context, from, name string) (netip.Addr, error) {
	asking := net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return n.DialAs(ctx, from, nil, "udp4", net.JoinHostPort(n.Address(Names), "53"))
	}}
	found, err := asking.LookupNetIP(ctx, "ip4", name+".")
	if err != nil {
		return netip.Addr{}, err
	}
	if len(found) == 0 {
		return netip.Addr{}, fmt.Errorf("%s leads nowhere", name)
	}
	return found[0], nil
}
