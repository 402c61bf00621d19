package login

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/handoff"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/posted"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/providers"
)

// Sealer seals, opens and signs what travels through browsers.
type Sealer interface {
	Seal(p seal.Purpose, plaintext []byte) (string, error)
	Open(ctx context.Context, p seal.Purpose, sealed string) ([]byte, error)
	Tag(p seal.Purpose, message []byte) (keyID string, mac []byte)
	CheckTag(ctx context.Context, p seal.Purpose, keyID string, message, mac []byte) error
}

// Verifier reads the ID tokens that this issuer signed.
type Verifier interface {
	Verify(k keys.Kind, token string) ([]byte, error)
}

// Clients finds registered clients.
type Clients interface {
	Client(id string) (*client.Client, bool)
	ByTag(tag string) (*client.Client, bool)
	// Complete returns nil if a client that is not found is registered nowhere.
	Complete() error
}

// Consents remembers what people let websites see.
type Consents interface {
	// Of returns what was said; the zero Consent if nothing.
	Of(ctx context.Context, accountID, clientID string, scope []string) (store.Consent, error)
	Give(ctx context.Context, accountID, clientID string, scope, declined []string) error
}

// Pages writes pages for people.
type Pages interface {
	Write(w http.ResponseWriter, status int, view web.View) error
}

// Observation is how a step of a leg went, and who went it.
type Observation struct {
	providers.Observation

	Client string // client id
	Device device.Class

	// Marked is set for a step in the browser when that browser has completed a
	// login by the provider before, and Browser with it: what it meets is
	// evidence, what a stranger's browser meets is not.
	Marked  bool
	Browser string    // the browser's random name
	Prefix  string    // its neighbourhood of addresses; of a step that went well only when Marked
	Began   time.Time // of a callback: when the leg began, as the state's signature says
}

// Observer is told how every step of every leg went. It must not block.
type Observer interface {
	Observe(ctx context.Context, o Observation)
}

// Options says what the walk works with. All fields but Origin, MarkDomain, OnlyFor, Resources, Counts, Language, Standing,
// Drills, Handoffs, Elsewhere, Admit, Asked, Contact, Devices, Arbiter, Now and Dev are required.
type Options struct {
	Issuer *url.URL
	// Origin is where this site is reached and no other; nil: by the issuer alone.
	Origin *url.URL
	// MarkDomain is the domain in which all sites know a browser by one mark; empty:
	// each host knows it for itself.
	MarkDomain string
	Clients    Clients
	Providers  []providers.Provider // in the operator's order
	// OnlyFor are the clients that alone may use a provider, by instance id; one
	// that is missing is for all.
	OnlyFor   map[string][]string
	Resources Resources // nil: there are none
	Unordered bool      // the operator gave no order: the person's language decides
	Accounts  *account.Directory
	Sessions  *session.Keeper
	Consents  Consents
	Seal      Sealer
	Keys      Verifier
	Pages     Pages
	Frame     func(r *http.Request, c *client.Client, lang string) web.Frame
	Observer  Observer
	Counts    Counts // nil counts nothing
	Health    Health
	Ceilings  Ceilings
	// Standing is what operators say about a provider; nil: all are in use.
	Standing func(provider string) Standing
	Drills   Drills // nil: nothing is practised
	// Handoffs carries logins to other sites, and takes over theirs; nil: none is
	// carried. Elsewhere are the other sites that live right now; it goes with it.
	Handoffs  *handoff.Desk
	Elsewhere func() []handoff.Target
	// Admit is asked when the website of an authorization request is known; its
	// error ends on our own page. Nil lets everybody in.
	Admit func(r *http.Request, c *client.Client) error
	// Asked is told of every authorization request of a trusted website that could
	// be read, whatever becomes of it. It must not block, nor keep or change it. Nil
	// tells nobody.
	Asked func(c *client.Client, r *oauth.AuthorizationRequest)
	// Neighbourhood is what the address of a request shares with its neighbours'.
	Neighbourhood func(r *http.Request) string
	// Contact tells what is left of the deployment. Nil: all of it.
	Contact func() contact.State
	// Devices is what is known of browsers that logged in before. Nil: nothing, so that
	// nobody goes on while no database answers.
	Devices Devices
	// Arbiter is who decides about a code that is made now. Nil: always the writer.
	Arbiter func() token.Arbiter
	Audit   *audit.Log
	Rand    io.Reader
	Now     func() time.Time
	// Language is what our own pages speak when nothing else says; default Korean.
	Language string
	// Dev shows developers on the page what was received and what is
	// registered when a client or redirect URI is wrong.
	Dev bool
}

