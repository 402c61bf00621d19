//go:build chaos

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestClockRunsAheadAsTheFileSays(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		text  string
		ahead time.Duration
	}{{"", 0}, {"20s\n", 20 * time.Second}, {"-20s\n", -20 * time.Second}} {
		if tt.text != "" {
			if err := os.WriteFile(filepath.Join(dir, clockFile), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		now, err := newClock(dir)
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Until(now()) - tt.ahead; off.Abs() > time.Second {
			t.Errorf("%q: the clock is off by %s", tt.text, off)
		}
	}
}
