package keys

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const day = 24 * time.Hour

var (
	noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

	testPolicy = policy{
		site: "seoul", algorithms: []Algorithm{ES256},
		publishWindow: 48 * time.Hour, activeFor: 90 * day, retireFor: 7 * day,
	}
)

// at returns a key of seoul in state since so long before noon.
func at(generation int64, s State, since time.Duration) held {
	h := held{Record: Record{
		KeyID: fmt.Sprintf("seoul-%d", generation), Site: "seoul", Algorithm: ES256, Generation: generation, State: s,
	}}
	then := noon.Add(-since)
	switch s {
	case Staged:
		h.CreatedAt = then
	case Published:
		h.CreatedAt, h.PublishedAt = then, then
	case Active:
		h.CreatedAt, h.PublishedAt, h.ActivatedAt = then.Add(-90*day), then.Add(-90*day), then
	case Retiring:
		h.CreatedAt, h.PublishedAt, h.ActivatedAt, h.RetiringAt = then.Add(-180*day), then.Add(-180*day), then.Add(-90*day), then
	default:
		h.CreatedAt, h.ActivatedAt, h.RemovedAt = then.Add(-190*day), then.Add(-97*day), then
	}
	return h
}

func withdrawn(h held) held { h.withdrawn = true; return h }
func broken(h held) held    { h.broken = true; return h }
func of(a Algorithm, h held) held {
	h.Algorithm = a
	return h
}

func elsewhere(h held) held {
	h.Site, h.KeyID = "busan", strings.Replace(h.KeyID, "seoul", "busan", 1)
	return h
}

func refused(h held) held { h.State, h.ActivatedAt = "", time.Time{}; return h }

