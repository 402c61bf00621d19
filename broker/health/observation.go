package health

import (
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// Observation is how one step of a login went, as [Board.Observe] takes it.
type Observation struct {
	Provider string // instance id; an unknown one is ignored
	Step     providers.Step
	Outcome  providers.Outcome
	Took     time.Duration // zero for steps in the browser
	Device   device.Class

	// Marked says that the browser completed a login by this provider before, by
	// a sealed mark of ours. Only such browsers' steps in the browser count.
	Marked  bool
	Browser string    // the mark's random id; only when Marked
	Prefix  string    // prefix of the client's address, /24 or /48, as text; of every step that failed
	Started time.Time // of a callback: when its leg began, authenticated by its state; else zero

	Drill bool // our own drill failed it: nothing is learnt from it
}
