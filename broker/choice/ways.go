package choice

import (
	"cmp"
	"math"
	"slices"
)

// Tiers: within one of them wishes and orders decide, between them they do not.
const (
	tierUsable = iota
	tierDown
	tierFailed
	tierElsewhere
)

// place is where a candidate stands: the first key that differs decides.
type place struct {
	*Candidate

	reason Reason
	tier   int
	wish   int // 0 hinted, 1+i the i-th wanted acr, then used last, then the rest
	late   int // 1 for passkeys that nobody named
	order  int // client's, operator's or language's
}

// Ways returns the ways a login may go on by right now, best first. It is empty
// only when policy permits no candidate at all.
func Ways(q Question) []Way {
	places := make([]place, 0, len(q.Candidates))
	wanted := q.wanted()
	trouble := false
	for i := range q.Candidates {
		c := &q.Candidates[i]
		if q.permits(c) != nil {
			continue
		}
		p := q.place(c, i, wanted)
		trouble = trouble || p.tier != tierUsable && p.tier != tierElsewhere && c.Kind == Provider
		places = append(places, p)
	}
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(a.tier-b.tier, cmp.Compare(a.wish, b.wish), a.late-b.late, a.order-b.order)
	})
	usable := places[:countUsable(places)]
	if trouble {
		promotePasskey(usable)
	}
	q.yield(usable)

	ways := make([]Way, len(places))
	for i, p := range places {
		ways[i] = Way{
			Candidate: *p.Candidate, Reason: p.reason,
			Down: q.down(p.Candidate) && !q.carried(p.Candidate), Slow: p.Verdict == Degraded,
			Elsewhere: p.tier == tierElsewhere,
			Failed:    p.tier == tierFailed, LastUsed: p.ID == q.LastUsed,
		}
		if q.carried(p.Candidate) {
			ways[i].Kind = Site
		}
	}
	return ways
}

func (q *Question) permits(c *Candidate) error {
	if q.Allowed != nil && !slices.Contains(q.Allowed, c.ID) {
		return ErrNotAllowed
	}
	if c.OnlyFor != nil && q.Client != "" && !slices.Contains(c.OnlyFor, q.Client) {
		return ErrNotAllowed
	}
	if !Satisfies(c.ACR, q.RequiredACR) {
		return ErrTooWeak
	}
	return nil
}

// place finds tier, wish and order of the candidate at index i.
func (q *Question) place(c *Candidate, i int, wanted []string) place {
	p := place{Candidate: c, reason: ReasonConfigured, order: i}
	named := slices.Index(q.Allowed, c.ID)
	switch {
	case named >= 0:
		p.order, p.reason = named, ReasonClient
	case q.Unordered && c.Kind == Provider:
		p.order, p.reason = localeOrder(q.Lang, c.Brand)*len(q.Candidates)+i, ReasonLocale
	}
	if c.Kind == Passkey && named < 0 {
		p.late = 1
	}
	p.wish, p.reason = q.wish(c, wanted, p.reason)

	switch failed := lastIndex(q.Failed, c.ID); {
	case slices.Contains(q.Impossible, c.ID):
		p.tier, p.reason = tierElsewhere, ReasonElsewhere
	case failed >= 0:
		p = place{Candidate: c, reason: ReasonFailed, tier: tierFailed, order: failed}
	case q.down(c) && !q.carried(c):
		p.tier, p.reason = tierDown, ReasonDown
	}
	return p
}

// down reports whether the board speaks against the candidate in this login.
func (q *Question) down(c *Candidate) bool {
	return c.Verdict == Down || c.Verdict == Trial && share(q.LoginID, c.ID) >= c.weight()
}

// carried reports whether this login would go by another site to the candidate,
// which is down here alone.
func (q *Question) carried(c *Candidate) bool { return c.Via != "" && q.down(c) }

// Via returns the site by which a login of q goes to the provider id; empty: by
// this one.
func Via(q Question, id string) string {
	for i := range q.Candidates {
		if c := &q.Candidates[i]; c.ID == id && q.carried(c) {
			return c.Via
		}
	}
	return ""
}

// weight is the candidate's in this login: by another site it has all of it.
func (q *Question) weight(c *Candidate) float64 {
	if q.carried(c) {
		return 1
	}
	return c.weight()
}

// Direct reports whether this login may go straight to the way id, without the
// menu: policy permits it, it has not failed in this login, it is not down, and
// in this login it keeps its first place. What the menu would show first after
// a way that yields is the person's to choose.
func Direct(q Question, id string) bool {
	i := slices.IndexFunc(q.Candidates, func(c Candidate) bool { return c.ID == id })
	if i < 0 {
		return false
	}
	c := &q.Candidates[i]
	if q.permits(c) != nil || q.down(c) && !q.carried(c) || slices.Contains(q.Failed, id) || slices.Contains(q.Impossible, id) {
		return false
	}
	return share(q.LoginID, id) < q.weight(c) || !q.alternative(id)
}

