package main

import (
	"fmt"
	"time"
)

// printHeader prints what the columns of the rows are.
func printHeader() {
	fmt.Printf("%-32s %3s %9s %8s %8s %6s  %12s %s\n", "", "n", "per CPU-s", "p50", "p99", "errors", "of bare", "(before, after)")
}

// printRow prints one number, with its ratio to the bare server's beside it.
func printRow(name string, workers int, r result, near beside) {
	fmt.Printf("%-32s %3d %9.0f %8s %8s %6d  %10.1f %% (%.0f, %.0f)\n", name, workers, r.perCPU(),
		r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.failed, near.ratio(r), near.before, near.after)
	if r.commits > 0 && r.done > 0 {
		fmt.Printf("   %.2f transactions each at the database\n", float64(r.commits)/float64(r.done))
	}
	if r.first != nil {
		fmt.Println("   first error:", r.first)
	}
}
