package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// The row stays locked until the transaction ends: changes of registrations
	// come one after the other, and what one has counted stays so.
	changeClients query = `UPDATE client_changes SET revision = revision + 1 WHERE id = 1`

	selectClientsRevision query = `SELECT revision FROM client_changes WHERE id = 1`
	selectClients         query = `SELECT id, document, said_by, created_at, updated_at FROM clients ORDER BY created_at, id`
	selectClientSecrets   query = `SELECT client_id, hash, said_by, created_at FROM client_secrets ORDER BY created_at, hash`
	selectClient          query = `SELECT document, created_at, updated_at FROM clients WHERE id = $1`
	insertClient          query = `INSERT INTO clients (id, document, said_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)`
	updateClient          query = `UPDATE clients SET document = $2, updated_at = $3 WHERE id = $1`
	deleteClient          query = `DELETE FROM clients WHERE id = $1`
	insertClientSecret    query = `INSERT INTO client_secrets (client_id, hash, said_by, created_at) VALUES ($1, $2, $3, $4)`
	countClientSecrets    query = `SELECT COUNT(*), COALESCE(SUM(CASE WHEN hash = $2 THEN 1 ELSE 0 END), 0)
		FROM client_secrets WHERE client_id = $1`
	deleteClientSecret  query = `DELETE FROM client_secrets WHERE client_id = $1 AND hash = $2`
	deleteClientSecrets query = `DELETE FROM client_secrets WHERE client_id = $1`
	deleteClientUses    query = `DELETE FROM client_secret_uses WHERE client_id = $1`
)

// ClientsRevision implements [store.Clients].
func (s *Store) ClientsRevision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.verb(ctx, "clients revision", func(ctx context.Context) error {
		return s.askWriterFirst(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectClientsRevision, nil, &revision)
		})
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// Clients implements [store.Clients]. The revision is read first: what changes
// meanwhile is read again by whoever asks for a later one.
func (s *Store) Clients(ctx context.Context) (clients []store.Client, revision int64, err error) {
	err = s.verb(ctx, "clients", func(ctx context.Context) error {
		return s.askWriterFirst(ctx, func(ctx context.Context, q session) error {
			clients = nil
			if err := q.row(ctx, selectClientsRevision, nil, &revision); err != nil {
				return err
			}
			clients, err = readClients(ctx, q)
			return err
		})
	})
	if err != nil {
		return nil, 0, err
	}
	return clients, revision, nil
}

