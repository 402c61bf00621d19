//go:build chaos

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clockFile says in a node's data directory how far its clock is ahead, such as
// 20s or -20s.
const clockFile = "clock"

// newClock is the machine's clock, ahead by what the file says when the node
// starts. It does not change while the node runs: what is taken on it stays as far
// apart as it was, as on a machine whose clock nobody sets right.
func newClock(dir string) (func() time.Time, error) {
	text, err := os.ReadFile(filepath.Join(dir, clockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Now, nil
	}
	if err != nil {
		return nil, err
	}
	ahead, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clockFile, err)
	}
	return func() time.Time { return time.Now().Add(ahead) }, nil
}
