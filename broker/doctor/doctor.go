package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/habit"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // nobody can look at it from here: compare it by hand
	Advice  Level = "advice"  // it works, and could be better
	Problem Level = "problem" // somebody cannot log in, or is less safe than they think
)

// Finding is what one check found.
type Finding struct {
	Level Level  `json:"level"`
	Check string `json:"check"` // what was looked at
	Says  string `json:"says"`  // what was found, and what to do about it
}

// Secret is what is known of a secret.
type Secret struct {
	ID     string
	MadeAt time.Time // zero: not known
	UsedAt time.Time // zero: never
}

// Callback is what a provider's console must list as redirect URIs, exactly.
type Callback struct {
	Provider  string
	Addresses []string // at the issuer, then at the origin of every site
}

// Patient is the website that is looked at.
type Patient struct {
	Issuer       string
	Registration []byte // the entry in JSON
	Secrets      []Secret
	// URL is an address that the website wants its codes sent to; empty: not said.
	URL string
	// Seen is what a node has lately seen the website do; nil: not known.
	Seen *habit.Seen
	// Callbacks are those of the providers that the broker would show its people.
	Callbacks []Callback
}

// The bounds of what is looked at.
const (
	maxBody      = 1 << 20
	maxSkew      = time.Minute
	oldSecret    = 365 * 24 * time.Hour
	unusedSecret = 30 * 24 * time.Hour
)

// entry is what of a registration is looked at.
type entry struct {
	ID                   string            `json:"id"`
	Names                map[string]string `json:"names"`
	Public               bool              `json:"public"`
	Native               bool              `json:"native"`
	FirstParty           bool              `json:"first_party"`
	PKCE                 string            `json:"pkce"`
	AuthMethod           string            `json:"auth_method"`
	RedirectURIs         []string          `json:"redirect_uris"`
	GrantTypes           []string          `json:"grant_types"`
	OptionalScopes       []string          `json:"optional_scopes"`
	Providers            []string          `json:"providers"`
	ClientURI            string            `json:"client_uri"`
	InitiateLoginURI     string            `json:"initiate_login_uri"`
	PolicyURI            string            `json:"policy_uri"`
	BackchannelLogoutURI string            `json:"backchannel_logout_uri"`
}

// people tells whether people log in to it.
func (e entry) people() bool {
	return e.GrantTypes == nil || slices.Contains(e.GrantTypes, client.GrantAuthorizationCode)
}

// Doctor looks at websites. HTTP and Now are required; HTTP must follow no
// redirect and bound its answers in time.
type Doctor struct {
	HTTP *http.Client
	Now  func() time.Time
}

