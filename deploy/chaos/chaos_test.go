//go:build linux

package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestChaos plays the fixed seeds, or what deploy/chaos.sh was asked for, below
// people who log in all the time, and holds all that they saw against the
// promises.
func TestChaos(t *testing.T) {
	began := time.Now()
	stale := fixedStale
	if *soak > 0 {
		stale = soakStale
	}
	w := newWorld(t)
	s := &stage{door: newDoor(newFleet(w, stale)), history: &history{}, stale: stale}
	c := newCrowd(s)
	t.Logf("founded and settled in %s", time.Since(began).Round(100*time.Millisecond))
	c.start()
	ctx := t.Context()
	if missing := c.inFull(ctx); missing != "" {
		w.t.Fatalf("before the first fault: %s", missing)
	}
	wait(ctx, calm)
	switch {
	case *soak > 0:
		for next := *seed; time.Since(began) < *soak && ctx.Err() == nil; next++ {
			c.play(ctx, next)
		}
	case *seed > 0:
		c.play(ctx, *seed)
	default:
		c.killedAtEachStep(ctx)
		for _, next := range fixedSeeds {
			c.play(ctx, next)
		}
	}
	c.finish()
	c.audit(ctx)
	c.judge()
	t.Logf("all of it took %s", time.Since(began).Round(100*time.Millisecond))
}

const calm = 3 * time.Second // before the first fault

// play plays the schedule of a seed.
func (c *crowd) play(ctx context.Context, seed uint64) {
	c.t.Helper()
	began := time.Now()
	acts := schedule(seed)
	var text strings.Builder
	for i, a := range acts {
		if a.kind == siteCut {
			acts[i].hold = cutHolds(c.stale)
		}
		fmt.Fprintf(&text, "\n\t%s", acts[i])
	}
	c.t.Logf("seed %d:%s", seed, text.String())
	for _, a := range acts {
		c.perform(ctx, a)
	}
	c.t.Logf("seed %d took %s", seed, time.Since(began).Round(100*time.Millisecond))
}

// perform plays one act until everything is back.
func (c *crowd) perform(ctx context.Context, a act) {
	c.t.Helper()
	w := window{fault: a.kind, began: c.at()}
	heal, err := c.strike(ctx, a)
	c.must(err)
	c.history.note(func(h *history) { h.windows = append(h.windows, w) })
	wait(ctx, a.hold)
	c.must(heal(ctx))
	w.healed = c.at()
	w.why = c.inFull(ctx)
	if w.why == "" {
		w.back = c.at()
	}
	c.history.note(func(h *history) { h.windows[len(h.windows)-1] = w })
	c.t.Logf("%s: struck at %s, healed after %s, back %s later; %s is the writer", a.kind, short(w.began), short(w.healed-w.began), short(c.at()-w.healed), c.databases.leader().site)
	if w.why != "" {
		c.t.Errorf("after %s not everything is back: %s", a.kind, w.why)
	}
}

const shown = 12 // of what breaks one promise

// judge holds the history against the promises and prints the table.
func (c *crowd) judge() {
	c.t.Helper()
	h := c.history
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, check := range checks() {
		wrong := check.look(h, c.stale)
		for _, text := range wrong[:min(len(wrong), shown)] {
			c.t.Errorf("%s: %s", check.name, text)
		}
		if len(wrong) > shown {
			c.t.Errorf("%s: and %d more", check.name, len(wrong)-shown)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n%-66s %6s %6s %6s %6s %6s %6s  %s", "fault", "tried", "once", "click", "more", "retry", "lost", "promised")
	for _, r := range table(h.logins, h.windows) {
		tried := 0
		for _, n := range r.counts {
			tried += n
		}
		name := r.fault
		if name == "" {
			name = "none"
		}
		fmt.Fprintf(&text, "\n%-66s %6d %6d %6d %6d %6d %6d  %s", name, tried, r.counts[atOnce], r.counts[oneClick], r.counts[manyClicks], r.counts[refused], r.counts[lost], promisedOf(r.fault))
	}
	c.t.Log(text.String())
	for _, w := range h.windows {
		came, tried := 0, 0
		for _, l := range h.logins {
			if l.known && w.fault == allGone && l.began >= w.began && l.began+l.took <= w.healed {
				tried++
				if l.how < refused {
					came++
				}
			}
		}
		if tried > 0 {
			c.t.Logf("%s: of %d logins in known browsers %d came in", w.fault, tried, came)
		}
	}
	for _, cut := range h.cuts {
		for node, lost := range cut.lost {
			first, found := firstDenial(h.denials, node, lost, cut.to)
			c.t.Logf("%s, cut off at %s, lost contact %s later and first refused %s after that (%t)", node, short(cut.from), short(lost-cut.from), short(first-lost), found)
		}
	}
	c.t.Logf("%d logins, %d uses of codes and refresh tokens, %d writes looked for, %d ended sessions shown %d times, %d pages; back after healing in at most %s",
		len(h.logins), len(h.uses), len(h.kept), len(h.endings), len(h.tries), len(h.pages), short(longest(h.windows)))
}

func longest(all []window) time.Duration {
	if len(all) == 0 {
		return 0
	}
	w := slices.MaxFunc(all, func(a, b window) int { return int((a.back - a.healed) - (b.back - b.healed)) })
	return w.back - w.healed
}
