package providers

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// Provider is one configured upstream. Implementations are safe for
// concurrent use and keep no state of a leg: any node can finish what another
// began.
type Provider interface {
	// Instance says which upstream this is. It never changes while the process runs.
	Instance() Instance

	// Begin returns the absolute URL the browser is sent to for leg. It makes
	// no request that the person would wait for: endpoints are known
	// beforehand. An error wraps [ErrUnavailable] when the endpoints are not
	// known yet.
	Begin(ctx context.Context, leg Leg) (string, error)

	// Finish proves who came back with ret: it redeems the code, verifies what
	// the provider answers and returns the identity. Every step is told to
	// leg.Observe exactly once. The error is always an [*Error], which wraps
	// one of [ErrDenied], [ErrUnavailable], [ErrRejected], [ErrUntrusted] and
	// [ErrUnknown]. A code is never sent twice.
	Finish(ctx context.Context, leg Leg, ret Return) (Identity, error)
}

// Instance names one upstream: a kind, its issuer and our client there. ID is
// never reused for another triple, because upstream subjects are per app.
type Instance struct {
	ID       string // lower-case letters, digits and hyphens, at most 32; part of the callback path
	Kind     string // "kakao", "naver", "google", "apple", "openid", "oauth2", …
	Issuer   string // the upstream's issuer, or its authorization endpoint where it has none
	ClientID string // our client id at the upstream
	Name     string // what people read where no page knows a translation: "Kakao"
	Reauth   Reauth
	FormPost bool // the provider answers with a cross-site POST (response_mode=form_post)
}

// Brand names the company that people read of: the kind, but for what stands
// behind a hyphen, which tells apart several kinds of one company.
func (i Instance) Brand() string {
	brand, _, _ := strings.Cut(i.Kind, "-")
	return brand
}

// Reauth says how far a provider honours a demand for a fresh proof.
type Reauth string

// How far a provider honours prompt=login and max_age.
const (
	ReauthForced Reauth = "forced" // asks again and says when the person proved themselves
	ReauthAsked  Reauth = "asked"  // is asked to, but does not prove that it did
	ReauthNone   Reauth = "none"   // has no way to ask
)

// Leg is what one round trip to a provider is bound to. State, Nonce and
// Verifier are secrets of this leg: they are never logged.
type Leg struct {
	State       string // at most 96 letters and digits
	Nonce       string // at least 128 bits
	Verifier    string // PKCE verifier (RFC 7636 4.1)
	RedirectURI string // our callback for this provider, absolute

	Login     string         // the login this leg belongs to; the same for all its legs, never sent to the provider
	Drill     string         // the drill this login takes part in; empty: none
	Fresh     bool           // the person must prove themselves anew
	MaxAge    *time.Duration // the oldest proof the website accepts; nil when it does not say
	LoginHint string         // from the website, unverified, may be empty
	Locales   []string       // BCP 47, most wanted first

	// Observe is told how each step went; nil when nobody listens.
	Observe func(Observation)
}

// Report tells the leg's observer, if there is one, how a step went.
func (l Leg) Report(o Observation) {
	if l.Observe != nil {
		l.Observe(o)
	}
}

// Return is what the browser brought back to the callback, by query or by
// form. Parameters may be doubled or missing: Finish checks.
type Return struct {
	Params url.Values
}

// Identity is what a provider proved about a person. Only Provider and Subject
// identify; everything else is profile, may be empty, and is never used to
// find an account.
type Identity struct {
	Provider string // instance id
	Subject  string // 1 to 255 bytes of printable ASCII or UTF-8 without control characters

	Name          string
	Email         string
	EmailVerified bool // the provider itself says it checked the address; unknown is false
	Phone         string
	PhoneVerified bool
	Picture       string // https URL
	Locale        string // BCP 47

	AuthTime time.Time // when the provider says the person proved themselves; zero when it does not
	ACR      string    // the provider's own, unmapped
	AMR      []string  // the provider's own, unmapped

	// ProfileMissing is set when the identity is proven but the profile could
	// not be read: a known account logs in, its profile is filled later.
	ProfileMissing bool
}

// Step is one stage of a leg.
type Step string

// The steps of a leg, in order.
const (
	StepAuthorize Step = "authorize" // the browser was sent away
	StepCallback  Step = "callback"  // the browser came back
	StepToken     Step = "token"     // the code was redeemed
	StepKeys      Step = "jwks"      // the provider's keys were read
	StepVerify    Step = "verify"    // the ID token was checked
	StepUserinfo  Step = "userinfo"  // the profile was read
)

// What only probes do.
const (
	StepReach    Step = "reach"    // a connection was opened
	StepMetadata Step = "metadata" // the discovery document was read
)

// Observation is how one step of one leg went.
type Observation struct {
	Provider string // instance id
	Step     Step
	Outcome  Outcome
	Code     string        // the provider's own error code, or why there was no answer (fetch.Code): letters, digits, '_' and '-', at most 40; may be empty
	Took     time.Duration // zero for steps in the browser
	Drill    bool          // the failure is our own drill's: it says nothing about the provider
}
