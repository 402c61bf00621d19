//go:build linux

package chaos

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/deploy/netns/machines"
)

const (
	nodeDisk      = "12m" // of a broker's data directory; it needs a tenth
	readyWithin   = 30 * time.Second
	stopWithin    = 20 * time.Second
	commandWithin = 30 * time.Second
)

// binary names the program, which was built with the tag chaos.
const binary = "BONGSU_TEST_BINARY"

// node is a broker process on its site's machine.
type node struct {
	*world

	site    string
	number  int // 1 or 2
	dir     string
	address string // of its public listener
	admin   string // of the other, on the machine's own loopback
	log     *os.File
	asks    *http.Client // its admin listener

	running *machines.Process

	up atomic.Bool // the front door sends people here
}

func (n *node) name() string   { return fmt.Sprintf("%s-%d", n.site, n.number) }
func (n *node) config() string { return filepath.Join(n.dir, n.name()+".yaml") }
func (n *node) data() string   { return filepath.Join(n.world.dir, n.site, "data", n.name()) }

// newNode puts a node beside what bongsu init wrote for its site.
func (w *world) newNode(site string, number int) *node {
	w.t.Helper()
	n := &node{world: w, site: site, number: number, dir: w.siteDir(site), admin: fmt.Sprintf("127.0.0.1:909%d", number)}
	n.address = net.JoinHostPort(w.Address(site), "443")
	if number == 2 {
		n.address = net.JoinHostPort(w.Second(site), "443")
	}
	w.mount(n.data(), nodeDisk)
	var err error
	n.log, err = os.Create(filepath.Join(cmp.Or(*logs, w.dir), n.name()+".log"))
	w.must(err)
	n.asks = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, DialContext: w.dialer(site),
	}}
	w.t.Cleanup(n.end)
	return n
}

func (w *world) siteDir(site string) string { return filepath.Join(w.dir, site, "broker") }

// command runs the program on the node's machine.
func (w *world) program(ctx context.Context, site string, args ...string) (string, error) {
	cmd := w.Command(ctx, site, os.Getenv(binary), args...)
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "SSL_CERT_FILE=" + w.files.Root, "SSL_CERT_DIR=" + w.dir}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: bongsu %s: %w: %s%s", site, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
}

// start starts the process; it may take a while to be ready.
func (n *node) start() error {
	cmd := n.Command(context.Background(), n.site, os.Getenv(binary), "serve", "--config", n.config())
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir, n.log, n.log
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir, "SSL_CERT_FILE=" + n.files.Root, "SSL_CERT_DIR=" + n.dir,
		"GOMAXPROCS=2", "GOGC=200",
	}
	p, err := machines.Start(cmd)
	if err == nil {
		n.running = p
	}
	return err
}

// alive tells whether the process is there, frozen or not.
func (n *node) alive() bool {
	if n.running == nil {
		return false
	}
	select {
	case <-n.running.Ended():
		return false
	default:
		return true
	}
}

func (n *node) kill() {
	if n.running != nil {
		n.running.Kill()
		n.running = nil
	}
}

// skew has the node's clock run ahead from its next start on.
func (n *node) skew(ahead time.Duration) error {
	path := filepath.Join(n.data(), "clock")
	if ahead == 0 {
		return os.Remove(path)
	}
	return os.WriteFile(path, []byte(ahead.String()), 0o600)
}

// ready asks whether the node would serve, as a load balancer does.
func (n *node) ready(ctx context.Context) error {
	_, err := n.ask(ctx, "/readyz")
	return err
}

func (n *node) ask(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := n.asks.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s answers %s: %s", n.name(), path, answer.Status, body)
	}
	return body, err
}

// awaitReady waits until the node is ready.
func (n *node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := n.ready(ctx)
		if err == nil {
			return nil
		}
		if !n.alive() {
			return fmt.Errorf("%s has ended: %s", n.name(), tailOf(n.log.Name()))
		}
		if !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%s is not ready: %w: %s", n.name(), err, tailOf(n.log.Name()))
		}
	}
}

// end stops the process as an operator does, and says what it logged if the test
// failed.
func (n *node) end() {
	n.asks.CloseIdleConnections()
	if n.alive() {
		if err := n.running.Stop(stopWithin); err != nil {
			n.t.Errorf("%s ended with %v", n.name(), err)
		}
	}
	if n.t.Failed() {
		n.t.Logf("%s logged last: %s", n.name(), tailOf(n.log.Name()))
	}
	n.check(n.log.Close())
}
