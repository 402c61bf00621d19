//go:build linux

package netns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// command is the program on the site's machine.
func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := s.Command(ctx, s.name, s.program, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "SSL_CERT_FILE=" + s.files.Root, "SSL_CERT_DIR=" + s.dir}
	return cmd
}

// run runs a command of the program and returns what it prints.
func (s *site) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandWithin)
	defer cancel()
	cmd := s.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: bongsu %s: %w: %s%s", s.name, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
}

func (s *site) mustRun(args ...string) string {
	s.t.Helper()
	out, err := s.run(args...)
	s.must(err)
	return out
}

// start starts the process and waits until a login would succeed.
func (s *site) start() error {
	cmd := s.command(context.Background(), "serve", "--config", s.config())
	cmd.Stdout, cmd.Stderr = s.log, s.log
	r, err := machines.Start(cmd)
	if err != nil {
		return err
	}
	s.running = r

	late := time.NewTimer(readyWithin)
	defer late.Stop()
	for {
		_, err := s.ask(context.Background(), "/readyz")
		if err == nil {
			return nil
		}
		select {
		case <-r.Ended():
			return fmt.Errorf("%s ended: %w: %s", s.name, r.Err(), s.tail())
		case <-late.C:
			return fmt.Errorf("%s is not ready after %s: %w: %s", s.name, readyWithin, err, s.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// kill ends the process as a power cut would.
func (s *site) kill() {
	s.running.Kill()
	s.running = nil
}

// freeze stops the process as a machine does that swaps: connections are taken
// and nothing is answered.
func (s *site) freeze() { s.t.Helper(); s.must(s.running.Freeze()) }

// thaw undoes freeze.
func (s *site) thaw() { s.t.Helper(); s.must(s.running.Thaw()) }

// end stops the process as an operator does, and says what it logged if the test
// failed.
func (s *site) end() {
	s.admin.CloseIdleConnections()
	if s.running != nil {
		s.stop(s.running)
	}
	if s.t.Failed() {
		s.t.Logf("%s logged last: %s", s.name, s.tail())
	}
	if err := s.log.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *site) stop(r *machines.Process) {
	if err := r.Stop(stopWithin); err != nil {
		s.t.Errorf("%s ended with %v", s.name, err)
	}
}

// tail is the end of the log.
func (s *site) tail() string {
	const most = 4 << 10
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// ask asks the admin listener, from the machine itself, as an operator.
func (s *site) ask(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+adminAddress+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.secret)
	answer, err := s.admin.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s answers %s: %s", s.name, path, answer.Status, body)
	}
	return body, err
}

// health is what the site knows, as bongsu health gets it.
func (s *site) health(ctx context.Context) (h admin.Health, err error) {
	body, err := s.ask(ctx, "/admin/health")
	if err == nil {
		err = json.Unmarshal(body, &h)
	}
	return h, err
}

// explain is every number behind the site's verdicts, for whoever reads a
// failure.
func (s *site) explain() string {
	var text strings.Builder
	for _, way := range ownWays {
		out, err := s.run("health", "explain", way, "--config", s.config())
		fmt.Fprintf(&text, "\n%s%v", out, err)
	}
	return text.String()
}