func readClients(ctx context.Context, q session) ([]store.Client, error) {
	var clients []store.Client
	at := map[string]int{}
	err := q.rows(ctx, selectClients, nil, func(scan scan) error {
		var c store.Client
		var created, updated int64
		if err := scan(&c.ID, &c.Document, &c.By, &created, &updated); err != nil {
			return err
		}
		c.CreatedAt, c.UpdatedAt = timeOf(created), timeOf(updated)
		at[c.ID] = len(clients)
		clients = append(clients, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = q.rows(ctx, selectClientSecrets, nil, func(scan scan) error {
		var owner string
		var secret store.ClientSecret
		var created int64
		if err := scan(&owner, &secret.Hash, &secret.By, &created); err != nil {
			return err
		}
		secret.CreatedAt = timeOf(created)
		if i, ok := at[owner]; ok { // one that was registered just now has to wait
			clients[i].Secrets = append(clients[i].Secrets, secret)
		}
		return nil
	})
	return clients, err
}

// AddClient implements [store.Clients].
func (s *Store) AddClient(ctx context.Context, added store.Client) error {
	var c check
	c.client(added)
	c.filled("operator", added.By, store.MaxOperator)
	if len(added.Secrets) > store.MaxClientSecrets {
		c.fail("secrets", "are more than %d", store.MaxClientSecrets)
	}
	secrets := make([][]any, len(added.Secrets))
	for i, secret := range added.Secrets {
		c.clientSecret(secret)
		secrets[i] = secretRow(added.ID, secret)
	}
	document, created := bytes.Clone(added.Document), micros(added.CreatedAt)
	return s.changeClients(ctx, "add client", c, again, func(ctx context.Context, q session) error {
		stands, since, _, err := clientOf(ctx, q, added.ID)
		switch {
		case err == nil && since == created && bytes.Equal(stands, document):
			return nil // an earlier attempt has done it
		case err == nil:
			return store.ErrConflict
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if _, err := q.exec(ctx, insertClient, added.ID, document, added.By, created, micros(added.UpdatedAt)); err != nil {
			return err
		}
		for _, row := range secrets {
			if _, err := q.exec(ctx, insertClientSecret, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReplaceClient implements [store.Clients].
func (s *Store) ReplaceClient(ctx context.Context, next store.Client, was time.Time) error {
	var c check
	c.client(next)
	document, updated := bytes.Clone(next.Document), micros(next.UpdatedAt)
	return s.changeClients(ctx, "replace client", c, again, func(ctx context.Context, q session) error {
		stands, _, changed, err := clientOf(ctx, q, next.ID)
		switch {
		case err != nil:
			return found(err)
		case changed == updated && bytes.Equal(stands, document):
			return nil // an earlier attempt has done it
		case changed != micros(was):
			return store.ErrConflict
		}
		_, err = q.exec(ctx, updateClient, next.ID, document, updated)
		return err
	})
}

// RemoveClient implements [store.Clients]. When the outcome is not known it is
// not repeated: the second time would find nothing.
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	var c check
	c.filled("client id", id, store.MaxClientID)
	return s.changeClients(ctx, "remove client", c, once, func(ctx context.Context, q session) error {
		for _, statement := range []query{deleteClientUses, deleteClientSecrets} {
			if _, err := q.exec(ctx, statement, id); err != nil {
				return err
			}
		}
		gone, err := q.exec(ctx, deleteClient, id)
		if err == nil && gone == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// AddClientSecret implements [store.Clients].
func (s *Store) AddClientSecret(ctx context.Context, id string, secret store.ClientSecret) error {
	var c check
	c.filled("client id", id, store.MaxClientID)
	c.clientSecret(secret)
	row := secretRow(id, secret)
	return s.changeClients(ctx, "add client secret", c, again, func(ctx context.Context, q session) error {
		if _, _, _, err := clientOf(ctx, q, id); err != nil {
			return found(err)
		}
		all, same, err := secretsOf(ctx, q, id, secret.Hash)
		switch {
		case err != nil:
			return err
		case same > 0:
			return nil // an earlier attempt has done it
		case all >= store.MaxClientSecrets:
			return store.ErrConflict
		}
		_, err = q.exec(ctx, insertClientSecret, row...)
		return err
	})
}

// DropClientSecret implements [store.Clients]. When the outcome is not known it
// is not repeated: the second time would find nothing.
func (s *Store) DropClientSecret(ctx context.Context, id string, hash []byte, hour int64) error {
	var c check
	c.filled("client id", id, store.MaxClientID)
	c.hash("hash", hash)
	hash = bytes.Clone(hash)
	return s.changeClients(ctx, "drop client secret", c, once, func(ctx context.Context, q session) error {
		all, same, err := secretsOf(ctx, q, id, hash)
		switch {
		case err != nil:
			return err
		case same == 0:
			return store.ErrNotFound
		case all < 2:
			return store.ErrLast
		}
		var last int64
		switch err := q.row(ctx, selectSecretUse, []any{id, hash}, &last); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case hour != 0 && last >= hour:
			return store.ErrInUse
		}
		for _, statement := range []query{deleteSecretUse, deleteClientSecret} {
			if _, err := q.exec(ctx, statement, id, hash); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeClients runs one change of registrations, behind the lock of all of them.
func (s *Store) changeClients(ctx context.Context, verb string, c check, e effort, do work) error {
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.transact(ctx, e, func(ctx context.Context, q session) error {
			if _, err := q.exec(ctx, changeClients); err != nil {
				return err
			}
			return do(ctx, q)
		})
	})
}

// clientOf returns what stands about a client; [sql.ErrNoRows].
func clientOf(ctx context.Context, q session, id string) (document []byte, created, updated int64, err error) {
	err = q.row(ctx, selectClient, []any{id}, &document, &created, &updated)
	return document, created, updated, err
}

// secretsOf counts a client's secrets, and those of them that are hash.
func secretsOf(ctx context.Context, q session, id string, hash []byte) (all, same int64, err error) {
	err = q.row(ctx, countClientSecrets, []any{id, hash}, &all, &same)
	return all, same, err
}

func secretRow(id string, s store.ClientSecret) []any {
	return []any{id, bytes.Clone(s.Hash), s.By, micros(s.CreatedAt)}
}

func (c *check) client(registered store.Client) {
	c.filled("client id", registered.ID, store.MaxClientID)
	c.bytes("document", registered.Document, store.MaxRegistration)
}

func (c *check) clientSecret(s store.ClientSecret) {
	c.hash("hash", s.Hash)
	c.filled("operator", s.By, store.MaxOperator)
}
