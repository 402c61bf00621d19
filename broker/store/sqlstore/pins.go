package sqlstore

import (
	"bytes"
	"context"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	selectPin query = `SELECT issuer, client_id, document, pinned_at FROM pins WHERE provider = $1`
	// It writes nothing over what stands, but writes it, so that the row comes back.
	keepPin query = `INSERT INTO pins (provider, issuer, client_id, document, pinned_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (provider) DO UPDATE SET provider = excluded.provider
		RETURNING issuer, client_id, document, pinned_at`
	replacePin query = `INSERT INTO pins (provider, issuer, client_id, document, pinned_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (provider) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id,
			document = excluded.document, pinned_at = excluded.pinned_at`
)

// Pin implements [store.Pins].
func (s *Store) Pin(ctx context.Context, provider string) (store.Pin, error) {
	const verb = "pin"
	var c check
	c.filled("provider", provider, store.MaxProvider)
	if c.err != nil {
		return store.Pin{}, fact(verb, c.err)
	}
	var p store.Pin
	var at int64
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return found(s.askWriterFirst(ctx, func(ctx context.Context, q session) error {
			p = store.Pin{Provider: provider}
			return q.row(ctx, selectPin, []any{provider}, &p.Issuer, &p.ClientID, &p.Document, &at)
		}))
	})
	if err != nil {
		return store.Pin{}, err
	}
	p.At = timeOf(at)
	return p, nil
}

// KeepPin implements [store.Pins].
func (s *Store) KeepPin(ctx context.Context, p store.Pin) (store.Pin, error) {
	const verb = "keep pin"
	var c check
	c.pin(p)
	if c.err != nil {
		return store.Pin{}, fact(verb, c.err)
	}
	args := pinRow(p)
	var kept store.Pin
	var at int64
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.write(ctx, again, func(ctx context.Context, q session) error {
			kept = store.Pin{Provider: p.Provider}
			return q.row(ctx, keepPin, args, &kept.Issuer, &kept.ClientID, &kept.Document, &at)
		})
	})
	if err != nil {
		return store.Pin{}, err // the writer may still be running, and writing to kept
	}
	kept.At = timeOf(at)
	return kept, nil
}

// ReplacePin implements [store.Pins].
func (s *Store) ReplacePin(ctx context.Context, p store.Pin) error {
	const verb = "replace pin"
	var c check
	c.pin(p)
	if c.err != nil {
		return fact(verb, c.err)
	}
	args := pinRow(p)
	return s.verb(ctx, verb, func(ctx context.Context) error {
		_, err := s.execute(ctx, again, replacePin, args...)
		return err
	})
}

func pinRow(p store.Pin) []any {
	return []any{p.Provider, p.Issuer, p.ClientID, bytes.Clone(p.Document), micros(p.At)}
}

func (c *check) pin(p store.Pin) {
	c.filled("provider", p.Provider, store.MaxProvider)
	c.filled("issuer", p.Issuer, store.MaxIssuer)
	c.filled("client id", p.ClientID, store.MaxClientID)
	c.bytes("document", p.Document, store.MaxDocument)
}
