package main

import (
	"fmt"
	"time"
)

// printHeader prints what the columns of the rows are.
func printHeader() {
	fmt.Printf("%-32s %3s %9s %8s %8s %6s  %8s  %-13s %s\n", "", "n", "per CPU-s", "p50", "p99", "errors", "of bare", "(parts)", "bare")
}

// printRow prints one number, with its ratio to the bare server's beside it, and
// the lowest and highest of its parts.
func printRow(name string, workers int, r beside) {
	fmt.Printf("%-32s %3d %9.0f %8s %8s %6d  %6.1f %%  %-13s %.0f\n", name, workers, r.perCPU(),
		r.percentile(50).Round(10*time.Microsecond), r.percentile(99).Round(10*time.Microsecond), r.failed,
		ratio(r.result, r.bare), fmt.Sprintf("(%.1f-%.1f)", r.low, r.up), r.bare.perCPU())
	if r.commits > 0 && len(r.took) > 0 {
		fmt.Printf("   %.2f transactions each at the database\n", float64(r.commits)/float64(len(r.took)))
	}
	if r.first != nil {
		fmt.Println("   first error:", r.first)
	}
}
