package sqlstore

import (
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// recorded is the decision about a fact that somebody says: see
// [store.Facts].RecordFact.
func recorded(stands standing, f store.Fact) (store.Fact, account, bool) {
	old := stands.fact
	if old.Revision != 0 && old.Lifted && f.Epoch < old.Epoch {
		return old, stands.account, false
	}
	if old.Revision != 0 && !old.Lifted {
		if f.Epoch <= old.Epoch && !later(f.Until, old.Until) {
			return old, stands.account, false
		}
		f.Epoch = max(f.Epoch, old.Epoch)
		if !later(f.Until, old.Until) {
			f.Until = old.Until
		}
	}
	then := stands.account
	then.epoch = max(then.epoch, f.Epoch)
	if f.Kind == store.AccountDisabled {
		then.disabled = true
	}
	return f, then, true
}

// later reports whether until ends after other; zero is never.
func later(until, other time.Time) bool {
	return !other.IsZero() && (until.IsZero() || until.After(other))
}

// disabled is the decision of DisableAccount.
func disabled(stands standing, f store.Fact) (store.Fact, account, bool) {
	old, then := stands.fact, stands.account
	if then.disabled && old.Revision != 0 && !old.Lifted {
		return old, then, false
	}
	then.epoch, then.disabled = max(then.epoch, old.Epoch), true
	f.Epoch = then.epoch
	return f, then, true
}

// enabled is the decision of EnableAccount. Of an account that was never
// disabled here it is news too: a node may have said so whom the writer has not
// heard yet.
func enabled(stands standing, f store.Fact) (store.Fact, account, bool) {
	old, then := stands.fact, stands.account
	if !then.disabled && old.Lifted {
		return old, then, false
	}
	then.epoch, then.disabled = max(then.epoch, old.Epoch)+1, false
	f.Epoch, f.Lifted = then.epoch, true
	return f, then, true
}

// ended is the decision of EndSessions.
func ended(stands standing, f store.Fact) (store.Fact, account, bool) {
	then := stands.account
	then.epoch = max(then.epoch, stands.fact.Epoch) + 1
	f.Epoch = then.epoch
	return f, then, true
}

// lifted is the decision of LiftFact. Of a fact that was never said here it is
// news too: a node may have said it whom the writer has not heard yet.
func lifted(stands standing, f store.Fact) (store.Fact, account, bool) {
	old := stands.fact
	if old.Lifted && old.Epoch > micros(f.At) {
		return old, stands.account, false
	}
	f.Epoch, f.Lifted = max(old.Epoch, micros(f.At))+1, true
	return f, stands.account, true
}
