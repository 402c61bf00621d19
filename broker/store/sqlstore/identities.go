package sqlstore

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"time"

	"github.com/bongsu/bongsu/keys"
)

const (
	insertIdentity query = `INSERT INTO site_identities (site, public, wrapped, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (site) DO NOTHING`
	selectIdentity query = `SELECT public, wrapped, created_at FROM site_identities WHERE site = $1`
	// The row stays locked until the transaction ends: changes of one site's
	// identities come one after the other.
	lockIdentity query = `UPDATE site_identities SET site = site WHERE site = $1 RETURNING public, wrapped, created_at`
	nextIdentity query = `UPDATE site_identities SET public = $2, wrapped = $3, created_at = $4 WHERE site = $1`

	selectIdentities query = `SELECT 'active', public, wrapped, created_at, 0 FROM site_identities WHERE site = $1
		UNION ALL SELECT state, public, wrapped, created_at, retired_at FROM spare_identities WHERE site = $1`
	selectSpare query = `SELECT public, wrapped, created_at FROM spare_identities WHERE site = $1 AND state = $2`
	insertSpare query = `INSERT INTO spare_identities (site, state, public, wrapped, created_at, retired_at)
		VALUES ($1, $2, $3, $4, $5, $6)`
	deleteSpare query = `DELETE FROM spare_identities WHERE site = $1 AND state = $2 AND public = $3`
)

// EnsureSiteIdentity implements [keys.Store].
func (s *Store) EnsureSiteIdentity(ctx context.Context, candidate keys.IdentityRecord) (keys.IdentityRecord, error) {
	const verb = "ensure site identity"
	if err := checkIdentity(candidate); err != nil {
		return keys.IdentityRecord{}, fact(verb, err)
	}
	args := []any{candidate.Site, bytes.Clone(candidate.Public), bytes.Clone(candidate.Wrapped), micros(candidate.CreatedAt)}
	var stored keys.IdentityRecord
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if _, err := s.execute(ctx, again, insertIdentity, args...); err != nil {
			return err
		}
		return s.writer.read(ctx, func(ctx context.Context, q session) (err error) {
			stored, err = readIdentity(ctx, q, selectIdentity, candidate.Site, keys.Active)
			return err
		})
	})
	if err != nil {
		return keys.IdentityRecord{}, err
	}
	return stored, nil
}

func checkIdentity(r keys.IdentityRecord) error {
	var c check
	c.filled("site", r.Site, maxName)
	c.bytes("public key", r.Public, maxPublic)
	c.bytes("wrapped key", r.Wrapped, maxWrapped)
	return c.err
}

// readIdentity reads the one identity that q selects; [sql.ErrNoRows].
func readIdentity(ctx context.Context, on session, q query, site string, state keys.State) (keys.IdentityRecord, error) {
	args := []any{site}
	if q == selectSpare {
		args = append(args, string(state))
	}
	r := keys.IdentityRecord{Site: site, State: state}
	var created int64
	err := on.row(ctx, q, args, (*[]byte)(&r.Public), &r.Wrapped, &created)
	r.CreatedAt = timeOf(created)
	return r, err
}

// SiteIdentities implements [keys.Store].
func (s *Store) SiteIdentities(ctx context.Context, site string) ([]keys.IdentityRecord, error) {
	return s.siteIdentities(ctx, s.writer, site)
}

// ReplicaSiteIdentities is what the replica shows of them, which may lag behind.
// Without one, and where it does not answer, [store.ErrUnavailable].
func (s *Store) ReplicaSiteIdentities(ctx context.Context, site string) ([]keys.IdentityRecord, error) {
	return s.siteIdentities(ctx, s.replica, site)
}

