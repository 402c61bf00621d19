package chaos

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// check is one promise, held against the history.
type check struct {
	name string
	look func(h *history, stale time.Duration) []string
}

// checks are the promises, each of which has a test that shows it broken.
func checks() []check {
	return []check{
		{"no code and no refresh token is used twice", func(h *history, _ time.Duration) []string { return checkOnce(h.uses) }},
		{"no account forks and no sub changes", func(h *history, _ time.Duration) []string { return checkSame(h.sightings) }},
		{"no acknowledged write is lost", func(h *history, _ time.Duration) []string { return checkKept(h.kept) }},
		{"no fault gives a negative answer", func(h *history, _ time.Duration) []string { return checkAnswers(h.answers) }},
		{"no page is without a way on", func(h *history, _ time.Duration) []string { return checkPages(h.pages) }},
		{"negative facts are obeyed in time", func(h *history, _ time.Duration) []string { return checkObeyed(h.endings, h.tries, h.cuts) }},
		{"a site that is cut off stops in time", func(h *history, stale time.Duration) []string { return checkStops(h, stale) }},
		{"every site is back in time", func(h *history, _ time.Duration) []string { return checkBack(h.windows) }},
		{"no login is lost", func(h *history, _ time.Duration) []string { return checkLogins(h.logins) }},
	}
}

// checkSame: one person is one sub, and one sub one person.
func checkSame(all []sighting) (wrong []string) {
	subs, people := map[string]sighting{}, map[string]string{}
	for _, s := range all {
		if before, known := subs[s.who]; known && before.sub != s.sub {
			wrong = append(wrong, fmt.Sprintf("%s is %s by %s at %s, and was %s by %s at %s", s.who, s.sub, s.by, short(s.at), before.sub, before.by, short(before.at)))
			continue
		}
		if other, known := people[s.sub]; known && other != s.who {
			wrong = append(wrong, fmt.Sprintf("%s is %s as %s is, at %s", s.who, s.sub, other, short(s.at)))
			continue
		}
		subs[s.who], people[s.sub] = s, s.who
	}
	return wrong
}

// checkKept: what was acknowledged is there whenever somebody looks.
func checkKept(all []kept) (wrong []string) {
	for _, k := range all {
		if !k.there && k.looked > k.acked {
			wrong = append(wrong, fmt.Sprintf("the %s of %s, acknowledged at %s, is not there at %s, and in the primary %s", k.what, k.who, short(k.acked), short(k.looked), k.stands))
		}
	}
	return wrong
}

// checkAnswers: the history holds answers about things that were good, and none
// of these words may be among them.
func checkAnswers(all []answer) (wrong []string) {
	fine := map[string]bool{"": true, "temporarily_unavailable": true, "no answer": true}
	for _, a := range all {
		if !fine[a.said] {
			wrong = append(wrong, fmt.Sprintf("at %s %s says %q of a %s that is good", short(a.at), a.node, a.said, a.what))
		}
	}
	return wrong
}

// checkPages: every page of ours leads on.
func checkPages(all []page) (wrong []string) {
	for _, p := range all {
		if !p.onward {
			wrong = append(wrong, fmt.Sprintf("at %s %d %s leads nowhere: %s", short(p.at), p.status, p.path, p.text))
		}
	}
	return wrong
}

// checkObeyed: three times R after the acknowledgement no node takes the session
// for good, but where its site is cut off, or was within that time.
func checkObeyed(endings []ending, tries []try, cuts []cut) (wrong []string) {
	by := map[int]ending{}
	for _, e := range endings {
		by[e.id] = e
	}
	for _, t := range tries {
		e, known := by[t.ending]
		if !known || !t.let || t.at <= e.acked+bound*factsWithin {
			continue
		}
		if apart(cuts, t, e) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("session %d, ended at %s in %s, is good at %s at %s", e.id, short(e.acked), e.site, t.node, short(t.at)))
	}
	return wrong
}

