package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// act is one fault of a schedule. Whom it meets is told relative to who is the
// primary at that time, which the schedule cannot know.
type act struct {
	kind  string
	pick  int           // which of the sites that are meant
	node  int           // which of its brokers
	hold  time.Duration // how long it lasts
	ahead time.Duration // of a clock
}

func (a act) String() string {
	text := fmt.Sprintf("%s (site %d, broker %d) for %s", a.kind, a.pick+1, a.node+1, a.hold)
	if a.ahead != 0 {
		text += fmt.Sprintf(", %s ahead", a.ahead)
	}
	return text
}

// perDeck is over how many seeds a deck of all faults is dealt.
const perDeck = 3

// schedule is what a seed plays: its part of a shuffled deck of all faults.
// Seeds 3n, 3n+1 and 3n+2 share a deck, and together play every fault once.
func schedule(seed uint64) (acts []act) {
	deck := slices.Clone(kinds)
	shuffling := rand.New(rand.NewPCG(seed/perDeck, 1)) // the same for the whole deck
	shuffling.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	rolling := rand.New(rand.NewPCG(seed, 2))
	for i, k := range deck {
		if i%perDeck != int(seed%perDeck) {
			continue
		}
		a := act{kind: k.name, pick: rolling.IntN(2), node: rolling.IntN(2)}
		a.hold = k.hold + time.Duration(rolling.Int64N(int64(time.Second))).Round(100*time.Millisecond)
		if k.skews {
			a.ahead = maxAhead/2 + time.Duration(rolling.Int64N(int64(maxAhead/2))).Round(time.Second)
			if rolling.IntN(2) == 1 {
				a.ahead = -a.ahead
			}
		}
		acts = append(acts, a)
	}
	return acts
}

func TestSchedulesAreTheSameForASeed(t *testing.T) {
	for seed := range uint64(12) {
		if !slices.Equal(schedule(seed), schedule(seed)) {
			t.Errorf("seed %d has two schedules", seed)
		}
	}
	if slices.Equal(schedule(0), schedule(perDeck)) {
		t.Error("two decks are shuffled alike")
	}
}

func TestFixedSeedsPlayEveryFault(t *testing.T) {
	played := map[string]int{}
	for _, s := range fixedSeeds {
		for _, a := range schedule(s) {
			played[a.kind]++
		}
	}
	for _, k := range kinds {
		if played[k.name] != 1 {
			t.Errorf("%s is played %d times", k.name, played[k.name])
		}
	}
}
