//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// databases are the three PostgreSQLs and what an operator's failover tool does
// with them: at any time at most one of them can be written.
type databases struct {
	*world

	all map[string]*database

	mu      sync.Mutex
	primary string
}

const databaseName = "bongsu"

// newDatabases starts a primary and two standbys of it.
func newDatabases(w *world) *databases {
	w.t.Helper()
	ctx := w.t.Context()
	c := &databases{world: w, all: map[string]*database{}, primary: siteNames[0]}
	for _, name := range siteNames {
		c.all[name] = w.newDatabase(name)
	}
	w.t.Cleanup(func() {
		for _, d := range c.all {
			d.kill()
			if w.t.Failed() {
				w.t.Logf("the database of %s logged last: %s", d.site, d.tail())
			}
		}
	})
	first := c.all[c.primary]
	w.must(first.initialise(ctx))
	w.must(first.start(ctx))
	var copying sync.WaitGroup
	for _, name := range siteNames[1:] {
		copying.Go(func() { w.check(c.join(ctx, c.all[name], first)) })
	}
	copying.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
	w.must(first.exec(ctx, "postgres", "CREATE DATABASE "+databaseName))
	return c
}

// join makes a database a standby of another, from nothing, and starts it.
func (c *databases) join(ctx context.Context, d, primary *database) error {
	if err := d.copyFrom(ctx, primary); err != nil {
		return err
	}
	return d.start(ctx)
}

// leader is the primary, or the one that was when there is none.
func (c *databases) leader() *database {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[c.primary]
}

// standbys are the other two, in the order of the sites.
func (c *databases) standbys() []*database {
	var all []*database
	for _, name := range c.leader().others {
		all = append(all, c.all[name])
	}
	return all
}

// errUnsafe is a promotion that might lose what was acknowledged.
var errUnsafe = errors.New("not both standbys can be asked: what one of them alone has would be lost")

// failover makes the most advanced standby the primary. The old primary is killed
// first, and what starts on its data is a standby: it does not come back writable.
// Both standbys must answer, because a commit has waited for only one of them.
func (c *databases) failover(ctx context.Context) (took time.Duration, err error) {
	began := time.Now()
	old := c.leader()
	old.kill()
	if err := old.standBy(); err != nil {
		return 0, fmt.Errorf("fence %s: %w", old.site, err)
	}
	chosen, other, err := c.mostAdvanced(ctx)
	if err != nil {
		return 0, err
	}
	if err := chosen.promote(ctx); err != nil {
		return 0, fmt.Errorf("promote %s: %w", chosen.site, err)
	}
	chosen.follow = ""
	c.mu.Lock()
	c.primary = chosen.site
	c.mu.Unlock()
	other.follow = chosen.site
	return time.Since(began), other.reload(ctx)
}

func (c *databases) mostAdvanced(ctx context.Context) (chosen, other *database, err error) {
	standbys := c.standbys()
	var at [2]int64
	for i, d := range standbys {
		if !d.alive() {
			return nil, nil, errUnsafe
		}
		if at[i], err = d.position(ctx); err != nil {
			return nil, nil, errors.Join(errUnsafe, err)
		}
	}
	if at[1] > at[0] {
		return standbys[1], standbys[0], nil
	}
	return standbys[0], standbys[1], nil
}

func (d *database) promote(ctx context.Context) error {
	return d.do(ctx, "postgres", func(conn *pgx.Conn) error {
		var promoted bool
		if err := conn.QueryRow(ctx, "SELECT pg_promote(true, 10)").Scan(&promoted); err != nil {
			return err
		}
		if !promoted {
			return errors.New("it is not promoted after 10 s")
		}
		return nil
	})
}

const mendsWithin = 20 * time.Second // while cables that were mended find each other

// mend starts what does not run: a primary that nobody took over from as it is,
// every other from a copy of the primary.
func (c *databases) mend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, mendsWithin)
	defer cancel()
	return until(ctx, func() error { return c.startAll(ctx) })
}

func (c *databases) startAll(ctx context.Context) error {
	leader := c.leader()
	if !leader.alive() {
		leader.kill() // its family, if any of it is left
		if err := leader.start(ctx); err != nil {
			return err
		}
	}
	for _, d := range c.standbys() {
		if d.alive() {
			continue
		}
		d.kill()
		if d.follow != leader.site {
			if err := c.join(ctx, d, leader); err != nil {
				return err
			}
		} else if err := d.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// writable lists the sites whose database takes writes.
func (c *databases) writable(ctx context.Context) (sites []string) {
	for _, name := range siteNames {
		if !c.all[name].alive() {
			continue
		}
		var standby bool
		err := c.all[name].do(ctx, "postgres", func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby)
		})
		if err == nil && !standby {
			sites = append(sites, name)
		}
	}
	return sites
}

// rows counts what TestChaosFailover wrote.
func (c *databases) rows(ctx context.Context) (n int) {
	c.must(c.leader().do(ctx, databaseName, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM kept").Scan(&n)
	}))
	return n
}

// ways tells what the primary holds of an identity, and of whoever has the same
// person's first way: who is linked to it, by the names of people.
func (c *databases) ways(ctx context.Context, provider, person string, known []string) (text string) {
	err := c.leader().do(ctx, databaseName, func(conn *pgx.Conn) error {
		var n int
		err := conn.QueryRow(ctx, "SELECT count(*) FROM links WHERE provider = $1 AND subject = $2", provider, fakeidp.Subject(provider, person)).Scan(&n)
		if err != nil {
			return err
		}
		text = fmt.Sprintf("%d times", n)
		rows, err := conn.Query(ctx, `SELECT also.provider, also.subject FROM links JOIN links AS also USING (account_id)
			WHERE links.provider = 'kakao' AND links.subject = $1`, fakeidp.Subject("kakao", person))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var at, subject string
			if err := rows.Scan(&at, &subject); err != nil {
				return err
			}
			who := "somebody"
			for _, name := range known {
				if fakeidp.Subject(at, name) == subject {
					who = name
				}
			}
			text += ", " + at + " of " + who
		}
		return rows.Err()
	})
	if err != nil {
		return err.Error()
	}
	return text
}
