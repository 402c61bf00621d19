package fakenet

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// resolveFor bounds one conversation with the name server.
const resolveFor = 5 * time.Second

// Resolver asks the network's name server, as this site sees it. The addresses
// that it returns lead somewhere through [Site.Dial] alone.
func (s *Site) Resolver() *net.Resolver {
	return s.resolver(func(name string) Weather { return s.network.weather(name, s.name) })
}

func (s *Site) resolver(weather func(name string) Weather) *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		select {
		case <-s.network.closed:
			return nil, net.ErrClosed
		default:
		}
		// A pipe is no packet connection, so the resolver speaks DNS over TCP.
		ours, theirs := net.Pipe()
		s.network.running.Go(func() { s.network.answerNames(ours, weather) })
		return theirs, nil
	}}
}

// answerNames answers until the resolver hangs up.
func (n *Network) answerNames(conn net.Conn, weather func(name string) Weather) {
	defer func() { _ = conn.Close() }() // the other end went
	if conn.SetDeadline(time.Now().Add(resolveFor)) != nil {
		return
	}
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		answer, err := n.answerName(question, weather)
		if err != nil {
			return
		}
		framed := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(framed, answer...)); err != nil {
			return
		}
	}
}

var errNoQuestion = errors.New("fakenet: no question")

func (n *Network) answerName(raw []byte, weather func(name string) Weather) ([]byte, error) {
	var question dnsmessage.Message
	if err := question.Unpack(raw); err != nil {
		return nil, err
	}
	if len(question.Questions) != 1 {
		return nil, errNoQuestion
	}
	q := question.Questions[0]
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: question.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: question.Questions,
	}
	address, code := n.look(strings.ToLower(strings.TrimSuffix(q.Name.String(), ".")), weather)
	answer.RCode = code
	if code == dnsmessage.RCodeSuccess && q.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	return answer.Pack()
}

// look returns the address of a name, or how the name fails.
func (n *Network) look(name string, weather func(name string) Weather) (netip.Addr, dnsmessage.RCode) {
	for i, h := range n.o.Hosts {
		if h.Name != name {
			continue
		}
		switch weather(name).Name {
		case NameServfail:
			return netip.Addr{}, dnsmessage.RCodeServerFailure
		case NameMissing:
			return netip.Addr{}, dnsmessage.RCodeNameError
		case NameStale:
			return stale(i), dnsmessage.RCodeSuccess
		default:
			return virtual(i), dnsmessage.RCodeSuccess
		}
	}
	return netip.Addr{}, dnsmessage.RCodeNameError
}