// alternative reports whether this browser has used another way before that
// could take the place of the way id.
func (q *Question) alternative(id string) bool {
	return slices.ContainsFunc(q.Candidates, func(c Candidate) bool {
		used := c.ID == q.LastUsed || slices.Contains(q.Used, c.ID)
		return used && c.ID != id && q.permits(&c) == nil && (!q.down(&c) || q.carried(&c)) && !slices.Contains(q.Failed, c.ID)
	})
}

// wish ranks what the website and this browser would like. Wishes are not
// binding: they only order.
func (q *Question) wish(c *Candidate, wanted []string, otherwise Reason) (int, Reason) {
	if c.ID == q.Hint {
		return 0, ReasonHinted
	}
	for i, acr := range wanted {
		if Satisfies(c.ACR, acr) {
			return 1 + i, ReasonWanted
		}
	}
	if c.ID == q.LastUsed {
		return math.MaxInt - 1, ReasonLastUsed
	}
	return math.MaxInt, otherwise
}

// wanted returns the acr values that make a difference. One that every
// permitted way reaches says nothing, and must not outrank habit.
func (q *Question) wanted() []string {
	var wanted []string
	for _, acr := range q.WantedACR {
		if KnownACR(acr) && slices.ContainsFunc(q.Candidates, func(c Candidate) bool {
			return q.permits(&c) == nil && !Satisfies(c.ACR, acr)
		}) {
			wanted = append(wanted, acr)
		}
	}
	return wanted
}

func lastIndex(s []string, v string) int {
	for i, w := range slices.Backward(s) {
		if w == v {
			return i
		}
	}
	return -1
}

func countUsable(places []place) int {
	n := slices.IndexFunc(places, func(p place) bool { return p.tier != tierUsable })
	if n < 0 {
		return len(places)
	}
	return n
}

// promotePasskey moves the passkey directly behind the first way, unless it
// stands there or before already: when something is down, our own way should
// not hide at the end.
func promotePasskey(usable []place) {
	at := slices.IndexFunc(usable, func(p place) bool { return p.Kind == Passkey })
	if at <= 1 {
		return
	}
	passkey := usable[at]
	passkey.reason = ReasonPromoted
	copy(usable[2:at+1], usable[1:at])
	usable[1] = passkey
}

// yield lets the first way give up its place in the share of the logins that
// its weight leaves over. Only a way that this browser has used before takes
// the place: sending a person to a provider they do not know would only make
// a second account of them.
func (q *Question) yield(usable []place) {
	if len(usable) < 2 || share(q.LoginID, usable[0].ID) < q.weight(usable[0].Candidate) {
		return // on trial this always holds: a way that is usable now was let in by its weight
	}
	to := q.usedBefore(usable[1:]) + 1
	if to == 0 {
		return
	}
	usable[0].reason = ReasonYielded
	instead := usable[to]
	instead.reason = ReasonInstead
	copy(usable[1:to+1], usable[:to])
	usable[0] = instead
}

// usedBefore returns the index of the way this browser used most recently, or -1.
func (q *Question) usedBefore(places []place) int {
	find := func(id string) int {
		return slices.IndexFunc(places, func(p place) bool { return p.ID == id })
	}
	if i := find(q.LastUsed); i >= 0 {
		return i
	}
	for _, id := range q.Used {
		if i := find(id); i >= 0 {
			return i
		}
	}
	return -1
}

func (c *Candidate) weight() float64 {
	switch {
	case c.Weight > 0 && c.Weight <= 1: // false for NaN
		return c.Weight
	case c.Verdict == Degraded:
		return 0.5
	case c.Verdict == Trial:
		return 0
	}
	return 1
}

// share maps a login and a way to [0, 1): the same on every node, spread
// evenly over logins (FNV-1a with a finalizer that mixes all bits).
func share(login, way string) float64 {
	h := uint64(14695981039346656037)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	add(login)
	add("\x00")
	add(way)
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}

// Spread picks one of n for a login, the same on every node and evenly over logins.
func Spread(login string, n int) int { return int(share(login, "\x00") * float64(n)) }

var localeOrders = map[string][]string{
	"ko": {"kakao", "naver", "google", "apple", "line"},
	"ja": {"line", "google", "apple", "kakao", "naver"},
	"en": {"google", "apple", "kakao", "naver", "line"},
}

// localeOrder is the place of a brand in the order usual in lang; brands that
// the order does not know come after, in configured order.
func localeOrder(lang, brand string) int {
	order, ok := localeOrders[lang]
	if !ok {
		order = localeOrders["en"]
	}
	if i := slices.Index(order, brand); i >= 0 {
		return i
	}
	return len(order)
}
