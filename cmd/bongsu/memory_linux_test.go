package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What was taken out of the process is mapped again when it runs: after memory was
// given back the process holds less of its program's file, and goes on.
func TestAProgramAtRestHoldsLessOfItsFile(t *testing.T) {
	before := residentFile(t)
	giveBack()
	if after := residentFile(t); after >= before {
		t.Errorf("%d kB of files are mapped after memory was given back, %d kB before", after, before)
	}
	if now := readHeap(); now.live == 0 || now.allocated < now.live {
		t.Errorf("%+v", now)
	}
}

// residentFile is what is mapped of files now, in kB (proc_pid_status(5)).
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(status), "RssFile:")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		t.Fatalf("no RssFile in %s", status)
	}
	kilobytes, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes
}
