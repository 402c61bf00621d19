package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// judged bounds the search for an order of events that explains a history.
const judged = 20 * time.Second

// once is what a code or a refresh token may do: the first use that counts takes
// it. What got no answer, or none that decides, may have counted or not. A refresh
// token may give its successor again, and never another.
//
// The state is "", unused, or what it gave: for a code "used".
var once = (&porcupine.NondeterministicModel{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		by := map[string][]porcupine.Operation{}
		for _, o := range all {
			by[o.Input.(use).code] = append(by[o.Input.(use).code], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range by {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() []any { return []any{""} },
	Step: func(state, input, _ any) []any {
		u, was := input.(use), state.(string)
		gives := "used"
		if u.family {
			gives = u.next
		}
		switch {
		case u.result == given && was == "":
			return []any{gives}
		case u.result == given && u.family && (gives == was || was == "somewhere"):
			return []any{gives}
		case u.result == given:
			return nil
		case u.result == gone && was == "":
			return nil // which it cannot be by an earlier use
		case u.result == gone:
			return []any{was}
		case was == "" && u.family:
			return []any{"", "somewhere"}
		case was == "":
			return []any{"", "used"}
		}
		return []any{was}
	},
}).ToModel()

// checkOnce looks for codes and refresh tokens that were good twice, and for such
// as were called used that nobody had used.
func checkOnce(uses []use) (wrong []string) {
	by := map[string][]use{}
	for _, u := range uses {
		by[u.code] = append(by[u.code], u)
	}
	for _, all := range by {
		var operations []porcupine.Operation
		for _, u := range all {
			operations = append(operations, porcupine.Operation{ClientId: u.who, Input: u, Call: int64(u.from), Output: u.result, Return: int64(u.to)})
		}
		if porcupine.CheckOperationsTimeout(once, operations, judged) == porcupine.Illegal {
			wrong = append(wrong, fmt.Sprintf("no order of events explains what became of a %s: %s", kindOf(all[0]), tell(all)))
		} else if wasted(all) {
			wrong = append(wrong, fmt.Sprintf("a %s was called used, and nobody had anything for it: %s", kindOf(all[0]), tell(all)))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// wasted tells whether something good was refused for good, and whoever showed it
// had only been told to try again, and did so afterwards.
func wasted(all []use) bool {
	return slices.ContainsFunc(all, func(late use) bool {
		return late.result == gone && !slices.ContainsFunc(all, func(u use) bool {
			return u.result != gone && (u.result != busy || u.to > late.from) || u.result == gone && u.from < late.from
		})
	})
}

func kindOf(u use) string {
	if u.family {
		return "refresh token"
	}
	return "code"
}

func tell(all []use) (text string) {
	slices.SortFunc(all, func(a, b use) int { return int(a.from - b.from) })
	for _, u := range all {
		text += fmt.Sprintf("\n\t%s–%s at %s: %s", short(u.from), short(u.to), u.node, []string{"tokens", "invalid_grant", "busy", "no answer", "other"}[u.result])
		if u.said != "" {
			text += " (" + u.said + ")"
		}
	}
	return text
}

func short(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func TestWhatIsUsedTwiceIsSeen(t *testing.T) {
	s := time.Second
	tests := []struct {
		name string
		uses []use
		want int
	}{
		{"once", []use{{code: "a", from: 0, to: s, result: given}}, 0},
		{"the second of two at once is refused", []use{{code: "a", from: 0, to: s, result: gone}, {code: "a", from: 0, to: s, result: given}}, 0},
		{"both of two at once are given tokens", []use{{code: "a", from: 0, to: s, result: given}, {code: "a", from: 0, to: s, result: given}}, 1},
		{"one after the other", []use{{code: "a", from: 0, to: s, result: given}, {code: "a", from: 2 * s, to: 3 * s, result: given}}, 1},
		{"used after no answer, because it had counted", []use{{code: "a", from: 0, to: s, result: unheard}, {code: "a", from: 2 * s, to: 3 * s, result: gone}}, 0},
		{"good after no answer, because it had not", []use{{code: "a", from: 0, to: s, result: unheard}, {code: "a", from: 2 * s, to: 3 * s, result: given}}, 0},
		{"called used before anybody used it", []use{{code: "a", from: 0, to: s, result: gone}, {code: "a", from: 2 * s, to: 3 * s, result: given}}, 1},
		{"a token's successor again", []use{{code: "a", family: true, next: "b", to: s, result: given}, {code: "a", family: true, next: "b", from: s, to: 2 * s, result: given}}, 0},
		{"a token's second successor", []use{{code: "a", family: true, next: "b", to: s, result: given}, {code: "a", family: true, next: "c", from: 2 * s, to: 3 * s, result: given}}, 1},
		{"called used after try again", []use{{code: "a", from: 0, to: s, result: busy}, {code: "a", from: 2 * s, to: 3 * s, result: gone}}, 1},
		{"called used beside try again", []use{{code: "a", to: 2 * s, result: busy}, {code: "a", from: s, to: 3 * s, result: gone}}, 0},
		{"different codes", []use{{code: "a", to: s, result: given}, {code: "b", to: s, result: given}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := checkOnce(tt.uses); len(got) != tt.want {
				t.Errorf("found %d, want %d: %v", len(got), tt.want, got)
			}
		})
	}
}
