package health

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// A lane is one step whose outcomes count as they are: our own calls, and what
// the browser of a person we know brought back.
const (
	laneToken = iota
	laneKeys
	laneVerify
	laneUserinfo
	laneCallback
	lanes
)

var laneSteps = [lanes]providers.Step{
	providers.StepToken, providers.StepKeys, providers.StepVerify, providers.StepUserinfo, providers.StepCallback,
}

func laneOf(s providers.Step) int { return slices.Index(laneSteps[:], s) }

// The devices, as records number them.
const devices = 4

var deviceClasses = [devices]device.Class{device.Mobile, device.Desktop, device.App, device.Unknown}

func deviceOf(c device.Class) int {
	if i := slices.Index(deviceClasses[:], c); i >= 0 {
		return i
	}
	return devices - 1
}

// deviceSet is a set of devices, a bit each.
type deviceSet uint8

func (s deviceSet) classes() []device.Class {
	var classes []device.Class
	for i, c := range deviceClasses {
		if s&(1<<i) != 0 {
			classes = append(classes, c)
		}
	}
	return classes
}

// The ages at which starts are asked whether they came back.
const ages = 2

var ageLimits = [ages]time.Duration{20 * time.Second, 60 * time.Second}

// How long people wait: an answer after patience is as good as none, one after
// lateness is felt.
const (
	patience = 8 * time.Second
	lateness = 3 * time.Second
)

// tookLimits are the upper bounds of the latency histogram; what is above the
// last goes into one more bucket.
var tookLimits = [...]time.Duration{
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 350 * time.Millisecond,
	500 * time.Millisecond, 750 * time.Millisecond, time.Second, 1500 * time.Millisecond,
	2 * time.Second, lateness, 4 * time.Second, 5 * time.Second,
	6500 * time.Millisecond, patience, 12 * time.Second,
}

const tooks = len(tookLimits) + 1

func tookOf(d time.Duration) int {
	i, _ := slices.BinarySearch(tookLimits[:], d)
	return i
}

// Where in a sample each number lies.
const (
	cellCalls = 0                              // per lane and device: calls, failed
	cellDue   = cellCalls + lanes*devices*2    // per age and device: starts of that age, lost
	cellTook  = cellDue + ages*devices*2       // latency histogram of answers
	cellSlow  = cellTook + len(tookLimits) + 1 // of the failed: those that were only too late
	cellOurs  = cellSlow + 1                   // refused for our own mistakes
	cellBegun = cellOurs + 1                   // logins begun, whoever began them
	cells     = cellBegun + 1
)

// sample is what one second, or a window of them, added to each number.
type sample [cells]uint32

func callCell(lane, dev int) int { return cellCalls + (lane*devices+dev)*2 }
func dueCell(age, dev int) int   { return cellDue + (age*devices+dev)*2 }

// at reads two cells as a share. The second is signed: see cohort.due.
func (s *sample) at(cell int) share { return share{int(s[cell]), int(int32(s[cell+1]))} }

// late is how many of all answers came later than lateness.
func (s *sample) late() share {
	var l share
	for i, n := range s[cellTook : cellTook+tooks] {
		l.n += int(n)
		if i >= len(tookLimits) || tookLimits[i] > lateness {
			l.failed += int(n)
		}
	}
	return l
}

// p95 is the bound below which 95 % of the answers came, 0 without any.
func (s *sample) p95() time.Duration {
	total := s.late().n
	if total == 0 {
		return 0
	}
	seen := 0
	for i, limit := range tookLimits {
		if seen += int(s[cellTook+i]); seen*100 >= total*95 {
			return limit
		}
	}
	return 2 * tookLimits[len(tookLimits)-1]
}

// window holds the last minute, second by second, and keeps its sums.
type window struct {
	ring  [longWindow]sample
	next  int // where the coming second is written: the oldest one
	short sample
	long  sample
	gone  sample // what the latest push drove out
}

// The windows in seconds: the short one where there is enough to read in it.
const (
	shortWindow = 20
	longWindow  = 60
	busyRate    = 4 // samples a second from which the short window is read: 5, less what chance takes from them
)

// push takes in one second.
func (w *window) push(s *sample) {
	old := &w.ring[w.next]
	w.gone = *old
	recent := &w.ring[(w.next+longWindow-shortWindow)%longWindow]
	for i, n := range s {
		w.long[i] += n - old[i]
		w.short[i] += n - recent[i]
	}
	*old = *s
	w.next = (w.next + 1) % longWindow
}

// stripes are the numbers as logins add to them, in several copies so that
// cores do not wait for each other. They only grow; whoever reads them keeps
// what it saw last.
type stripes struct {
	copies []stripe
	seen   [cells]uint64
}

type stripe struct {
	cells [cells]atomic.Uint64
	_     [64]byte // the next copy begins on another cache line
}

func newStripes() stripes {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < 8 {
		n *= 2
	}
	return stripes{copies: make([]stripe, n)}
}

func (s *stripes) pick() *stripe { return &s.copies[rand.Uint32()&uint32(len(s.copies)-1)] }

// drain adds to into what was counted since the last drain. One goroutine at a
// time.
func (s *stripes) drain(into *sample) {
	for i := range s.seen {
		var total uint64
		for c := range s.copies {
			total += s.copies[c].cells[i].Load()
		}
		if total != s.seen[i] {
			into[i] += uint32(total - s.seen[i])
			s.seen[i] = total
		}
	}
}
