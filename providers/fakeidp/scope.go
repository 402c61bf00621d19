package fakeidp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Scope narrows a fault. What is left zero is as the fault itself has it,
// which mostly is everything and everybody, always.
type Scope struct {
	Variant   string     // one of [Kind.Variants]
	Endpoints []Endpoint // where
	Share     float64    // of those in scope, how many meet the fault: above 0, up to 1
	By        By         // what has to be the same for chance to decide the same

	// The cohort. A request that shows nobody (metadata, keys, a code that
	// nobody was given) is in no cohort of people.
	People  []string // names
	New     bool     // whoever did not authorize our client before
	Devices []Device // what the browser says it is; servers' calls are [Machine]

	// Sources are where requests come from: address prefixes ("10.0.0.0/8"),
	// single addresses, or names that the network in front gave ([WithSource]).
	// A page is asked for by a browser, a token by a site.
	Sources []string

	For   time.Duration // the fault ends so long after it was set; 0 is never
	Until time.Time     // the fault ends then; zero is never
}

// By says what decides, beside chance, whether a [Scope.Share] meets the fault.
type By string

// What the share is of.
const (
	ByLogin  By = "login"  // logins: all requests of one go the same way; what belongs to none decides alone
	ByPerson By = "person" // people: the same ones always
	BySource By = "source" // sources: an address prefix (/24, /48) or name goes one way as a whole
)

// Device is what a request seems to come from.
type Device string

// The devices.
const (
	Phone   Device = "mobile"  // a browser of its own on a phone or tablet
	App     Device = "app"     // the web view inside another app
	Desktop Device = "desktop" // any other browser
	Other   Device = "unknown" // no browser that is known, and no machine
	Machine Device = "machine" // a broker or its probe, by the name it gives itself
)

func devices() []Device { return []Device{Phone, App, Desktop, Other, Machine} }

// deviceOf reads User-Agent. Brokers call themselves Bongsu, probes say that
// they are one.
func deviceOf(r *http.Request) Device {
	agent := r.Header.Get("User-Agent")
	if strings.Contains(agent, "Bongsu") || isProbe(r) {
		return Machine
	}
	for _, mark := range []string{"KAKAOTALK", "Line/", "NAVER(inapp", "Instagram", "FBAN", "FBAV"} {
		if strings.Contains(agent, mark) {
			return App
		}
	}
	switch {
	case strings.Contains(agent, "Mobile"), strings.Contains(agent, "Android"):
		return Phone
	case strings.HasPrefix(agent, "Mozilla/"):
		return Desktop
	}
	return Other
}

// isProbe reports whether nobody looks at the page that is asked for.
func isProbe(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("User-Agent")), "probe")
}

type sourceKey struct{}

// WithSource returns a context whose requests come from the place called name,
// or from the address that it is. A listener sets it for the connections of one site, by
// [http.Server.ConnContext].
func WithSource(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, sourceKey{}, name)
}

// source is where a request comes from.
type source struct {
	name    string     // empty when the network gave none
	address netip.Addr // invalid when unknown
}

func (s *Server) sourceOf(r *http.Request) source {
	if name, ok := r.Context().Value(sourceKey{}).(string); ok && name != "" {
		return sourceNamed(name)
	}
	var from source
	text, _, err := net.SplitHostPort(r.RemoteAddr)
	if first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ","); s.o.TrustForwarded && first != "" {
		text, err = strings.TrimSpace(first), nil
	}
	if err == nil {
		from.address, _ = netip.ParseAddr(text) // invalid is unknown
		from.address = from.address.Unmap().WithZone("")
	}
	return from
}

func sourceNamed(name string) source {
	if address, err := netip.ParseAddr(name); err == nil {
		return source{address: address.Unmap().WithZone("")}
	}
	return source{name: name}
}

// prefix is what is the same for neighbours.
func (s source) prefix() string {
	if s.name != "" || !s.address.IsValid() {
		return s.name
	}
	bits := 48
	if s.address.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(s.address, bits).Masked().String()
}

func (s source) within(sources []string) bool {
	return slices.ContainsFunc(sources, func(text string) bool {
		if text == s.name {
			return true
		}
		if p, err := netip.ParsePrefix(text); err == nil {
			return p.Contains(s.address)
		}
		a, err := netip.ParseAddr(text)
		return err == nil && a == s.address
	})
}

// maxScope bounds each list of a scope.
const maxScope = 64

// over returns the scope with what it leaves open filled in from the fault's own.
func (s Scope) over(b behaviour) Scope {
	if s.Variant == "" && len(b.Variants) > 0 {
		s.Variant = b.Variants[0]
	}
	if len(s.Endpoints) == 0 {
		s.Endpoints = b.endpoints
	}
	if s.Share == 0 {
		s.Share = cmp.Or(b.scope.Share, 1)
	}
	s.By = cmp.Or(s.By, b.scope.By, ByLogin)
	s.New = s.New || b.scope.New
	if len(s.Devices) == 0 {
		s.Devices = b.scope.Devices
	}
	return s
}

