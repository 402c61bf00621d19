//go:build !chaos

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What has the program of the chaos tests run ahead is nothing to the program.
func TestClockIsTheMachinesOwn(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "clock"), []byte("1h"), 0o600); err != nil {
		t.Fatal(err)
	}
	now, err := newClock(dir)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if said := now(); said.Before(before) || said.After(time.Now()) {
		t.Errorf("the clock says %s at %s", said, before)
	}
}
