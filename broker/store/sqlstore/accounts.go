package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const accountColumns = `accounts.id, accounts.seed, accounts.epoch, accounts.disabled, accounts.name, accounts.email,
	accounts.email_verified, accounts.phone, accounts.phone_verified, accounts.picture, accounts.locale,
	accounts.opened_during, accounts.language, accounts.deleted_at, accounts.created_at, accounts.updated_at`

const (
	selectAccountByIdentity query = `SELECT ` + accountColumns + `
		FROM links JOIN accounts ON accounts.id = links.account_id
		WHERE links.provider = $1 AND links.subject = $2`
	selectAccount query = `SELECT ` + accountColumns + ` FROM accounts WHERE accounts.id = $1`
	insertAccount query = `INSERT INTO accounts (id, seed, epoch, disabled, name, email, email_verified, phone,
			phone_verified, picture, locale, opened_during, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	fillProfile query = `UPDATE accounts SET name = $2, email = $3, email_verified = $4, phone = $5, phone_verified = $6,
			picture = $7, locale = $8, updated_at = $9
		WHERE id = $1 AND name = '' AND email = '' AND phone = '' AND deleted_at = 0`
	insertLink query = `INSERT INTO links (provider, subject, account_id, created_at) VALUES ($1, $2, $3, $4)`
	// Nothing is linked to a tombstone.
	insertLinkAlive query = `INSERT INTO links (provider, subject, account_id, created_at) SELECT $1, $2, $3, $4
		WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = $3 AND accounts.deleted_at <> 0)`
	selectLinks query = `SELECT provider, subject, created_at FROM links WHERE account_id = $1
		ORDER BY created_at, provider, subject`
)

// accountRow scans an account.
type accountRow struct {
	store.Account
	created, updated, deleted int64
}

// columns are where accountColumns go.
func (r *accountRow) columns() []any {
	return []any{
		&r.ID, &r.Seed, &r.Epoch, &r.Disabled, &r.Name, &r.Email, &r.EmailVerified, &r.Phone, &r.PhoneVerified,
		&r.Picture, &r.Locale, &r.OpenedDuring, &r.Language, &r.deleted, &r.created, &r.updated,
	}
}

func (r *accountRow) account() store.Account {
	a := r.Account
	a.CreatedAt, a.UpdatedAt, a.DeletedAt = timeOf(r.created), timeOf(r.updated), timeOf(r.deleted)
	return a
}

// AccountByIdentity implements [store.Accounts].
func (s *Store) AccountByIdentity(ctx context.Context, key store.IdentityKey, minEpoch int64) (store.Account, error) {
	var c check
	c.key(key)
	return s.oneAccount(ctx, "account by identity", c, minEpoch, selectAccountByIdentity, key.Provider, key.Subject)
}

// Account implements [store.Accounts].
func (s *Store) Account(ctx context.Context, id string, minEpoch int64) (store.Account, error) {
	var c check
	c.filled("account id", id, store.MaxID)
	return s.oneAccount(ctx, "account", c, minEpoch, selectAccount, id)
}

// oneAccount reads an account. A replica that knows none, or one of an earlier
// epoch, or says that it is disabled, is not believed.
func (s *Store) oneAccount(ctx context.Context, verb string, c check, minEpoch int64, q query, args ...any) (store.Account, error) {
	if c.err != nil {
		return store.Account{}, fact(verb, c.err)
	}
	var r accountRow
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return found(s.ask(ctx, func(ctx context.Context, on session) error {
			r = accountRow{}
			return on.row(ctx, q, args, r.columns()...)
		}, func() bool { return !r.Disabled && r.Epoch >= minEpoch }))
	})
	if err != nil {
		return store.Account{}, err
	}
	return r.account(), nil
}

// found names the error of a row that is not there.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// OpenAccount implements [store.Accounts].
func (s *Store) OpenAccount(ctx context.Context, a store.Account, key store.IdentityKey) error {
	const verb = "open account"
	var c check
	c.account(a)
	c.key(key)
	if c.err != nil {
		return fact(verb, c.err)
	}
	account := []any{
		a.ID, bytes.Clone(a.Seed), a.Epoch, a.Disabled, a.Name, a.Email, a.EmailVerified, a.Phone, a.PhoneVerified,
		a.Picture, a.Locale, a.OpenedDuring, micros(a.CreatedAt), micros(a.UpdatedAt),
	}
	link := []any{key.Provider, key.Subject, a.ID, micros(a.CreatedAt)}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.transact(ctx, once, func(ctx context.Context, q session) error {
			if _, err := q.exec(ctx, insertAccount, account...); err != nil {
				return err
			}
			_, err := q.exec(ctx, insertLink, link...)
			return err
		})
	})
}

// FillProfile implements [store.Accounts].
func (s *Store) FillProfile(ctx context.Context, a store.Account) error {
	const verb = "fill profile"
	var c check
	c.account(a)
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		_, err := s.execute(ctx, again, fillProfile, a.ID, a.Name, a.Email, a.EmailVerified, a.Phone, a.PhoneVerified,
			a.Picture, a.Locale, micros(a.UpdatedAt))
		return err
	})
}

// LinkIdentity implements [store.Accounts].
func (s *Store) LinkIdentity(ctx context.Context, l store.Link) error {
	const verb = "link identity"
	var c check
	c.key(l.IdentityKey)
	c.filled("account id", l.AccountID, store.MaxID)
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, once, insertLinkAlive, l.Provider, l.Subject, l.AccountID, micros(l.CreatedAt))
		if errors.Is(err, errMissing) || err == nil && wrote == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// Links implements [store.Accounts].
func (s *Store) Links(ctx context.Context, accountID string) ([]store.Link, error) {
	const verb = "links"
	var c check
	c.filled("account id", accountID, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	var links []store.Link
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			links = nil
			return q.rows(ctx, selectLinks, []any{accountID}, func(scan scan) error {
				l, created := store.Link{AccountID: accountID}, int64(0)
				if err := scan(&l.Provider, &l.Subject, &created); err != nil {
					return err
				}
				l.CreatedAt = timeOf(created)
				links = append(links, l)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return links, nil
}

// DisableAccount implements [store.Accounts].
func (s *Store) DisableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	f := store.Fact{Kind: store.AccountDisabled, ID: id, At: at}
	return s.decide(ctx, change{verb: "disable account", fact: f, effort: again, decide: disabled})
}

// EnableAccount implements [store.Accounts].
func (s *Store) EnableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	f := store.Fact{Kind: store.AccountDisabled, ID: id, At: at}
	return s.decide(ctx, change{verb: "enable account", fact: f, effort: again, decide: enabled})
}

// EndSessions implements [store.Accounts]. When the outcome is not known it is
// not repeated: a second time would raise the epoch twice.
func (s *Store) EndSessions(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	f := store.Fact{Kind: store.AccountEpoch, ID: id, At: at}
	return s.decide(ctx, change{verb: "end sessions", fact: f, effort: once, decide: ended})
}
