package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	insertProviderSecret query = `INSERT INTO provider_secrets (provider, id, issuer, client_id, wrapped, former, set_by, set_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	updateProviderSecret query = `UPDATE provider_secrets SET id = $2, issuer = $3, client_id = $4, wrapped = $5, former = $6,
			set_by = $7, set_at = $8
		WHERE provider = $1 AND id = $9`
	dropFormerSecret       query = `UPDATE provider_secrets SET former = $3 WHERE provider = $1 AND id = $2`
	deleteProviderSecret   query = `DELETE FROM provider_secrets WHERE provider = $1 AND id = $2`
	selectProviderSecretID query = `SELECT id FROM provider_secrets WHERE provider = $1`
	selectProviderSecrets  query = `SELECT provider, id, issuer, client_id, wrapped, former, set_by, set_at
		FROM provider_secrets ORDER BY provider`
)

// ReplaceProviderSecret implements [store.Instances].
func (s *Store) ReplaceProviderSecret(ctx context.Context, p store.ProviderSecret, standing string) error {
	const verb = "replace provider secret"
	var c check
	c.filled("provider", p.Provider, store.MaxProvider)
	c.filled("id", p.ID, store.MaxID)
	c.text("id", standing, store.MaxID)
	c.filled("issuer", p.Issuer, store.MaxIssuer)
	c.filled("client id", p.ClientID, store.MaxClientID)
	c.bytes("secret", p.Wrapped, store.MaxSecret)
	c.filled("operator", p.By, store.MaxOperator)
	if len(p.Former) > store.MaxSecret {
		c.fail("former secret", "is longer than %d bytes", store.MaxSecret)
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	args := []any{
		p.Provider, p.ID, p.Issuer, p.ClientID, bytes.Clone(p.Wrapped), append([]byte{}, p.Former...), p.By, micros(p.At),
	}
	statement := insertProviderSecret
	if standing != "" {
		statement, args = updateProviderSecret, append(args, standing)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, statement, args...)
		if err != nil || wrote == 1 {
			return err
		}
		stands, err := s.providerSecretID(ctx, p.Provider)
		if err == nil && stands != p.ID {
			err = store.ErrConflict
		}
		return err
	})
}

// DropFormerSecret implements [store.Instances].
func (s *Store) DropFormerSecret(ctx context.Context, provider, standing string) error {
	return s.changeSecret(ctx, "drop former secret", provider, standing, store.ErrNotFound, dropFormerSecret, provider, standing, []byte{})
}

// ForgetProviderSecret implements [store.Instances].
func (s *Store) ForgetProviderSecret(ctx context.Context, provider, standing string) error {
	return s.changeSecret(ctx, "forget provider secret", provider, standing, nil, deleteProviderSecret, provider, standing)
}

// changeSecret changes the row of the secret called standing. Absent is what it
// means that there is none.
func (s *Store) changeSecret(ctx context.Context, verb, provider, standing string, absent error, q query, args ...any) error {
	var c check
	c.filled("provider", provider, store.MaxProvider)
	c.filled("id", standing, store.MaxID)
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, q, args...)
		if err != nil || wrote == 1 {
			return err
		}
		stands, err := s.providerSecretID(ctx, provider)
		switch {
		case err != nil:
			return err
		case stands == "":
			return absent
		case stands != standing:
			return store.ErrConflict
		}
		return nil
	})
}

// providerSecretID returns which secret stands; empty: none.
func (s *Store) providerSecretID(ctx context.Context, provider string) (stands string, err error) {
	err = s.writer.read(ctx, func(ctx context.Context, on session) error {
		stands = ""
		err := on.row(ctx, selectProviderSecretID, []any{provider}, &stands)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return stands, err
}

// ProviderSecrets implements [store.Instances].
func (s *Store) ProviderSecrets(ctx context.Context) ([]store.ProviderSecret, error) {
	var kept []store.ProviderSecret
	err := s.verb(ctx, "provider secrets", func(ctx context.Context) error {
		return s.askWriterFirst(ctx, func(ctx context.Context, on session) error {
			kept = nil
			return on.rows(ctx, selectProviderSecrets, nil, func(scan scan) error {
				var p store.ProviderSecret
				var at int64
				if err := scan(&p.Provider, &p.ID, &p.Issuer, &p.ClientID, &p.Wrapped, &p.Former, &p.By, &at); err != nil {
					return err
				}
				if len(p.Former) == 0 {
					p.Former = nil
				}
				p.At = timeOf(at)
				kept = append(kept, p)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}
