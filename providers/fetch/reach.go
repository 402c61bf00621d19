package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Reached is what a connection showed.
type Reached struct {
	// Expires is when the server's certificate runs out; zero where the
	// connection is plain.
	Expires time.Time
}

// Reach opens a new connection to where raw is served, with everything a
// request would check (addresses, the certificate and its name), and closes it
// without asking anything. The error tells how far it came ([Code]).
func (c *Client) Reach(ctx context.Context, raw string) (Reached, error) {
	if err := c.CheckURL(raw); err != nil {
		return Reached{}, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Reached{}, fmt.Errorf("%w: the URL does not parse", ErrForbiddenAddress)
	}
	ctx, cancel := context.WithTimeout(ctx, c.http.Timeout)
	defer cancel()
	var p progress
	reached, err := c.reach(p.follow(ctx), &p, u)
	if err != nil {
		return Reached{}, p.failed(err)
	}
	return reached, nil
}

func (c *Client) reach(ctx context.Context, p *progress, u *url.URL) (Reached, error) {
	door, port := c.secure, "443"
	if u.Scheme == "http" {
		door, port = c.plain, "80"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	conn, err := door.kept.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return Reached{}, err
	}
	if u.Scheme == "http" {
		return Reached{}, conn.Close()
	}
	p.at(PhaseTLS)
	how := c.shake.Clone()
	how.ServerName = u.Hostname()
	shaken := tls.Client(conn, how)
	ctx, cancel := context.WithTimeout(ctx, c.secure.kept.TLSHandshakeTimeout)
	defer cancel()
	if err := shaken.HandshakeContext(ctx); err != nil {
		return Reached{}, errors.Join(err, conn.Close())
	}
	expires := shaken.ConnectionState().PeerCertificates[0].NotAfter
	_ = shaken.Close() // everything is learnt
	return Reached{Expires: expires}, nil
}
