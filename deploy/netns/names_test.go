//go:build linux

package netns

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

// zone is the name server of all machines: what every name leads to, and how
// some of them fail.
type zone struct {
	mu    sync.Mutex
	hosts map[string]netip.Addr
	ill   map[string]illness
}

// illness is how names fail.
type illness string

const (
	servfail illness = "servfail" // the server cannot say
	nxdomain illness = "nxdomain" // the name is gone
	stale    illness = "stale"    // the name leads to where nobody is
)

var nobody = netip.MustParseAddr(wide + "99")

// resolve starts the name server, on its own machine.
func (n *network) resolve(machines map[string]string) *zone {
	n.t.Helper()
	z := &zone{hosts: map[string]netip.Addr{}, ill: map[string]illness{}}
	for name, machine := range machines {
		z.hosts[name] = netip.MustParseAddr(address(machine))
	}
	var server net.PacketConn
	n.must(n.in("names", func() (err error) {
		var how net.ListenConfig
		server, err = how.ListenPacket(n.t.Context(), "udp4", net.JoinHostPort(address("names"), "53"))
		return err
	}))
	var answering sync.WaitGroup
	answering.Go(func() { z.answer(server) })
	n.t.Cleanup(func() { n.must(server.Close()); answering.Wait() })
	return z
}

// answer answers until the server closes. What is no question gets no answer.
func (z *zone) answer(server net.PacketConn) {
	packet := make([]byte, 1<<12)
	for {
		n, from, err := server.ReadFrom(packet)
		if err != nil {
			return // closed
		}
		if answer, err := z.reply(packet[:n]); err == nil {
			_, _ = server.WriteTo(answer, from) // who gets none asks again
		}
	}
}

func (z *zone) reply(packet []byte) ([]byte, error) {
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

func (z *zone) look(name string) (netip.Addr, dnsmessage.RCode) {
	z.mu.Lock()
	defer z.mu.Unlock()
	at, known := z.hosts[name]
	switch how := z.ill[name]; {
	case !known || how == nxdomain:
		return netip.Addr{}, dnsmessage.RCodeNameError
	case how == servfail:
		return netip.Addr{}, dnsmessage.RCodeServerFailure
	case how == stale:
		return nobody, dnsmessage.RCodeSuccess
	}
	return at, dnsmessage.RCodeSuccess
}

// lookup asks the name server, from the people's machine.
func (w *world) lookup(ctx context.Context, name string) (netip.Addr, error) {
	asking := net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return w.dialAs(ctx, "people", nil, "udp4", net.JoinHostPort(address("names"), "53"))
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