// text writes steps down, urgent ones with a mark.
func text(steps []step) string {
	var lines []string
	for _, s := range steps {
		line := fmt.Sprintf("%s %d: %s→%s", s.algorithm, s.generation, s.from, s.to)
		if s.keyID == "" {
			line = fmt.Sprintf("%s %d: new %s", s.algorithm, s.generation, s.to)
		}
		if s.urgent {
			line += "!"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name string
		keys []held
		want string
	}{
		{"the first key of an empty issuer is active at once", nil, "ES256 1: new active!"},
		{"an active key gets a next one", []held{at(1, Active, 0)}, "ES256 2: new staged"},
		{"a staged key is published", []held{at(1, Active, 0), at(2, Staged, 0)}, "ES256 2: staged→published"},
		{"an active and a next key: nothing to do", []held{at(1, Active, 89*day), at(2, Published, 89*day)}, ""},
		{"after 90 days the next key becomes active", []held{at(1, Active, 90*day), at(2, Published, 48*time.Hour)}, "ES256 2: published→active"},
		{"but not before websites had two days to see it", []held{at(1, Active, 90*day), at(2, Published, 48*time.Hour-time.Second)}, ""},
		{"the older of two active keys retires, the younger gets a next", []held{at(1, Active, 90*day), at(2, Active, 0)}, "ES256 1: active→retiring, ES256 3: new staged"},
		{"a retiring key stays a week", []held{at(1, Retiring, 7*day-time.Second), at(2, Active, 0), at(3, Published, 0)}, ""},
		{"after a week it is removed", []held{at(1, Retiring, 7*day), at(2, Active, 0), at(3, Published, 0)}, "ES256 1: retiring→removed"},
		{"removed keys stay where they are", []held{at(1, Removed, 400*day), at(2, Active, 0), at(3, Published, 0)}, ""},
		{"the order of records does not matter", []held{at(2, Active, 0), at(3, Published, 0), at(1, Active, 90*day)}, "ES256 1: active→retiring"},

		{
			"a withdrawn active key: the next signs at once",
			[]held{withdrawn(at(1, Active, 5*day)), at(2, Published, time.Hour)},
			"ES256 1: active→withdrawn, ES256 2: published→active!",
		},
		{
			"with the next withdrawn too, a new key signs at once",
			[]held{withdrawn(at(1, Active, 5*day)), withdrawn(at(2, Published, 5*day))},
			"ES256 1: active→withdrawn, ES256 2: published→withdrawn, ES256 3: new active!",
		},
		{
			"with only a staged one left, that hurries",
			[]held{withdrawn(at(1, Active, 5*day)), at(2, Staged, 0)},
			"ES256 1: active→withdrawn, ES256 2: staged→published!",
		},
		{"withdrawals that are written down are done", []held{at(1, Withdrawn, 0), at(2, Active, 0), at(3, Published, 0)}, ""},
		{"a withdrawn retiring key is written down", []held{withdrawn(at(1, Retiring, day)), at(2, Active, 0), at(3, Published, 0)}, "ES256 1: retiring→withdrawn"},
		{"a withdrawn removed key has ended already", []held{withdrawn(at(1, Removed, day)), at(2, Active, 0), at(3, Published, 0)}, ""},
		{"a withdrawn next key is replaced", []held{at(1, Active, 0), withdrawn(at(2, Published, 0))}, "ES256 2: published→withdrawn, ES256 3: new staged"},

		{"an active key of no use retires, the next signs at once", []held{broken(at(1, Active, day)), at(2, Published, 0)}, "ES256 1: active→retiring, ES256 2: published→active!"},
		{"a next key of no use is replaced", []held{at(1, Active, day), broken(at(2, Published, 0))}, "ES256 2: published→removed, ES256 3: new staged"},
		{"a staged key of no use is replaced", []held{at(1, Active, day), broken(at(2, Staged, 0))}, "ES256 2: staged→removed, ES256 3: new staged"},
		{"a record nobody signed for only takes its generation", []held{refused(at(1, Active, day))}, "ES256 2: new active!"},

		{"the first key of a new site among others is staged", []held{elsewhere(at(1, Active, day))}, "ES256 1: new staged"},
		{"published", []held{elsewhere(at(1, Active, day)), at(1, Staged, 0)}, "ES256 1: staged→published"},
		{"waits", []held{elsewhere(at(1, Active, day)), at(1, Published, 47*time.Hour)}, ""},
		{"and signs after the window", []held{elsewhere(at(1, Active, day)), at(1, Published, 48*time.Hour)}, "ES256 1: published→active"},
		{"a site that has signed before does not wait, whoever else there is", []held{elsewhere(at(1, Active, day)), withdrawn(at(1, Active, day)), at(2, Published, 0)}, "ES256 1: active→withdrawn, ES256 2: published→active!"},
		{"a site whose withdrawn keys never signed waits", []held{elsewhere(at(1, Active, day)), withdrawn(at(1, Published, day))}, "ES256 1: published→withdrawn, ES256 2: new staged"},
		{"other sites' keys are theirs to move", []held{elsewhere(at(1, Active, 400*day)), elsewhere(at(2, Retiring, 400*day)), at(1, Active, 0), at(2, Published, 0)}, ""},
		{"keys that are gone elsewhere make no issuer", []held{elsewhere(at(1, Removed, day)), withdrawn(elsewhere(at(2, Active, day)))}, "ES256 1: new active!"},

		{"an algorithm nobody asks for keeps its keys", []held{at(1, Active, 0), at(2, Published, 0), of(EdDSA, at(1, Active, 96*day)), of(EdDSA, at(2, Published, 96*day))}, ""},
		{"until nobody has rotated them for a while", []held{at(1, Active, 0), at(2, Published, 0), of(EdDSA, at(1, Active, 97*day)), of(EdDSA, at(2, Published, 97*day))}, "EdDSA 1: active→retiring, EdDSA 2: published→removed"},
		{"then they go as all do", []held{at(1, Active, 0), at(2, Published, 0), of(EdDSA, at(1, Retiring, 7*day))}, "EdDSA 1: retiring→removed"},
		{"withdrawn ones at once", []held{at(1, Active, 0), at(2, Published, 0), withdrawn(of(EdDSA, at(1, Active, 0)))}, "EdDSA 1: active→withdrawn"},
		{"an algorithm with keys elsewhere only does not concern us", []held{at(1, Active, 0), at(2, Published, 0), elsewhere(of(RS256, at(1, Active, 0)))}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(plan(tt.keys, noon, testPolicy)); got != tt.want {
				t.Errorf("planned %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPlanServesEveryAlgorithm(t *testing.T) {
	p := testPolicy
	p.algorithms = []Algorithm{ES256, EdDSA, RS256}
	want := "ES256 1: new active!, EdDSA 1: new active!, RS256 1: new active!"
	if got := text(plan(nil, noon, p)); got != want {
		t.Errorf("planned %q, want %q", got, want)
	}
}

// model carries out plans on records in memory.
type model struct {
	keys      []held
	now       time.Time
	emergency map[int64]bool // generations that were activated because nothing else signed
}

func (m *model) take(s step) {
	if s.keyID == "" {
		h := held{Record: Record{
			KeyID: fmt.Sprintf("seoul-%d", s.generation), Site: "seoul", Algorithm: s.algorithm,
			Generation: s.generation, State: s.to, CreatedAt: m.now,
		}}
		if s.to == Active {
			h.PublishedAt, h.ActivatedAt = m.now, m.now
			m.emergency[s.generation] = true
		}
		m.keys = append(m.keys, h)
		return
	}
	i := slices.IndexFunc(m.keys, func(h held) bool { return h.KeyID == s.keyID })
	m.keys[i].State = s.to
	switch s.to {
	case Published:
		m.keys[i].PublishedAt = m.now
	case Active:
		m.keys[i].ActivatedAt = m.now
		m.emergency[s.generation] = m.emergency[s.generation] || s.urgent
	case Retiring:
		m.keys[i].RetiringAt = m.now
	case Removed, Withdrawn:
		m.keys[i].RemovedAt = m.now
	}
}

func (m *model) count(s State) int {
	n := 0
	for _, h := range m.keys {
		if h.State == s && !h.withdrawn {
			n++
		}
	}
	return n
}

// For any passing of time and any withdrawals, plans come to an end, and there
// one key signs and one is published next; no key signs before websites had
// time to see it unless it must, and none leaves before its tokens have died.
func TestPlanKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{now: noon, emergency: map[int64]bool{}}
		settle := func(rt *rapid.T) {
			for range maxRounds {
				steps := plan(m.keys, m.now, testPolicy)
				if len(steps) == 0 {
					return
				}
				// A node may die after any step of a plan; the next goes on.
				for _, s := range steps[:rapid.IntRange(1, len(steps)).Draw(rt, "steps taken")] {
					m.take(s)
				}
			}
			for range maxRounds {
				for _, s := range plan(m.keys, m.now, testPolicy) {
					m.take(s)
				}
			}
			if steps := plan(m.keys, m.now, testPolicy); len(steps) != 0 {
				rt.Fatalf("plans do not come to an end: %s", text(steps))
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"minutes pass": func(rt *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "minutes")) * time.Minute)
			},
			"weeks pass": func(rt *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 30).Draw(rt, "weeks")) * 7 * day)
			},
			"a key is withdrawn": func(rt *rapid.T) {
				if len(m.keys) > 0 {
					m.keys[rapid.IntRange(0, len(m.keys)-1).Draw(rt, "key")].withdrawn = true
				}
			},
			"": func(rt *rapid.T) {
				settle(rt)
				if m.count(Active) != 1 || m.count(Published) != 1 || m.count(Staged) != 0 {
					rt.Fatalf("%d active, %d published, %d staged keys; want 1, 1, 0", m.count(Active), m.count(Published), m.count(Staged))
				}
				for _, h := range m.keys {
					if !h.ActivatedAt.IsZero() && !m.emergency[h.Generation] && h.ActivatedAt.Sub(h.PublishedAt) < testPolicy.publishWindow {
						rt.Fatalf("generation %d signed %v after it was published", h.Generation, h.ActivatedAt.Sub(h.PublishedAt))
					}
					if h.State == Removed && h.RemovedAt.Sub(h.RetiringAt) < testPolicy.retireFor {
						rt.Fatalf("generation %d was removed %v after it retired", h.Generation, h.RemovedAt.Sub(h.RetiringAt))
					}
				}
			},
		})
	})
}