// check returns an error wrapping [ErrScope] when b cannot be narrowed to s.
func (s Scope) check(b behaviour) error {
	problem := func(what string) error { return fmt.Errorf("%w: %s", ErrScope, what) }
	switch {
	case s.Variant != "" && !slices.Contains(b.Variants, s.Variant):
		return problem("it has no such variant")
	case s.Share < 0 || s.Share > 1 || s.Share != s.Share:
		return problem("a share is above 0 and at most 1")
	case s.By != "" && s.By != ByLogin && s.By != ByPerson && s.By != BySource:
		return problem("a share is by login, person or source")
	case s.For < 0:
		return problem("it cannot end before it begins")
	case max(len(s.Endpoints), len(s.People), len(s.Devices), len(s.Sources)) > maxScope:
		return problem("a list is too long")
	case len(s.Endpoints) > 0 && b.meet == nil:
		return problem("it stands at endpoints of its own")
	case b.script != nil && !s.timeOnly():
		return problem("it is a script of other faults")
	case b.NeedsNetwork && !s.below():
		return problem("a connection does not show who asks")
	}
	for _, e := range s.Endpoints {
		if !slices.Contains(endpoints(), e) {
			return problem("there is no such endpoint")
		}
	}
	for _, d := range s.Devices {
		if !slices.Contains(devices(), d) {
			return problem("there is no such device")
		}
	}
	return nil
}

// below reports whether a connection shows all that the scope asks for, before
// any request was read.
func (s Scope) below() bool {
	return len(s.People) == 0 && !s.New && len(s.Devices) == 0 && s.By != ByPerson
}

// timeOnly reports whether nothing but the end is said.
func (s Scope) timeOnly() bool {
	return s.Variant == "" && s.Share == 0 && s.By == "" && !s.New &&
		len(s.Endpoints)+len(s.People)+len(s.Devices)+len(s.Sources) == 0
}

// zero reports whether nothing is said at all.
func (s Scope) zero() bool { return s.timeOnly() && s.For == 0 && s.Until.IsZero() }

// touches reports whether the fault's scope covers this request, were it one
// at endpoint e.
func (c *call) touches(e Endpoint) bool {
	f := c.knobs.fault
	s := f.scope
	switch {
	case f.Name == "":
		return false
	case s.Endpoints != nil && !slices.Contains(s.Endpoints, e):
		return false
	case len(s.Devices) > 0 && !slices.Contains(s.Devices, deviceOf(c.r)):
		return false
	case len(s.Sources) > 0 && !c.from.within(s.Sources):
		return false
	}
	if len(s.People) > 0 || s.New {
		who, ok := c.who()
		if !ok || len(s.People) > 0 && !slices.Contains(s.People, who.person) || s.New && !who.isNew {
			return false
		}
	}
	return s.Share >= 1 || c.lot(s.By) < s.Share
}

// touchesConnection is touches for a connection that was not opened yet, to a
// host where endpoints stand.
func (e effect) touchesConnection(u *Upstream, from source, endpoints []Endpoint) bool {
	s := e.scope
	switch {
	case !s.below():
		return false // met by each request
	case s.Endpoints != nil && len(endpoints) > 0 && !slices.ContainsFunc(endpoints, func(e Endpoint) bool { return slices.Contains(s.Endpoints, e) }):
		return false
	case len(s.Sources) > 0 && !from.within(s.Sources):
		return false
	case s.Share >= 1:
		return true
	case s.By == BySource:
		return u.lot(e.Name, from.prefix()) < s.Share
	default:
		return u.server.chance() < s.Share
	}
}

// involved is whom a request is about.
type involved struct {
	person string
	login  string // what all requests of one login share
	isNew  bool   // not known before the login
}

// who returns whom the request is about, as far as it shows.
func (c *call) who() (involved, bool) {
	switch c.route.endpoint {
	case Authorize, Continue, Cancel:
		p, ok := c.u.server.personFrom(last(c.r.Form["person"]))
		login := c.r.Form.Get("state") + "\x00" + c.r.Form.Get("nonce")
		return involved{p.Name, login, !c.u.knows(p.Name)}, ok
	case Token:
		in := c.parameters()
		g, ok := c.u.codes.find(in.Get("code"))
		if !ok {
			g, ok = c.u.refresh.find(in.Get("refresh_token"))
		}
		return g.involved(), ok
	case Userinfo, Emails, TokenInfo:
		g, ok := c.u.access.find(c.bearer())
		return g.involved(), ok
	}
	return involved{}, false
}

func (g grant) involved() involved { return involved{g.person.Name, g.login, g.isNew} }

// knows reports whether the person authorized our client before.
func (u *Upstream) knows(person string) bool {
	_, before := u.known.find(u.Subject(person))
	p := u.server.PersonNamed(person)
	return before || slices.Contains(p.At, u.name)
}

// lot is the chance of this request, from 0 up to 1.
func (c *call) lot(by By) float64 {
	if by == BySource {
		return c.u.lot(c.knobs.fault.Name, c.from.prefix())
	}
	who, ok := c.who()
	switch {
	case !ok || by == ByLogin && who.login == "\x00":
		return c.u.server.chance()
	case by == ByPerson:
		return c.u.lot(c.knobs.fault.Name, who.person)
	default:
		return c.u.lot(c.knobs.fault.Name, who.login)
	}
}

// lot is the chance of whatever key names, the same in every process.
func (u *Upstream) lot(f Fault, key string) float64 {
	sum := sha256.Sum256([]byte("lot\x00" + u.name + "\x00" + string(f) + "\x00" + key))
	return fraction(sum[:])
}

// fraction reads 53 bits as a number from 0 up to 1.
func fraction(b []byte) float64 { return float64(binary.BigEndian.Uint64(b)>>11) / (1 << 53) }

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
