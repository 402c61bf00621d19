package sqlstore

import (
	"context"
	"errors"
	"slices"

	"github.com/bongsu/bongsu/broker/store"
)

const consentColumns = `account_id, client_id, scope, declined, given_at`

const (
	// A withdrawal that the writer knows wins over a consent that was given
	// before it and arrives after it.
	giveConsent query = `INSERT INTO consents (account_id, client_id, withdrawal, scope, declined, given_at)
		SELECT $1, $2, $3, $4, $5, $6
		WHERE NOT EXISTS (SELECT 1 FROM facts WHERE facts.kind = 'consent_withdrawn' AND facts.id = $3 AND facts.epoch >= $6)
			AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = $1 AND accounts.deleted_at <> 0)
		ON CONFLICT (account_id, client_id) DO UPDATE SET scope = excluded.scope, declined = excluded.declined,
			given_at = excluded.given_at WHERE excluded.given_at > consents.given_at`
	selectConsent   query = `SELECT ` + consentColumns + ` FROM consents WHERE account_id = $1 AND client_id = $2`
	selectConsents  query = `SELECT ` + consentColumns + ` FROM consents WHERE account_id = $1 ORDER BY given_at DESC, client_id LIMIT $2`
	withdrawConsent query = `DELETE FROM consents WHERE withdrawal = $1 AND given_at <= $2`
	isDeleted       query = `SELECT COUNT(*) FROM accounts WHERE id = $1 AND deleted_at <> 0`
)

// consentRow scans a consent.
type consentRow struct {
	store.Consent
	scope, declined string
	given           int64
}

// columns are where consentColumns go.
func (r *consentRow) columns() []any {
	return []any{&r.AccountID, &r.ClientID, &r.scope, &r.declined, &r.given}
}

func (r *consentRow) consent() store.Consent {
	c := r.Consent
	c.Scope, c.Declined, c.GivenAt = listOf(r.scope), listOf(r.declined), timeOf(r.given)
	return c
}

// GiveConsent implements [store.Consents].
func (s *Store) GiveConsent(ctx context.Context, given store.Consent) error {
	const verb = "give consent"
	var c check
	c.filled("account id", given.AccountID, store.MaxID)
	c.filled("client id", given.ClientID, store.MaxClientID)
	c.list("scope", given.Scope, store.MaxScope)
	c.list("declined", given.Declined, store.MaxScope)
	if c.err != nil {
		return fact(verb, c.err)
	}
	args := []any{
		given.AccountID, given.ClientID, store.WithdrawnConsent(given.AccountID, given.ClientID),
		words(given.Scope), words(given.Declined), micros(given.GivenAt),
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, giveConsent, args...)
		if errors.Is(err, errMissing) {
			return store.ErrNotFound
		}
		if err != nil || wrote == 1 {
			return err
		}
		return s.alive(ctx, given.AccountID)
	})
}

// alive answers [store.ErrNotFound] if the account was deleted.
func (s *Store) alive(ctx context.Context, accountID string) error {
	var gone int64
	err := s.writer.read(ctx, func(ctx context.Context, q session) error {
		return q.row(ctx, isDeleted, []any{accountID}, &gone)
	})
	if err == nil && gone > 0 {
		return store.ErrNotFound
	}
	return err
}

// Consent implements [store.Consents].
func (s *Store) Consent(ctx context.Context, accountID, clientID string, scope []string) (store.Consent, error) {
	const verb = "consent"
	var c check
	c.filled("account id", accountID, store.MaxID)
	c.filled("client id", clientID, store.MaxClientID)
	if c.err != nil {
		return store.Consent{}, fact(verb, c.err)
	}
	var r consentRow
	read := func(ctx context.Context, q session) error {
		r = consentRow{}
		return q.row(ctx, selectConsent, []any{accountID, clientID}, r.columns()...)
	}
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if len(scope) == 0 {
			return found(s.askWriterFirst(ctx, read))
		}
		return found(s.ask(ctx, read, func() bool { return speaksOf(r.consent(), scope) }))
	})
	if err != nil {
		return store.Consent{}, err
	}
	return r.consent(), nil
}

// speaksOf reports whether something was said about each of scope.
func speaksOf(c store.Consent, scope []string) bool {
	for _, s := range scope {
		if !slices.Contains(c.Scope, s) && !slices.Contains(c.Declined, s) {
			return false
		}
	}
	return true
}

// ConsentsOf implements [store.Consents].
func (s *Store) ConsentsOf(ctx context.Context, accountID string, limit int) ([]store.Consent, error) {
	const verb = "consents of account"
	var c check
	c.filled("account id", accountID, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	return listed(ctx, s, verb, limit, (*consentRow).columns, (*consentRow).consent,
		selectConsents, accountID, min(limit, maxListed))
}

// withdraw deletes the consent that a fact is about, with the fact.
func withdraw(f store.Fact) func(context.Context, session, standing) error {
	return func(ctx context.Context, q session, _ standing) error {
		_, err := q.exec(ctx, withdrawConsent, f.ID, f.Epoch)
		return err
	}
}
