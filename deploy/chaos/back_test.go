//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const givesUp = 2 * backWithin // waiting for everything to be back

// inFull waits until every node does everything: somebody logs in there and the
// website renews its token, which only the writer can decide; and both standbys
// follow the one primary. It returns what was missing last, "" when nothing is.
func (c *crowd) inFull(ctx context.Context) (missing string) {
	ctx, cancel := context.WithTimeout(ctx, givesUp)
	defer cancel()
	var asking sync.WaitGroup
	left := make([]error, len(c.nodes)+1)
	for i, n := range c.nodes {
		asking.Go(func() { left[i] = until(ctx, func() error { return c.does(ctx, n) }) })
	}
	asking.Go(func() { left[len(c.nodes)] = until(ctx, func() error { return c.databases.whole(ctx) }) })
	asking.Wait()
	if err := errors.Join(left...); err != nil {
		return err.Error()
	}
	return ""
}

// until tries until it works or ctx ends, and returns what failed last.
func until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || !wait(ctx, 300*time.Millisecond) {
			return err
		}
	}
}

// does tries everything at one node.
func (c *crowd) does(ctx context.Context, n *node) error {
	if err := n.ready(ctx); err != nil {
		return err
	}
	p := *c.people[0]
	p.near, p.only = n.site, n
	w := p.walk(c.shops[n.site])
	w.asked = w.by.begin()
	code, err := w.code(ctx)
	if err != nil {
		return fmt.Errorf("a login at %s: %w", n.name(), err)
	}
	token, err := w.asked.exchange(ctx, w.road.visitor, code)
	if err != nil {
		return fmt.Errorf("a code at %s: %w", n.name(), err)
	}
	renewed, err := w.by.renew(ctx, w.road.visitor, token.RefreshToken)
	if err != nil {
		return fmt.Errorf("a refresh token at %s: %w", n.name(), err)
	}
	if renewed.RefreshToken == token.RefreshToken {
		return fmt.Errorf("%s does not rotate", n.name())
	}
	return nil
}

// whole tells whether one database can be written and the others follow it.
func (c *databases) whole(ctx context.Context) error {
	if sites := c.writable(ctx); len(sites) != 1 {
		return fmt.Errorf("%v can be written", sites)
	}
	var following int
	err := c.leader().do(ctx, "postgres", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'").Scan(&following)
	})
	if err == nil && following != 2 {
		err = fmt.Errorf("%d standbys follow %s", following, c.leader().site)
	}
	return err
}
