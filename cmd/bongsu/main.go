// Command bongsu is the login broker and its tools.
//
// It owns the words of the command line, exit codes, signals, and how the process
// treats memory. What a command does lives in the packages under broker.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	runtime.MemProfileRate = 0 // nobody can ask for the profile, which would take a MiB
	makeRoom()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
