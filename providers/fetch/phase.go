package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// Phase is how far a request had come when it failed.
type Phase int32

// The phases of a request, in order. A request on a connection that stood
// already begins with the last.
const (
	PhaseConnect Phase = iota // waiting for a connection; also where the network is simulated
	PhaseResolve
	PhaseTLS
	PhaseAnswer
)

// Error is a request that got no answer, and how far it had come.
type Error struct {
	Phase Phase
	Err   error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether it was a deadline that passed, as [net.Error] does:
// what wraps a request's error asks.
func (e *Error) Timeout() bool { return timedOut(e.Err) }

// The codes of [Code].
const (
	CodeDNS         = "dns"         // the name does not resolve
	CodeConnect     = "connect"     // no connection: refused, unreachable, or nobody took it in time
	CodeTLS         = "tls"         // the handshake failed or stalled
	CodeCertificate = "certificate" // another name, out of date, of an unknown authority
	CodeTimeout     = "timeout"     // connected, and no answer in time
	CodeBroken      = "broken"      // connected, and the connection broke
	CodeTooLarge    = "too_large"   // the answer would not end
	CodeForbidden   = "forbidden"   // an address that is not open
)

// Code names in one word what became of a request that failed, for logs and
// for telling one kind of outage from another. It is "" for nil and for a
// request that was given up by its caller.
func Code(err error) string {
	var (
		failed *Error
		dns    *net.DNSError
		dial   *net.OpError
	)
	phase := PhaseAnswer
	if errors.As(err, &failed) {
		phase = failed.Phase
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return ""
	case badCertificate(err):
		return CodeCertificate
	case errors.Is(err, ErrForbiddenAddress):
		return CodeForbidden
	case errors.Is(err, ErrTooLarge):
		return CodeTooLarge
	case errors.As(err, &dns), phase == PhaseResolve:
		return CodeDNS
	case errors.As(err, &dial) && dial.Op == "dial", phase == PhaseConnect:
		return CodeConnect
	case phase == PhaseTLS:
		return CodeTLS
	case timedOut(err):
		return CodeTimeout
	default:
		return CodeBroken
	}
}

func badCertificate(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		host        x509.HostnameError
		invalid     x509.CertificateInvalidError
	)
	return errors.As(err, &certificate) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// progress follows one request. A connection that is dialled for it and comes
// too late, because another became free, does not set it back.
type progress struct{ phase atomic.Int32 }

func (p *progress) at(phase Phase) {
	for {
		now := p.phase.Load()
		if Phase(now) == PhaseAnswer || p.phase.CompareAndSwap(now, int32(phase)) {
			return
		}
	}
}

// follow returns ctx with p listening to what happens under it.
func (p *progress) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { p.at(PhaseResolve) },
		ConnectStart:      func(string, string) { p.at(PhaseConnect) },
		TLSHandshakeStart: func() { p.at(PhaseTLS) },
		GotConn:           func(httptrace.GotConnInfo) { p.at(PhaseAnswer) },
	})
}

// failed returns err with how far the request had come.
func (p *progress) failed(err error) error {
	return &Error{Phase: Phase(p.phase.Load()), Err: err}
}
