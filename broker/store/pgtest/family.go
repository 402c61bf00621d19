package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Signal sends sig to the server whose first process is pid and then to its
// children, until none is left that did not get it. It returns whom it was sent to.
func Signal(pid int, sig syscall.Signal) []int {
	sent := []int{pid}
	_ = syscall.Kill(pid, sig) // it may be gone
	if sig == syscall.SIGSTOP {
		for state := stateOf(pid); state != 'T' && state != 'Z' && state != 0; state = stateOf(pid) {
			// Until then it may get another child.
			pause(context.Background())
		}
	}
	for {
		news := false
		for _, child := range children(pid) {
			if !slices.Contains(sent, child) {
				_ = syscall.Kill(child, sig)
				sent, news = append(sent, child), true
			}
		}
		if !news {
			return sent
		}
	}
}

// Kill ends the server whose first process is pid, and all its children, at once,
// and waits until they are gone; reap collects pid, which is a child of the
// caller. They are stopped first: as soon as their parent is gone nobody can tell
// whose children they were.
func Kill(pid int, reap func()) {
	family := Signal(pid, syscall.SIGSTOP)
	for _, member := range family {
		_ = syscall.Kill(member, syscall.SIGKILL)
	}
	reap()
	for slices.ContainsFunc(family, running) {
		pause(context.Background())
	}
}

// children looks at every process: what the kernel lists as the children of one
// may lack some while others end.
func children(pid int) []int {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var found []int
	for _, path := range all {
		fields := statOf(path)
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, child)
		}
	}
	return found
}

// statOf returns what stands behind the name in a process's stat: its state, its
// parent and more. Nil: there is no such process.
func statOf(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// stateOf returns the letter of a process's state; 0: there is no such process.
func stateOf(pid int) byte {
	if fields := statOf(fmt.Sprintf("/proc/%d/stat", pid)); len(fields) > 0 {
		return fields[0][0]
	}
	return 0
}

// running reports whether the process lives; a zombie does not.
func running(pid int) bool {
	state := stateOf(pid)
	return state != 0 && state != 'Z' && state != 'X'
}
