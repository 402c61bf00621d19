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
	Port   int    // the issuer's; the two behind it are taken as well, and more for several sites. 0 picks free ones
	Issuer string // empty is http://localhost:PORT; anything that is not loopback is refused
	Sites  int    // 0 and 1: one, at the issuer's address; up to [MaxSites]: each at an address of its own behind it
	// Providers are the simulated providers by name, in the order of the menu
	// where the language has none; nil is Kakao, Naver, LINE, Google and Apple,
	// [AllProviders] every one of [Providers].
	Providers []string

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

// LastPort returns the highest issuer's port that leaves room for the others.
func (o Options) LastPort() int {
	if o.Sites > 1 {
		return 65535 - siteStep*o.Sites - gossipStep
	}
	return 65535 - 2
}

// ports says which ports are used.
func (o Options) ports() string {
	if o.Sites > 1 {
		return "N, N+1, N+2, and N+10 and N+11 and so on for the sites"
	}
	return "N, N+1 and N+2"
}

func (o Options) validate() error {
	if o.Sites < 0 || o.Sites > MaxSites {
		return fmt.Errorf("dev: %d sites are not 1 to %d", o.Sites, MaxSites)
	}
	if o.Port < 0 || o.Port > o.LastPort() {
		return fmt.Errorf("dev: port %d is not from 1 to %d: %s are used", o.Port, o.LastPort(), o.ports())
	}
	return CheckProviders(o.Providers)
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
