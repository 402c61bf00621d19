package fakeidp

import (
	"maps"
	"time"
)

// behaviour is what a fault does. Every part of it is asked per request, and
// only for requests that the fault's [Scope] covers.
type behaviour struct {
	Kind

	endpoints []Endpoint // those it touches where the scope names none; nil is every one
	scope     Scope      // who is touched where the scope does not say

	meet      func(*call, Scope) meeting                                 // before the endpoint answers; nil changes nothing
	refuse    bool                                                       // the person's yes becomes their no
	sign      func(variant string) Signer                                // replaces the signature of ID tokens
	claims    func(u *Upstream, variant string, claims map[string]any)   // changes them before they are signed
	keys      func(u *Upstream, keys []*signingKey) []*signingKey        // changes the published set
	discovery func(u *Upstream, variant string, document map[string]any) // changes the document
	script    func() []Phase                                             // what it does over time, by other faults
}

// meeting is how one request is met.
type meeting struct {
	hold   bool          // never answer
	abort  bool          // close the connection at once
	late   time.Duration // answer later
	answer func(*call)   // answer so; nil is the endpoint's own answer
}

func hold(*call, Scope) meeting  { return meeting{hold: true} }
func abort(*call, Scope) meeting { return meeting{abort: true} }

// answered meets every request with one answer.
func answered(answer func(*call)) func(*call, Scope) meeting {
	return func(*call, Scope) meeting { return meeting{answer: answer} }
}

// refused meets every request with the dialect's own words for why.
func refused(why refusal) func(*call, Scope) meeting {
	return answered(func(c *call) { c.refuse(why) })
}

// byVariant chooses how requests are met.
func byVariant(ways map[string]func(*call, Scope) meeting) func(*call, Scope) meeting {
	return func(c *call, s Scope) meeting { return ways[s.Variant](c, s) }
}

var (
	browserCalls = []Endpoint{Authorize, Continue}
	serverCalls  = []Endpoint{Token, Userinfo, Emails, TokenInfo}
	profileCalls = []Endpoint{Userinfo, Emails, TokenInfo}
	coreCalls    = []Endpoint{Authorize, Continue, Token, Userinfo, Emails, TokenInfo}
)

