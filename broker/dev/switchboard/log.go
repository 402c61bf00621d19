package switchboard

import (
	"sync"
	"time"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	Ready           Kind = "ready"            // Detail is how long it took
	FaultSet        Kind = "fault.set"        // Detail is the fault
	FaultCleared    Kind = "fault.cleared"    // Detail was the fault
	PageShown       Kind = "page.shown"       // a person is at a provider's page
	PersonDeclined  Kind = "person.declined"  // … and said no there
	StepFailed      Kind = "step.failed"      // Detail is step and outcome
	StateDown       Kind = "state.down"       // a broker found out; Detail is the cause
	StateDegraded   Kind = "state.degraded"   // … that it is slow or unsteady
	StateUp         Kind = "state.up"         // … that it works again
	LegFailed       Kind = "leg.failed"       // the person is back at the menu; Detail is why
	AccountOpened   Kind = "account.opened"   // by the person's yes
	LoginCompleted  Kind = "login.completed"  // Client has its code
	LoginRefused    Kind = "login.refused"    // Client has an error; Detail is which
	SamePerson      Kind = "demo.same"        // the demo website saw the same sub again
	AnotherPerson   Kind = "demo.another"     // … or another one
	SessionEnded    Kind = "session.ended"    // a person logged out
	CodeReplayed    Kind = "code.replayed"    // what the code gave is revoked
	CodeMisused     Kind = "code.misused"     // Detail is the error
	ClientRefused   Kind = "client.refused"   // Detail is why
	CallbackRefused Kind = "callback.refused" // Detail is why
	TurnedDead      Kind = "site.dead"        // Site is so from now on
	TurnedFrozen    Kind = "site.frozen"
	TurnedCut       Kind = "site.cut"
	TurnedOK        Kind = "site.ok"
	WriterMoved     Kind = "writer.moved" // to Site
)

// Event is one thing that happened in this instance.
type Event struct {
	Number   int64     `json:"number"` // 1 and up, without gaps
	Time     time.Time `json:"time"`
	Kind     Kind      `json:"kind"`
	Site     string    `json:"site,omitempty"` // which one it is about or whose broker tells it, where there are several
	Provider string    `json:"provider,omitempty"`
	Client   string    `json:"client,omitempty"`
	Detail   string    `json:"detail,omitempty"` // from a closed set for each kind
}

// MaxEvents bounds how many events a [Log] keeps.
const MaxEvents = 200

// Log keeps the last [MaxEvents] events. It is safe for concurrent use.
type Log struct {
	now func() time.Time

	mu     sync.Mutex
	events []Event // oldest first
	number int64
}

// NewLog returns an empty log; now is its clock.
func NewLog(now func() time.Time) *Log { return &Log{now: now} }

// Add notes that e happened now. Number and Time are the log's to set.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	e.Number, e.Time = l.number, l.now().UTC()
	if len(l.events) == MaxEvents {
		copy(l.events, l.events[1:])
		l.events = l.events[:MaxEvents-1]
	}
	l.events = append(l.events, e)
}

// After returns the events with a number above number, newest first.
func (l *Log) After(number int64) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Event{}
	for i := len(l.events) - 1; i >= 0 && l.events[i].Number > number; i-- {
		found = append(found, l.events[i])
	}
	return found
}
