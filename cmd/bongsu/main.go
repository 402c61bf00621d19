// Command bongsu is the login broker and its tools.
//
// It owns the words of the command line, exit codes and signals. What a command
// does lives in the packages under broker.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// startRoom is the GOGC of commands and of a start, which hardly keep what they make:
// collecting it takes a sixth of the time until a node answers. A node that serves
// chooses for itself from then on.
const startRoom = 400

func main() {
	runtime.MemProfileRate = 0 // nobody can ask for the profile, which would take a MiB
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(startRoom)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
