package sqlstore

import (
	"context"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	keepLanguage query = `UPDATE accounts SET language = $2 WHERE id = $1 AND deleted_at = 0`
	buryAccount  query = `UPDATE accounts SET name = '', email = '', email_verified = $2, phone = '', phone_verified = $2,
			picture = '', locale = '', opened_during = '', language = '', deleted_at = $3, updated_at = $3
		WHERE id = $1`
	deleteLinksOf    query = `DELETE FROM links WHERE account_id = $1`
	deleteConsentsOf query = `DELETE FROM consents WHERE account_id = $1`
	deleteEventsOf   query = `DELETE FROM account_events WHERE account_id = $1`
	// No index serves it: an account is deleted seldom, and one day more in the
	// index of every login would be dearer.
	deleteActivityOf query = `DELETE FROM activity WHERE account_id = $1`
)

// KeepLanguage implements [store.Personal].
func (s *Store) KeepLanguage(ctx context.Context, accountID, language string) error {
	const verb = "keep language"
	var c check
	c.filled("account id", accountID, store.MaxID)
	c.text("language", language, store.MaxLanguage)
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, keepLanguage, accountID, language)
		if err == nil && wrote == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// DeleteAccount implements [store.Personal]. It stands behind the lock that every
// transaction about facts takes first, and so nothing is linked meanwhile.
func (s *Store) DeleteAccount(ctx context.Context, id string, epoch int64, at time.Time) (store.Fact, error) {
	return s.decide(ctx, change{
		verb: "delete account", fact: store.Fact{Kind: store.AccountDisabled, ID: id, At: at},
		effort: again, gone: true, decide: deleted,
		before: func(ctx context.Context, q session, stands standing) error {
			switch {
			case stands.account.deleted != 0:
				return errStands
			case stands.moved(epoch):
				return store.ErrNotFound
			}
			return bury(ctx, q, id, at)
		},
	})
}

// bury takes from an account what is known of the person.
func bury(ctx context.Context, q session, id string, at time.Time) error {
	if _, err := q.exec(ctx, buryAccount, id, false, micros(at)); err != nil {
		return err
	}
	for _, statement := range []query{deleteLinksOf, deleteConsentsOf, deleteEventsOf, deleteActivityOf} {
		if _, err := q.exec(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

// deleted is the decision of DeleteAccount: news also of an account that was
// disabled before.
func deleted(stands standing, f store.Fact) (store.Fact, account, bool) {
	then := stands.account
	then.epoch, then.disabled = max(then.epoch, stands.fact.Epoch)+1, true
	f.Epoch = then.epoch
	return f, then, true
}
