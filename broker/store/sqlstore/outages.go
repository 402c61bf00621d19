package sqlstore

import (
	"context"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	upsertOutage query = `INSERT INTO outages (provider, declared_at, until_at, said_by, reason)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (provider) DO UPDATE SET declared_at = excluded.declared_at, until_at = excluded.until_at,
			said_by = excluded.said_by, reason = excluded.reason`
	endOutage     query = `UPDATE outages SET until_at = $2 WHERE provider = $1 AND until_at >= $2`
	selectOutages query = `SELECT provider, declared_at, until_at, said_by, reason FROM outages
		WHERE until_at > $1 ORDER BY provider`
)

// DeclareOutage implements [store.Outages].
func (s *Store) DeclareOutage(ctx context.Context, o store.Outage) error {
	const verb = "declare outage"
	var c check
	c.filled("provider", o.Provider, store.MaxProvider)
	c.filled("operator", o.By, store.MaxOperator)
	c.text("reason", o.Reason, store.MaxReason)
	if o.Until.IsZero() {
		c.fail("outage", "has no end")
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		_, err := s.execute(ctx, again, upsertOutage, o.Provider, micros(o.DeclaredAt), micros(o.Until), o.By, o.Reason)
		return err
	})
}

// EndOutage implements [store.Outages].
func (s *Store) EndOutage(ctx context.Context, provider string, at time.Time) error {
	const verb = "end outage"
	var c check
	c.filled("provider", provider, store.MaxProvider)
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		ended, err := s.execute(ctx, again, endOutage, provider, micros(at))
		if err == nil && ended == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// Outages implements [store.Outages].
func (s *Store) Outages(ctx context.Context, at time.Time) ([]store.Outage, error) {
	var outages []store.Outage
	err := s.verb(ctx, "outages", func(ctx context.Context) error {
		return s.askWriterFirst(ctx, func(ctx context.Context, q session) error {
			outages = nil
			return q.rows(ctx, selectOutages, []any{micros(at)}, func(scan scan) error {
				var o store.Outage
				var declared, until int64
				if err := scan(&o.Provider, &declared, &until, &o.By, &o.Reason); err != nil {
					return err
				}
				o.DeclaredAt, o.Until = timeOf(declared), timeOf(until)
				outages = append(outages, o)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return outages, nil
}
