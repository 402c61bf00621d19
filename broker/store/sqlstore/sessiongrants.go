package sqlstore

import (
	"context"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// selectSessionGrants asks the writer: a grant that a replica does not know yet
// is a website that would not be told.
const selectSessionGrants query = `SELECT ` + grantColumns + `
	FROM grants WHERE sid = $1 AND sid <> '' AND (expires_at = 0 OR expires_at > $2) ORDER BY id DESC LIMIT $3`

// maxGrants bounds one answer.
const maxGrants = 1000

// GrantsOfSession implements [store.Grants].
func (s *Store) GrantsOfSession(ctx context.Context, sid string, at time.Time, limit int) ([]store.Grant, error) {
	const verb = "grants of session"
	var c check
	c.filled("sid", sid, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	var grants []store.Grant
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			grants = nil
			return q.rows(ctx, selectSessionGrants, []any{sid, micros(at), min(limit, maxGrants)}, func(scan scan) error {
				var g grantRow
				if err := scan(g.columns()...); err != nil {
					return err
				}
				grants = append(grants, g.grant())
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return grants, nil
}
