//go:build !chaos

package main

import "time"

// newClock is the machine's clock. Only a program that is built for the tests of
// deploy/chaos has another.
func newClock(string) (func() time.Time, error) { return time.Now, nil }
