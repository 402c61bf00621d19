package sqlstore

import (
	"context"
	"errors"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// Whatever is taken, the id or the client at the issuer, what stands is read afterwards.
	insertFingerprint query = `INSERT INTO fingerprints (provider, kind, issuer, client_id, kept_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	selectFingerprint  query = `SELECT provider, kind, issuer, client_id, kept_at FROM fingerprints WHERE provider = $1`
	selectFingerprints query = `SELECT provider, kind, issuer, client_id, kept_at FROM fingerprints ORDER BY provider`
	selectSameClient   query = `SELECT provider, kind, issuer, client_id, kept_at FROM fingerprints
		WHERE issuer = $1 AND client_id = $2`
	migrateFingerprint query = `UPDATE fingerprints SET kind = $5, issuer = $6, client_id = $7, kept_at = $8
		WHERE provider = $1 AND kind = $2 AND issuer = $3 AND client_id = $4`
	deletePin             query = `DELETE FROM pins WHERE provider = $1`
	deleteProviderSecrets query = `DELETE FROM provider_secrets WHERE provider = $1`

	// Names with a tilde are of links that were set aside: they lead nowhere.
	countProviderLinks query = `SELECT COUNT(*), COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM links AS other
			WHERE other.account_id = links.account_id AND other.provider <> $1 AND other.provider NOT LIKE '%~%')
			THEN 0 ELSE 1 END), 0)
		FROM links WHERE provider = $1`
	setLinksAside query = `UPDATE links SET provider = $2 WHERE provider = $1
		AND subject IN (SELECT subject FROM links WHERE provider = $1 LIMIT $3)`
)

func (c *check) fingerprint(f store.Fingerprint) {
	c.filled("provider", f.Provider, store.MaxProvider)
	c.filled("kind", f.Kind, store.MaxWord)
	c.filled("issuer", f.Issuer, store.MaxIssuer)
	c.filled("client id", f.ClientID, store.MaxClientID)
}

// fingerprintBy reads one fingerprint; [sql.ErrNoRows].
func fingerprintBy(ctx context.Context, on session, q query, args ...any) (store.Fingerprint, error) {
	var f store.Fingerprint
	var at int64
	err := on.row(ctx, q, args, &f.Provider, &f.Kind, &f.Issuer, &f.ClientID, &at)
	f.At = timeOf(at)
	return f, err
}

// KeepFingerprint implements [store.Instances].
func (s *Store) KeepFingerprint(ctx context.Context, f store.Fingerprint) (store.Fingerprint, error) {
	const verb = "keep fingerprint"
	var c check
	c.fingerprint(f)
	if c.err != nil {
		return store.Fingerprint{}, fact(verb, c.err)
	}
	var stands store.Fingerprint
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		read := func(ctx context.Context, on session) (err error) {
			stands, err = fingerprintBy(ctx, on, selectFingerprint, f.Provider)
			return err
		}
		if s.writerAway() && s.half(ctx, s.reader, read) == nil {
			return nil
		}
		_, unsure := s.insertFingerprint(ctx, f)
		if unsure != nil {
			if s.reader == nil || s.reader.read(ctx, read) != nil {
				return unsure
			}
			return nil
		}
		err := found(s.writer.read(ctx, read))
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		err = s.writer.read(ctx, func(ctx context.Context, on session) (err error) {
			stands, err = fingerprintBy(ctx, on, selectSameClient, f.Issuer, f.ClientID)
			return err
		})
		if err == nil {
			err = store.ErrConflict
		}
		return err
	})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return store.Fingerprint{}, err
	}
	return stands, err
}

// insertFingerprint leaves a part of the verb's time for a replica to answer in.
func (s *Store) insertFingerprint(ctx context.Context, f store.Fingerprint) (int64, error) {
	if s.reader != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout/2)
		defer cancel()
	}
	return s.execute(ctx, again, insertFingerprint, f.Provider, f.Kind, f.Issuer, f.ClientID, micros(f.At))
}

// Fingerprint implements [store.Instances].
func (s *Store) Fingerprint(ctx context.Context, provider string) (store.Fingerprint, error) {
	const verb = "fingerprint"
	var c check
	c.filled("provider", provider, store.MaxProvider)
	if c.err != nil {
		return store.Fingerprint{}, fact(verb, c.err)
	}
	var f store.Fingerprint
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return found(s.writer.read(ctx, func(ctx context.Context, on session) (err error) {
			f, err = fingerprintBy(ctx, on, selectFingerprint, provider)
			return err
		}))
	})
	if err != nil {
		return store.Fingerprint{}, err
	}
	return f, nil
}

// Fingerprints implements [store.Instances].
func (s *Store) Fingerprints(ctx context.Context) ([]store.Fingerprint, error) {
	var kept []store.Fingerprint
	err := s.verb(ctx, "fingerprints", func(ctx context.Context) error {
		return s.askWriterFirst(ctx, func(ctx context.Context, on session) error {
			kept = nil
			return on.rows(ctx, selectFingerprints, nil, func(scan scan) error {
				var f store.Fingerprint
				var at int64
				if err := scan(&f.Provider, &f.Kind, &f.Issuer, &f.ClientID, &at); err != nil {
					return err
				}
				f.At = timeOf(at)
				kept = append(kept, f)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// MigrateFingerprint implements [store.Instances].
func (s *Store) MigrateFingerprint(ctx context.Context, from, to store.Fingerprint) error {
	const verb = "migrate fingerprint"
	var c check
	c.fingerprint(from)
	c.fingerprint(to)
	if from.Provider != to.Provider {
		c.fail("provider", "is not the same")
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.transact(ctx, again, func(ctx context.Context, on session) error {
			wrote, err := on.exec(ctx, migrateFingerprint, from.Provider, from.Kind, from.Issuer, from.ClientID,
				to.Kind, to.Issuer, to.ClientID, micros(to.At))
			if err != nil {
				return err
			}
			if wrote == 0 {
				stands, err := fingerprintBy(ctx, on, selectFingerprint, from.Provider)
				if err == nil && !stands.Same(to) {
					err = store.ErrConflict
				}
				return found(err)
			}
			for _, q := range []query{deletePin, deleteProviderSecrets} {
				if _, err := on.exec(ctx, q, from.Provider); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// CountLinks implements [store.Instances].
func (s *Store) CountLinks(ctx context.Context, provider string) (links, alone int64, err error) {
	const verb = "count links"
	var c check
	c.filled("provider", provider, store.MaxProvider)
	if c.err != nil {
		return 0, 0, fact(verb, c.err)
	}
	err = s.verb(ctx, verb, func(ctx context.Context) error {
		return s.ask(ctx, func(ctx context.Context, on session) error {
			return on.row(ctx, countProviderLinks, []any{provider}, &links, &alone)
		}, func() bool { return true })
	})
	if err != nil {
		return 0, 0, err
	}
	return links, alone, nil
}

// SetLinksAside implements [store.Instances].
func (s *Store) SetLinksAside(ctx context.Context, provider, as string, limit int) (int, error) {
	const verb = "set links aside"
	var c check
	c.filled("provider", provider, store.MaxProvider)
	c.filled("name", as, store.MaxProvider)
	if provider == as {
		c.fail("name", "is the provider's own")
	}
	if c.err != nil {
		return 0, fact(verb, c.err)
	}
	var moved int64
	err := s.verb(ctx, verb, func(ctx context.Context) (err error) {
		if limit > 0 {
			moved, err = s.execute(ctx, again, setLinksAside, provider, as, limit)
		}
		return err
	})
	return int(moved), err
}
