package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// claimCode is the one statement that decides single use. A repeated claim
// with the same grant id finds its own row and is the same claim; any other
// finds the row of the first and returns nothing.
const claimCode = `INSERT INTO grants (id, login_id, code_hash, account_id, client_id, sid, scope, provider, acr, amr,
	auth_time, created_at, expires_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
	ON CONFLICT (login_id) DO UPDATE SET login_id = excluded.login_id WHERE grants.id = excluded.id
	RETURNING id`

// ClaimCode implements [store.Grants]. A claim whose outcome is unknown, because
// the connection was lost, is settled by claiming once more with the same id.
func (s *Store) ClaimCode(ctx context.Context, g store.Grant) (string, error) {
	var id string
	claim := func(ctx context.Context, r runner) error {
		return r.row(ctx, claimCode, g.ID, g.LoginID, g.CodeHash, g.AccountID, g.ClientID, g.SID,
			strings.Join(g.Scope, " "), g.Provider, g.ACR, strings.Join(g.AMR, " "),
			micros(g.AuthTime), micros(g.CreatedAt), micros(g.ExpiresAt)).Scan(&id)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.engine.one(ctx, claim)
	if err != nil && !errors.Is(err, sql.ErrNoRows) && ctx.Err() == nil {
		err = s.engine.one(ctx, claim)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return s.claimed(ctx, g)
	}
	return id, s.engine.classify(err)
}

// claimed tells a replay of the same code from another code of the same login.
func (s *Store) claimed(ctx context.Context, g store.Grant) (string, error) {
	var id string
	var hash []byte
	err := s.engine.writer().row(ctx, `SELECT id, code_hash FROM grants WHERE login_id = $1`, g.LoginID).Scan(&id, &hash)
	switch {
	case errors.Is(err, sql.ErrNoRows): // purged since: used all the same
		return "", store.ErrUsed
	case err != nil:
		return "", s.engine.classify(err)
	case bytes.Equal(hash, g.CodeHash):
		return id, store.ErrReplayed
	}
	return "", store.ErrUsed
}

const selectGranted = `SELECT ` + accountColumns + `, g.id, g.login_id, g.code_hash, g.client_id, g.sid, g.scope,
	g.provider, g.acr, g.amr, g.auth_time, g.created_at, g.expires_at
	FROM grants g JOIN accounts a ON a.id = g.account_id WHERE g.id = $1`

// GrantedAccount implements [store.Grants].
func (s *Store) GrantedAccount(ctx context.Context, grantID string) (store.Grant, store.Account, error) {
	var g store.Grant
	var a store.Account
	err := s.find(ctx, func(ctx context.Context, r runner) error {
		var scope, amr string
		var proven, created, expires int64
		err := scanAccount(r.row(ctx, selectGranted, grantID), &a, &g.ID, &g.LoginID, &g.CodeHash, &g.ClientID,
			&g.SID, &scope, &g.Provider, &g.ACR, &amr, &proven, &created, &expires)
		if err != nil {
			return err
		}
		g.AccountID, g.Scope, g.AMR = a.ID, strings.Fields(scope), strings.Fields(amr)
		g.AuthTime, g.CreatedAt, g.ExpiresAt = moment(proven), moment(created), moment(expires)
		return nil
	})
	return g, a, err
}

// PurgeGrants implements [store.Grants].
func (s *Store) PurgeGrants(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, `DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at < $1 LIMIT $2)`, at, limit)
}

func (s *Store) purge(ctx context.Context, query string, at time.Time, limit int) (int, error) {
	var gone int64
	err := s.one(ctx, func(ctx context.Context, r runner) error {
		result, err := r.exec(ctx, query, micros(at), limit)
		if err != nil {
			return err
		}
		gone, err = result.RowsAffected()
		return err
	})
	return int(gone), err
}
