package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

// tourFor is how long the tour may take: less than README promises.
const tourFor = 2 * time.Minute

// step is one row of the tour.
type step struct{ number, do, see string }

// readTour returns the rows of README's tour, for an instance at another port.
func readTour(t *testing.T, port int) []step {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, found := strings.Cut(string(text), "### Kill Kakao, then a site, and still be logged in\n")
	if !found {
		t.Fatal("README has no tour")
	}
	tour, _, _ = strings.Cut(tour, "\n**Bongsu is")
	var moved []string
	for _, usual := range []int{devPort, devPort + 1, devPort + 2} {
		moved = append(moved, "localhost:"+strconv.Itoa(usual), "localhost:"+strconv.Itoa(port+usual-devPort))
	}
	tour = strings.NewReplacer(moved...).Replace(tour)
	var steps []step
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(tour, -1) {
		plain := strings.NewReplacer(`\|`, "|")
		steps = append(steps, step{row[1], plain.Replace(row[2]), plain.Replace(row[3])})
	}
	return steps
}

// acts are what a row asks for: an address to open, an id to press, a command.
var acts = regexp.MustCompile("<(http[^>]+)>|`([^`]+)`")

// tourist does what the tour says, in a browser without scripts and a shell.
type tourist struct {
	t       *testing.T
	ctx     context.Context
	browser *browser.Browser
	said    string // by the last command
}

// do does what stands in a row, from left to right.
func (o *tourist) do(s step) {
	o.t.Helper()
	for _, act := range acts.FindAllStringSubmatch(s.do, -1) {
		switch {
		case act[1] != "":
			o.page(s, func() (*browser.Page, error) { return o.browser.Open(o.ctx, act[1]) })
		case strings.HasPrefix(act[2], "#"):
			o.page(s, func() (*browser.Page, error) { return o.browser.Click(o.ctx, act[2][1:]) })
		default:
			shell := exec.CommandContext(o.ctx, "bash", "-euo", "pipefail", "-c", act[2]) //nolint:gosec // what README says
			said, err := shell.CombinedOutput()
			if err != nil {
				o.t.Fatalf("step %s: %s: %v\n%s", s.number, act[2], err, said)
			}
			o.said = string(said)
		}
	}
}

func (o *tourist) page(s step, visit func() (*browser.Page, error)) {
	o.t.Helper()
	if _, err := visit(); err != nil {
		o.t.Fatalf("step %s: %v", s.number, err)
	}
}

// sees checks what a row promises: an id on the page, or words of the command.
func (o *tourist) sees(s step) {
	o.t.Helper()
	promised := acts.FindAllStringSubmatch(s.see, -1)
	if len(promised) == 0 {
		o.t.Fatalf("step %s promises nothing", s.number)
	}
	for _, see := range promised {
		want, onPage := strings.CutPrefix(see[2], "#")
		switch page := o.browser.Page(); {
		case want == "sub":
		case onPage && !page.Has(want):
			o.t.Fatalf("step %s: no %s at %s: %s", s.number, want, page.URL, page.Text())
		case !onPage && !strings.Contains(o.said, want):
			o.t.Fatalf("step %s: no %s in %s", s.number, want, o.said)
		}
	}
}

// README's tour, as it stands there: the command is a process, the commands are a
// shell's, the clicks a browser's.
func TestTour(t *testing.T) {
	port, err := freePorts(t, 1, 2, 10, 11, 20, 21, 30, 31)
	if err != nil {
		t.Fatal(err)
	}
	steps := readTour(t, port)
	if len(steps) < 5 {
		t.Fatalf("the tour has %d steps", len(steps))
	}
	ctx, cancel := context.WithTimeout(t.Context(), tourFor)
	defer cancel()
	o := &tourist{t: t, ctx: ctx, browser: browser.New(browser.Options{Language: "en"})}
	defer o.browser.Close()

	first, args := steps[0], strings.Fields(strings.Trim(steps[0].do, "`"))
	if len(args) < 4 || strings.Join(args[:3], " ") != "go run ./cmd/bongsu" {
		t.Fatalf("the tour begins with %s", first.do)
	}
	log := &logLines{}
	process := &exec.Cmd{ // this test binary is bongsu when it is called so
		Path: os.Args[0], Args: append(append([]string{"bongsu"}, args[3:]...), "--port", strconv.Itoa(port)), Stdout: log, Stderr: log,
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	t.Cleanup(func() { _ = process.Process.Kill() }) // an error: it has ended
	began := time.Now()
	running := &site{t: t, log: log}
	running.await(first.see, func() bool { return strings.Contains(log.String(), strings.Trim(first.see, "`")) })
	for _, s := range steps[1:] {
		o.do(s)
		o.sees(s)
	}
	t.Logf("the tour took %s", time.Since(began).Round(time.Second))
	if err := process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v: %s", err, log)
	}
}

// The addresses of the tour are those that dev mode has when it is not told others.
func TestTourIsAtTheUsualPorts(t *testing.T) {
	for _, s := range readTour(t, devPort) {
		for _, act := range acts.FindAllStringSubmatch(s.do, -1) {
			at, err := url.Parse(act[1])
			if err != nil || act[1] != "" && at.Port() != strconv.Itoa(devPort+1) {
				t.Errorf("step %s opens %s", s.number, act[1])
			}
		}
	}
}