func (o Options) validate() error {
	if o.Issuer == nil || o.Clients == nil || len(o.Providers) == 0 || o.Accounts == nil ||
		o.Sessions == nil || o.Consents == nil || o.Seal == nil || o.Keys == nil || o.Pages == nil || o.Frame == nil ||
		o.Observer == nil || o.Health == nil || o.Ceilings == nil || o.Neighbourhood == nil ||
		o.Audit == nil || o.Rand == nil {
		return errors.New("login: every option but Origin, MarkDomain, OnlyFor, Resources, Counts, Language, Standing, Drills, Handoffs, Elsewhere, Admit, Asked, Contact, Devices, Arbiter, Now and Dev is required")
	}
	if (o.Handoffs == nil) != (o.Elsewhere == nil) || o.Handoffs != nil && o.Origin == nil {
		return errors.New("login: handoffs need to know of other sites, and an origin of this one")
	}
	return nil
}

// Handler serves the walk of a login. It is safe for concurrent use.
type Handler struct {
	Options

	jar        cookie.Jar
	marks      cookie.Jar // of the browser's mark
	logins     cookies
	providers  map[string]providers.Provider // by instance id
	candidates []choice.Candidate            // the same, as policy sees them, whatever their health
	seen       atomic.Pointer[seen]
	issuer     string
	account    *client.Client // stands for the account page, which is no website
}

// New returns a handler.
func New(o Options) (*Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resources == nil {
		o.Resources = &client.Resources{}
	}
	if o.Counts == nil {
		o.Counts = uncounted{}
	}
	if o.Standing == nil {
		o.Standing = func(string) Standing { return InUse }
	}
	if o.Admit == nil {
		o.Admit = func(*http.Request, *client.Client) error { return nil }
	}
	if o.Asked == nil {
		o.Asked = func(*client.Client, *oauth.AuthorizationRequest) {}
	}
	if o.Contact == nil {
		o.Contact = func() contact.State { return contact.State{} }
	}
	if o.Arbiter == nil {
		o.Arbiter = func() token.Arbiter { return token.Writer }
	}
	if o.Drills == nil {
		o.Drills = noDrills{}
	}
	jar := cookie.NewJar(o.Issuer)
	h := &Handler{
		Options: o, jar: jar, marks: jar,
		logins:    cookies{jar: jar, seal: o.Seal, now: o.Now},
		providers: make(map[string]providers.Provider, len(o.Providers)),
		issuer:    o.Issuer.String(),
		account:   accountPage(o.Language),
	}
	if o.MarkDomain != "" {
		h.marks = cookie.Shared(o.MarkDomain)
	}
	for _, p := range o.Providers {
		instance := p.Instance()
		h.providers[instance.ID] = p
		h.candidates = append(h.candidates, choice.Candidate{
			ID: instance.ID, Kind: choice.Provider, Brand: instance.Brand(),
			ACR: choice.ACRProvider, Verdict: choice.Unknown, OnlyFor: o.OnlyFor[instance.ID],
		})
	}
	return h, nil
}

// entrance is where the browser of r came in: the issuer, or this site's own
// origin. It is one of the two that are configured, whatever the request says. A
// login lives in cookies of one host, so its legs return to where they began.
func (h *Handler) entrance(r *http.Request) string {
	if h.Origin != nil && strings.EqualFold(r.Host, h.Origin.Host) {
		return h.Origin.String()
	}
	return h.issuer
}

// callbackURL is where a provider sends the browser of r back to.
func (h *Handler) callbackURL(r *http.Request, provider string) string {
	return h.entrance(r) + "/callback/" + provider
}

func (h *Handler) desk(p seal.Purpose) posted.Desk {
	return posted.Desk{Seal: h.Seal, Purpose: p, Now: h.Now}
}
