package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// unmapProgram takes the pages of the program's own file out of this process: the
// machine keeps them in its cache, and what runs again is mapped again, without being
// read, when it does. Without it a node at rest holds what its start (the parser of
// migrations, templates, commands) and its last load touched, and 64 KiB around each.
// It changes what the process is said to hold more than what the machine has free.
func unmapProgram() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer func() { _ = maps.Close() }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var may string
		if !strings.HasSuffix(lines.Text(), " "+program) {
			continue
		}
		// What may be written to is this process's own, and stays.
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &may); err == nil && strings.HasPrefix(may, "r-") {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED) // or they stay
		}
	}
}
