package habit

import (
	"slices"
	"sync"
	"time"
)

const (
	maxClients  = 10_000 // of which something is noted; beyond it nobody new is
	maxRequests = 32     // the latest of each client
	maxNames    = 32     // redirect URIs, and scopes, of each client
)

// Request is what is noted of an authorization request.
type Request struct {
	PKCE  bool // it carries a challenge
	State bool
	Nonce bool
	// RedirectURI is the registered one that it names; empty: none byte for byte,
	// such as one on loopback with a port of its own.
	RedirectURI string
	Scopes      []string // known ones
}

// Told is how a website last took word that a session has ended.
type Told struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // empty: it took it
}

// Seen is what is noted of one client.
type Seen struct {
	Since    time.Time `json:"since"`            // when this node began to take notes
	At       time.Time `json:"at,omitzero"`      // of the last request; zero: there was none
	Requests int       `json:"requests"`         // the latest, at most 32; the next three count among them
	PKCE     int       `json:"pkce"`             // with a challenge
	State    int       `json:"state"`            // with a state
	Nonce    int       `json:"nonce"`            // with a nonce
	URIs     []string  `json:"redirect_uris"`    // registered ones that were named since then, sorted
	Scopes   []string  `json:"scopes"`           // that were asked for since then, sorted
	Told     *Told     `json:"told,omitempty"`   // nil: nothing was to be told, or not by this node
	TookAt   time.Time `json:"took_at,omitzero"` // when it last took word of an ended session
	Missed   int       `json:"missed,omitempty"` // attempts since then that failed
}

// note is what is kept of a client.
type note struct {
	at       time.Time
	latest   [maxRequests]Request // without lists; a ring
	count    int                  // ever; the next goes to count % maxRequests
	uris     []string
	scopes   []string
	told     *Told
	tookAt   time.Time
	failures int
}

// Notes is what a node has seen of all websites. It is safe for concurrent use.
type Notes struct {
	now   func() time.Time
	since time.Time

	mu    sync.Mutex
	notes map[string]*note
}

// New returns notes without an entry. now is the clock.
func New(now func() time.Time) *Notes {
	return &Notes{now: now, since: now(), notes: make(map[string]*note)}
}

// of is the note of a client; nil: there are too many. The caller holds the lock.
func (n *Notes) of(client string) *note {
	known, ok := n.notes[client]
	if !ok && len(n.notes) < maxClients {
		known = &note{}
		n.notes[client] = known
	}
	return known
}

// Asked notes an authorization request of a registered client.
func (n *Notes) Asked(client string, r Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.of(client)
	if known == nil {
		return
	}
	known.at = n.now()
	known.uris = with(known.uris, r.RedirectURI)
	for _, scope := range r.Scopes {
		known.scopes = with(known.scopes, scope)
	}
	r.RedirectURI, r.Scopes = "", nil
	known.latest[known.count%maxRequests] = r
	known.count++
}

// with adds a name to a bounded list that has each once.
func with(list []string, name string) []string {
	if name == "" || len(list) >= maxNames || slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// Told notes that a registered client was told of an ended session; err is why it
// did not take it, nil: it did. Its text names nobody.
func (n *Notes) Told(client string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.of(client)
	if known == nil {
		return
	}
	known.told = &Told{At: n.now()}
	if err != nil {
		known.told.Error = err.Error()
		known.failures++
		return
	}
	known.tookAt, known.failures = known.told.At, 0
}

// Of returns what is noted of a client.
func (n *Notes) Of(client string) Seen {
	n.mu.Lock()
	defer n.mu.Unlock()
	seen := Seen{Since: n.since, URIs: []string{}, Scopes: []string{}}
	known, ok := n.notes[client]
	if !ok {
		return seen
	}
	seen.At, seen.Requests, seen.TookAt, seen.Missed = known.at, min(known.count, maxRequests), known.tookAt, known.failures
	for _, r := range known.latest[:seen.Requests] {
		seen.PKCE += one(r.PKCE)
		seen.State += one(r.State)
		seen.Nonce += one(r.Nonce)
	}
	seen.URIs = append(seen.URIs, known.uris...)
	seen.Scopes = append(seen.Scopes, known.scopes...)
	slices.Sort(seen.URIs)
	slices.Sort(seen.Scopes)
	if known.told != nil {
		told := *known.told
		seen.Told = &told
	}
	return seen
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
