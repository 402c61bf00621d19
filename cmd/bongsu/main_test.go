package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bongsu": main, "docker": docker})
}

// The transcripts are the test and the documentation of the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			port, err := freePort(t)
			if err != nil {
				return err
			}
			env.Setenv("PORT", strconv.Itoa(port))
			env.Setenv("ADMIN", "127.0.0.1:"+strconv.Itoa(port+1))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":    exits,
			"await":    await,
			"upstream": upstream,
			"login":    login,
		},
	})
}

// exits runs a command and wants that exit code: exits CODE COMMAND….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// await asks a URL until it answers with 200 and that text: await URL TEXT.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await URL TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		body, err := ask(ctx, args[0])
		if err == nil {
			if !strings.Contains(body, args[1]) {
				ts.Fatalf("%s answers %q, without %q", args[0], body, args[1])
			}
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s: %v", args[0], err)
		case <-again.C:
		}
	}
}

// upstream starts the simulated provider p and says what is known of it in
// variables: it stands in the configuration as an openid provider with that id.
func upstream(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: upstream")
	}
	stop, p, err := newUpstream()
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("BONGSU_PROVIDERS__P__ISSUER", p.Issuer())
	ts.Setenv("BONGSU_PROVIDERS__P__CLIENT_ID", p.Client().ID)
	ts.Setenv("BONGSU_PROVIDERS__P__CLIENT_SECRET", p.Client().Secret)
}

// login logs a person in to the website shop and puts the subject that it is told
// into the variable SUB: login PERSON.
func login(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: login PERSON")
	}
	at, err := url.Parse(ts.Getenv("BONGSU_PROVIDERS__P__ISSUER"))
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	node := &site{issuer: "http://localhost:" + ts.Getenv("PORT"), upstream: at.Host}
	subject, err := node.login(ctx, args[0], "shop", shopSecret)
	if (err != nil) != neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
	ts.Setenv("SUB", subject)
}

func ask(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(body), err
}

// freePort is a port of loopback that nobody listens on, nor on the two behind it.
func freePort(t *testing.T) (int, error) { return freePorts(t, 1, 2) }

// freePorts is a port that nobody listens on, nor on those so far behind it.
func freePorts(t *testing.T, behind ...int) (int, error) {
	for range 20 {
		first, err := listen(t, 0)
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		taken := first.Close()
		for _, by := range behind {
			l, err := listen(t, port+by)
			if err == nil {
				err = l.Close()
			}
			taken = errors.Join(taken, err)
		}
		if taken == nil {
			return port, nil
		}
	}
	return 0, errors.New("no free ports in a row")
}

func listen(t *testing.T, port int) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// A node that does not stop by itself is given up after a while.
func TestBounded(t *testing.T) {
	failed := errors.New("listen: address in use")
	tests := []struct {
		name string
		work func(context.Context) error
		want string
	}{
		{"fails before it is told to stop", func(context.Context) error { return failed }, failed.Error()},
		{"stops when told to", func(ctx context.Context) error { <-ctx.Done(); return nil }, ""},
		{"fails while it stops", func(ctx context.Context) error { <-ctx.Done(); return failed }, failed.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			err := bounded(ctx, time.Minute, tt.work)
			if got := text(err); got != tt.want {
				t.Errorf("bounded: %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("never stops", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		release := make(chan struct{})
		defer close(release)
		err := bounded(ctx, time.Millisecond, func(context.Context) error { <-release; return nil })
		if got := text(err); got != "did not stop within 1ms" {
			t.Errorf("bounded: %q", got)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
