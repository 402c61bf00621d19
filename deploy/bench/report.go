package main

import (
	"fmt"
	"time"
)

// printRow prints one number, with its ratio to the bare server's unless that
// is zero.
func printRow(name string, workers int, r result, bare float64) {
	ratio := ""
	if bare > 0 {
		ratio = fmt.Sprintf("%5.1f %% of bare", 100*r.perCPU()/bare)
	}
	fmt.Printf("%-32s %3d %8.0f %8s %8s %6d  %s\n", name, workers, r.perCPU(),
		r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.failed, ratio)
	if r.first != nil {
		fmt.Println("   first error:", r.first)
	}
}
