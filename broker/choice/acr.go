package choice

import "slices"

// The assurance a login can reach, weakest first (acr). Recovery and e-mail
// are of one rank.
const (
	ACRContinued = "urn:bongsu:acr:continued" // this browser went on while nothing could be checked
	ACRRecovery  = "urn:bongsu:acr:recovery"
	ACREmail     = "urn:bongsu:acr:email"
	ACRProvider  = "urn:bongsu:acr:provider" // a provider said so
	ACRPhr       = "phr"                     // passkey, user verified
	ACRPhrh      = "phrh"                    // passkey bound to a device, attested
)

// ACRs returns all known values, weakest first, for discovery. The caller owns
// the slice.
func ACRs() []string {
	return []string{ACRContinued, ACRRecovery, ACREmail, ACRProvider, ACRPhr, ACRPhrh}
}

// KnownACR reports whether acr is one of [ACRs].
func KnownACR(acr string) bool { return rank(acr) > 0 }

// Satisfies reports whether a login that reached have is as good as need. An
// empty need is always satisfied, an unknown value on either side never is.
func Satisfies(have, need string) bool {
	if need == "" {
		return true
	}
	return KnownACR(need) && rank(have) >= rank(need)
}

// Stronger returns the stronger of two values, a when they are equal. An
// unknown value is weaker than any known one.
func Stronger(a, b string) string {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// Weakest returns the weakest known of the values, of which a login must reach
// one. Of values that are all unknown it returns the first: none can be reached.
// Empty if there are none.
func Weakest(values []string) string {
	var weakest string
	for _, v := range values {
		if weakest == "" || KnownACR(v) && (!KnownACR(weakest) || rank(v) < rank(weakest)) {
			weakest = v
		}
	}
	return weakest
}

// Unsatisfiable reports whether none of the candidates could ever reach need,
// whatever their health.
func Unsatisfiable(candidates []Candidate, need string) bool {
	return !slices.ContainsFunc(candidates, func(c Candidate) bool { return Satisfies(c.ACR, need) })
}

// rank is 0 for what is not known.
func rank(acr string) int {
	switch acr {
	case ACRContinued:
		return 1
	case ACRRecovery, ACREmail:
		return 2
	case ACRProvider:
		return 3
	case ACRPhr:
		return 4
	case ACRPhrh:
		return 5
	}
	return 0
}
