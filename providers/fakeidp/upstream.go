package fakeidp

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Upstream is one simulated upstream. Its knobs may be turned while requests
// are under way: a request keeps what held when it arrived.
type Upstream struct {
	server  *Server
	name    string
	title   string // of its own; empty is the dialect's, or name
	dialect *dialect
	client  Client
	base    string              // the issuer
	own     bool                // base is a host of its own
	places  map[Endpoint]string // where an endpoint has another base
	pages   string              // where the pages have; empty is the same

	keys    *keyring
	codes   *ledger[grant]
	access  *ledger[grant]
	refresh *ledger[grant]
	known   *ledger[bool] // who authorized our client before

	mu      sync.Mutex
	knobs   knobs
	run     run // where knobs.fault comes from
	counts  map[Endpoint]int
	changed chan struct{} // closed when the fault changes
}

// knobs are what tests and switchboards turn. A copy is taken per request, so
// maps are replaced, never changed.
type knobs struct {
	fault        effect
	answers      map[Endpoint]http.HandlerFunc
	delays       map[Endpoint]time.Duration
	documents    map[Endpoint]func(map[string]any)
	claims       func(map[string]any)
	header       func(map[string]any)
	response     func(url.Values)
	signer       Signer
	advertiseIss bool
}

func newUpstream(s *Server, spec Spec, number int) *Upstream {
	client, ok := s.o.Clients[spec.Name]
	if !ok {
		client = DefaultClient(spec.Name)
	}
	pages := ""
	if spec.PagesBelow {
		pages = s.o.BaseURL + "/" + spec.Name
	}
	return &Upstream{
		server: s, pages: pages, name: spec.Name, title: spec.Title, dialect: dialects[spec.dialect()], client: client,
		base: cmp.Or(spec.URL, s.o.BaseURL+"/"+spec.Name), own: spec.URL != "", places: spec.Elsewhere,
		keys:    newKeyring(number, dialects[spec.dialect()].ec),
		codes:   newLedger[grant](s.o.Now),
		access:  newLedger[grant](s.o.Now),
		refresh: newLedger[grant](s.o.Now),
		known:   newLedger[bool](s.o.Now),
		counts:  map[Endpoint]int{},
		changed: make(chan struct{}),
	}
}

// Name returns the name of the upstream, its first path element.
func (u *Upstream) Name() string { return u.name }

// Title returns what the upstream is called on its own page: "Kakao".
func (u *Upstream) Title() string { return cmp.Or(u.title, u.dialect.title, u.name) }

// Dialect returns what the upstream speaks.
func (u *Upstream) Dialect() Dialect { return u.dialect.name }

// Client returns the one registration the upstream knows.
func (u *Upstream) Client() Client { return u.client }

// Issuer returns the issuer of the upstream's ID tokens: its own URL, or the
// base URL and its name.
func (u *Upstream) Issuer() string { return u.base }

// URL returns the absolute URL of an endpoint, the first of several; "" where
// the dialect has none.
func (u *Upstream) URL(e Endpoint) string {
	for _, r := range u.dialect.routes {
		if r.endpoint == e {
			return u.at(e) + strings.Replace(r.path, "*", url.PathEscape(u.client.ID), 1)
		}
	}
	return ""
}

// at is the base of an endpoint's URLs.
func (u *Upstream) at(e Endpoint) string {
	switch e {
	case Authorize, Continue, Cancel:
		return cmp.Or(u.pages, u.places[e], u.base)
	}
	return cmp.Or(u.places[e], u.base)
}

// Subject returns the subject of a person here, whether or not they were ever here.
func (u *Upstream) Subject(person string) string {
	p := u.server.PersonNamed(person)
	if fixed, ok := p.Subjects[u.name]; ok {
		return fixed
	}
	return u.dialect.subjectOf(u.name, p.Name)
}

// People returns whom the upstream's page offers, the default person first.
func (u *Upstream) People() []Person {
	offered := []Person{u.server.PersonNamed(DefaultPerson)}
	for _, p := range u.server.people {
		if p.Name != DefaultPerson && (p.At == nil || slices.Contains(p.At, u.name)) {
			offered = append(offered, p)
		}
	}
	return offered
}

// Counts returns how many requests each endpoint got, answered or not.
func (u *Upstream) Counts() map[Endpoint]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.counts)
}

// Count returns how many requests one endpoint got, answered or not.
func (u *Upstream) Count(e Endpoint) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.counts[e]
}

// Reset turns every knob back, heals the fault and forgets the counts. Keys,
// codes, tokens and what people authorized stay.
func (u *Upstream) Reset() {
	u.ClearFault()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.knobs = knobs{fault: u.knobs.fault} // that of health
	u.counts = map[Endpoint]int{}
}

func (u *Upstream) turn(change func(*knobs)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.knobs)
}

// current takes the knobs that hold now.
func (u *Upstream) current() knobs {
	u.catchUp()
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.knobs
}

// AnswerWith replaces the answers of an endpoint, after fault and delay; nil
// restores it. A form in the request's body is parsed already.
func (u *Upstream) AnswerWith(e Endpoint, h http.HandlerFunc) {
	u.turn(func(k *knobs) { k.answers = with(k.answers, e, h, h == nil) })
}

// Delay makes an endpoint answer later by d, as long as the client waits; 0
// restores it.
func (u *Upstream) Delay(e Endpoint, d time.Duration) {
	u.turn(func(k *knobs) { k.delays = with(k.delays, e, d, d <= 0) })
}

// EditAnswer changes the JSON document of an endpoint's successful answers just
// before it is written: discovery, JWKS, token, userinfo or token info. Nil
// stops that. The function may be called concurrently; so may those below.
func (u *Upstream) EditAnswer(e Endpoint, edit func(document map[string]any)) {
	u.turn(func(k *knobs) { k.documents = with(k.documents, e, edit, edit == nil) })
}

// EditClaims changes the claims of ID tokens just before they are signed; nil
// stops that.
func (u *Upstream) EditClaims(edit func(claims map[string]any)) {
	u.turn(func(k *knobs) { k.claims = edit })
}

// EditHeader changes the JOSE header of ID tokens. The signature is made over
// the changed header, by the key and algorithm of before. Nil stops that.
func (u *Upstream) EditHeader(edit func(header map[string]any)) {
	u.turn(func(k *knobs) { k.header = edit })
}

// EditResponse changes the parameters that the browser brings back to the
// broker; nil stops that.
func (u *Upstream) EditResponse(edit func(parameters url.Values)) {
	u.turn(func(k *knobs) { k.response = edit })
}

// SignWith replaces how ID tokens are signed; nil restores the newest key.
func (u *Upstream) SignWith(s Signer) { u.turn(func(k *knobs) { k.signer = s }) }

// AdvertiseIss says in discovery that responses carry iss, and makes them
// (RFC 9207).
func (u *Upstream) AdvertiseIss(on bool) { u.turn(func(k *knobs) { k.advertiseIss = on }) }

// with returns m with e set, or without it.
func with[V any](m map[Endpoint]V, e Endpoint, v V, remove bool) map[Endpoint]V {
	m = maps.Clone(m)
	if remove {
		delete(m, e)
		return m
	}
	if m == nil {
		m = map[Endpoint]V{}
	}
	m[e] = v
	return m
}

func (u *Upstream) tell(e Event) {
	e.Upstream = u.name
	u.server.tell(e)
}
