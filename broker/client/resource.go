package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"

	"github.com/bongsu/bongsu/keys"
)

// The bounds of resource servers.
const (
	maxResources      = 64
	maxResourceID     = 255 // bytes
	maxResourceScopes = 64
	maxScope          = 64 // bytes of one scope
	maxResourceUsers  = 256
)

// Resource is a registered resource server: an API that takes our access tokens
// as JWTs (RFC 9068), each made for it alone.
type Resource struct {
	ID      string   // absolute URI without query and fragment that clients name it by (RFC 8707 2); the aud of its tokens
	Name    string   // what people read
	Scopes  []string // that its tokens may carry; none of OpenID Connect's
	Clients []string // ids of the clients that may ask for its tokens
	// Introspects are the ids of the confidential clients as which the resource
	// server asks whether a token of its own still holds (RFC 7662).
	Introspects []string
	SigningAlg  keys.Algorithm // of its tokens; default ES256
}

// AllowsClient reports whether the client with that id may ask for its tokens.
func (r *Resource) AllowsClient(id string) bool { return slices.Contains(r.Clients, id) }

// Reserved reports whether scope is one of OpenID Connect's, which no resource
// server may have for its own.
func Reserved(scope string) bool {
	return slices.Contains([]string{"openid", "profile", "email", "phone", "address", "offline_access"}, scope)
}

// Validate checks a resource server and returns every problem at once, joined,
// each a [*Problem].
func (r *Resource) Validate() error {
	var p problems
	if reason := resourceProblem(r.ID); reason != "" {
		p.add("id", "%s", reason)
	}
	if r.Name == "" {
		p.add("name", "is missing: people must see what is asked for")
	}
	checkName(&p, "name", r.Name)
	if len(r.Scopes) > maxResourceScopes {
		p.add("scopes", "at most %d may be listed", maxResourceScopes)
	}
	for i, scope := range r.Scopes {
		field := fmt.Sprintf("scopes[%d]", i)
		switch {
		case !isScope(scope):
			p.add(field, "must be at most %d printable characters without space, '\"' and '\\' (RFC 6749 3.3)", maxScope)
		case Reserved(scope):
			p.add(field, "%q has a meaning of its own in OpenID Connect", scope)
		case slices.Contains(r.Scopes[:i], scope):
			p.add(field, "is listed twice")
		}
	}
	if len(r.Clients) == 0 {
		p.add("clients", "is empty: nobody could ask for its tokens")
	}
	checkUsers(&p, "clients", r.Clients)
	checkUsers(&p, "introspects", r.Introspects)
	switch r.SigningAlg {
	case "", keys.RS256, keys.ES256, keys.EdDSA:
	default:
		p.add("signing_alg", "must be RS256, ES256 or EdDSA")
	}
	return errors.Join(p...)
}

func checkUsers(p *problems, field string, ids []string) {
	if len(ids) > maxResourceUsers {
		p.add(field, "at most %d may be listed", maxResourceUsers)
	}
	for i, id := range ids {
		if id == "" || len(id) > maxID {
			p.add(fmt.Sprintf("%s[%d]", field, i), "is not the id of a client")
		} else if slices.Contains(ids[:i], id) {
			p.add(fmt.Sprintf("%s[%d]", field, i), "is listed twice")
		}
	}
}

// resourceProblem says why uri names no resource server, or nothing. The URI
// is compared byte for byte.
func resourceProblem(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case uri == "":
		return "is missing: the URI that clients name it by"
	case len(uri) > maxResourceID:
		return fmt.Sprintf("must be at most %d bytes", maxResourceID)
	case slices.ContainsFunc([]rune(uri), func(r rune) bool { return !uriCharacter(r) }):
		return "contains a character that no URI may contain: percent-encode it"
	case err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "":
		return "must be an absolute URI such as https://api.example.kr"
	case u.User != nil:
		return "must not contain a user name or password"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "must have neither query nor fragment"
	}
	return ""
}

func isScope(scope string) bool {
	if scope == "" || len(scope) > maxScope {
		return false
	}
	for i := range len(scope) {
		if c := scope[i]; c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Resources is the set of resource servers as it is now. It is safe for
// concurrent use; the zero value is empty.
type Resources struct {
	current atomic.Pointer[map[string]*Resource]
}

// Set makes all the resource servers those there are. It refuses ones that do
// not validate and ids used twice, and then nothing has changed.
func (s *Resources) Set(all []*Resource) error {
	if len(all) > maxResources {
		return fmt.Errorf("at most %d resource servers may be registered", maxResources)
	}
	next := make(map[string]*Resource, len(all))
	var wrong []error
	for _, r := range all {
		if err := r.Validate(); err != nil {
			wrong = append(wrong, fmt.Errorf("resource %q: %w", r.ID, err))
			continue
		}
		if next[r.ID] != nil {
			wrong = append(wrong, fmt.Errorf("resource %q: the id is used twice", r.ID))
		}
		full := *r
		if full.SigningAlg == "" {
			full.SigningAlg = keys.ES256
		}
		next[r.ID] = &full
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	s.current.Store(&next)
	return nil
}

// Resource returns the resource server with that id.
func (s *Resources) Resource(id string) (*Resource, bool) {
	known := s.current.Load()
	if known == nil {
		return nil, false
	}
	r, ok := (*known)[id]
	return r, ok
}
