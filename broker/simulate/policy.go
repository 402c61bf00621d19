package simulate

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/health"
)

// samples is how many logins policy is asked for, for each group and verdict:
// shares of logins are told apart to a thousandth.
const samples = 1000

// route is the order in which a login tries the ways that its person has, and
// the share of the logins that go so.
type route struct {
	ways  []string
	down  bool // the first way is down in this login: the person tries it all the same
	share float64
}

// policies are what verdicts mean for menus. Nodes that hold the same share one.
type policies map[string]*policy

// maxPolicies bounds how many are remembered; the weights of a trial change from
// second to second.
const maxPolicies = 4096

// policy is what one set of verdicts means for the menu.
type policy struct {
	candidates []choice.Candidate
	routes     map[int][]route // by group
}

// read returns what a snapshot means. Weights are told apart as finely as
// samples can tell them.
func (all policies) read(s *health.Snapshot) *policy {
	verdicts := s.Verdicts()
	key := make([]byte, 0, 16*len(verdicts))
	for i := range verdicts {
		v := &verdicts[i]
		v.Weight = math.Ceil(v.Weight*samples) / samples
		key = strconv.AppendFloat(key, v.Weight, 'f', 3, 64)
		key = strconv.AppendBool(append(key, byte(v.State)), v.Trial)
	}
	if known, ok := all[string(key)]; ok {
		return known
	}
	if len(all) >= maxPolicies {
		clear(all)
	}
	fresh := &policy{routes: map[int][]route{}}
	for _, v := range verdicts {
		c := choice.Candidate{
			ID: v.Provider, Kind: choice.Provider, Brand: v.Provider, ACR: choice.ACRProvider,
			Verdict: choice.Verdict(v.State.String()), Weight: v.Weight,
		}
		if v.Trial {
			c.Verdict = choice.Trial
		}
		fresh.candidates = append(fresh.candidates, c)
	}
	all[string(key)] = fresh
	return fresh
}

// of returns the routes of a group's logins.
func (p *policy) of(group int, g Group) []route {
	if found, ok := p.routes[group]; ok {
		return found
	}
	counted := map[string]*route{}
	var routes []*route
	for i := range samples {
		r := p.ask(g, strconv.Itoa(group)+"/"+strconv.Itoa(i))
		key := strconv.FormatBool(r.down) + " " + strings.Join(r.ways, " ")
		if counted[key] == nil {
			counted[key] = &r
			routes = append(routes, &r)
		}
		counted[key].share += 1.0 / samples
	}
	all := make([]route, len(routes))
	for i, r := range routes {
		all[i] = *r
	}
	p.routes[group] = all
	return all
}

// ask is one login's menu: the ways that its person has, in the order of policy.
// Their browser has used them all, the first one last.
func (p *policy) ask(g Group, login string) route {
	q := choice.Question{Candidates: p.candidates, LastUsed: g.Ways[0], Used: g.Ways, LoginID: login}
	var r route
	for _, way := range choice.Ways(q) {
		if slices.Contains(g.Ways, way.ID) {
			r.down = r.down || len(r.ways) == 0 && way.Down
			r.ways = append(r.ways, way.ID)
		}
	}
	return r
}
