package fakeidp

import (
	"errors"
	"slices"
	"time"
)

// Fault names one way for an upstream to fail. The empty fault is health.
type Fault string

// The faults.
const (
	Dark         Fault = "dark"          // accepts every request and never answers
	Slow         Fault = "slow"          // answers everything, too late
	Error        Fault = "error"         // the login page lives; behind it, internal errors in the dialect's own form
	Denied       Fault = "denied"        // whoever continues comes back as one who declined
	BadSignature Fault = "bad-signature" // ID tokens under the known key id, by a key that nobody published
)

// The errors of [Upstream.SetFault].
var (
	ErrUnknownFault  = errors.New("fakeidp: unknown fault")
	ErrNotApplicable = errors.New("fakeidp: the fault does not apply to this upstream")
)

// Kind describes a fault to people.
type Kind struct {
	Name  Fault  `json:"name"`
	Title string `json:"title"` // English, lower case, a few words

	// NeedsIDToken is set when only an upstream that issues ID tokens can fail so.
	NeedsIDToken bool `json:"-"`
}

// Applies reports whether an upstream that speaks d can fail this way.
func (k Kind) Applies(d Dialect) bool {
	spoken, ok := dialects[d]
	return ok && (spoken.idToken || !k.NeedsIDToken)
}

// Kinds returns every fault, in the order a switchboard lists them.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(faults))
	for _, b := range faults {
		kinds = append(kinds, b.Kind)
	}
	return kinds
}

// behaviour is what a fault does.
type behaviour struct {
	Kind
	meet   func(*Server, Endpoint) meeting // asked once per request, before the endpoint answers; nil changes nothing
	refuse bool                            // the person's yes becomes their no
	sign   Signer                          // replaces the signature of ID tokens
}

// meeting is how one request is met.
type meeting struct {
	hold bool          // never answer
	late time.Duration // answer later
	fail bool          // answer the dialect's internal error
}

var faults = []behaviour{
	{
		Kind: Kind{Name: Dark, Title: "every endpoint times out"},
		meet: func(*Server, Endpoint) meeting { return meeting{hold: true} },
	},
	{
		Kind: Kind{Name: Slow, Title: "every answer comes 8 s late"},
		meet: func(s *Server, _ Endpoint) meeting { return meeting{late: s.o.SlowBy} },
	},
	{
		Kind: Kind{Name: Error, Title: "the login page works, then internal errors"},
		meet: func(_ *Server, e Endpoint) meeting { return meeting{fail: e.backChannel()} },
	},
	{
		Kind:   Kind{Name: Denied, Title: "the person comes back having declined"},
		refuse: true,
	},
	{
		Kind: Kind{Name: BadSignature, Title: "ID tokens signed by a foreign key", NeedsIDToken: true},
		sign: ForeignKey(),
	},
}

// behaviourOf returns what f does; false when there is no such fault.
func behaviourOf(f Fault) (behaviour, bool) {
	i := slices.IndexFunc(faults, func(b behaviour) bool { return b.Name == f })
	if i < 0 {
		return behaviour{}, false
	}
	return faults[i], true
}
