package fakeidp

import (
	"errors"
	"slices"
)

// Fault names one way for an upstream to fail. The empty fault is health.
type Fault string

// The faults. The number behind some is what they are called in the catalogue of
// real outages that they repeat.
const (
	Dark         Fault = "dark"          // F01: accepts every request and never answers; behind a network, drops connections
	Slow         Fault = "slow"          // answers everything, too late
	Error        Fault = "error"         // the login page lives; behind it, internal errors in the dialect's own form
	Denied       Fault = "denied"        // whoever continues comes back as one who declined
	BadSignature Fault = "bad-signature" // ID tokens under the known key id, by a key that nobody published

	DNS              Fault = "dns"               // F02: the names do not resolve, or to where nobody is
	HalfOpen         Fault = "half-open"         // F03: connections open and stay silent, are dropped or reset
	WrongCertificate Fault = "wrong-certificate" // F04: the certificate is another host's, expired or nobody's

	ErrorPage       Fault = "error-page"        // F06: a page with status 200 that says "transient error" and leads nowhere
	AppRouteDown    Fault = "app-route-down"    // F12: on phones and in apps the button leads nowhere
	Throttled       Fault = "throttled"         // F13: browsers get 429 and 502, servers are served
	ConsentStepDown Fault = "consent-step-down" // F20: some people never get past the step behind the button

	CoreDown            Fault = "core-down"            // F05: metadata and keys are fine, everything behind them is 5xx
	TokenDown           Fault = "token-down"           // F09: the login page lives, the token endpoint does not
	CredentialsRejected Fault = "credentials-rejected" // F10: the token endpoint refuses our client secret
	UserinfoDown        Fault = "userinfo-down"        // F11: the profile's host is gone
	Brownout            Fault = "brownout"             // F14: answers in 8 to 25 s
	Disguised           Fault = "disguised"            // F15: internal errors as 200, 400, 401 or 404
	Gone                Fault = "gone"                 // F25: our app is suspended for good

	KeyDropped    Fault = "key-dropped"    // F07: the key set lost the key that signs
	StolenKey     Fault = "stolen-key"     // F08: a published key in a stranger's hands; everything is green
	Clock         Fault = "clock"          // F21: times or claims of ID tokens are wrong
	MovedMetadata Fault = "moved-metadata" // F22: the discovery document says something else than it did

	NewLoginsDown  Fault = "new-logins-down"  // F17: who was here before gets in, nobody else
	Regional       Fault = "regional"         // F18: 17 % get in, always the same
	Relapse        Fault = "relapse"          // F16: comes back for a few, fails again, comes back
	StatusFeedLies Fault = "status-feed-lies" // F19: down, while its own status feed is green
)

// The errors of [Upstream.SetFault] and its relatives.
var (
	ErrUnknownFault  = errors.New("fakeidp: unknown fault")
	ErrNotApplicable = errors.New("fakeidp: the fault does not apply to this upstream")
	ErrScope         = errors.New("fakeidp: the fault cannot be narrowed like that")
)

// Group says where a fault belongs on a switchboard.
type Group string

// The groups, in the order in which they are shown.
const (
	GroupMain    Group = "main"    // what people try first
	GroupNetwork Group = "network" // below HTTP
	GroupPages   Group = "pages"   // what only browsers meet
	GroupServer  Group = "server"  // what only the broker's own calls meet
	GroupTrust   Group = "trust"   // keys, claims, metadata
	GroupSome    Group = "some"    // some of the people, some of the time
)

// Kind describes a fault to people.
type Kind struct {
	Name     Fault    `json:"name"`
	Number   string   `json:"number"` // "F01"; empty where the catalogue has none
	Title    string   `json:"title"`  // English, lower case, a few words
	Group    Group    `json:"group"`
	Variants []string `json:"variants"` // what [Scope.Variant] may say; the first is what happens without

	// What an upstream must have to fail so.
	NeedsIDToken   bool `json:"-"`
	NeedsDiscovery bool `json:"-"`
	NeedsUserinfo  bool `json:"-"`
	NeedsNetwork   bool `json:"-"` // [Options.Network]: plain HTTP has no certificates
}

// Applies reports whether an upstream that speaks d can fail this way, given a
// network where that is needed.
func (k Kind) Applies(d Dialect) bool {
	spoken, ok := dialects[d]
	return ok && (spoken.idToken || !k.NeedsIDToken) &&
		(spoken.discovery != nil || !k.NeedsDiscovery) &&
		(spoken.has(Userinfo) || !k.NeedsUserinfo)
}

// Kinds returns every fault, in the order a switchboard lists them.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(faults))
	for _, b := range faults {
		k := b.Kind
		k.Variants = slices.Clone(k.Variants)
		kinds = append(kinds, k)
	}
	return kinds
}

// behaviourOf returns what f does; false when there is no such fault.
func behaviourOf(f Fault) (behaviour, bool) {
	i := slices.IndexFunc(faults, func(b behaviour) bool { return b.Name == f })
	if i < 0 {
		return behaviour{}, false
	}
	return faults[i], true
}
