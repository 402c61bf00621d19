package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serverCore is where servers run; everything else runs on the other.
const serverCore = "0"

// ticks per second of /proc/PID/stat, fixed on Linux.
const ticks = 100

// process is a server under measurement, pinned to one core.
type process struct {
	cmd *exec.Cmd
	// also are processes whose time counts too: the database's.
	also func() []int
}

// start runs a command on the server's core with GOMAXPROCS left alone.
func start(ctx context.Context, out *os.File, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", serverCore, name}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{cmd: cmd}, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// cpu is the time the server and its database have used so far.
func (p *process) cpu() time.Duration {
	pids := []int{p.cmd.Process.Pid}
	if p.also != nil {
		pids = append(pids, p.also()...)
	}
	var total time.Duration
	for _, pid := range pids {
		total += cpuOf(pid)
	}
	return total
}

func cpuOf(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0
	}
	var total int
	for _, field := range fields[11:15] { // own and waited-for children's user and system time
		n, _ := strconv.Atoi(field)
		total += n
	}
	return time.Duration(total) * time.Second / ticks
}

// memory is what a server holds of the machine's, in MiB: resident in all, and
// what of it is its own. The rest are pages of the program's file, which the
// machine reads again when it needs the room.
type memory struct{ resident, own float64 }

// String says it in a line.
func (m memory) String() string { return fmt.Sprintf("%.0f MiB (%.0f its own)", m.resident, m.own) }

func (p *process) memory() memory {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return memory{}
	}
	lines := make(map[string]float64)
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, ":")
		if fields := strings.Fields(value); len(fields) == 2 && fields[1] == "kB" {
			kb, _ := strconv.Atoi(fields[0])
			lines[name] = float64(kb) / 1024
		}
	}
	return memory{lines["VmRSS"], lines["RssAnon"]}
}

// children are the processes below pid.
func children(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(strings.Split(name, "/")[2])
			found = append(found, child)
		}
	}
	return found
}

// awaitAnswer polls url until it answers 200 and returns how long that took.
func awaitAnswer(ctx context.Context, url string) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, errors.Join(errors.New("the server does not answer"), err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// freePort is a port that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
