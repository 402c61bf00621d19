package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/broker/store"
)

const deleteActivity query = `DELETE FROM activity WHERE (client_id, account_id) IN (SELECT client_id, account_id
		FROM activity WHERE day < $1 ORDER BY day LIMIT $2)`

// activityRows is how many records go in one statement: a batch costs few round
// trips to a writer at another site.
const activityRows = 100

// upsertActivity keeps the latest day of each of rows records.
func upsertActivity(rows []store.Activity) (query, []any) {
	places, args := make([]string, len(rows)), make([]any, 0, 3*len(rows))
	for i, a := range rows {
		places[i] = fmt.Sprintf("($%d, $%d, $%d)", 3*i+1, 3*i+2, 3*i+3)
		args = append(args, a.Client, a.Account, a.Day)
	}
	return query(`INSERT INTO activity (client_id, account_id, day) VALUES ` + strings.Join(places, ", ") + `
		ON CONFLICT (client_id, account_id) DO UPDATE SET day = excluded.day WHERE excluded.day > activity.day`), args
}

// NoteActivity implements [store.Activities].
func (s *Store) NoteActivity(ctx context.Context, batch []store.Activity) error {
	const verb = "note activity"
	var c check
	if len(batch) > store.MaxActivity {
		c.fail("batch", "is of more than %d records", store.MaxActivity)
	}
	for _, a := range batch {
		c.filled("client id", a.Client, store.MaxClientID)
		c.filled("account id", a.Account, store.MaxID)
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	latest := latestDays(batch)
	return s.verb(ctx, verb, func(ctx context.Context) error {
		if len(latest) == 0 {
			return nil
		}
		return s.writer.transact(ctx, again, func(ctx context.Context, q session) error {
			for rows := range slices.Chunk(latest, activityRows) {
				statement, args := upsertActivity(rows)
				if _, err := q.exec(ctx, statement, args...); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// latestDays is batch with each account at each client once, in one order: that
// in which rows are locked.
func latestDays(batch []store.Activity) []store.Activity {
	same := func(a, b store.Activity) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Account, b.Account))
	}
	sorted := slices.SortedFunc(slices.Values(batch), func(a, b store.Activity) int {
		return cmp.Or(same(a, b), cmp.Compare(b.Day, a.Day))
	})
	return slices.CompactFunc(sorted, func(a, b store.Activity) bool { return same(a, b) == 0 })
}

// Coverage implements [store.Activities].
func (s *Store) Coverage(ctx context.Context, q store.CoverageQuery) (active, covered int64, err error) {
	const verb = "coverage"
	var c check
	c.text("client id", q.Client, store.MaxClientID)
	if len(q.Surviving) > store.MaxSurviving {
		c.fail("surviving", "are more than %d", store.MaxSurviving)
	}
	for _, provider := range q.Surviving {
		c.filled("provider", provider, store.MaxProvider)
	}
	if c.err != nil {
		return 0, 0, fact(verb, c.err)
	}
	statement, args := coverage(q)
	err = s.verb(ctx, verb, func(ctx context.Context) error {
		return s.ask(ctx, func(ctx context.Context, on session) error {
			return on.row(ctx, statement, args, &active, &covered)
		}, func() bool { return true })
	})
	if err != nil {
		return 0, 0, err
	}
	return active, covered, nil
}

// coverage is the question as a statement. The words differ by the number of
// providers alone; every value is an argument.
func coverage(q store.CoverageQuery) (query, []any) {
	args := []any{q.SinceDay}
	whose := ""
	if q.Client != "" {
		args = append(args, q.Client)
		whose = " AND client_id = $2"
	}
	places := make([]string, 0, len(q.Surviving))
	for _, provider := range q.Surviving {
		args = append(args, provider)
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	among := "NULL"
	if len(places) > 0 {
		among = strings.Join(places, ", ")
	}
	return query(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM links
			WHERE links.account_id = seen.account_id AND links.provider IN (` + among + `)) THEN 1 ELSE 0 END), 0)
		FROM (SELECT DISTINCT account_id FROM activity WHERE day >= $1` + whose + `) AS seen
		JOIN accounts ON accounts.id = seen.account_id AND NOT accounts.disabled`), args
}

// WaysIn implements [store.Activities].
func (s *Store) WaysIn(ctx context.Context, q store.WaysQuery) ([]store.WaysCount, error) {
	const verb = "ways in"
	var c check
	if len(q.Providers) > store.MaxWays {
		c.fail("providers", "are more than %d", store.MaxWays)
	}
	for _, provider := range q.Providers {
		c.filled("provider", provider, store.MaxProvider)
	}
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	statement, args := waysIn(q)
	var counts []store.WaysCount
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return s.ask(ctx, func(ctx context.Context, on session) error {
			counts = nil
			return on.rows(ctx, statement, args, func(scan scan) error {
				var ways int64
				var count store.WaysCount
				if err := scan(&ways, &count.Accounts); err != nil {
					return err
				}
				count.Ways = uint64(ways)
				counts = append(counts, count)
				return nil
			})
		}, func() bool { return true })
	})
	return counts, err
}

// waysIn is the question as a statement: a power of two stands for each
// provider, so that the sum of the different ones is the set.
func waysIn(q store.WaysQuery) (query, []any) {
	args := []any{q.SinceDay}
	ways := "0"
	if len(q.Providers) > 0 {
		var bits, among strings.Builder
		for i, provider := range q.Providers {
			args = append(args, provider)
			fmt.Fprintf(&bits, " WHEN $%d THEN CAST(%d AS BIGINT)", len(args), uint64(1)<<i)
			if i > 0 {
				among.WriteString(", ")
			}
			fmt.Fprintf(&among, "$%d", len(args))
		}
		ways = `COALESCE((SELECT CAST(SUM(DISTINCT CASE provider` + bits.String() + ` END) AS BIGINT) FROM links
			WHERE links.account_id = seen.account_id AND provider IN (` + among.String() + `)), 0)`
	}
	return query(`SELECT ways, COUNT(*) FROM (SELECT ` + ways + ` AS ways
		FROM (SELECT DISTINCT account_id FROM activity WHERE day >= $1) AS seen
		JOIN accounts ON accounts.id = seen.account_id AND NOT accounts.disabled) AS counted GROUP BY ways`), args
}

// PurgeActivity implements [store.Activities].
func (s *Store) PurgeActivity(ctx context.Context, day int64, limit int) (int, error) {
	var gone int64
	err := s.verb(ctx, "purge activity", func(ctx context.Context) (err error) {
		if limit > 0 {
			gone, err = s.execute(ctx, once, deleteActivity, day, limit)
		}
		return err
	})
	return int(gone), err
}
