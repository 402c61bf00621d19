package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// EnsureSecret implements store.Secrets.
func (s *Store) EnsureSecret(ctx context.Context, name string, wrapped []byte) ([]byte, error) {
	var kept []byte
	err := s.atomic(ctx, func(ctx context.Context, r runner) error {
		if _, err := r.exec(ctx, `INSERT INTO secrets (name, wrapped) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, wrapped); err != nil {
			return err
		}
		return r.row(ctx, `SELECT wrapped FROM secrets WHERE name = $1`, name).Scan(&kept)
	})
	return kept, err
}

// SealingKeys implements [seal.Store].
func (s *Store) SealingKeys(ctx context.Context) ([]seal.Record, error) {
	var records []seal.Record
	err := s.list(ctx, `SELECT id, generation, wrapped, created_at, expires_at FROM sealing_keys`, func(row scannable) error {
		var r seal.Record
		var created, expires int64
		if err := row.Scan(&r.ID, &r.Generation, &r.Wrapped, &created, &expires); err != nil {
			return err
		}
		r.CreatedAt, r.ExpiresAt = moment(created), moment(expires)
		records = append(records, r)
		return nil
	})
	return records, err
}

// InsertSealingKey implements [seal.Store].
func (s *Store) InsertSealingKey(ctx context.Context, r seal.Record) (bool, error) {
	return s.inserted(ctx, `INSERT INTO sealing_keys (id, generation, wrapped, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (generation) DO NOTHING`,
		r.ID, r.Generation, r.Wrapped, micros(r.CreatedAt), micros(r.ExpiresAt))
}

// DeleteSealingKeys implements [seal.Store].
func (s *Store) DeleteSealingKeys(ctx context.Context, expiredBefore time.Time) error {
	return s.one(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, `DELETE FROM sealing_keys WHERE expires_at < $1`, micros(expiredBefore))
		return err
	})
}

// SigningKeys implements [keys.Store].
func (s *Store) SigningKeys(ctx context.Context) ([]keys.Record, error) {
	var records []keys.Record
	err := s.list(ctx, `SELECT kid, site, algorithm, generation, state, public, wrapped, manifest,
		created_at, published_at, activated_at, retiring_at, removed_at FROM signing_keys`, func(row scannable) error {
		var r keys.Record
		var times [5]int64
		if err := row.Scan(&r.KeyID, &r.Site, &r.Algorithm, &r.Generation, &r.State, &r.Public, &r.Wrapped, &r.Manifest,
			&times[0], &times[1], &times[2], &times[3], &times[4]); err != nil {
			return err
		}
		r.CreatedAt, r.PublishedAt, r.ActivatedAt = moment(times[0]), moment(times[1]), moment(times[2])
		r.RetiringAt, r.RemovedAt = moment(times[3]), moment(times[4])
		records = append(records, r)
		return nil
	})
	return records, err
}

// InsertSigningKey implements [keys.Store].
func (s *Store) InsertSigningKey(ctx context.Context, r keys.Record) (bool, error) {
	return s.inserted(ctx, `INSERT INTO signing_keys (kid, site, algorithm, generation, state, public, wrapped, manifest,
		created_at, published_at, activated_at, retiring_at, removed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (site, algorithm, generation) DO NOTHING`,
		r.KeyID, r.Site, string(r.Algorithm), r.Generation, string(r.State), r.Public, r.Wrapped, r.Manifest,
		micros(r.CreatedAt), micros(r.PublishedAt), micros(r.ActivatedAt), micros(r.RetiringAt), micros(r.RemovedAt))
}

// stateColumn is where the time of entering a state stands.
var stateColumn = map[keys.State]string{
	keys.Published: "published_at", keys.Active: "activated_at", keys.Retiring: "retiring_at",
	keys.Removed: "removed_at", keys.Withdrawn: "removed_at",
}

// AdvanceSigningKey implements [keys.Store].
func (s *Store) AdvanceSigningKey(ctx context.Context, keyID string, from, to keys.State, at time.Time, manifest []byte) error {
	column, ok := stateColumn[to]
	if !ok {
		return fmt.Errorf("sqlstore: no key moves to the state %q", to)
	}
	advance := `UPDATE signing_keys SET state = $1, manifest = $2, ` + column + ` = $3 WHERE kid = $4 AND state = $5`
	return s.one(ctx, func(ctx context.Context, r runner) error {
		result, err := r.exec(ctx, advance, string(to), manifest, micros(at), keyID, string(from))
		if err != nil {
			return err
		}
		moved, err := result.RowsAffected()
		if err == nil && moved == 0 {
			return keys.ErrConflict
		}
		return err
	})
}

// EnsureSiteIdentity implements [keys.Store].
func (s *Store) EnsureSiteIdentity(ctx context.Context, candidate keys.IdentityRecord) (keys.IdentityRecord, error) {
	kept := keys.IdentityRecord{Site: candidate.Site}
	err := s.atomic(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, `INSERT INTO site_identities (site, public, wrapped, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (site) DO NOTHING`, candidate.Site, []byte(candidate.Public), candidate.Wrapped, micros(candidate.CreatedAt))
		if err != nil {
			return err
		}
		var public []byte
		var created int64
		err = r.row(ctx, `SELECT public, wrapped, created_at FROM site_identities WHERE site = $1`, candidate.Site).
			Scan(&public, &kept.Wrapped, &created)
		kept.Public, kept.CreatedAt = public, moment(created)
		return err
	})
	return kept, err
}

// list reads every row of a small table from the writer.
func (s *Store) list(ctx context.Context, query string, each func(scannable) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.engine.classify(func() error {
		rows, err := s.engine.writer().rows(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := each(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}())
}

// inserted runs an insert that gives way, and reports whether it did not.
func (s *Store) inserted(ctx context.Context, query string, args ...any) (bool, error) {
	var n int64
	err := s.one(ctx, func(ctx context.Context, r runner) error {
		result, err := r.exec(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n == 1, err
}
