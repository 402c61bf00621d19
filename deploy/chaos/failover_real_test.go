//go:build linux

package chaos

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// TestChaosFailover holds the failover tool itself against its rules: what was
// acknowledged is there afterwards, whichever standby had it, and there are never
// two that can be written.
func TestChaosFailover(t *testing.T) {
	w := newWorld(t)
	c := newDatabases(w)
	ctx := t.Context()
	w.must(c.leader().exec(ctx, databaseName, "CREATE TABLE kept (n INT)"))
	for n := range 2 {
		old := c.leader()
		ahead, behind := c.standbys()[n], c.standbys()[1-n]
		w.must(w.Cable(behind.site, machines.Inner, false))
		w.must(old.exec(ctx, databaseName, "INSERT INTO kept SELECT generate_series(1, 1000)")) // one standby is enough
		ahead.freeze()
		if _, err := c.failover(ctx); !errors.Is(err, errUnsafe) {
			t.Fatalf("with one standby silent: %v, want %v", err, errUnsafe)
		}
		ahead.thaw()
		w.must(w.Cable(behind.site, machines.Inner, true))
		took, err := c.failover(ctx)
		w.must(err)
		if c.leader() != ahead {
			t.Fatalf("%s took over, and %s had more", c.leader().site, ahead.site)
		}
		t.Logf("%s took over in %s", ahead.site, took.Round(time.Millisecond))
		c.oldOneStaysFenced(ctx, old)
		w.must(c.mend(ctx))
		w.must(until(ctx, func() error { return c.whole(ctx) }))
		if rows := c.rows(ctx); rows != 1000*(n+1) {
			t.Errorf("%d rows of %d are left", rows, 1000*(n+1))
		}
	}
}

// oldOneStaysFenced starts the old primary as somebody would who does not know.
func (c *databases) oldOneStaysFenced(ctx context.Context, old *database) {
	c.t.Helper()
	c.must(old.start(ctx))
	if sites := c.writable(ctx); !slices.Equal(sites, []string{c.leader().site}) {
		c.t.Errorf("%v can be written", sites)
	}
	if err := old.exec(ctx, databaseName, "INSERT INTO kept VALUES (0)"); err == nil {
		c.t.Errorf("%s takes writes", old.site)
	}
	old.kill()
}
