package login

import (
	"cmp"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/id"
)

// Path is how a login came to the way it went.
type Path string

// The paths.
const (
	PathPrimary  Path = "primary"  // the way the person would have gone anyway
	PathFallback Path = "fallback" // another way failed in this login, or the usual one is known to be down
	PathSession  Path = "session"  // nobody was asked: the browser was signed in
)

// Paths returns all paths. The caller owns the slice.
func Paths() []Path { return []Path{PathPrimary, PathFallback, PathSession} }

// Match is what became of an identity that nobody has.
type Match string

// The results.
const (
	MatchAsked     Match = "asked"      // the person was asked whether they have an account; once per showing of the page
	MatchLinked    Match = "linked"     // it was linked to an account that exists
	MatchNew       Match = "new"        // an account was opened for it
	MatchNewOutage Match = "new_outage" // the same while another provider was down: perhaps a second account
)

// Matches returns all results. The caller owns the slice.
func Matches() []Match { return []Match{MatchAsked, MatchLinked, MatchNew, MatchNewOutage} }

// Counts is told what is counted of logins. It must not block.
type Counts interface {
	// Started: a browser was sent to a provider.
	Started(provider string, path Path, firstParty bool)
	// TurnedAway: it was not, because the provider bears no more now.
	TurnedAway(provider string)
	// Completed: the website gets a code, so long after the login began.
	Completed(provider string, path Path, firstParty bool, took time.Duration)
	// Stood: a website's login stood at one place and stands at another: the way
	// that the browser was sent to last, or [AtMenu] before the first. It is new if
	// it stood nowhere, and has ended if it stands nowhere.
	Stood(loginID, before, after string, firstParty bool)
	// Carried: what became of a handoff.
	Carried(result Carrying)
	// Matched: what became of an identity that nobody has.
	Matched(result Match)
}

// uncounted is the Counts of a handler that was given none.
type uncounted struct{}

func (uncounted) Started(string, Path, bool)                  {}
func (uncounted) TurnedAway(string)                           {}
func (uncounted) Completed(string, Path, bool, time.Duration) {}
func (uncounted) Stood(string, string, string, bool)          {}
func (uncounted) Carried(Carrying)                            {}
func (uncounted) Matched(Match)                               {}

// AtMenu is where a login stands whose browser was not sent to any provider.
const AtMenu = "none"

// Longest is how long a login may take, unused time included.
const Longest = fullLife

// stood tells that a login of a website stands somewhere else than before.
func (h *Handler) stood(v *visit, before, after string) {
	if !v.login.own() && v.login.ID != "" {
		h.Counts.Stood(v.login.ID, before, after, v.client.FirstParty)
	}
}

// stands is where a login stands. The cookie of the last leg is nothing that
// anybody believes; it names a configured way, or none.
func (h *Handler) stands(v *visit) string {
	return cmp.Or(h.openLeg(v), v.login.Last, AtMenu)
}

// path tells how this login comes to way.
func (h *Handler) path(v *visit, way string) Path {
	if slices.ContainsFunc(v.login.failedWays(), func(failed string) bool { return failed != way }) {
		return PathFallback
	}
	for _, usual := range []string{h.lastUsed(v.r), v.login.Request.IDPHint} {
		if usual != "" && usual != way && slices.ContainsFunc(h.now().candidates, func(c choice.Candidate) bool {
			return c.ID == usual && c.Verdict == choice.Down
		}) {
			return PathFallback
		}
	}
	return PathPrimary
}

// completed counts a login that ended well. Nobody was asked in one that ends by
// the session the browser had.
func (h *Handler) completed(v *visit, asked bool) {
	path := PathSession
	if asked {
		path = h.path(v, v.session.Provider)
	}
	var took time.Duration
	if began, ok := id.DatedAt(v.login.ID); ok {
		took = max(h.Now().Sub(began), 0)
	}
	h.Counts.Completed(v.session.Provider, path, v.client.FirstParty, took)
}
