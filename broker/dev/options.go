package dev

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/loopback"
)

// ErrPublicIssuer means that dev mode was asked to speak for an issuer that
// others could reach.
var ErrPublicIssuer = errors.New("dev: the issuer is not this machine's own")

// Options adjusts an instance. The zero value takes free ports, says nothing
// and keeps nothing.
type Options struct {
	Port   int          // the issuer's; the two behind it are taken as well. 0 picks three free ones
	Issuer string       // empty is http://localhost:PORT; anything that is not loopback is refused
	Out    io.Writer    // where Run prints its banner; nil discards
	Logger *slog.Logger // nil discards

	// SlowBy and HoldFor are how late a slow provider answers and how long a
	// dark one holds a request; 0 is fakeidp's default of each.
	SlowBy  time.Duration
	HoldFor time.Duration

	// Configure changes the broker's configuration before it is built: for
	// tests that want another database or shorter lives.
	Configure func(*config.Config)
}

// maxPort leaves room for the two ports behind the issuer's.
const maxPort = 65533

func (o Options) validate() error {
	if o.Port < 0 || o.Port > maxPort {
		return fmt.Errorf("dev: port %d is not from 1 to %d: the two ports behind it are used as well", o.Port, maxPort)
	}
	return nil
}

// issuer returns the issuer's URL on port, having refused any that others
// could reach or that would not lead here.
func (o Options) issuer(port int) (*url.URL, error) {
	text := o.Issuer
	if text == "" {
		text = "http://localhost:" + strconv.Itoa(port)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicIssuer, err)
	}
	switch {
	case u.Scheme != "http" || u.User != nil || !loopback.Is(u.Host):
		return nil, fmt.Errorf("%w: %q is not http on localhost, 127.0.0.1 or [::1]", ErrPublicIssuer, text)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("dev: issuer %q has more than a host and a port", text)
	case u.Port() != strconv.Itoa(port):
		return nil, fmt.Errorf("dev: issuer %q does not name port %d, where it would be served", text, port)
	}
	return u, nil
}
