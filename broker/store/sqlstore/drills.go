package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// A drill whose time is over leaves its slot to the next one.
	stopOverdue query = `UPDATE drills SET stopped_at = ends_at, stop = 'time' WHERE stopped_at = 0 AND ends_at <= $1`
	insertDrill query = `INSERT INTO drills (id, provider, kind, share, include_single, said_by, reason, started_at,
			ends_at, stopped_at, stop)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '')`
	// It writes the row in any case, so that one that is not there is noticed.
	stopDrill query = `UPDATE drills SET stopped_at = CASE WHEN stopped_at = 0 THEN $3 ELSE stopped_at END,
			stop = CASE WHEN stopped_at = 0 THEN $2 ELSE stop END
		WHERE id = $1`
	selectDrills query = `SELECT id, provider, kind, share, include_single, said_by, reason, started_at, ends_at,
			stopped_at, stop
		FROM drills ORDER BY started_at DESC, id DESC LIMIT $1`
	upsertCount query = `INSERT INTO drill_counts (drill_id, node, name, count) VALUES ($1, $2, $3, $4)
		ON CONFLICT (drill_id, node, name) DO UPDATE SET count = excluded.count
		WHERE excluded.count > drill_counts.count`
	selectCounts query = `SELECT name, CAST(SUM(count) AS BIGINT) FROM drill_counts WHERE drill_id = $1 GROUP BY name`
)

const (
	maxDrills = 1000 // in one answer
	maxCounts = 64   // names that one run of a node counts under
	maxShare  = 1000 // thousandths
)

// StartDrill implements [store.Drills].
func (s *Store) StartDrill(ctx context.Context, d store.Drill) error {
	const verb = "start drill"
	var c check
	c.drill(d)
	if c.err != nil {
		return fact(verb, c.err)
	}
	row := []any{
		d.ID, d.Provider, d.Kind, d.Share, d.IncludeSingle, d.By, d.Reason, micros(d.StartedAt), micros(d.EndsAt),
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.transact(ctx, once, func(ctx context.Context, q session) error {
			if _, err := q.exec(ctx, stopOverdue, micros(d.StartedAt)); err != nil {
				return err
			}
			_, err := q.exec(ctx, insertDrill, row...)
			return err
		})
	})
}

func (c *check) drill(d store.Drill) {
	c.filled("drill id", d.ID, store.MaxID)
	c.filled("provider", d.Provider, store.MaxProvider)
	c.filled("kind", d.Kind, store.MaxWord)
	c.filled("operator", d.By, store.MaxOperator)
	c.text("reason", d.Reason, store.MaxReason)
	if d.Share < 1 || d.Share > maxShare {
		c.fail("share", "is not from 1 to %d thousandths", maxShare)
	}
	if d.StartedAt.IsZero() || !d.EndsAt.After(d.StartedAt) {
		c.fail("drill", "does not end after it starts")
	}
	if !d.StoppedAt.IsZero() || d.Stop != "" {
		c.fail("drill", "has stopped already")
	}
}

// StopDrill implements [store.Drills].
func (s *Store) StopDrill(ctx context.Context, id, reason string, at time.Time) error {
	const verb = "stop drill"
	var c check
	c.filled("drill id", id, store.MaxID)
	c.filled("reason", reason, store.MaxWord)
	if at.IsZero() {
		c.fail("stop", "has no time")
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, stopDrill, id, reason, micros(at))
		if err == nil && wrote == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// Drills implements [store.Drills].
func (s *Store) Drills(ctx context.Context, limit int) ([]store.Drill, error) {
	var drills []store.Drill
	err := s.verb(ctx, "drills", func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			drills = nil
			return q.rows(ctx, selectDrills, []any{min(limit, maxDrills)}, func(scan scan) error {
				var d store.Drill
				var started, ends, stopped int64
				if err := scan(&d.ID, &d.Provider, &d.Kind, &d.Share, &d.IncludeSingle, &d.By, &d.Reason,
					&started, &ends, &stopped, &d.Stop); err != nil {
					return err
				}
				d.StartedAt, d.EndsAt, d.StoppedAt = timeOf(started), timeOf(ends), timeOf(stopped)
				drills = append(drills, d)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return drills, nil
}

// CountDrill implements [store.Drills].
func (s *Store) CountDrill(ctx context.Context, id, node string, counts map[string]int64) error {
	const verb = "count drill"
	var c check
	c.filled("drill id", id, store.MaxID)
	c.filled("node", node, store.MaxNode)
	if len(counts) > maxCounts {
		c.fail("counts", "are more than %d", maxCounts)
	}
	names := make([]string, 0, len(counts))
	for name, count := range counts {
		c.filled("name", name, store.MaxID)
		if count < 0 {
			c.fail("count", "is negative")
		}
		names = append(names, name)
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	slices.Sort(names) // rows are locked in one order
	values := make([]int64, len(names))
	for i, name := range names {
		values[i] = counts[name]
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		err := s.writer.transact(ctx, again, func(ctx context.Context, q session) error {
			for i, name := range names {
				if _, err := q.exec(ctx, upsertCount, id, node, name, values[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if errors.Is(err, errMissing) {
			return store.ErrNotFound
		}
		return err
	})
}

// DrillCounts implements [store.Drills].
func (s *Store) DrillCounts(ctx context.Context, id string) (map[string]int64, error) {
	const verb = "drill counts"
	var c check
	c.filled("drill id", id, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	var counts map[string]int64
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			counts = map[string]int64{}
			return q.rows(ctx, selectCounts, []any{id}, func(scan scan) error {
				var name string
				var count int64
				if err := scan(&name, &count); err != nil {
					return err
				}
				counts[name] = count
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}
