package contact

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ago is a moment before noon; never stands for the zero time.
func ago(d time.Duration) time.Time {
	if d == never {
		return time.Time{}
	}
	return noon.Add(-d)
}

const (
	never = time.Duration(-1 << 62)
	s     = time.Second
)

func TestDecide(t *testing.T) {
	tests := []struct {
		name                 string
		wrote, read, changed time.Duration // ago
		heard, sites         int
		want                 Mode
		stale                bool
	}{
		{"a beat just written", 0, 0, 0, 3, 3, Full, false},
		{"a beat of five seconds ago", 5 * s, 0, 0, 3, 3, Full, false},
		{"written, though the replica is gone", s, never, never, 3, 3, Full, false},
		{"written, though no other site is heard", s, 0, 0, 1, 3, Full, false},
		{"written, though the replica stands still", s, 0, time.Hour, 1, 3, Full, false},
		{"a beat older than that, all sites heard", 5*s + 1, 0, 6 * s, 3, 3, WriterLost, false},
		{"never written, two of three heard", never, 0, never, 2, 3, WriterLost, false},
		{"writer lost for an hour: contact is enough", time.Hour, s, time.Hour, 2, 3, WriterLost, false},
		{"a site alone in its deployment is in contact with itself", time.Hour, s, time.Hour, 1, 1, WriterLost, false},
		{"one of two is not more than half", time.Hour, s, 30 * s, 1, 2, CutOff, false},
		{"both of two are", time.Hour, s, 30 * s, 2, 2, WriterLost, false},
		{"two of four are not more than half", time.Hour, s, 30 * s, 2, 4, CutOff, false},
		{"cut off, what the replica holds is S old", time.Hour, 0, 60 * s, 1, 3, CutOff, false},
		{"cut off, S has run out", time.Hour, 0, 60*s + 1, 1, 3, CutOff, true},
		{"cut off, and the replica still follows a writer that this node does not reach", time.Hour, 0, s, 1, 3, CutOff, false},
		{"cut off since the start: nobody knows how old the replica is", never, 0, never, 1, 3, CutOff, true},
		{"the replica answered five seconds ago", time.Hour, 5 * s, 10 * s, 3, 3, WriterLost, false},
		{"no database answers, all sites heard", time.Hour, 5*s + 1, 10 * s, 3, 3, Alone, false},
		{"no database ever answered", never, never, never, 1, 3, Alone, false},
		{"what lies ahead has not been seen", -s, -s, -s, 3, 3, Alone, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mode, stale := Decide(Seen{
				Wrote: ago(tt.wrote), Read: ago(tt.read), Changed: ago(tt.changed), Sites: tt.sites, Heard: tt.heard,
			}, time.Minute, noon)
			if mode != tt.want || stale != tt.stale {
				t.Errorf("got %s, stale %t, want %s, %t", mode, stale, tt.want, tt.stale)
			}
		})
	}
}

// more evidence, or younger, never makes less possible; less never makes more.
func TestMoreEvidenceNeverTakesAnythingAway(t *testing.T) {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return noon.Add(-time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "ago")))
	})
	later := func(t *rapid.T, at time.Time) time.Time {
		other := moment.Draw(t, "instead")
		if other.After(at) {
			return other
		}
		return at
	}
	rapid.Check(t, func(t *rapid.T) {
		sites := rapid.IntRange(1, 9).Draw(t, "sites")
		less := Seen{
			Wrote: moment.Draw(t, "wrote"), Read: moment.Draw(t, "read"), Changed: moment.Draw(t, "changed"),
			Sites: sites, Heard: rapid.IntRange(1, sites).Draw(t, "heard"),
		}
		more := Seen{
			Wrote: later(t, less.Wrote), Read: later(t, less.Read), Changed: later(t, less.Changed),
			Sites: sites, Heard: rapid.IntRange(less.Heard, sites).Draw(t, "more heard"),
		}
		limit := time.Duration(rapid.Int64Range(1, int64(2*time.Minute)).Draw(t, "S"))
		weak, strong := state(less, limit), state(more, limit)
		if weak.Mode < strong.Mode {
			t.Fatalf("%+v gives %s and %+v only %s", less, weak.Mode, more, strong.Mode)
		}
		for _, allowed := range []bool{false, true} {
			if weak.Serves(allowed) && !strong.Serves(allowed) {
				t.Fatalf("%+v serves and %+v does not", less, more)
			}
		}
		if weak.Stale && weak.Mode != CutOff || weak.Writer() != (weak.Mode == Full) {
			t.Fatalf("%+v makes no sense", weak)
		}
		if weak.Serves(false) && !weak.Serves(true) {
			t.Fatalf("%+v takes from those who allow more", weak)
		}
	})
}

func state(seen Seen, limit time.Duration) State {
	mode, stale := Decide(seen, limit, noon)
	return State{Mode: mode, Stale: stale}
}

func TestWhoIsServed(t *testing.T) {
	tests := []struct {
		state        State
		strict, lax  bool
		writer       bool
		name, called string
	}{
		{State{Mode: Full}, true, true, true, "everything works", "full"},
		{State{Mode: WriterLost}, true, true, false, "the writer is lost", "writer_lost"},
		{State{Mode: CutOff}, true, true, false, "cut off within S", "cut_off"},
		{State{Mode: CutOff, Stale: true}, false, true, false, "cut off for longer", "cut_off"},
		{State{Mode: Alone}, false, false, false, "no database", "alone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.state.Serves(false) != tt.strict || tt.state.Serves(true) != tt.lax || tt.state.Writer() != tt.writer {
				t.Errorf("%+v serves %t, with stale allowed %t", tt.state, tt.state.Serves(false), tt.state.Serves(true))
			}
			if got := tt.state.Mode.String(); got != tt.called {
				t.Errorf("it is called %q, not %q", got, tt.called)
			}
		})
	}
}
