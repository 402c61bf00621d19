package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// The bounds of what people see of their own accounts.
const (
	MaxLanguage = 16 // of an account's language
	MaxDevice   = 64 // of the words for a device
	MaxSite     = 64 // of a site's name

	MaxHistory = 50   // events that one account keeps
	MaxEvents  = 1000 // events of one batch
)

// Personal is what a person may do with their own account.
type Personal interface {
	// KeepLanguage stores the language that the account's pages speak; empty is
	// none. ErrNotFound: no such account, or it was deleted.
	KeepLanguage(ctx context.Context, accountID, language string) error

	// DeleteAccount takes everything that is known of the person from an account
	// and leaves its tombstone, in one transaction: links, consents, history,
	// activity and attributes go, the seed stays as one that was used, so that
	// no subject is ever given out again. The account is disabled for good and
	// its epoch raised by one; the fact that says so is returned. epoch is the
	// account's as the caller saw it, 0 is any. Grants stay until they expire:
	// a code that was claimed stays claimed. Repeating it changes nothing and
	// returns what stands. ErrNotFound: no such account of that epoch.
	DeleteAccount(ctx context.Context, id string, epoch int64, at time.Time) (Fact, error)
}

// Consent is a person's yes to what a client may see, and their no.
type Consent struct {
	AccountID string
	ClientID  string
	Scope     []string  // said yes to; no empty words, no spaces in them
	Declined  []string  // asked for, not required, and not said yes to
	GivenAt   time.Time // UTC, microseconds
}

// WithdrawnConsent is the ID of a fact of kind [ConsentWithdrawn]: the account
// and the SHA-256 of the client's id, which may be long.
func WithdrawnConsent(accountID, clientID string) string {
	sum := sha256.Sum256([]byte(clientID))
	return accountID + " " + hex.EncodeToString(sum[:])
}

// Consents keeps one consent per account and client. That one was withdrawn is a
// fact of kind [ConsentWithdrawn]: whoever reads a consent asks for that too.
type Consents interface {
	// GiveConsent stores c in place of an older one. One of a later time stays,
	// and so does the fact of a later withdrawal: nothing is changed then.
	// ErrNotFound: no such account, or it was deleted.
	GiveConsent(ctx context.Context, c Consent) error

	// Consent returns what the account consented to. A replica may say yes: it is
	// believed if it knows a word about each of scope, be it a yes or a no. Without
	// a scope the latest word is wanted, and a replica may answer only while the
	// writer cannot be reached. ErrNotFound: the writer knows of none.
	Consent(ctx context.Context, accountID, clientID string, scope []string) (Consent, error)

	// ConsentsOf returns at most limit consents of an account, latest first. While
	// the writer cannot be reached a replica may answer.
	ConsentsOf(ctx context.Context, accountID string, limit int) ([]Consent, error)
}

// AccountEvent is something that happened to an account, as the person may read
// it. It holds no address of theirs.
type AccountEvent struct {
	ID        string // lower-case letters and digits that sort by time; also the attempt id
	AccountID string
	At        time.Time
	What      string // a word of the history package's
	ClientID  string // may be empty
	Provider  string // provider instance id; may be empty
	Device    string // a browser and system in coarse words; may be empty
	Site      string // where it happened; may be empty
	SID       string // of which session; may be empty
}

// Histories keeps what happened to accounts lately: at most MaxHistory events of
// each. What is lost of it loses nobody anything.
type Histories interface {
	// NoteEvents stores events, at most MaxEvents at a time; one with an id that
	// is stored already changes nothing, nor does one of a deleted account. The
	// oldest of an account make room.
	NoteEvents(ctx context.Context, batch []AccountEvent) error

	// EventsOf returns at most limit events of an account, latest first. While
	// the writer cannot be reached a replica may answer.
	EventsOf(ctx context.Context, accountID string, limit int) ([]AccountEvent, error)

	// PurgeEvents deletes at most limit events from before at, and returns how
	// many went.
	PurgeEvents(ctx context.Context, at time.Time, limit int) (int, error)
}