// faults holds every fault: a new one is a name, a line here and its words on
// the switchboard.
var faults = []behaviour{
	{
		Kind: Kind{Name: Dark, Number: "F01", Title: "every endpoint times out", Group: GroupMain},
		meet: hold,
	},
	{
		Kind: Kind{Name: Slow, Title: "every answer comes 8 s late", Group: GroupMain},
		meet: func(c *call, _ Scope) meeting { return meeting{late: c.u.server.o.SlowBy} },
	},
	{
		Kind:      Kind{Name: Error, Title: "the login page works, then internal errors", Group: GroupMain},
		endpoints: []Endpoint{JWKS, Token, Userinfo, Emails, TokenInfo},
		meet:      refused(internal),
	},
	{
		Kind:      Kind{Name: Denied, Title: "the person comes back having declined", Group: GroupMain},
		endpoints: []Endpoint{Continue}, refuse: true,
	},
	{
		Kind:      Kind{Name: BadSignature, Title: "ID tokens signed by a foreign key", Group: GroupMain, NeedsIDToken: true},
		endpoints: []Endpoint{Token},
		sign:      func(string) Signer { return ForeignKey() },
	},
	{
		Kind: Kind{
			Name: DNS, Number: "F02", Title: "the name does not resolve", Group: GroupNetwork,
			Variants: []string{"servfail", "nxdomain", "stale"},
		},
		meet: abort, // what a connection from before is worth
	},
	{
		Kind: Kind{
			Name: HalfOpen, Number: "F03", Title: "connections open, nothing comes", Group: GroupNetwork,
			Variants: []string{"silent", "drop", "reset", "trickle"},
		},
		meet: byVariant(map[string]func(*call, Scope) meeting{
			"silent": hold, "drop": hold, "reset": abort, "trickle": answered((*call).trickle),
		}),
	},
	{
		Kind: Kind{
			Name: WrongCertificate, Number: "F04", Title: "the certificate is another host's", Group: GroupNetwork,
			Variants: []string{"name", "expired", "foreign"}, NeedsNetwork: true,
		},
		meet: abort,
	},
	{
		Kind:      Kind{Name: ErrorPage, Number: "F06", Title: "a page that says transient error, with 200", Group: GroupPages},
		endpoints: browserCalls, meet: answered((*call).transientError),
	},
	{
		Kind:      Kind{Name: AppRouteDown, Number: "F12", Title: "on phones the button leads nowhere", Group: GroupPages},
		endpoints: []Endpoint{Continue}, scope: Scope{Devices: []Device{Phone, App}}, meet: answered((*call).deadEnd),
	},
	{
		Kind: Kind{
			Name: Throttled, Number: "F13", Title: "browsers get 429 and 502", Group: GroupPages,
			Variants: []string{"both", "429", "502"},
		},
		endpoints: browserCalls, scope: Scope{Devices: []Device{Phone, App, Desktop, Other}}, meet: throttle,
	},
	{
		Kind:      Kind{Name: ConsentStepDown, Number: "F20", Title: "half the people never come back", Group: GroupPages},
		endpoints: []Endpoint{Continue}, scope: Scope{Share: 0.5, By: ByPerson}, meet: answered((*call).deadEnd),
	},
	{
		Kind:      Kind{Name: CoreDown, Number: "F05", Title: "metadata fine, everything else 5xx", Group: GroupServer},
		endpoints: coreCalls, meet: answered((*call).unavailable),
	},
	{
		Kind: Kind{
			Name: TokenDown, Number: "F09", Title: "the token endpoint is down", Group: GroupServer,
			Variants: []string{"5xx", "timeout"},
		},
		endpoints: []Endpoint{Token}, meet: byVariant(failing),
	},
	{
		Kind:      Kind{Name: CredentialsRejected, Number: "F10", Title: "our client secret is refused", Group: GroupServer},
		endpoints: []Endpoint{Token}, meet: refused(wrongSecret),
	},
	{
		Kind: Kind{
			Name: UserinfoDown, Number: "F11", Title: "the profile's host is down", Group: GroupServer,
			Variants: []string{"5xx", "timeout"}, NeedsUserinfo: true,
		},
		endpoints: profileCalls, meet: byVariant(failing),
	},
	{
		Kind: Kind{Name: Brownout, Number: "F14", Title: "answers in 8 to 25 s", Group: GroupServer},
		meet: brownout,
	},
	{
		Kind: Kind{
			Name: Disguised, Number: "F15", Title: "internal errors that look like ours", Group: GroupServer,
			Variants: []string{"own", "200", "401", "404"},
		},
		endpoints: serverCalls, meet: disguise,
	},
	{
		Kind:      Kind{Name: Gone, Number: "F25", Title: "our app is suspended for good", Group: GroupServer},
		endpoints: coreCalls, meet: refused(suspended),
	},
	{
		Kind:      Kind{Name: KeyDropped, Number: "F07", Title: "the key set lost the signing key", Group: GroupTrust, NeedsIDToken: true},
		endpoints: []Endpoint{JWKS}, keys: dropKey,
	},
	{
		Kind: Kind{
			Name: StolenKey, Number: "F08", Title: "a stranger signs with a published key", Group: GroupTrust,
			Variants: []string{"own", "impersonate"}, NeedsIDToken: true,
		},
		endpoints: []Endpoint{Token, JWKS},
		sign:      func(string) Signer { return stolen },
		keys:      func(u *Upstream, keys []*signingKey) []*signingKey { return append(keys, u.stolenKey()) },
		claims:    impersonate,
	},
	{
		Kind: Kind{
			Name: Clock, Number: "F21", Title: "times or claims of ID tokens are wrong", Group: GroupTrust,
			Variants: []string{"future", "expired", "no-nonce", "hs256", "audiences"}, NeedsIDToken: true,
		},
		endpoints: []Endpoint{Token}, claims: wrongClaims,
		sign: wrongAlgorithm,
	},
	{
		Kind: Kind{
			Name: MovedMetadata, Number: "F22", Title: "endpoints move to another host", Group: GroupTrust,
			Variants: []string{"host", "issuer", "algorithms"}, NeedsDiscovery: true,
		},
		endpoints: []Endpoint{Discovery}, discovery: moveMetadata,
	},
	{
		Kind:      Kind{Name: NewLoginsDown, Number: "F17", Title: "only people from before get in", Group: GroupSome},
		endpoints: []Endpoint{Continue}, scope: Scope{New: true}, meet: answered((*call).transientError),
	},
	{
		Kind:      Kind{Name: Regional, Number: "F18", Title: "17 % of people get in", Group: GroupSome},
		endpoints: coreCalls, scope: Scope{Share: 0.83, By: ByPerson}, meet: answered((*call).unavailable),
	},
	{
		Kind:   Kind{Name: Relapse, Number: "F16", Title: "comes back for some, fails again", Group: GroupSome},
		script: func() []Phase { return RelapseScript(DefaultRelapseStep) },
	},
	{
		Kind: Kind{
			Name: StatusFeedLies, Number: "F19", Title: "down, and its status feed is green", Group: GroupSome,
			Variants: []string{"green", "red"},
		},
		endpoints: coreCalls, meet: byVariant(map[string]func(*call, Scope) meeting{
			"green": answered((*call).unavailable),
			"red":   func(*call, Scope) meeting { return meeting{} },
		}),
	},
}

