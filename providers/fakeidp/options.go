package fakeidp

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// What holds where Options say nothing.
const (
	DefaultSlowBy  = 8 * time.Second  // how late every answer is under [Slow]
	DefaultHoldFor = 60 * time.Second // how long [Dark] holds a request before the connection is closed
)

// Options describe the upstreams of one [Server].
type Options struct {
	BaseURL   string            // where browsers and the broker reach the server: scheme and host, no trailing slash
	Upstreams []Spec            // nil is kakao, naver, line, google and apple, each in its own dialect
	Clients   map[string]Client // by upstream name; one that is missing is [DefaultClient]
	People    []Person          // beside minji and solo; an equal name replaces them

	// AutoContinue skips the page: the authorization endpoint answers at once
	// as if the person had pressed the button. Answers by form post keep their page.
	AutoContinue bool

	SlowBy  time.Duration // 0 is [DefaultSlowBy]
	HoldFor time.Duration // 0 is [DefaultHoldFor]

	// Network says that something in front breaks names, connections and
	// certificates when [Upstream.Weather] says so; without it a fault below
	// HTTP is a connection that breaks or stays silent, and a wrong certificate
	// is [ErrNotApplicable].
	Network bool

	// TrustForwarded takes the first address in X-Forwarded-For for where a
	// request comes from: for populations that share one machine.
	TrustForwarded bool

	// OnEvent is told what happened, in the goroutine where it did: it must be
	// quick and may be called concurrently. Events hold no code, token or secret.
	OnEvent func(Event)

	Now    func() time.Time // for tokens and codes; nil is time.Now
	Rand   io.Reader        // for tokens and codes; nil is crypto/rand.Reader
	Logger *slog.Logger     // events at debug level; nil is silence
}

// Spec names one upstream.
type Spec struct {
	Name    string  // lower-case letters, digits and hyphens, at most 32; the first path element
	Dialect Dialect // empty is the dialect called Name

	// Title is what the upstream is called on its own page; empty is what the
	// company of the dialect is called, or Name.
	Title string

	// URL is where the upstream stands when it has a host of its own:
	// "https://kauth.kakao.example", without a path. Empty is BaseURL/Name.
	URL string
	// Elsewhere are endpoints on further hosts, each without a path:
	// {Userinfo: "https://kapi.kakao.example"}. Every host serves every path.
	Elsewhere map[Endpoint]string
	// PagesBelow leaves the pages at BaseURL/Name, where a browser finds them
	// that does not know the names of URL and Elsewhere.
	PagesBelow bool
}

// places are all URLs of the spec.
func (s Spec) places() map[Endpoint]string {
	places := maps.Clone(s.Elsewhere)
	if places == nil {
		places = map[Endpoint]string{}
	}
	if s.URL != "" {
		places["issuer"] = s.URL
	}
	return places
}

// hosts are the host names that are the upstream's own.
func (s Spec) hosts() []string {
	var hosts []string
	for _, raw := range s.places() {
		hosts = append(hosts, hostOf(host(raw)))
	}
	return hosts
}

// hostOf returns the name in host:port.
func hostOf(address string) string {
	if name, _, err := net.SplitHostPort(address); err == nil {
		return name
	}
	return address
}

// bare reports whether raw is a scheme and a host and nothing else.
func bare(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// Client is the broker's registration at one upstream.
type Client struct {
	ID     string
	Secret string // unused by Apple

	// RedirectURIs may receive codes: compared exactly, or as a prefix where
	// one ends in '*'. None at all is any http or https URL.
	RedirectURIs []string

	// Apple's client secret is a JWT that names TeamID and KeyID and verifies
	// with the public half of Key. Only Apple reads these.
	TeamID string
	KeyID  string
	Key    *ecdsa.PrivateKey // P-256
}

// DefaultClient is the registration of an upstream whose Options name none:
// id "bongsu-NAME", secret "NAME-secret", any redirect URI, and for Apple team
// "TEAM000001", key id "KEY0000001" and a key made once per process.
func DefaultClient(upstream string) Client {
	return Client{
		ID:     "bongsu-" + upstream,
		Secret: upstream + "-secret",
		TeamID: "TEAM000001",
		KeyID:  "KEY0000001",
		Key:    sharedECKey(),
	}
}

// KeyPEM returns Key as PKCS#8 in PEM, the form of Apple's .p8 file; nil
// without a key.
func (c Client) KeyPEM() []byte {
	if c.Key == nil {
		return nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return nil // only a key on a curve nobody knows
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (c Client) allows(redirectURI string) bool {
	u, err := url.Parse(redirectURI)
	if err != nil || u.Host == "" || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	for _, allowed := range c.RedirectURIs {
		prefix, wide := strings.CutSuffix(allowed, "*")
		if redirectURI == allowed || wide && strings.HasPrefix(redirectURI, prefix) {
			return true
		}
	}
	return len(c.RedirectURIs) == 0
}

var upstreamName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func (o *Options) validate() error {
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != "" || strings.HasSuffix(o.BaseURL, "/") {
		return errors.New("fakeidp: base URL must be absolute, without query and trailing slash")
	}
	known, owners := map[string]bool{}, map[string]string{}
	var problems []error
	for _, spec := range o.Upstreams {
		switch {
		case !upstreamName.MatchString(spec.Name):
			problems = append(problems, fmt.Errorf("fakeidp: upstream name %q", spec.Name))
		case known[spec.Name]:
			problems = append(problems, fmt.Errorf("fakeidp: upstream %q twice", spec.Name))
		case dialects[spec.dialect()] == nil:
			problems = append(problems, fmt.Errorf("fakeidp: upstream %q: unknown dialect %q", spec.Name, spec.dialect()))
		}
		known[spec.Name] = true
		for e, raw := range spec.places() {
			if !bare(raw) {
				problems = append(problems, fmt.Errorf("fakeidp: upstream %q: %s: %q is not a scheme and a host", spec.Name, e, raw))
			}
		}
		for _, host := range spec.hosts() {
			if owner, taken := owners[host]; taken && owner != spec.Name {
				problems = append(problems, fmt.Errorf("fakeidp: host %q is %s's and %s's", host, owner, spec.Name))
			}
			owners[host] = spec.Name
		}
	}
	for name := range o.Clients {
		if !known[name] {
			problems = append(problems, fmt.Errorf("fakeidp: client of unknown upstream %q", name))
		}
	}
	return errors.Join(problems...)
}

func (s Spec) dialect() Dialect {
	if s.Dialect == "" {
		return Dialect(s.Name)
	}
	return s.Dialect
}