// Examine returns what every check found, in the order in which to mend it.
// ErrRegistration if the registration cannot be read.
func (d Doctor) Examine(ctx context.Context, p Patient) ([]Finding, error) {
	var e entry
	if err := json.Unmarshal(p.Registration, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	var found findings
	if p.URL != "" {
		found.compare(e, p.URL)
	}
	found.registration(e)
	found.callbacks(e, p.Callbacks)
	if p.Seen != nil {
		found.seen(e, *p.Seen, d.Now())
	}
	found.secrets(e, p.Secrets, d.Now())
	d.broker(ctx, &found, p.Issuer)
	d.website(ctx, &found, e)
	return found, nil
}

// ErrRegistration says that a registration cannot be read.
var ErrRegistration = errors.New("doctor: no registration")

// findings collects what is found.
type findings []Finding

func (f *findings) add(level Level, check, format string, args ...any) {
	*f = append(*f, Finding{Level: level, Check: check, Says: fmt.Sprintf(format, args...)})
}

// compare says how an address differs from those that are registered: to be taken
// it must be one of them, byte for byte.
func (f *findings) compare(e entry, got string) {
	known := client.Client{Native: e.Native, RedirectURIs: e.RedirectURIs}
	if known.RedirectAllowed(got) {
		f.add(OK, "redirect URI", "%s is registered", got)
		return
	}
	nearest, at := "", -1
	for _, uri := range e.RedirectURIs {
		if same := sharedPrefix(uri, got); same > at {
			nearest, at = uri, same
		}
	}
	if nearest == "" {
		f.add(Problem, "redirect URI", "%s is not registered: none is", got)
		return
	}
	f.add(Problem, "redirect URI", "%s is not registered; the nearest is %s, %s", got, nearest, differs(nearest, got, at))
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// differs says how got differs from a registered URI behind what both share.
func differs(registered, got string, at int) string {
	switch {
	case at == len(got):
		return fmt.Sprintf("which goes on with %q", registered[at:])
	case at == len(registered):
		return fmt.Sprintf("which ends before %q", got[at:])
	}
	return fmt.Sprintf("which has %q where this has %q", registered[at:], got[at:])
}

// registration looks at what is written.
func (f *findings) registration(e entry) {
	f.add(OK, "registration", "it is sound, or it would not be stored")
	if !e.people() {
		return
	}
	if e.PKCE == "optional" {
		f.add(Advice, "PKCE", "it is optional: a stolen code may be redeemed; every library can do it, leave pkce out")
	} else {
		f.add(OK, "PKCE", "it is required")
	}
	if len(e.Providers) == 1 {
		f.add(Advice, "ways", "%s is the only way in: when it fails nobody can log in; leave providers out, or name a second", e.Providers[0])
	}
	if e.InitiateLoginURI == "" {
		f.add(Advice, "initiate_login_uri", "it is missing: who loses their cookie, or has to leave an in-app browser, is sent to the home page instead of into a login")
	}
	if e.InitiateLoginURI == "" && e.ClientURI == "" {
		f.add(Problem, "client_uri", "neither initiate_login_uri nor client_uri is set: an expired login leads nowhere")
	}
	if !e.FirstParty && e.PolicyURI == "" {
		f.add(Advice, "policy_uri", "people are asked for consent and cannot read what happens to their data; set policy_uri")
	}
	if e.BackchannelLogoutURI == "" && !e.Native {
		f.add(Advice, "backchannel_logout_uri", "it is missing: the website does not hear when a session has ended, and keeps its own")
	}
}

// callbacks lists what the console of every way in must know: a login may go on at any
// site, and comes back to where it was begun. The website's own redirect URIs stay as
// they are.
func (f *findings) callbacks(e entry, all []Callback) {
	for _, c := range all {
		if !e.people() || len(e.Providers) > 0 && !slices.Contains(e.Providers, c.Provider) {
			continue
		}
		for _, address := range c.Addresses {
			f.add(Note, "callback of "+c.Provider, "its console must list %s", address)
		}
	}
}

// secrets looks at the age of secrets and at their use.
func (f *findings) secrets(e entry, secrets []Secret, now time.Time) {
	if e.Public || e.AuthMethod == client.AuthPrivateKeyJWT {
		return
	}
	used := false
	for _, s := range secrets {
		used = used || !s.UsedAt.IsZero()
		old := !s.MadeAt.IsZero() && now.Sub(s.MadeAt) > oldSecret
		switch {
		case old:
			f.add(Advice, "secret "+s.ID, "it is older than a year: bongsu client secret add makes the next one")
		case len(secrets) > 1 && s.UsedAt.IsZero() && !s.MadeAt.IsZero() && now.Sub(s.MadeAt) < unusedSecret:
			f.add(OK, "secret "+s.ID, "it is new, and not used yet")
		case len(secrets) > 1 && now.Sub(s.UsedAt) > unusedSecret:
			f.add(Advice, "secret "+s.ID, "nobody used it for 30 days: drop it")
		case s.UsedAt.IsZero():
			f.add(Advice, "secret "+s.ID, "it was never used: has the website been given it?")
		default:
			f.add(OK, "secret "+s.ID, "it was used at %s", s.UsedAt.UTC().Format("2006-01-02 15:04Z"))
		}
	}
	if len(secrets) > 1 && used {
		f.add(Advice, "secrets", "two live: drop the old one once the website has changed over")
	}
}

// broker looks at what the website reads of us.
func (d Doctor) broker(ctx context.Context, f *findings, issuer string) {
	const check = "discovery"
	asked := issuer + "/.well-known/openid-configuration"
	answer, body, err := d.get(ctx, asked)
	if err != nil {
		f.add(Problem, check, "%s cannot be read from here: %v", asked, err)
		return
	}
	var document struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	switch {
	case answer.StatusCode != http.StatusOK || json.Unmarshal(body, &document) != nil:
		f.add(Problem, check, "%s answers %s: is the proxy in front of the broker set up?", asked, answer.Status)
		return
	case document.Issuer != issuer:
		f.add(Problem, check, "%s says that the issuer is %q: every token would be refused", asked, document.Issuer)
		return
	}
	f.add(OK, check, "the issuer is %s", issuer)
	d.clock(f, answer)
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	answer, body, err = d.get(ctx, document.JWKS)
	switch {
	case err != nil:
		f.add(Problem, "keys", "%s cannot be read from here: %v", document.JWKS, err)
	case answer.StatusCode != http.StatusOK || json.Unmarshal(body, &set) != nil || len(set.Keys) == 0:
		f.add(Problem, "keys", "%s answers %s and holds no key", document.JWKS, answer.Status)
	default:
		f.add(OK, "keys", "%d are published", len(set.Keys))
	}
}

// clock compares this machine's with the broker's.
func (d Doctor) clock(f *findings, answer answered) {
	said, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return
	}
	skew := d.Now().Sub(said).Abs()
	if skew > maxSkew {
		f.add(Problem, "clock", "the broker's and this machine's differ by %s: tokens would be too old or not valid yet", skew.Round(time.Second))
		return
	}
	f.add(OK, "clock", "the broker's and this machine's agree")
}

// website looks at where browsers and the broker are sent to.
func (d Doctor) website(ctx context.Context, f *findings, e entry) {
	for _, uri := range e.RedirectURIs {
		d.page(ctx, f, "redirect URI", uri)
	}
	if e.InitiateLoginURI != "" {
		d.page(ctx, f, "initiate_login_uri", e.InitiateLoginURI)
	}
	if e.BackchannelLogoutURI != "" {
		d.hears(ctx, f, e.BackchannelLogoutURI)
	}
}

// page opens an address as a browser would. What it says without parameters is
// its own affair, as long as there is somebody.
func (d Doctor) page(ctx context.Context, f *findings, check, uri string) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return // an app's own scheme: nobody to ask
	}
	if u.Scheme == "http" {
		f.add(OK, check, "%s is on the person's own machine", uri)
		return
	}
	answer, _, err := d.get(ctx, uri)
	switch {
	case err != nil:
		f.add(Problem, check, "%s cannot be opened from here: %v", uri, err)
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode >= http.StatusInternalServerError:
		f.add(Problem, check, "%s answers %s: is that the address?", uri, answer.Status)
	default:
		f.add(OK, check, "%s answers", uri)
	}
}

