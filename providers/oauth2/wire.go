package oauth2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

// AuthMethod is how the token endpoint is told who we are (OpenID Connect Core 9).
type AuthMethod string

// The methods in use. Without a secret only the client id is sent.
const (
	SecretPost  AuthMethod = "client_secret_post"
	SecretBasic AuthMethod = "client_secret_basic"
)

// maxTimeout bounds what a person can be asked to wait for one answer.
const maxTimeout = 20 * time.Second

// Endpoints are where a provider is spoken to, absolute URLs.
type Endpoints struct {
	Authorize string
	Token     string
	Userinfo  string // empty: never asked
}

// Or returns e with its empty fields taken from other.
func (e Endpoints) Or(other Endpoints) Endpoints {
	return Endpoints{
		Authorize: cmp.Or(e.Authorize, other.Authorize),
		Token:     cmp.Or(e.Token, other.Token),
		Userinfo:  cmp.Or(e.Userinfo, other.Userinfo),
	}
}

// Quirks are where a provider leaves the standard. A nil function keeps to it.
type Quirks struct {
	// Authorize edits the query of the authorization URL.
	Authorize func(leg providers.Leg, query url.Values)

	// Redeem edits what the token request carries besides code, redirect URI,
	// verifier and client authentication.
	Redeem func(leg providers.Leg, form url.Values)

	// Exchange edits the token request where its form is not the standard's: form
	// is what would be sent, r may become another method, address or header. What
	// is left in form is sent, in the body of a POST or in the query of a GET.
	Exchange func(form url.Values, r *http.Request)

	// Names is the member of the token answer that names the person, for
	// questions that need it; it becomes Token.Subject and proves nothing.
	Names string

	// Classify is asked first what an answer that is an error means, and which
	// error code it carries. It says false to leave it to the standard.
	Classify func(a Answer) (outcome providers.Outcome, code string, ok bool)

	// Refused reports whether an answer of the token endpoint is how a healthy
	// provider refuses a code that nobody gave. Nil wants invalid_grant.
	Refused func(a Answer) bool

	// Userinfo edits the question to the userinfo endpoint, which is a GET with
	// the token for authorization.
	Userinfo func(r *http.Request, token Token)

	// SecretRefused are the codes, beside invalid_client, by which the token
	// endpoint refuses our secret before it looks at the code.
	SecretRefused []string

	// Page is asked first what the authorization endpoint shows to a probe. It
	// says false to leave it to what is common.
	Page func(p Page) (outcome providers.Outcome, code string, ok bool)
}

// Options say how one provider is spoken to.
type Options struct {
	Instance  providers.Instance
	Endpoints Endpoints
	Scopes    []string
	Fragment  string // of the authorization URL, for a provider that wants one
	PKCE      bool   // send a challenge (S256) and its verifier

	ClientSecret string
	Secret       func() (string, error) // replaces ClientSecret where it is made for each use
	Secrets      func() []string        // replaces ClientSecret where it changes: the newest first, never empty
	AuthMethod   AuthMethod             // empty is SecretPost

	// Owner asks which app a token was issued to, before its profile is
	// believed. Nil is for providers that cannot tell.
	Owner *Owner

	// More completes an identity that the userinfo endpoint proved, by further
	// questions ([Wire.List]) within the same step; what fails there leaves the
	// profile missing. Only [Provider] asks it.
	More func(ctx context.Context, w *Wire, token Token, identity *providers.Identity) error

	Issuers     []string // further spellings of Instance.Issuer
	ResponseIss bool     // the provider promises iss in its authorization responses (RFC 9207)

	// Callback is our registered callback URL, for probes that show it to the
	// provider. Empty: the provider is not probed beyond a connection.
	Callback string

	Quirks  Quirks
	Fetch   *fetch.Client
	Timeout time.Duration    // of each step, at most 20 s; 0 is fetch.DefaultTimeout
	Now     func() time.Time // nil is time.Now
}

func (o *Options) validate() error {
	var problems []error
	if !validID(o.Instance.ID) {
		problems = append(problems, errors.New("id must be 1 to 32 lower-case letters, digits and hyphens"))
	}
	if o.Instance.ClientID == "" {
		problems = append(problems, errors.New("client id is missing"))
	}
	if o.Fetch == nil {
		return errors.Join(append(problems, errors.New("nothing to fetch with"))...)
	}
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"authorization", o.Endpoints.Authorize, true},
		{"token", o.Endpoints.Token, true},
		{"userinfo", o.Endpoints.Userinfo, false},
		{"token-info", o.tokenInfo(), o.Owner != nil},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if err := o.Fetch.CheckURL(e.url); err != nil {
			problems = append(problems, fmt.Errorf("%s endpoint: %w", e.name, err))
		}
	}
	if o.Timeout > maxTimeout {
		problems = append(problems, fmt.Errorf("timeout is longer than %v", maxTimeout))
	}
	if o.AuthMethod != SecretPost && o.AuthMethod != SecretBasic {
		problems = append(problems, errors.New("unknown client authentication method"))
	}
	return errors.Join(problems...)
}

// tokenInfo is the endpoint of the owner, if there is one.
func (o *Options) tokenInfo() string {
	if o.Owner == nil {
		return ""
	}
	return o.Owner.Endpoint
}

func validID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return id != "" && len(id) <= 32
}

// Wire speaks OAuth 2.0 with one provider. It is immutable and safe for
// concurrent use.
type Wire struct {
	o         Options
	steps     Steps
	authorize url.URL
	query     url.Values // of the authorization endpoint itself
	exchange  *http.Client
	profile   *http.Client
}

// NewWire returns a Wire. It makes no request; the error names every problem
// of o.
func NewWire(o Options) (*Wire, error) {
	if o.Timeout <= 0 {
		o.Timeout = fetch.DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AuthMethod == "" {
		o.AuthMethod = SecretPost
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, err)
	}
	authorize, err := url.Parse(o.Endpoints.Authorize)
	if err != nil {
		return nil, fmt.Errorf("provider %q: authorization endpoint does not parse", o.Instance.ID)
	}
	profile := o.Fetch.Patient() // Observe bounds each step by the provider's own timeout
	w := &Wire{
		o:         o,
		steps:     Steps{Provider: o.Instance.ID, Timeout: o.Timeout, Now: o.Now},
		authorize: *authorize,
		query:     authorize.Query(),
		profile:   profile,
	}
	exchange := *profile
	exchange.Transport = judge{next: profile.Transport, wire: w}
	w.exchange = &exchange
	return w, nil
}

// Instance says which upstream this is.
func (w *Wire) Instance() providers.Instance { return w.o.Instance }

// knowsIssuer reports whether iss is one of the spellings of the provider's
// issuer.
func (w *Wire) knowsIssuer(iss string) bool {
	return iss == w.o.Instance.Issuer || slices.Contains(w.o.Issuers, iss)
}
