package clustertest

import (
	"time"

	"go.uber.org/goleak"
)

// patience bounds the wait for what memberlist leaves behind: a probe that is
// under way outlives its node for as long as it waits for an answer, two seconds,
// and up to eight times as long where many nodes have just gone.
const patience = 30 * time.Second

// M runs tests and then lets the probes of nodes that have ended run out.
type M struct{ tests interface{ Run() int } }

// Settled wraps m for a TestMain: goleak.VerifyTestMain(clustertest.Settled(m)).
// The library ends its probes in its own time and says nothing when they have
// ended; whatever is still there after half a minute is a leak.
func Settled(m interface{ Run() int }) *M { return &M{tests: m} }

// Run implements what goleak calls.
func (m *M) Run() int {
	code := m.tests.Run()
	for deadline := time.Now().Add(patience); goleak.Find() != nil && time.Now().Before(deadline); {
	}
	return code
}
