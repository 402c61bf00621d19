package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	goruntime "runtime/metrics"
	"time"
)

// How the program treats memory. What lives on a node's heap is a few MiB, so that
// the runtime's own rule (collect when as much again was allocated) would collect
// dozens of times a second under load, and would keep the room for it at rest.
const (
	restEvery = 5 * time.Second
	// heapFloor is what the heap may grow to before garbage is collected,
	// however little of it lives, in bytes.
	heapFloor = 16 << 20
	// restBelow is what a node allocates at most between two looks while it
	// only follows its timers, and worthIt what it has allocated since it
	// gave memory back last, in bytes.
	restBelow = 1 << 20
	worthIt   = 8 << 20
)

// decided reports whether whoever started the program has said when to collect
// garbage (package runtime).
func decided() bool { return os.Getenv("GOGC") != "" }

// makeRoom gives a command, and the start of a node, room for garbage: both hardly keep
// what they make, and collecting it takes a sixth of the time until a node answers.
func makeRoom() {
	if !decided() {
		debug.SetGCPercent(int(gcPercent(0)))
	}
}

// tend gives a node under load room for garbage, and gives the room back to the
// machine when the load is over, that of its start first.
func tend(ctx context.Context) {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	before := readHeap()
	tidied, percent := uint64(0), uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := readHeap()
		if want := gcPercent(now.live); want != percent && !decided() {
			debug.SetGCPercent(int(want))
			percent = want
		}
		if now.allocated-before.allocated < restBelow && now.allocated-tidied > worthIt {
			giveBack()
			now = readHeap()
			tidied = now.allocated
		}
		before = now
	}
}

// gcPercent is the GOGC with which a heap of so many living bytes grows to
// heapFloor, in steps; 100 where that is too little.
func gcPercent(live uint64) uint64 {
	const least, step, most = 100, 50, 400
	if live >= heapFloor/2 {
		return least
	}
	return min(most, (heapFloor-live)*100/max(live, 1)/step*step)
}

// heap is what the runtime says of its memory, in bytes.
type heap struct{ live, allocated uint64 }

func readHeap() heap {
	samples := []goruntime.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	goruntime.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64()}
}

// giveBack returns what is free to the machine, and what is mapped of the program's
// file: pools need two collections to be emptied.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
	unmapProgram()
}
