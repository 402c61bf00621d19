package arbiter

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/journal/journaltest"
	"github.com/bongsu/bongsu/broker/store"
)

// The rules are the store's, and a restart changes none of them.
func TestTheRulesOfAClaim(t *testing.T) {
	o := LogOptions{Path: filepath.Join(t.TempDir(), "claims.log"), Now: new(clock).now}
	l := open(t, o)
	for _, name := range []string{"as claimed", "after a restart"} {
		claims(t, l, grant("a", "code", 1), nil)
		claims(t, l, grant("a", "code", 1), nil) // the same attempt
		if first := claims(t, l, grant("a", "code", 2), store.ErrReplayed); first != "a-code-1" {
			t.Errorf("%s: the replay learns grant %q", name, first)
		}
		claims(t, l, grant("a", "another", 1), store.ErrUsed)
		other := grant("b", "code", 1)
		other.ID = "a-code-1"
		claims(t, l, other, store.ErrConflict)
		got, err := l.Grant("a-code-1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(grant("a", "code", 1), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, err := l.Grant("b-code-1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a grant that is none: %v", name, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, o)
	}
}

func TestWhatIsNoGrantIsRefused(t *testing.T) {
	l := open(t, LogOptions{})
	for name, change := range map[string]func(*store.Grant){
		"no id":              func(g *store.Grant) { g.ID = "" },
		"a long login":       func(g *store.Grant) { g.LoginID = strings.Repeat("x", 65) },
		"no account":         func(g *store.Grant) { g.AccountID = "" },
		"no client":          func(g *store.Grant) { g.ClientID = "" },
		"half a hash":        func(g *store.Grant) { g.CodeHash = g.CodeHash[:16] },
		"a refresh family":   func(g *store.Grant) { g.Refresh.Key = []byte("key") },
		"more than one line": func(g *store.Grant) { g.Resources = []string{strings.Repeat("x", 20<<10)} },
	} {
		g := grant("a", "code", 1)
		change(&g)
		if _, err := l.Claim(t.Context(), g, noon); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.Len() != 0 {
		t.Errorf("%d claims are left behind", l.Len())
	}
}

// A log that is new decides nothing about codes of before: the one that it
// replaces may have said that they were used.
func TestALostLogIsNoArbiterOfThePast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.log")
	c := new(clock)
	c.move(time.Minute)
	l := open(t, LogOptions{Path: path, Now: c.now})
	if _, err := l.Claim(t.Context(), grant("a", "code", 1), noon); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a code of before the log: %v", err)
	}
	if _, err := l.Claim(t.Context(), grant("b", "code", 1), c.now()); err != nil {
		t.Errorf("a code of now: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c.move(time.Minute)
	again := open(t, LogOptions{Path: path, Now: c.now})
	if _, err := again.Claim(t.Context(), grant("c", "code", 1), c.now().Add(-30*time.Second)); err != nil {
		t.Errorf("a code of between two runs: %v", err)
	}
}

// What was shipped is forgotten after an hour, and what is as old is not decided
// any more, whatever clocks say; what was not shipped stays.
func TestWhatWasShippedIsForgotten(t *testing.T) {
	c := new(clock)
	o := LogOptions{Path: filepath.Join(t.TempDir(), "claims.log"), Now: c.now}
	l := open(t, o)
	claims(t, l, grant("a", "code", 1), nil)
	if err := l.shipped(l.oldest(9)); err != nil {
		t.Fatal(err)
	}
	claims(t, l, grant("b", "code", 1), nil)
	c.move(keepFor - time.Second)
	if err := l.sweep(); err != nil || l.Len() != 2 {
		t.Fatalf("%d claims are left, %v", l.Len(), err)
	}
	c.move(time.Second)
	l.journal.Distrust()
	if err := l.sweep(); err != nil || l.Len() != 1 || l.Waiting() != 1 {
		t.Fatalf("%d claims are left, %d wait, %v", l.Len(), l.Waiting(), err)
	}
	for _, name := range []string{"as swept", "after a restart"} {
		claims(t, l, grant("a", "code", 2), store.ErrUnavailable)
		claims(t, l, grant("b", "code", 2), store.ErrReplayed)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = open(t, o)
		if l.Waiting() != 1 {
			t.Errorf("%s: %d wait", name, l.Waiting())
		}
	}
}

func TestAFullLogGivesNothing(t *testing.T) {
	l := open(t, LogOptions{max: 2})
	claims(t, l, grant("a", "code", 1), nil)
	claims(t, l, grant("b", "code", 1), nil)
	claims(t, l, grant("c", "code", 1), store.ErrUnavailable)
	claims(t, l, grant("a", "code", 2), store.ErrReplayed)
}

// step is one of what happens to a log.
type step struct {
	What    string
	Login   int
	Code    int
	Attempt int
}

func anyStep(t *rapid.T) step {
	return step{
		What:  rapid.SampledFrom([]string{"claim", "claim", "claim", "ship", "anew", "restart", "full disk"}).Draw(t, "what"),
		Login: rapid.IntRange(0, 3).Draw(t, "login"), Code: rapid.IntRange(0, 1).Draw(t, "code"),
		Attempt: rapid.IntRange(0, 2).Draw(t, "attempt"),
	}
}

// The log says what a map of first claims says, whatever happens to it in between.
func TestTheLogIsItsModel(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		d := new(journaltest.Disk)
		o := LogOptions{Path: filepath.Join(dir, fmt.Sprint(runs)), Now: new(clock).now, disk: d.Disk()}
		l, err := OpenLog(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		m := model{firsts: make(map[string]store.Grant), shipped: make(map[string]bool)}
		for _, s := range rapid.SliceOfN(rapid.Custom(anyStep), 0, 40).Draw(t, "steps") {
			if s.What == "restart" {
				if err = l.Close(); err == nil {
					l, err = OpenLog(t.Context(), o)
				}
			} else {
				err = m.step(t, l, d, s)
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.Len() != len(m.firsts) || l.Waiting() != len(m.firsts)-len(m.shipped) {
				t.Fatalf("%d claims, %d wait; want %d and %d", l.Len(), l.Waiting(), len(m.firsts), len(m.firsts)-len(m.shipped))
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// model is what a log must say: by login the grant of its first claim.
type model struct {
	firsts  map[string]store.Grant
	shipped map[string]bool
}

func (m model) step(t *rapid.T, l *Log, d *journaltest.Disk, s step) error {
	g := grant(fmt.Sprint("login", s.Login), fmt.Sprint("code", s.Code), s.Attempt)
	first, known := m.firsts[g.LoginID]
	switch s.What {
	case "ship":
		for _, c := range l.oldest(2) {
			m.shipped[c.Login] = true
		}
		return l.shipped(l.oldest(2))
	case "anew":
		l.journal.Distrust()
		return l.sweep()
	case "full disk":
		if known {
			return nil
		}
		d.Set(func(d *journaltest.Disk) { d.Write, d.Short = errors.New("no space left on device"), 30 })
		defer d.Set(func(d *journaltest.Disk) { d.Write = nil })
		if _, err := l.Claim(t.Context(), g, noon); !errors.Is(err, store.ErrUnavailable) {
			return fmt.Errorf("a claim on a full disk: %w", err)
		}
		return nil
	}
	want := error(nil)
	switch {
	case !known:
		m.firsts[g.LoginID] = g
	case first.ID == g.ID:
	case string(first.CodeHash) == string(g.CodeHash):
		want = store.ErrReplayed
	default:
		want = store.ErrUsed
	}
	got, err := l.Claim(t.Context(), g, noon)
	if !errors.Is(err, want) || (want == nil) != (err == nil) || errors.Is(want, store.ErrReplayed) && got != first.ID {
		return fmt.Errorf("claim %s after %s: %q, %w, want %w", g.ID, first.ID, got, err, want)
	}
	return nil
}

// claimInput and claimOutput are an operation of a history.
type claimInput struct{ login, code, attempt string }

type claimOutput struct {
	first   string
	verdict error
}

// single is single use, login by login: the state is who was first.
var single = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byLogin := make(map[string][]porcupine.Operation)
		for _, o := range history {
			login := o.Input.(claimInput).login
			byLogin[login] = append(byLogin[login], o)
		}
		parts := make([][]porcupine.Operation, 0, len(byLogin))
		for _, part := range byLogin {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return claimInput{} },
	Step: func(state, input, output any) (bool, any) {
		first, in, out := state.(claimInput), input.(claimInput), output.(claimOutput)
		switch {
		case errors.Is(out.verdict, store.ErrUnavailable):
			return true, first
		case first == claimInput{}:
			return out.verdict == nil, in
		case first.attempt == in.attempt:
			return out.verdict == nil, first
		case first.code == in.code:
			return errors.Is(out.verdict, store.ErrReplayed) && out.first == first.attempt, first
		}
		return errors.Is(out.verdict, store.ErrUsed), first
	},
	Equal: func(a, b any) bool { return a == b },
}

// However many claim at once, and while the disk comes and goes, their history is
// one in which every login was used once.
func TestConcurrentClaimsHaveOneOrder(t *testing.T) {
	d := new(journaltest.Disk)
	l := open(t, LogOptions{disk: d.Disk()})
	var mu sync.Mutex
	var history []porcupine.Operation
	began := time.Now()
	claim := func(client int, g store.Grant) {
		in := claimInput{g.LoginID, string(g.CodeHash), g.ID}
		call := time.Since(began).Nanoseconds()
		first, err := l.Claim(t.Context(), g, noon)
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{
			ClientId: client, Input: in, Call: call, Output: claimOutput{first, err}, Return: time.Since(began).Nanoseconds(),
		})
	}
	var all sync.WaitGroup
	for client := range 12 {
		all.Go(func() {
			for i := range 60 {
				claim(client, grant(fmt.Sprint("login", i/3), fmt.Sprint("code", (client+i)%2), client%5))
				if client == 0 && i%7 == 0 {
					d.Set(func(d *journaltest.Disk) { d.Sync = errors.New("input/output error") })
				}
				if client == 0 && i%7 == 1 {
					d.Set(func(d *journaltest.Disk) { d.Sync = nil })
				}
			}
		})
	}
	all.Wait()
	if !porcupine.CheckOperations(single, history) {
		t.Error("no order of single uses explains the history")
	}
}