func (s *Store) siteIdentities(ctx context.Context, from engine, site string) ([]keys.IdentityRecord, error) {
	var records []keys.IdentityRecord
	err := s.verb(ctx, "site identities", func(ctx context.Context) error {
		if from == nil {
			return fault(nil, errNoReader)
		}
		return from.read(ctx, func(ctx context.Context, q session) error {
			records = nil
			return q.rows(ctx, selectIdentities, []any{site}, func(scan scan) error {
				r := keys.IdentityRecord{Site: site}
				var created, retired int64
				err := scan(&r.State, (*[]byte)(&r.Public), &r.Wrapped, &created, &retired)
				r.CreatedAt, r.RetiredAt = timeOf(created), timeOf(retired)
				records = append(records, r)
				return err
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// StageSiteIdentity implements [keys.IdentityStore].
func (s *Store) StageSiteIdentity(ctx context.Context, candidate keys.IdentityRecord) (keys.IdentityRecord, error) {
	const verb = "stage site identity"
	if err := checkIdentity(candidate); err != nil {
		return keys.IdentityRecord{}, fact(verb, err)
	}
	candidate.State = keys.Staged
	candidate.Public, candidate.Wrapped = bytes.Clone(candidate.Public), bytes.Clone(candidate.Wrapped)
	var stored keys.IdentityRecord
	err := s.changeIdentity(ctx, verb, candidate.Site, func(ctx context.Context, q session, _ keys.IdentityRecord) (err error) {
		if _, err := readIdentity(ctx, q, selectSpare, candidate.Site, keys.Retiring); !errors.Is(err, sql.ErrNoRows) {
			return occupied(err)
		}
		stored, err = readIdentity(ctx, q, selectSpare, candidate.Site, keys.Staged)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		stored = candidate
		stored.CreatedAt = timeOf(micros(candidate.CreatedAt))
		return spare(ctx, q, candidate)
	})
	if err != nil {
		return keys.IdentityRecord{}, err
	}
	return stored, nil
}

// occupied is the answer when a look for what must not be there ended with err:
// a conflict if it was found, else why nobody knows.
func occupied(err error) error {
	if err == nil {
		return keys.ErrConflict
	}
	return err
}

// changeIdentity runs change in a transaction that holds the active identity of
// site. [keys.ErrConflict]: there is none.
func (s *Store) changeIdentity(ctx context.Context, verb, site string, change func(context.Context, session, keys.IdentityRecord) error) error {
	return s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.transact(ctx, again, func(ctx context.Context, q session) error {
			active, err := readIdentity(ctx, q, lockIdentity, site, keys.Active)
			if errors.Is(err, sql.ErrNoRows) {
				return keys.ErrConflict
			}
			if err != nil {
				return err
			}
			return change(ctx, q, active)
		})
	})
}

func spare(ctx context.Context, q session, r keys.IdentityRecord) error {
	_, err := q.exec(ctx, insertSpare, r.Site, string(r.State), []byte(r.Public), r.Wrapped, micros(r.CreatedAt), micros(r.RetiredAt))
	return err
}

// UseSiteIdentity implements [keys.IdentityStore].
func (s *Store) UseSiteIdentity(ctx context.Context, site string, public ed25519.PublicKey, at time.Time) error {
	public = bytes.Clone(public)
	return s.changeIdentity(ctx, "use site identity", site, func(ctx context.Context, q session, active keys.IdentityRecord) error {
		if active.Public.Equal(public) {
			return nil
		}
		next, err := readIdentity(ctx, q, selectSpare, site, keys.Staged)
		if errors.Is(err, sql.ErrNoRows) || (err == nil && !next.Public.Equal(public)) {
			return keys.ErrConflict
		}
		if err != nil {
			return err
		}
		if _, err := readIdentity(ctx, q, selectSpare, site, keys.Retiring); !errors.Is(err, sql.ErrNoRows) {
			return occupied(err)
		}
		active.State, active.RetiredAt = keys.Retiring, at
		if err := spare(ctx, q, active); err != nil {
			return err
		}
		if _, err := q.exec(ctx, deleteSpare, site, string(keys.Staged), []byte(public)); err != nil {
			return err
		}
		_, err = q.exec(ctx, nextIdentity, site, []byte(next.Public), next.Wrapped, micros(next.CreatedAt))
		return err
	})
}

// DropSiteIdentity implements [keys.IdentityStore].
func (s *Store) DropSiteIdentity(ctx context.Context, site string, public ed25519.PublicKey) error {
	public = bytes.Clone(public)
	return s.changeIdentity(ctx, "drop site identity", site, func(ctx context.Context, q session, active keys.IdentityRecord) error {
		staged, err := readIdentity(ctx, q, selectSpare, site, keys.Staged)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if active.Public.Equal(public) || (err == nil && staged.Public.Equal(public)) {
			return keys.ErrConflict
		}
		_, err = q.exec(ctx, deleteSpare, site, string(keys.Retiring), []byte(public))
		return err
	})
}
