//go:build linux

package machines

import (
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// Process is a program that runs.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // then: how
}

// Start starts a command, such as one of [Network.Command].
func Start(cmd *exec.Cmd) (*Process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	go func() { p.err = cmd.Wait(); close(p.ended) }()
	return p, nil
}

// ID is the process's.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err is how it has ended; only after [Process.Ended].
func (p *Process) Err() error { return p.err }

// Kill ends the process as a power cut would, and waits until it is gone. It is no
// error that it was.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Freeze stops the process as a machine does that swaps: connections are taken
// and nothing is answered.
func (p *Process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw undoes [Process.Freeze].
func (p *Process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Stop stops the process as an operator does; what does not stop in time is
// killed, and is an error, as is any exit code but 0.
func (p *Process) Stop(within time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which its exit code tells
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.ended:
		return p.err
	case <-late.C:
		p.Kill()
		return fmt.Errorf("it did not stop within %s", within)
	}
}
