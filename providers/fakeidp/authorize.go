package fakeidp

import (
	"cmp"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxParameter bounds each parameter of an authorization request, in bytes.
const maxParameter = 2048

// authorization is a checked authorization request.
type authorization struct {
	redirectURI string
	state       string
	nonce       string
	challenge   string // PKCE, S256
	scope       []string
	formPost    bool
	person      Person
}

// grant is what a person agreed to: the meaning of a code or a token.
type grant struct {
	clientID    string
	redirectURI string
	nonce       string
	challenge   string
	scope       []string
	person      Person
	subject     string
	at          time.Time // when the person pressed the button
	login       string    // what all requests of the login share
	isNew       bool      // the person had not authorized the client before
}

func (g grant) has(scope string) bool { return slices.Contains(g.scope, scope) }

// authorize shows the person's page, or skips it.
func (c *call) authorize() {
	a, ok := c.parse()
	if !ok {
		return
	}
	silent := c.r.Form.Get("prompt") == "none"
	switch {
	case c.u.server.o.AutoContinue && !a.formPost:
		c.pressed(a)
	case silent:
		c.goBack(a, failure("login_required", "nobody is signed in here"))
	default:
		if !isProbe(c.r) {
			c.u.tell(Event{What: PageShown, Endpoint: Authorize, Person: a.person.Name})
		}
		c.personPage(a)
	}
}

// pressed is a button that nobody has to press: it meets what the button would.
func (c *call) pressed(a authorization) {
	met := c.met(!c.hit && c.touches(Continue))
	_, changed := c.u.arrive("")
	c.endure(met, changed)
	if met.answer != nil {
		met.answer(c)
		return
	}
	c.proceed(a)
}

// goOn is where the page's button leads.
func (c *call) goOn() {
	if a, ok := c.parse(); ok {
		c.proceed(a)
	}
}

func (c *call) cancel() {
	if a, ok := c.parse(); ok {
		c.u.tell(Event{What: Declined, Endpoint: Cancel, Person: a.person.Name})
		c.goBack(a, c.u.dialect.declined)
	}
}

func (c *call) proceed(a authorization) {
	what := Continued
	if c.declines() {
		what = Declined
	}
	c.u.tell(Event{What: what, Endpoint: c.route.endpoint, Person: a.person.Name})
	c.goBack(a, c.consented(a))
}

// consented returns what the browser brings back from a person who said yes: a
// new code, or the refusal that the fault turns it into.
func (c *call) consented(a authorization) url.Values {
	if c.declines() {
		return c.u.dialect.declined
	}
	who, _ := c.who()
	g := grant{
		clientID: c.u.client.ID, redirectURI: a.redirectURI, nonce: a.nonce, challenge: a.challenge,
		scope: a.scope, person: a.person, subject: c.u.Subject(a.person.Name), at: c.u.server.o.Now(),
		login: who.login, isNew: who.isNew,
	}
	code := c.u.dialect.code(c.u.server.random())
	c.u.codes.put(code, g, c.u.dialect.codeLives)
	parameters := url.Values{"code": {code}}
	if c.u.dialect.extra != nil {
		maps.Copy(parameters, c.u.dialect.extra(c.u, g))
	}
	return parameters
}

// declines reports whether the fault turns this person's yes into a no.
func (c *call) declines() bool { return c.knobs.fault.refuse && c.touches(Continue) }

// response completes what the browser brings back.
func (c *call) response(a authorization, parameters url.Values) url.Values {
	all := url.Values{}
	for name, values := range parameters {
		all[name] = slices.Clone(values)
	}
	if a.state != "" {
		all.Set("state", a.state)
	}
	if c.knobs.advertiseIss {
		all.Set("iss", c.u.Issuer())
	}
	if c.knobs.response != nil {
		c.knobs.response(all)
	}
	return all
}

// goBack sends the browser back to the broker.
func (c *call) goBack(a authorization, parameters url.Values) {
	parameters = c.response(a, parameters)
	if a.formPost {
		c.handOver(a, parameters)
		return
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.Header().Set("Location", appended(a.redirectURI, parameters))
	c.w.WriteHeader(http.StatusFound)
}

func failure(code, description string) url.Values {
	return url.Values{"error": {code}, "error_description": {description}}
}

// parse reads an authorization request. When it says false, the request was
// answered: on a page as long as client and redirect URI are not known to be
// right, at the redirect URI after that.
func (c *call) parse() (authorization, bool) {
	a, why := c.addressee()
	if why != "" {
		c.refuse(why)
		return a, false
	}
	if back := c.complete(&a); back != nil {
		c.u.tell(Event{What: Refused, Endpoint: c.route.endpoint, Detail: back.Get("error")})
		c.goBack(a, back)
		return a, false
	}
	return a, true
}

// addressee reads where the answer goes and who is about to give it.
func (c *call) addressee() (authorization, refusal) {
	in := c.r.Form
	for _, values := range in {
		if len(values[0]) > maxParameter {
			return authorization{}, malformed
		}
	}
	person, ok := c.u.server.personFrom(last(in["person"])) // it is added at the end of an address that may have one
	a := authorization{
		redirectURI: in.Get("redirect_uri"),
		state:       in.Get("state"),
		formPost:    c.u.dialect.formPost && in.Get("response_mode") == "form_post",
		person:      person,
	}
	switch {
	case !ok:
		return a, malformed
	case in.Get(cmp.Or(c.u.dialect.clientParam, "client_id")) != c.u.client.ID:
		return a, unknownClient
	case !c.u.client.allows(a.redirectURI):
		return a, wrongRedirect
	}
	return a, ""
}

// complete reads the rest; it returns the error for the redirect URI, or nil.
func (c *call) complete(a *authorization) url.Values {
	in := c.r.Form
	a.nonce = in.Get("nonce")
	a.scope = strings.FieldsFunc(in.Get("scope"), func(r rune) bool { return r == ' ' || r == ',' })
	a.challenge = in.Get("code_challenge")
	mode := in.Get("response_mode")
	switch {
	case in.Get("response_type") != "code":
		return failure("unsupported_response_type", "response_type must be code")
	case mode != "" && mode != "query" && !a.formPost:
		return failure("invalid_request", "unsupported response_mode")
	case a.challenge != "" && (in.Get("code_challenge_method") != "S256" || !isDigest(a.challenge)):
		return failure("invalid_request", "code_challenge_method must be S256")
	}
	if c.u.dialect.check != nil {
		if why := c.u.dialect.check(*a); why != "" {
			return failure("invalid_request", why)
		}
	}
	return nil
}

func isDigest(challenge string) bool {
	sum, err := base64.RawURLEncoding.DecodeString(challenge)
	return err == nil && len(sum) == 32
}
