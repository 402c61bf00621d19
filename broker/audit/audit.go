package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"
)

// Name says what happened. The set is closed: dashboards and alerts rely on it.
type Name string

// The events.
const (
	LoginCompleted  Name = "login.completed"
	LoginRefused    Name = "login.refused" // the website received an error
	LegFailed       Name = "login.leg_failed"
	AccountOpened   Name = "account.opened"
	AccountLinked   Name = "account.linked"       // all other sessions of the account ended
	AccountUnlinked Name = "account.unlinked"     // the same
	LinkRefused     Name = "account.link_refused" // of each account concerned
	SessionsEnded   Name = "sessions.ended"       // all of an account
	AccountExported Name = "account.exported"     // the person took a copy of what we hold
	AccountDeleted  Name = "account.deleted"      // nothing is left but a tombstone
	ConsentGiven    Name = "consent.given"        // Reason not_kept: for one login alone
	ConsentTaken    Name = "consent.withdrawn"    // the website's grants ended with it
	CodeReplayed    Name = "code.replayed"
	RefreshReplayed Name = "refresh.replayed" // its family ended
	RefreshMisused  Name = "refresh.misused"  // a refresh token at another client
	TokenRevoked    Name = "token.revoked"    // by its client; Reason says which kind
	CodeMisused     Name = "code.misused"     // a code at the wrong client, redirect URI or verifier
	GrantRefused    Name = "grant.refused"    // what a node gave while there was no writer, which then knew another of the same login; revoked
	ClientRefused   Name = "client.refused"
	SessionEnded    Name = "session.ended"
	CallbackRefused Name = "callback.refused"
	LoginCarried    Name = "login.carried"    // to another site, Object, that reaches the provider
	LoginContinued  Name = "login.continued"  // here, from another site, Object
	HandoffRefused  Name = "handoff.refused"  // a login that another site is said to have sent
	OperatorActed   Name = "operator.acted"   // an order was given; Reason says what became of it
	OperatorRefused Name = "operator.refused" // somebody without a credential asked or gave an order
)

// Event is one thing that happened. Empty fields are left out of the line.
type Event struct {
	Name     Name
	Client   string // client id
	Provider string // provider instance id
	Account  string // account id; written as its keyed hash
	Reason   string // a class from a closed set, never free text
	Login    string // login id

	// Where a person did it, for their own eyes: in no line of the log.
	Device  string // a browser and system in coarse words
	Session string // sid

	Operator string // who gave an order
	Action   string // which, from a closed set
	Object   string // what it was about: a provider instance, a drill
	Why      string // the operator's own words, at most 255 bytes in one line
}

// Log writes events. The zero value is not usable; construct it with [New].
type Log struct {
	logger *slog.Logger
	key    []byte
	hook   func(Event)
}

// New returns a log that writes to logger and hashes account ids with key. hook
// sees every event too, for dev's switchboard and tests; it may be nil and
// must not block.
func New(logger *slog.Logger, key []byte, hook func(Event)) *Log {
	return &Log{logger: logger, key: key, hook: hook}
}

// Record writes one event, whatever level the log is turned down to: what
// security teams ask for is not a matter of verbosity.
func (l *Log) Record(ctx context.Context, e Event) {
	if l.hook != nil {
		l.hook(e)
	}
	attrs := make([]slog.Attr, 0, 10)
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	attrs = append(attrs, slog.String("event", string(e.Name)))
	add("client", e.Client)
	add("provider", e.Provider)
	add("account", l.hash(e.Account))
	add("reason", e.Reason)
	add("login", e.Login)
	add("operator", e.Operator)
	add("action", e.Action)
	add("object", e.Object)
	add("why", e.Why)
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	record.AddAttrs(attrs...)
	_ = l.logger.Handler().Handle(ctx, record) // as slog itself does: a log that fails has nowhere to say so
}

// hash lets one account's events be found together without naming it.
func (l *Log) hash(account string) string {
	if account == "" {
		return ""
	}
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte("audit account\x00" + account))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
