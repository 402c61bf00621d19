package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const eventColumns = `id, account_id, happened_at, what, client_id, provider, device, site, sid`

const (
	selectEvents query = `SELECT ` + eventColumns + ` FROM account_events WHERE account_id = $1 ORDER BY id DESC LIMIT $2`
	deleteEvents query = `DELETE FROM account_events WHERE id IN (SELECT id FROM account_events
		WHERE happened_at < $1 ORDER BY happened_at LIMIT $2)`
	// What has more than its share loses the oldest.
	trimEvents query = `DELETE FROM account_events WHERE account_id = $1 AND id < (SELECT id FROM account_events
		WHERE account_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`
	buriedOf query = `DELETE FROM account_events WHERE account_id IN
		(SELECT id FROM accounts WHERE id = $1 AND deleted_at <> 0)`
)

// eventRows is how many events go in one statement.
const eventRows = 100

// eventRow scans an event.
type eventRow struct {
	store.AccountEvent
	at int64
}

// columns are where eventColumns go.
func (r *eventRow) columns() []any {
	return []any{&r.ID, &r.AccountID, &r.at, &r.What, &r.ClientID, &r.Provider, &r.Device, &r.Site, &r.SID}
}

func (r *eventRow) event() store.AccountEvent {
	e := r.AccountEvent
	e.At = timeOf(r.at)
	return e
}

// insertEvents stores rows that are not there yet.
func insertEvents(rows []store.AccountEvent) (query, []any) {
	const columns = 9
	places, args := make([]string, len(rows)), make([]any, 0, columns*len(rows))
	for i, e := range rows {
		marks := make([]string, columns)
		for k := range marks {
			marks[k] = fmt.Sprintf("$%d", columns*i+k+1)
		}
		places[i] = "(" + strings.Join(marks, ", ") + ")"
		args = append(args, e.ID, e.AccountID, micros(e.At), e.What, e.ClientID, e.Provider, e.Device, e.Site, e.SID)
	}
	return query(`INSERT INTO account_events (` + eventColumns + `) VALUES ` + strings.Join(places, ", ") +
		` ON CONFLICT (id) DO NOTHING`), args
}

// NoteEvents implements [store.Histories].
func (s *Store) NoteEvents(ctx context.Context, batch []store.AccountEvent) error {
	const verb = "note events"
	var c check
	if len(batch) > store.MaxEvents {
		c.fail("batch", "is of more than %d events", store.MaxEvents)
	}
	for _, e := range batch {
		c.event(e)
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	sorted := slices.SortedFunc(slices.Values(batch), func(a, b store.AccountEvent) int { return cmp.Compare(a.ID, b.ID) })
	var accounts []string // in one order: that in which rows are locked
	for _, e := range batch {
		accounts = append(accounts, e.AccountID)
	}
	slices.Sort(accounts)
	accounts = slices.Compact(accounts)
	return s.verb(ctx, verb, func(ctx context.Context) error {
		if len(sorted) == 0 {
			return nil
		}
		return s.writer.transact(ctx, again, func(ctx context.Context, q session) error {
			return noteEvents(ctx, q, sorted, accounts)
		})
	})
}

func noteEvents(ctx context.Context, q session, sorted []store.AccountEvent, accounts []string) error {
	for rows := range slices.Chunk(sorted, eventRows) {
		statement, args := insertEvents(rows)
		if _, err := q.exec(ctx, statement, args...); err != nil {
			return err
		}
	}
	for _, id := range accounts {
		if _, err := q.exec(ctx, trimEvents, id, store.MaxHistory-1); err != nil {
			return err
		}
		if _, err := q.exec(ctx, buriedOf, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) event(e store.AccountEvent) {
	c.filled("event id", e.ID, store.MaxID)
	c.filled("account id", e.AccountID, store.MaxID)
	c.filled("what", e.What, store.MaxWord)
	c.text("client id", e.ClientID, store.MaxClientID)
	c.text("provider", e.Provider, store.MaxProvider)
	c.text("device", e.Device, store.MaxDevice)
	c.text("site", e.Site, store.MaxSite)
	c.text("sid", e.SID, store.MaxID)
}

// EventsOf implements [store.Histories].
func (s *Store) EventsOf(ctx context.Context, accountID string, limit int) ([]store.AccountEvent, error) {
	const verb = "events of account"
	var c check
	c.filled("account id", accountID, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	return listed(ctx, s, verb, limit, (*eventRow).columns, (*eventRow).event,
		selectEvents, accountID, min(limit, maxListed))
}

// PurgeEvents implements [store.Histories].
func (s *Store) PurgeEvents(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, "purge events", deleteEvents, at, limit)
}
