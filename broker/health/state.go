package health

import (
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// State is what is known of a provider.
type State uint8

// The states. Unknown is not Up: it is the absence of evidence.
const (
	Unknown  State = iota
	Up             // works
	Degraded       // slow, failing for some, or just coming back
	Down           // does not work
)

var stateTexts = [...]string{"unknown", "up", "degraded", "down"}

// String returns "unknown", "up", "degraded" or "down".
func (s State) String() string {
	if int(s) < len(stateTexts) {
		return stateTexts[s]
	}
	return fmt.Sprintf("state(%d)", s)
}

// MarshalText implements [encoding.TextMarshaler].
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. The error says which
// word is no state.
func (s *State) UnmarshalText(text []byte) error {
	for i, word := range stateTexts {
		if word == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("health: %q is no state", text)
}

// Cause says why a verdict is what it is, where that is more than its state.
type Cause string

// The causes.
const (
	CauseNone     Cause = ""         // the state says it all
	CauseProvider Cause = "provider" // it fails here, and no other site says otherwise
	CauseCutOff   Cause = "cut_off"  // it fails here and works from elsewhere
	CauseIsolated Cause = "isolated" // much fails here, the canaries too: the trouble is this site's network
	CausePeers    Cause = "peers"    // other sites say it is down; our own probe has not answered yet
	CausePartial  Cause = "partial"  // it fails for some devices, or one step fails that a login can do without
	CauseSlow     Cause = "slow"     // it answers later than people wait
	CauseOurs     Cause = "ours"     // it refuses our credentials or settings: page the operator; never told to others
	CauseTrial    Cause = "trial"    // it was down; a small share of logins tries whether it is back
	CauseRamp     Cause = "ramp"     // it is back; its share grows step by step
	CauseFlapping Cause = "flapping" // it went down too often lately to be given all logins again
)

// Verdict is what a site holds of one provider.
type Verdict struct {
	Provider string `json:"provider"` // instance id
	State    State  `json:"state"`
	Cause    Cause  `json:"cause,omitempty"`

	// Weight is the share of logins, above 0 and up to 1, in which the provider
	// keeps a place that it holds on a menu.
	Weight float64 `json:"weight"`
	// Trial is set when a provider that is Down is being tried: in the share
	// Weight of the logins it is as usable as one that is up.
	Trial bool `json:"trial,omitempty"`
	// Suspected is set while something speaks against the provider, whether or
	// not it is enough for a verdict: probes should hurry.
	Suspected bool `json:"suspected,omitempty"`

	// Ours is set while the provider refuses our credentials, settings or quota:
	// page the operator. It is never told to other sites.
	Ours bool `json:"ours,omitempty"`

	Step    providers.Step `json:"step,omitempty"`    // the worst step; empty when none fails
	Devices []device.Class `json:"devices,omitempty"` // the devices it fails for, when not for all; read-only

	Since   time.Time `json:"since"`   // when State became what it is
	Checked time.Time `json:"checked"` // the latest local evidence of either kind; zero when there was none
}

// For returns the verdict for one device: where the provider fails for some
// devices only, it is up for the others.
func (v Verdict) For(class device.Class) Verdict {
	if v.State == Degraded && v.Cause == CausePartial && len(v.Devices) > 0 && !slices.Contains(v.Devices, class) {
		v.State, v.Cause, v.Weight, v.Step, v.Devices = Up, CauseNone, 1, "", nil
	}
	return v
}

// Transition is a change of a provider's state at this site.
type Transition struct {
	Provider string         `json:"provider"`
	From     State          `json:"from"`
	To       State          `json:"to"`
	Cause    Cause          `json:"cause,omitempty"`
	Step     providers.Step `json:"step,omitempty"`
	At       time.Time      `json:"at"`
}