// hears sends an empty form to where ended sessions are told: it must be refused
// as such (OpenID Connect Back-Channel Logout 1.0, 2.8).
func (d Doctor) hears(ctx context.Context, f *findings, uri string) {
	const check = "backchannel_logout_uri"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader("logout_token="))
	if err != nil {
		f.add(Problem, check, "%s cannot be asked: %v", uri, err)
		return
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, _, err := d.do(r)
	switch {
	case err != nil:
		f.add(Problem, check, "%s cannot be reached from here: %v", uri, err)
	case answer.StatusCode == http.StatusBadRequest:
		f.add(OK, check, "%s refuses an empty token, as it should", uri)
	case answer.StatusCode < http.StatusMultipleChoices:
		f.add(Problem, check, "%s takes an empty token: anybody could say that sessions have ended", uri)
	default:
		f.add(Problem, check, "%s answers %s to an empty token, and should answer 400: is that the address, and outside of the website's own login?", uri, answer.Status)
	}
}

// answered is how an answer begins.
type answered struct {
	StatusCode int
	Status     string
	Header     http.Header
}

func (d Doctor) get(ctx context.Context, uri string) (answered, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, http.NoBody)
	if err != nil {
		return answered{}, nil, err
	}
	return d.do(r)
}

func (d Doctor) do(r *http.Request) (answered, []byte, error) {
	answer, err := d.HTTP.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the address is said already
		}
		return answered{}, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	return answered{answer.StatusCode, answer.Status, answer.Header}, body, err
}
