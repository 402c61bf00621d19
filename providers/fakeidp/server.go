package fakeidp

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server plays several upstreams. It is safe for concurrent use and starts no
// goroutine of its own.
type Server struct {
	o         Options
	people    []Person
	names     []string
	upstreams map[string]*Upstream
	hosts     map[string]*Upstream // by host name, of those that have their own

	randomness sync.Mutex // Options.Rand need not be safe for concurrent use

	closed    chan struct{}
	closeOnce sync.Once
	held      atomic.Int64
}

var _ http.Handler = (*Server)(nil)

// New returns a server of the upstreams in o. It fails on options that
// contradict themselves. Whoever listens for it should bound how long reading a
// request may take.
func New(o Options) (*Server, error) {
	if o.Upstreams == nil {
		for _, d := range []Dialect{Kakao, Naver, LINE, Google, Apple} {
			o.Upstreams = append(o.Upstreams, Spec{Name: string(d)})
		}
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.defaults()
	s := &Server{o: o, people: knownPeople(), upstreams: map[string]*Upstream{}, hosts: map[string]*Upstream{}, closed: make(chan struct{})}
	for _, p := range o.People {
		s.people = slices.DeleteFunc(s.people, func(known Person) bool { return known.Name == p.Name })
		s.people = append(s.people, p)
	}
	for i, spec := range o.Upstreams {
		u := newUpstream(s, spec, i)
		s.upstreams[spec.Name] = u
		for _, host := range spec.hosts() {
			s.hosts[host] = u
		}
		s.names = append(s.names, spec.Name)
	}
	return s, nil
}

func (o *Options) defaults() {
	if o.SlowBy <= 0 {
		o.SlowBy = DefaultSlowBy
	}
	if o.HoldFor <= 0 {
		o.HoldFor = DefaultHoldFor
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Names returns the upstreams in their configured order.
func (s *Server) Names() []string { return slices.Clone(s.names) }

// Upstream returns the upstream called name.
func (s *Server) Upstream(name string) (*Upstream, bool) {
	u, ok := s.upstreams[name]
	return u, ok
}

// Close releases every request that is held or delayed; their connections are
// closed without an answer. Later ones are no longer held. It may be called
// more than once.
func (s *Server) Close() { s.closeOnce.Do(func() { close(s.closed) }) }

// ServeHTTP implements [http.Handler] for every path below /{upstream}/, and
// for whole hosts that are an upstream's own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u, ok := s.hosts[hostOf(r.Host)]; ok {
		u.serve(w, r, r.URL.Path)
		return
	}
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	u, ok := s.upstreams[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	u.serve(w, r, "/"+path)
}

// random returns 256 random bits as lower-case hexadecimal.
func (s *Server) random() string {
	b := make([]byte, 32)
	s.fill(b)
	return hex.EncodeToString(b)
}

// chance returns a random number from 0 up to 1.
func (s *Server) chance() float64 {
	b := make([]byte, 8)
	s.fill(b)
	return fraction(b)
}

func (s *Server) fill(b []byte) {
	s.randomness.Lock()
	defer s.randomness.Unlock()
	if _, err := io.ReadFull(s.o.Rand, b); err != nil {
		panic("fakeidp: no randomness: " + err.Error()) // crypto/rand never fails; a test's own reader is the test's to mend
	}
}
