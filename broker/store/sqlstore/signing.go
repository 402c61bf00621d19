package sqlstore

import (
	"bytes"
	"context"
	"time"

	"github.com/bongsu/bongsu/keys"
)

const (
	selectSigningKeys query = `SELECT key_id, site, algorithm, generation, state, public, wrapped, manifest, created_at,
			published_at, activated_at, retiring_at, removed_at
		FROM signing_keys ORDER BY site, algorithm, generation`
	insertSigningKey query = `INSERT INTO signing_keys (key_id, site, algorithm, generation, state, public, wrapped,
			manifest, created_at, published_at, activated_at, retiring_at, removed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (site, algorithm, generation) DO NOTHING`
	replaceManifest query = `UPDATE signing_keys SET manifest = $3 WHERE key_id = $1 AND manifest = $2`
)

// advance holds the statement for each state a key can move to.
var advance = map[keys.State]query{
	keys.Published: advanceTo + `, published_at = $5` + advanceFrom,
	keys.Active:    advanceTo + `, activated_at = $5` + advanceFrom,
	keys.Retiring:  advanceTo + `, retiring_at = $5` + advanceFrom,
	keys.Removed:   advanceTo + `, removed_at = $5` + advanceFrom,
	keys.Withdrawn: advanceTo + `, removed_at = $5` + advanceFrom,
}

const (
	advanceTo   = `UPDATE signing_keys SET state = $3, manifest = $4`
	advanceFrom = ` WHERE key_id = $1 AND state = $2`
)

// SigningKeys implements [keys.Store].
func (s *Store) SigningKeys(ctx context.Context) ([]keys.Record, error) {
	return s.signingKeys(ctx, s.writer)
}

// ReplicaSigningKeys is what the replica shows of them, which may lag behind. Without
// one, and where it does not answer, [store.ErrUnavailable].
func (s *Store) ReplicaSigningKeys(ctx context.Context) ([]keys.Record, error) {
	return s.signingKeys(ctx, s.replica)
}

func (s *Store) signingKeys(ctx context.Context, from engine) ([]keys.Record, error) {
	var records []keys.Record
	err := s.verb(ctx, "signing keys", func(ctx context.Context) error {
		if from == nil {
			return fault(nil, errNoReader)
		}
		return from.read(ctx, func(ctx context.Context, q session) error {
			records = nil
			return q.rows(ctx, selectSigningKeys, nil, func(scan scan) error {
				r, err := scanSigningKey(scan)
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

func scanSigningKey(scan scan) (keys.Record, error) {
	var r keys.Record
	var created, published, activated, retiring, removed int64
	err := scan(&r.KeyID, &r.Site, &r.Algorithm, &r.Generation, &r.State, &r.Public, &r.Wrapped, &r.Manifest, &created,
		&published, &activated, &retiring, &removed)
	r.CreatedAt, r.PublishedAt, r.ActivatedAt = timeOf(created), timeOf(published), timeOf(activated)
	r.RetiringAt, r.RemovedAt = timeOf(retiring), timeOf(removed)
	return r, err
}

// InsertSigningKey implements [keys.Store]. When the outcome is not known it is
// an error, and the next look at the keys tells.
func (s *Store) InsertSigningKey(ctx context.Context, r keys.Record) (bool, error) {
	const verb = "insert signing key"
	var c check
	c.filled("key id", r.KeyID, maxKeyID)
	c.filled("site", r.Site, maxName)
	c.filled("algorithm", string(r.Algorithm), maxName)
	c.filled("state", string(r.State), maxName)
	c.bytes("public key", r.Public, maxPublic)
	c.bytes("wrapped key", r.Wrapped, maxWrapped)
	c.bytes("manifest", r.Manifest, maxManifest)
	if c.err != nil {
		return false, fact(verb, c.err)
	}
	args := []any{
		r.KeyID, r.Site, string(r.Algorithm), r.Generation, string(r.State), bytes.Clone(r.Public),
		bytes.Clone(r.Wrapped), bytes.Clone(r.Manifest), micros(r.CreatedAt), micros(r.PublishedAt),
		micros(r.ActivatedAt), micros(r.RetiringAt), micros(r.RemovedAt),
	}
	return s.insertAbsent(ctx, verb, insertSigningKey, args)
}

// insertAbsent reports whether the row is new.
func (s *Store) insertAbsent(ctx context.Context, verb string, q query, args []any) (bool, error) {
	var wrote int64
	err := s.verb(ctx, verb, func(ctx context.Context) (err error) {
		wrote, err = s.execute(ctx, once, q, args...)
		return err
	})
	return err == nil && wrote == 1, err
}

// AdvanceSigningKey implements [keys.Store].
func (s *Store) AdvanceSigningKey(ctx context.Context, keyID string, from, to keys.State, at time.Time, manifest []byte) error {
	const verb = "advance signing key"
	var c check
	c.filled("key id", keyID, maxKeyID)
	c.filled("state", string(from), maxName)
	c.bytes("manifest", manifest, maxManifest)
	q, ok := advance[to]
	if !ok {
		c.fail("state", "is none to move to")
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	manifest = bytes.Clone(manifest)
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, once, q, keyID, string(from), string(to), manifest, micros(at))
		if err == nil && wrote == 0 {
			return keys.ErrConflict
		}
		return err
	})
}

// ReplaceManifest implements [keys.Store]. When the outcome is not known it is an
// error, and the next look at the keys tells.
func (s *Store) ReplaceManifest(ctx context.Context, keyID string, from, to []byte) error {
	const verb = "replace manifest"
	var c check
	c.filled("key id", keyID, maxKeyID)
	c.bytes("manifest", from, maxManifest)
	c.bytes("manifest", to, maxManifest)
	if c.err != nil {
		return fact(verb, c.err)
	}
	from, to = bytes.Clone(from), bytes.Clone(to)
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, once, replaceManifest, keyID, from, to)
		if err == nil && wrote == 0 {
			return keys.ErrConflict
		}
		return err
	})
}
