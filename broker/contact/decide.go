package contact

import "time"

// beatFresh is how long a beat that was written, or read from the replica, shows
// that the database is there.
const beatFresh = 5 * time.Second

// Mode is what is left of the deployment, seen from this node: a row of "What
// works when".
type Mode uint8

// The modes, from the one in which everything works.
const (
	Full       Mode = iota // the writer takes writes: it is the arbiter
	WriterLost             // it does not; the replica answers, and most sites are in contact
	CutOff                 // the replica answers; most sites are not in contact
	Alone                  // no database answers
)

// Modes are all modes, in their order.
var Modes = [...]Mode{Full, WriterLost, CutOff, Alone}

// String is the mode's name in logs, metrics and commands.
func (m Mode) String() string {
	switch m {
	case Full:
		return "full"
	case WriterLost:
		return "writer_lost"
	case CutOff:
		return "cut_off"
	}
	return "alone"
}

// State is the mode at one moment, and since when. It is a value and never
// changes.
type State struct {
	Mode  Mode
	Since time.Time // by this node's clock
	// Stale is of CutOff alone: what the replica holds is older than S, or nobody
	// knows how old it is. Only clients that allow it are served then.
	Stale bool
}

// Writer reports whether the writer is the arbiter of what is made now.
func (s State) Writer() bool { return s.Mode == Full }

// Serves reports whether people with an account may log in now to a client,
// whose own word is whether stale is allowed. Alone serves nobody whom the
// database would have to know.
func (s State) Serves(staleAllowed bool) bool {
	switch s.Mode {
	case Full, WriterLost:
		return true
	case CutOff:
		return !s.Stale || staleAllowed
	}
	return false
}

// Means is what the state means for people, in one line for operators.
func (s State) Means() string {
	switch {
	case s.Mode == Full:
		return "the database's writer takes writes: everything works"
	case s.Mode == WriterLost:
		return "the database's writer is lost: people with an account log in, nothing new is decided"
	case s.Mode == CutOff && !s.Stale:
		return "this site is cut off from the others: people with an account log in by what its replica knows, nothing new is decided"
	case s.Mode == CutOff:
		return "this site is cut off for longer than contact.stale_after: people log in only to websites that allow it"
	}
	return "no database answers: nobody logs in whom the database would have to know"
}

// Seen is what the mode is decided from. Times are when the question was asked
// whose answer is meant; the zero time is never.
type Seen struct {
	Wrote   time.Time // a beat of this node's own was written
	Read    time.Time // the replica told its beat
	Changed time.Time // the replica told another beat than before
	Sites   int       // configured; at least 1
	Heard   int       // of these, with a signed record that has not expired; this one included
}

// Decide is the table: it returns mode and staleness at now, where what a replica
// holds may be as old as staleAfter. It has no memory.
func Decide(s Seen, staleAfter time.Duration, now time.Time) (mode Mode, stale bool) {
	switch {
	case within(s.Wrote, beatFresh, now):
		return Full, false
	case !within(s.Read, beatFresh, now):
		return Alone, false
	case s.Heard*2 > s.Sites:
		return WriterLost, false
	}
	return CutOff, !within(s.Changed, staleAfter, now)
}

// within reports whether at lies no longer than limit before now. What was never
// is not, and neither is what lies ahead: no monotonic clock says so.
func within(at time.Time, limit time.Duration, now time.Time) bool {
	age := now.Sub(at)
	return !at.IsZero() && age >= 0 && age <= limit
}
