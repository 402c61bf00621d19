package client

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// tagLength is the number of characters of a tag: 30 bits, so that two of a
// thousand clients meet once in two thousand configurations.
const tagLength = 6

// Option changes how clients are taken.
type Option func(*options)

type options struct {
	loopback bool
	wider    func(uri string) bool
	used     func(id string, hash [32]byte)
}

// NoteSecrets tells note whenever a client's secret was right: by the client's id
// and the secret's hash. It must be quick.
func NoteSecrets(note func(id string, hash [32]byte)) Option {
	return func(o *options) { o.used = note }
}

// InsecureLoopback accepts http on loopback for clients that are not native
// apps and for their other URIs. For development and tests: on a shared machine
// every local process could take the code.
func InsecureLoopback() Option { return func(o *options) { o.loopback = true } }

// InsecureRedirects accepts, beside every client's own redirect URIs, whatever
// match says yes to, and origins for whose root it does. For development: one
// match that is too wide gives every client's codes away.
func InsecureRedirects(match func(uri string) bool) Option {
	return func(o *options) { o.wider = match }
}

func collect(opts []Option) options {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Registry is the immutable set of clients. It is safe for concurrent use.
type Registry struct {
	byID    map[string]*Client
	byTag   map[string]*Client
	clients []*Client
	origins map[string]bool
	wider   func(uri string) bool
}

// NewRegistry returns a registry of complete copies of clients. It refuses
// clients that do not validate, ids used twice and ids whose tags collide, and
// reports every problem at once.
func NewRegistry(clients []*Client, opts ...Option) (*Registry, error) {
	o := collect(opts)
	r := newRegistry(o)
	var problems []error
	for _, c := range clients {
		if err := c.Validate(opts...); err != nil {
			problems = append(problems, fmt.Errorf("client %q: %w", c.ID, err))
			continue
		}
		if err := r.add(c.complete(o)); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return r, nil
}

func newRegistry(o options) *Registry {
	return &Registry{
		byID:    make(map[string]*Client),
		byTag:   make(map[string]*Client),
		origins: make(map[string]bool),
		wider:   o.wider,
	}
}

func (r *Registry) add(c *Client) error {
	if _, ok := r.byID[c.ID]; ok {
		return fmt.Errorf("client %q: the id is used twice", c.ID)
	}
	if other, ok := r.byTag[c.Tag]; ok {
		return fmt.Errorf("client %q: its tag %s is also that of client %q: rename one of them", c.ID, c.Tag, other.ID)
	}
	r.byID[c.ID], r.byTag[c.Tag] = c, c
	r.clients = append(r.clients, c)
	for _, origin := range c.Origins {
		r.origins[origin] = true
	}
	return nil
}

// Client returns the client with that id.
func (r *Registry) Client(id string) (*Client, bool) {
	c, ok := r.byID[id]
	return c, ok
}

// ByTag returns the client with that tag.
func (r *Registry) ByTag(tag string) (*Client, bool) {
	c, ok := r.byTag[tag]
	return c, ok
}

// All returns the clients in the order they were registered. The caller owns
// the slice.
func (r *Registry) All() []*Client { return slices.Clone(r.clients) }

// OriginAllowed reports whether a page of origin may call us across origins
// for some client: a preflight does not say for which.
func (r *Registry) OriginAllowed(origin string) bool {
	return r.origins[origin] || r.wider != nil && isOrigin(origin) && r.wider(origin+"/")
}

// Complete returns nil: a client that is not here is none.
func (r *Registry) Complete() error { return nil }

// TagOf returns the tag of a client id: it depends on nothing but the id, so
// that it outlives every edit of the configuration.
func TagOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))[:tagLength]
}
