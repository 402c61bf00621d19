//go:build linux

package chaos

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// report is a test that says once more at its very end what failed, below all that
// nodes and databases logged: the end is what is left of a long output.
type report struct {
	*testing.T

	mu     sync.Mutex
	failed []string
}

// newReport is to be made before anything is cleaned up.
func newReport(t *testing.T) *report {
	r := &report{T: t}
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.failed) > 0 {
			t.Logf("what failed:\n\t%s", strings.Join(r.failed, "\n\t"))
		}
	})
	return r
}

func (r *report) note(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, text)
	return text
}

func (r *report) Error(args ...any) {
	r.Helper()
	r.T.Error(r.note(fmt.Sprint(args...)))
}

func (r *report) Errorf(format string, args ...any) {
	r.Helper()
	r.T.Error(r.note(fmt.Sprintf(format, args...)))
}

func (r *report) Fatal(args ...any) {
	r.Helper()
	r.T.Fatal(r.note(fmt.Sprint(args...)))
}

func (r *report) Fatalf(format string, args ...any) {
	r.Helper()
	r.T.Fatal(r.note(fmt.Sprintf(format, args...)))
}
