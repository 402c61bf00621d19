package choice

import "errors"

// Kind is what sort of way a candidate is.
type Kind string

// The kinds of ways.
const (
	Provider Kind = "provider" // a configured upstream
	Passkey  Kind = "passkey"  // our own
	Site     Kind = "site"     // a provider by another of our sites, to which the login is carried
)

// Verdict is what this site's board says of a way.
type Verdict string

// The verdicts. Any other value counts as Unknown.
const (
	Unknown  Verdict = "unknown"
	Up       Verdict = "up"
	Degraded Verdict = "degraded"
	Down     Verdict = "down"
	// Trial is down until proven otherwise: in the share of the logins that the
	// weight names the way stands where it would if it were up, in all others
	// it is down. Those logins are the proof.
	Trial Verdict = "trial"
)

// Reason says why a way stands where it does.
type Reason string

// The reasons. The strongest one that applies is given.
const (
	ReasonConfigured Reason = "configured" // the operator's order
	ReasonClient     Reason = "client"     // the website's order
	ReasonLocale     Reason = "locale"     // the order usual in the person's language
	ReasonLastUsed   Reason = "last_used"  // this browser used it last
	ReasonWanted     Reason = "wanted"     // it reaches an acr the website would like
	ReasonHinted     Reason = "hinted"     // the website named it
	ReasonPromoted   Reason = "promoted"   // a passkey moved up because something is down
	ReasonInstead    Reason = "instead"    // another way gave up its first place to this one
	ReasonYielded    Reason = "yielded"    // gave up its first place in this login
	ReasonDown       Reason = "down"       // the board says it is down
	ReasonFailed     Reason = "failed"     // it failed in this login
	ReasonElsewhere  Reason = "elsewhere"  // it cannot work in this browser, and can in another
)

// Candidate is one configured way.
type Candidate struct {
	ID    string // provider instance id, or "passkey"; unique
	Kind  Kind
	Brand string // of a provider: "kakao", "naver", …; finds its place in a language's order
	ACR   string // what a login by it reaches

	// Via is another site of ours that reaches a provider which this one does not; empty:
	// there is none. While the provider is down here its way is one of kind [Site].
	Via string

	// OnlyFor are the clients whose logins may end by the way; nil is all.
	OnlyFor []string

	Verdict Verdict
	// Weight is the share of logins, above 0 and up to 1, in which the way
	// keeps a first place that it holds, or on [Trial] is usable at all.
	// Anything else means: by verdict, one half when degraded, none on trial,
	// all otherwise.
	Weight float64
}

// Question is all that an order depends on. The same question has the same
// answer on every node.
type Question struct {
	Candidates []Candidate // in the operator's order
	Unordered  bool        // the operator gave none: Lang decides, unless the client did
	Allowed    []string    // ids the client allows, in its order; nil is all
	Client     string      // whose login it is; empty: our own account page, which every way may enter
	Lang       string      // "ko", "en" or "ja"

	Hint      string   // id the website asked for (idp_hint); a wish
	WantedACR []string // acr_values, most wanted first; a wish

	LastUsed string   // id this browser used last
	Used     []string // ids this browser has used before, latest first; LastUsed need not be repeated

	Impossible  []string // ids that cannot work in this browser: last, and never gone to
	Failed      []string // ids whose leg failed in this login, the latest last
	RequiredACR string   // essential acr or the client's minimum; binding
	LoginID     string   // decides in which share of the logins this one is
}

// Way is a candidate in its place. Its kind is [Site] where it is gone by Via.
type Way struct {
	Candidate

	Reason   Reason
	Down     bool // down in this login: to be shown apart, never to be hidden
	Slow     bool // degraded
	Failed   bool // failed in this login
	LastUsed bool // this browser used it last

	Elsewhere bool // cannot work in this browser: to be told as text
}

// Usable reports whether nothing speaks against the way right now.
func (w Way) Usable() bool { return !w.Down && !w.Failed && !w.Elsewhere }

// Why a way is not permitted.
var (
	ErrNoSuchWay  = errors.New("choice: no such way")
	ErrNotAllowed = errors.New("choice: this way is not for this client")
	ErrTooWeak    = errors.New("choice: the way does not reach the required acr")
)

// Permits returns nil if policy lets a login of q end by the way id: it is
// configured, the client allows it, it is for that client and it reaches the required acr. Health has
// no say. It is asked again when the login completes. Errors: [ErrNoSuchWay],
// [ErrNotAllowed], [ErrTooWeak].
func Permits(q Question, id string) error {
	for i := range q.Candidates {
		if q.Candidates[i].ID == id {
			return q.permits(&q.Candidates[i])
		}
	}
	return ErrNoSuchWay
}
