package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/bongsu/bongsu/broker/store"
)

// The bounds of what is kept, in bytes.
const (
	maxSubject = 255
	maxText    = 2048
)

const accountColumns = `a.id, a.seed, a.epoch, a.disabled, a.name, a.email, a.email_verified, a.phone,
	a.phone_verified, a.picture, a.locale, a.created_at, a.updated_at`

// scannable is a row.
type scannable interface{ Scan(dest ...any) error }

// scanAccount reads accountColumns and whatever stands behind them.
func scanAccount(row scannable, a *store.Account, more ...any) error {
	var created, updated int64
	dest := [...]any{
		&a.ID, &a.Seed, &a.Epoch, &a.Disabled, &a.Name, &a.Email, &a.EmailVerified, &a.Phone,
		&a.PhoneVerified, &a.Picture, &a.Locale, &created, &updated,
	}
	if err := row.Scan(append(dest[:], more...)...); err != nil {
		return err
	}
	a.CreatedAt, a.UpdatedAt = moment(created), moment(updated)
	return nil
}

const selectByIdentity = `SELECT ` + accountColumns + ` FROM links l JOIN accounts a ON a.id = l.account_id
	WHERE l.provider = $1 AND l.subject = $2`

// AccountByIdentity implements [store.Accounts].
func (s *Store) AccountByIdentity(ctx context.Context, key store.IdentityKey) (store.Account, error) {
	var a store.Account
	err := s.find(ctx, func(ctx context.Context, r runner) error {
		return scanAccount(r.row(ctx, selectByIdentity, key.Provider, key.Subject), &a)
	})
	return a, err
}

const selectAccount = `SELECT ` + accountColumns + ` FROM accounts a WHERE a.id = $1`

// errBehind means that a replica has not seen what the caller has.
var errBehind = errors.New("sqlstore: the replica is behind")

// Account implements [store.Accounts].
func (s *Store) Account(ctx context.Context, id string, minEpoch int64) (store.Account, error) {
	var a store.Account
	err := s.find(ctx, func(ctx context.Context, r runner) error {
		if err := scanAccount(r.row(ctx, selectAccount, id), &a); err != nil {
			return err
		}
		if a.Epoch < minEpoch && s.engine.lags() && r == s.engine.reader() {
			return errBehind
		}
		return nil
	})
	return a, err
}

// OpenAccount implements [store.Accounts].
func (s *Store) OpenAccount(ctx context.Context, a store.Account, key store.IdentityKey) error {
	if err := checkAccount(a, key); err != nil {
		return err
	}
	return s.atomic(ctx, func(ctx context.Context, r runner) error {
		_, err := r.exec(ctx, `INSERT INTO accounts (id, seed, epoch, disabled, name, email, email_verified, phone,
			phone_verified, picture, locale, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			a.ID, a.Seed, a.Epoch, a.Disabled, a.Name, a.Email, a.EmailVerified, a.Phone,
			a.PhoneVerified, a.Picture, a.Locale, micros(a.CreatedAt), micros(a.UpdatedAt))
		if err != nil {
			return err
		}
		return insertLink(ctx, r, store.Link{IdentityKey: key, AccountID: a.ID, CreatedAt: a.CreatedAt})
	})
}

// LinkIdentity implements [store.Accounts].
func (s *Store) LinkIdentity(ctx context.Context, l store.Link) error {
	if err := checkKey(l.IdentityKey); err != nil {
		return err
	}
	return s.atomic(ctx, func(ctx context.Context, r runner) error {
		var found string
		err := r.row(ctx, `SELECT id FROM accounts WHERE id = $1`, l.AccountID).Scan(&found)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		return insertLink(ctx, r, l)
	})
}

func insertLink(ctx context.Context, r runner, l store.Link) error {
	_, err := r.exec(ctx, `INSERT INTO links (provider, subject, account_id, created_at) VALUES ($1, $2, $3, $4)`,
		l.Provider, l.Subject, l.AccountID, micros(l.CreatedAt))
	return err
}

// Links implements [store.Accounts].
func (s *Store) Links(ctx context.Context, accountID string) ([]store.Link, error) {
	var links []store.Link
	err := s.find(ctx, func(ctx context.Context, r runner) error {
		links = nil
		rows, err := r.rows(ctx, `SELECT provider, subject, created_at FROM links WHERE account_id = $1
			ORDER BY created_at, provider, subject`, accountID)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			l := store.Link{AccountID: accountID}
			var created int64
			if err := rows.Scan(&l.Provider, &l.Subject, &created); err != nil {
				return err
			}
			l.CreatedAt = moment(created)
			links = append(links, l)
		}
		return rows.Err()
	})
	return links, err
}

// DisableAccount implements [store.Accounts].
func (s *Store) DisableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	return s.changeAccount(ctx, id, at, `UPDATE accounts SET disabled = TRUE, updated_at = $2 WHERE id = $1 RETURNING epoch`,
		store.Fact{Kind: store.AccountDisabled, ID: id, At: at})
}

// EnableAccount implements [store.Accounts].
func (s *Store) EnableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	return s.changeAccount(ctx, id, at, `UPDATE accounts SET disabled = FALSE, epoch = epoch + 1, updated_at = $2 WHERE id = $1 RETURNING epoch`,
		store.Fact{Kind: store.AccountDisabled, ID: id, At: at, Lifted: true})
}

// EndSessions implements [store.Accounts].
func (s *Store) EndSessions(ctx context.Context, id string, at time.Time) (store.Fact, error) {
	return s.changeAccount(ctx, id, at, `UPDATE accounts SET epoch = epoch + 1, updated_at = $2 WHERE id = $1 RETURNING epoch`,
		store.Fact{Kind: store.AccountEpoch, ID: id, At: at})
}

// changeAccount updates an account and records what follows, or neither.
func (s *Store) changeAccount(ctx context.Context, id string, at time.Time, update string, f store.Fact) (store.Fact, error) {
	err := s.atomic(ctx, func(ctx context.Context, r runner) error {
		err := r.row(ctx, update, id, micros(at)).Scan(&f.Epoch)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		f, err = recordFact(ctx, r, f)
		return err
	})
	return f, err
}

func checkAccount(a store.Account, key store.IdentityKey) error {
	for name, text := range map[string]string{
		"id": a.ID, "name": a.Name, "email": a.Email, "phone": a.Phone, "picture": a.Picture, "locale": a.Locale,
	} {
		if len(text) > maxText || !utf8.ValidString(text) {
			return fmt.Errorf("sqlstore: the account's %s is longer than %d bytes or no UTF-8", name, maxText)
		}
	}
	return checkKey(key)
}

func checkKey(key store.IdentityKey) error {
	if key.Provider == "" || key.Subject == "" || len(key.Subject) > maxSubject || !utf8.ValidString(key.Subject) {
		return fmt.Errorf("sqlstore: an identity needs a provider and a subject of 1 to %d bytes of UTF-8", maxSubject)
	}
	return nil
}
