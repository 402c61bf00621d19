//go:build linux

package chaos

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What deploy/chaos.sh hands on.
var (
	seed = flag.Uint64("seed", 0, "play this seed alone; 0: the fixed three")
	soak = flag.Duration("soak", 0, "play one seed after another for so long")
	logs = flag.String("logs", "", "keep what brokers log in this folder")
)

// fixedSeeds are of one deck: together they play every fault once.
var fixedSeeds = []uint64{3, 4, 5}

// The configured bounds; the promises are held to three times these.
const (
	factsWithin = 5 * time.Second  // R of the design
	fixedStale  = 10 * time.Second // S in the fixed seeds
	soakStale   = 60 * time.Second
	bound       = 3

	backWithin = 30 * time.Second // from healing until every site is back in full
)

// staleClient is the website that accepts old news.
const staleClient = "travel"

// maxAhead bounds how far the clock of a broker is off.
const maxAhead = 20 * time.Second