// failing is how an endpoint is down.
var failing = map[string]func(*call, Scope) meeting{
	"5xx": answered((*call).unavailable), "timeout": hold,
}

// brownout answers within one to three times of what [Slow] takes: 8 to 25 s.
func brownout(c *call, _ Scope) meeting {
	least := c.u.server.o.SlowBy
	return meeting{late: least + time.Duration(c.u.server.chance()*2.125*float64(least))}
}

// throttle gives one half of the browsers 429, the other 502.
func throttle(c *call, s Scope) meeting {
	tooMany := s.Variant == "429" || s.Variant == "both" && c.u.server.chance() < 0.5
	if tooMany {
		return meeting{answer: (*call).tooMany}
	}
	return meeting{answer: (*call).badGateway}
}

// dropKey takes the key that signs out of the set and leaves another there.
func dropKey(u *Upstream, keys []*signingKey) []*signingKey {
	newest := u.keys.newest()
	left := make([]*signingKey, 0, len(keys)+1)
	for _, key := range keys {
		if key.id != newest.id {
			left = append(left, key)
		}
	}
	return append(left, u.keys.generation(standby))
}

func stolen(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
	return u.stolenKey().sign(claims, nil, edit)
}

// Victim is who ID tokens name under [StolenKey] in its variant "impersonate".
const Victim = "minji"

func impersonate(u *Upstream, variant string, claims map[string]any) {
	if variant == "impersonate" {
		claims["sub"] = u.Subject(Victim)
	}
}

// skew is how far [Clock] is from the right time.
const skew = 10 * time.Minute

func wrongClaims(u *Upstream, variant string, claims map[string]any) {
	now := u.server.o.Now()
	switch variant {
	case "future":
		claims["iat"] = now.Add(skew).Unix()
		claims["exp"] = now.Add(skew + u.dialect.idTokenLives).Unix()
	case "expired":
		claims["iat"] = now.Add(-skew - u.dialect.idTokenLives).Unix()
		claims["exp"] = now.Add(-skew).Unix()
	case "no-nonce":
		delete(claims, "nonce")
	case "audiences":
		claims["aud"] = []any{claims["aud"], "another-client"}
		delete(claims, "azp")
	}
}

// wrongAlgorithm signs HS256 with the public key that everybody has.
func wrongAlgorithm(variant string) Signer {
	if variant != "hs256" {
		return nil
	}
	return func(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return HMAC(u.PublicKeyPEM())(u, claims, edit)
	}
}

// MovedHost is where endpoints stand under [MovedMetadata]. Nobody serves there.
const MovedHost = "moved.example"

func moveMetadata(u *Upstream, variant string, document map[string]any) {
	switch variant {
	case "host":
		base := "https://" + MovedHost + "/" + u.name
		maps.Copy(document, map[string]any{
			"authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token", "jwks_uri": base + "/keys",
		})
	case "issuer":
		document["issuer"] = "https://" + MovedHost + "/" + u.name
	case "algorithms":
		document["id_token_signing_alg_values_supported"] = []string{"HS256"}
	}
}