// apart tells whether neither the store nor gossip could have brought it in time: one
// of two sites was cut off. The nodes of one site always hear each other.
func apart(cuts []cut, t try, e ending) bool {
	return t.site != e.site && slices.ContainsFunc(cuts, func(c cut) bool {
		return (c.site == t.site || c.site == e.site) && c.from <= t.at && c.from <= e.acked+bound*factsWithin && t.at <= c.to+bound*factsWithin
	})
}

// recordsExpire is how long a site that is cut off believes that it hears the
// others: as long as what they signed last holds.
const recordsExpire = 30 * time.Second

// slack is what a busy machine may take to notice.
const slack = 5 * time.Second

// checkStops: a node that says that it has lost contact, which it does when what the
// others signed last has expired, refuses to log anybody in before three times S is
// over, and hands out nothing after that but to websites that accept old news.
func checkStops(h *history, stale time.Duration) (wrong []string) {
	for _, c := range h.cuts {
		for node, lost := range c.lost {
			switch first, refused := firstDenial(h.denials, node, lost, c.to); {
			case lost > c.from+recordsExpire+slack:
				wrong = append(wrong, fmt.Sprintf("%s, cut off at %s, has lost contact only at %s", node, short(c.from), short(lost)))
			case refused && first > lost+bound*stale:
				wrong = append(wrong, fmt.Sprintf("%s, without contact since %s, first refuses at %s", node, short(lost), short(first)))
			case !refused && c.to > lost+bound*stale:
				wrong = append(wrong, fmt.Sprintf("%s, without contact since %s, refuses nobody until %s", node, short(lost), short(c.to)))
			}
		}
		for _, g := range h.handed {
			lost, known := c.lost[g.node]
			late := g.at > c.from+recordsExpire+bound*stale || known && g.at > lost+bound*stale
			if g.site == c.site && late && g.at < c.to && g.client != staleClient {
				wrong = append(wrong, fmt.Sprintf("%s, cut off at %s, gives %s a code at %s", g.node, short(c.from), g.client, short(g.at)))
			}
		}
	}
	return wrong
}

// firstDenial is when a node first told a login to try again in a time.
func firstDenial(all []denial, node string, from, to time.Duration) (at time.Duration, found bool) {
	for _, d := range all {
		if d.node == node && d.at >= from && d.at < to && (!found || d.at < at) {
			at, found = d.at, true
		}
	}
	return at, found
}

// checkBack: after healing all sites do everything, in time.
func checkBack(all []window) (wrong []string) {
	for _, w := range all {
		switch took := w.back - w.healed; {
		case w.back == 0:
			wrong = append(wrong, fmt.Sprintf("after %s, healed at %s, not everything is back: %s", w.fault, short(w.healed), w.why))
		case took > backWithin:
			wrong = append(wrong, fmt.Sprintf("after %s everything is back only %s after healing: %s", w.fault, short(took), w.why))
		}
	}
	return wrong
}

// checkLogins: everybody came in, or was told to try again.
func checkLogins(all []login) (wrong []string) {
	for _, l := range all {
		if l.how == lost {
			wrong = append(wrong, fmt.Sprintf("the login of %s near %s, begun at %s, is lost: %s", l.who, l.site, short(l.began), l.why))
		}
	}
	return wrong
}

// faultOf is the fault under which a login was: the latest to begin of those that
// touch it.
func faultOf(l login, windows []window) string {
	name := ""
	for _, w := range windows {
		if w.began <= l.began+l.took && (l.began <= w.back || w.back == 0) {
			name = w.fault
		}
	}
	return name
}

// row is a line of the table.
type row struct {
	fault  string
	counts [5]int // by outcome
}

// table counts logins by fault; those under none come first.
func table(logins []login, windows []window) []row {
	by := map[string]*row{"": {}}
	for _, w := range windows {
		by[w.fault] = &row{fault: w.fault}
	}
	for _, l := range logins {
		by[faultOf(l, windows)].counts[l.how]++
	}
	var all []row
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[name])
	}
	return all
}
