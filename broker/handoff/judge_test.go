package handoff

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bongsu/bongsu/broker/journal/journaltest"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal"
)

// away is a ring that cannot be read.
type away struct{}

func (away) Seal(seal.Purpose, []byte) (string, error) { return "", seal.ErrUnavailable }
func (away) Open(context.Context, seal.Purpose, string) ([]byte, error) {
	return nil, seal.ErrUnavailable
}

func openLog(t testing.TB, o LogOptions) *Log {
	t.Helper()
	l, err := OpenLog(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func claimOf(c *clock, name, attempt string) Claim {
	return Claim{Arbiter: "busan/busan-1", ID: name, Attempt: attempt, Made: c.now().Unix(), Until: c.now().Unix() + 30}
}

// A used handoff stays used: at once, for another attempt, after a restart and
// after the log was written anew.
func TestUsedOnce(t *testing.T) {
	for _, kept := range []bool{true, false} {
		c := newClock()
		o := LogOptions{Now: c.now}
		if kept {
			o.Path = filepath.Join(t.TempDir(), "handoffs.log")
		}
		l := openLog(t, o)
		for _, want := range []struct {
			attempt string
			err     error
		}{{"one", nil}, {"one", nil}, {"two", ErrUsed}} {
			if err := l.Claim(claimOf(c, "h", want.attempt)); !errors.Is(err, want.err) {
				t.Errorf("kept %t, attempt %s: %v", kept, want.attempt, err)
			}
		}
		if !kept {
			continue
		}
		for range 2 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openLog(t, o)
			if err := l.Claim(claimOf(c, "h", "two")); !errors.Is(err, ErrUsed) {
				t.Errorf("after a restart: %v", err)
			}
			l.journal.Distrust()
			if err := l.tidy(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Racing uses of one handoff are linearizable: the first wins, and nobody else.
func TestRacingUses(t *testing.T) {
	c := newClock()
	l := openLog(t, LogOptions{Now: c.now, Path: filepath.Join(t.TempDir(), "handoffs.log")})
	type asked struct{ handoff, attempt string }
	var (
		mu     sync.Mutex
		events []porcupine.Operation
		tick   atomic.Int64
		all    sync.WaitGroup
	)
	for client := range 12 {
		all.Go(func() {
			for h := range 20 {
				in := asked{strconv.Itoa(h), strconv.Itoa(client)}
				call := tick.Add(1)
				err := l.Claim(claimOf(c, in.handoff, in.attempt))
				back := tick.Add(1)
				mu.Lock()
				events = append(events, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: err == nil, Return: back})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	model := porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, 20)
			for _, op := range history {
				h, _ := strconv.Atoi(op.Input.(asked).handoff)
				parts[h] = append(parts[h], op)
			}
			return parts
		},
		Init: func() any { return "" },
		Step: func(state, in, out any) (bool, any) {
			holder, attempt := state.(string), in.(asked).attempt
			if holder == "" {
				return out.(bool), attempt
			}
			return out.(bool) == (holder == attempt), holder
		},
	}
	if !porcupine.CheckOperations(model, events) {
		t.Error("a handoff was used twice, or by nobody")
	}
}

// A disk that fails gives nothing and uses nothing up.
func TestAFullDisk(t *testing.T) {
	c, d := newClock(), new(journaltest.Disk)
	l := openLog(t, LogOptions{Now: c.now, Path: filepath.Join(t.TempDir(), "handoffs.log"), disk: d.Disk()})
	full := errors.New("no space left on device")
	d.Set(func(d *journaltest.Disk) { d.Write = full })
	for range 2 {
		if err := l.Claim(claimOf(c, "h", "one")); !errors.Is(err, ErrUnavailable) {
			t.Errorf("on a full disk: %v", err)
		}
	}
	d.Set(func(d *journaltest.Disk) { d.Write = nil })
	if err := l.Claim(claimOf(c, "h", "two")); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	if err := l.Claim(claimOf(c, "h", "three")); !errors.Is(err, ErrUsed) {
		t.Errorf("and again: %v", err)
	}
}

// A node that lost its log does not decide about what was made before.
func TestALostLog(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "handoffs.log")
	before := claimOf(c, "h", "one")
	c.pass(10 * time.Second)
	l := openLog(t, LogOptions{Now: c.now, Path: path})
	if err := l.Claim(before); !errors.Is(err, ErrUnavailable) {
		t.Errorf("made before the log was: %v", err)
	}
	if err := l.Claim(claimOf(c, "h2", "one")); err != nil {
		t.Errorf("made since: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	content = append(content, content...)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	again := claimOf(c, "h3", "one")
	c.pass(time.Minute)
	if err := openLog(t, LogOptions{Now: c.now, Path: path}).Claim(again); !errors.Is(err, ErrUnavailable) {
		t.Errorf("made before the damage: %v", err)
	}
}

// What nobody can use any more is forgotten, and the log is bounded.
func TestTheLogIsBounded(t *testing.T) {
	c := newClock()
	l := openLog(t, LogOptions{Now: c.now})
	for i := range maxClaims {
		l.used[strconv.Itoa(i)] = &entry{seen: c.now()}
	}
	if err := l.Claim(claimOf(c, "one more", "one")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a full log: %v", err)
	}
	c.pass(keepFor + time.Second)
	if err := l.tidy(); err != nil {
		t.Fatal(err)
	}
	if err := l.Claim(claimOf(c, "one more", "one")); err != nil || len(l.used) != 1 {
		t.Errorf("an hour later: %v, %d remembered", err, len(l.used))
	}
}

// asserted is the writer's table.
type asserted struct {
	err  error
	seen []store.Assertion
}

// ClaimAssertion implements [Assertions].
func (a *asserted) ClaimAssertion(_ context.Context, c store.Assertion) error {
	if a.err != nil {
		return a.err
	}
	for _, s := range a.seen {
		if slices.Equal(s.TokenID, c.TokenID) && s.Attempt != c.Attempt {
			return store.ErrUsed
		}
	}
	a.seen = append(a.seen, c)
	return nil
}

// Whoever a handoff names decides, and nobody in their place.
func TestTheArbiterThatItNames(t *testing.T) {
	c := newClock()
	writer := &asserted{}
	log := openLog(t, LogOptions{Now: c.now})
	var asked []string
	other := errors.New("no answer")
	a := &Arbiters{Self: "busan/busan-1", Log: log, Writer: writer}
	claim := func(arbiter, name, attempt string) error {
		q := claimOf(c, name, attempt)
		q.Arbiter = arbiter
		return a.Claim(t.Context(), q)
	}
	if err := claim("busan/busan-1", "own", "one"); err != nil || len(writer.seen) != 0 {
		t.Errorf("its own: %v, the writer saw %d", err, len(writer.seen))
	}
	if err := claim(Writer, "written", "one"); err != nil || len(writer.seen) != 1 {
		t.Errorf("the writer's: %v", err)
	}
	if err := claim(Writer, "written", "two"); !errors.Is(err, ErrUsed) {
		t.Errorf("the writer's again: %v", err)
	}
	writer.err = store.ErrUnavailable
	if err := claim(Writer, "lost", "one"); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUsed) {
		t.Errorf("without a writer: %v", err)
	}
	if err := claim("busan/busan-2", "theirs", "one"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a node that cannot be asked: %v", err)
	}
	for _, want := range []error{nil, ErrUsed, other} {
		a.Ask = func(_ context.Context, node string, _ Claim) error { asked = append(asked, node); return want }
		err := claim("busan/busan-2", "theirs", "one")
		if expected := map[bool]error{true: ErrUnavailable, false: want}[errors.Is(want, other)]; !errors.Is(err, expected) {
			t.Errorf("a node that says %v: %v", want, err)
		}
	}
	if len(asked) != 3 || asked[0] != "busan/busan-2" {
		t.Errorf("asked %v", asked)
	}
}
