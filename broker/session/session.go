package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal"
)

// The answers that are facts.
var (
	ErrNone = errors.New("session: none")                    // the browser has no session that holds
	ErrForm = errors.New("session: form of another session") // the form was not made for this session
)

// purpose keeps a session from opening as anything else.
const purpose seal.Purpose = "session"

// cookieName is the session cookie's, behind the jar's prefix.
const cookieName = "session"

// Session is a browser signed in at the broker.
type Session struct {
	SID      string   `json:"s"`           // changes whenever the person proves themselves anew
	Account  string   `json:"a"`           // account id
	Epoch    int64    `json:"e"`           // the account's when the session began
	Provider string   `json:"p"`           // the way it was made by: provider instance id
	ACR      string   `json:"c"`           // how the person proved themselves
	AMR      []string `json:"m,omitempty"` // by what means
	AuthTime int64    `json:"t"`           // when, Unix seconds
	Began    int64    `json:"b"`           // Unix seconds
	Seen     int64    `json:"n"`           // last use, Unix seconds; renewed at most once a minute
}

// Sealer seals and opens the cookie.
type Sealer interface {
	Seal(p seal.Purpose, plaintext []byte) (string, error)
	Open(ctx context.Context, p seal.Purpose, sealed string) ([]byte, error)
}

// Negatives knows which sessions have ended, and takes note of more.
type Negatives interface {
	Has(kind store.FactKind, id string) bool
	Epoch(kind store.FactKind, id string) int64
	Apply(ctx context.Context, f store.Fact) error
}

// Outages knows which providers an operator declared to be gone for a while.
type Outages interface {
	Declared(provider string) (until time.Time, ok bool)
}

// Options says what a keeper works with. All fields but Outages, Ceiling and
// Now are required.
type Options struct {
	Jar       cookie.Jar
	Seal      Sealer
	Negatives Negatives
	Idle      time.Duration // unused for longer: gone
	Lifetime  time.Duration // gone whatever happens
	// Ceiling is how much longer than Idle and Lifetime a session may live while
	// Outages says that its provider is gone; 0: no longer.
	Ceiling time.Duration
	Outages Outages
	// Forgotten is told when a session is taken from a browser, so that whatever else
	// knows the person there goes with it. Nil tells nobody.
	Forgotten func(w http.ResponseWriter)
	Now       func() time.Time
}

// Keeper keeps sessions in cookies. It is safe for concurrent use.
type Keeper struct {
	Options
}

// New returns a keeper.
func New(o Options) (*Keeper, error) {
	if o.Seal == nil || o.Negatives == nil || o.Idle <= 0 || o.Lifetime < o.Idle {
		return nil, errors.New("session: sealer, negatives and lifetimes (idle no longer than the whole) are required")
	}
	if o.Ceiling < 0 || o.Ceiling > 0 && o.Outages == nil {
		return nil, errors.New("session: a ceiling is not negative, and needs somebody who knows of outages")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{Options: o}, nil
}

// Read returns the session of the browser that sent r. [ErrNone]: it has none
// that holds. Any other error means that it could not be checked.
func (k *Keeper) Read(ctx context.Context, r *http.Request) (Session, error) {
	sealed := k.Jar.Read(r, cookieName)
	if sealed == "" {
		return Session{}, ErrNone
	}
	opened, err := k.Seal.Open(ctx, purpose, sealed)
	if errors.Is(err, seal.ErrInvalid) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("open session: %w", err)
	}
	var s Session
	if err := json.Unmarshal(opened, &s); err != nil {
		return Session{}, ErrNone
	}
	if !k.holds(s) {
		return Session{}, ErrNone
	}
	return s, nil
}

// Write keeps s in the browser, as used now.
func (k *Keeper) Write(w http.ResponseWriter, s Session) error {
	s.Seen = k.Now().Unix()
	plain, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	sealed, err := k.Seal.Seal(purpose, plain)
	if err != nil {
		return fmt.Errorf("seal session: %w", err)
	}
	k.Jar.Set(w, cookieName, sealed, k.Lifetime+k.Ceiling) // the seal says when it ends
	return nil
}

// Touch renews a session that was not seen for a minute, so that use keeps it.
func (k *Keeper) Touch(w http.ResponseWriter, s Session) error {
	if k.Now().Unix()-s.Seen < 60 {
		return nil
	}
	return k.Write(w, s)
}

// Ending is the fact that s has ended, now.
func (k *Keeper) Ending(s Session) store.Fact {
	return store.Fact{
		Kind: store.SessionEnded, ID: s.SID, At: k.Now().UTC(),
		Until: time.Unix(s.Began, 0).Add(k.Lifetime + k.Ceiling).UTC(),
	}
}

// End ends s everywhere and removes it from this browser. The fact is obeyed
// here and on disk when End returns. An error means that it is not.
func (k *Keeper) End(ctx context.Context, w http.ResponseWriter, s Session) error {
	if err := k.Negatives.Apply(ctx, k.Ending(s)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	k.Forget(w)
	return nil
}

// Forget removes the session from this browser alone.
func (k *Keeper) Forget(w http.ResponseWriter) {
	k.Jar.Clear(w, cookieName)
	if k.Forgotten != nil {
		k.Forgotten(w)
	}
}

// holds reports whether nothing speaks against s. An outage that an operator
// declared gives it more time, and nothing else: what has ended stays ended, and
// the proof keeps its age.
func (k *Keeper) holds(s Session) bool {
	now := k.Now()
	began, seen := time.Unix(s.Began, 0), time.Unix(s.Seen, 0)
	idle, lifetime := k.Idle, k.Lifetime
	if now.Sub(began) >= lifetime || now.Sub(seen) >= idle {
		more := k.more(s.Provider)
		idle, lifetime = idle+more, lifetime+more
	}
	return now.Sub(began) < lifetime && now.Sub(seen) < idle &&
		!k.Negatives.Has(store.SessionEnded, s.SID) &&
		!k.Negatives.Has(store.AccountDisabled, s.Account) &&
		s.Began > k.Negatives.Epoch(store.ProviderSessionsEnded, s.Provider)
}

// more is how much longer than usual sessions of a provider live right now.
func (k *Keeper) more(provider string) time.Duration {
	if k.Ceiling == 0 {
		return 0
	}
	if _, declared := k.Outages.Declared(provider); !declared {
		return 0
	}
	return k.Ceiling
}
