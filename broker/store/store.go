package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// The errors of the verbs. Test them with [errors.Is].
var (
	ErrNotFound    = errors.New("store: not found")            // the writer knows no such thing
	ErrConflict    = errors.New("store: conflict")             // the record changed or exists already
	ErrReplayed    = errors.New("store: code replayed")        // the same code was claimed before
	ErrUsed        = errors.New("store: login used")           // another code of this login was claimed before
	ErrLast        = errors.New("store: the last link")        // without it nobody could come into the account any more
	ErrInvalid     = errors.New("store: invalid record")       // the caller's record breaks a bound below; nothing was asked or changed
	ErrUnavailable = errors.New("store: could not be reached") // nothing is known: retry, never conclude
)

// The bounds of what is stored, in bytes of UTF-8. Text is kept byte for byte,
// never normalised or cut: what is longer, is not UTF-8 or holds a NUL is
// refused with [ErrInvalid].
const (
	MaxID        = 64   // of accounts, grants, logins and sessions; not empty
	MaxProvider  = 64   // of a provider instance's id; not empty
	MaxSubject   = 255  // of an upstream's subject; not empty
	MaxAttribute = 2048 // of each attribute of an account
	MaxClientID  = 255  // of a client's id; not empty
	MaxScope     = 2048 // of a grant's scope, joined by spaces
	MaxMethod    = 255  // of an acr, and of amr joined by spaces
	MaxFactKind  = 64   // of a fact's kind; not empty
	MaxFactID    = 255  // of what a fact is about; not empty
	MaxSecret    = 4096 // of a wrapped secret, 64 of its name; neither empty

	MaxOperator  = 64      // of an operator's name; not empty
	MaxReason    = 255     // of what an operator gives as the reason
	MaxNode      = 160     // of what names one run of a node
	MaxWord      = 32      // of a drill's kind and of what ended it; not empty
	MaxDocument  = 8 << 10 // of a pinned document; not empty
	MaxActivity  = 1000    // records of one batch
	MaxSurviving = 64      // providers of one question about coverage
	MaxWays      = 62      // providers of one question about ways in: a bit each of an int64
)

// Account is our record of a person. What websites see belongs to it, not to
// the way the person came in.
type Account struct {
	ID       string // 26 lower-case letters and digits, random, never shown to websites
	Seed     []byte // 32 random bytes, immutable: every subject derives from it
	Epoch    int64  // grows by one whenever all sessions end
	Disabled bool

	Name          string
	Email         string
	EmailVerified bool
	Phone         string
	PhoneVerified bool
	Picture       string
	Locale        string

	// OpenedDuring names the providers that were down when a person opened this
	// account although they may have had another one: instance ids joined by
	// spaces. Empty for all others.
	OpenedDuring string

	// Language is what the account's pages speak, chosen by the person; empty: not
	// chosen. DeletedAt is when the account was deleted: what is left of it is a
	// tombstone, which is disabled and knows nobody. Zero: it was not.
	Language  string
	DeletedAt time.Time

	CreatedAt time.Time // UTC, microseconds
	UpdatedAt time.Time // when an attribute last changed; disabling and ending sessions are no such change
}

// IdentityKey finds an account, and nothing else does.
type IdentityKey struct {
	Provider string // provider instance id
	Subject  string // the upstream's subject
}

// Link ties an identity to an account. A key belongs to at most one account.
type Link struct {
	IdentityKey

	AccountID string
	CreatedAt time.Time
}

// Accounts finds, opens and changes accounts.
type Accounts interface {
	// AccountByIdentity returns the account that key is linked to. A replica is
	// not believed if the account's epoch there lies below minEpoch, for the link
	// may have gone since, nor one that says disabled; the writer is, whatever
	// the epoch. ErrNotFound: the writer knows no such link.
	AccountByIdentity(ctx context.Context, key IdentityKey, minEpoch int64) (Account, error)

	// Account returns the account with id. A replica is not believed if the
	// account's epoch there lies below minEpoch, nor one that says disabled; the
	// writer is, whatever the epoch: who asks compares it. ErrNotFound: the writer
	// knows no such account.
	Account(ctx context.Context, id string, minEpoch int64) (Account, error)

	// OpenAccount stores a new account with its first link, both or neither.
	// ErrConflict: the identity is linked already.
	OpenAccount(ctx context.Context, a Account, key IdentityKey) error

	// FillProfile gives the account a.ID the attributes of a, unless it has a
	// name, an address or a phone already: an account that was opened while its
	// provider could not tell gets them later, and nobody's are overwritten. An
	// account that has some, or does not exist, is left alone without an error.
	FillProfile(ctx context.Context, a Account) error

	// LinkIdentity ties key to the account. ErrConflict: the identity is
	// linked already, to whichever account. ErrNotFound: no such account.
	LinkIdentity(ctx context.Context, l Link) error

	// LinkIdentityEndSessions ties key to the account and raises the account's
	// epoch by one, in one transaction: every session made before is void, and
	// what it gave. epoch is the account's as the caller saw it, 0 is any. It
	// returns the fact. A second call with the same link, its CreatedAt
	// included, is the first again. ErrConflict: the identity is linked
	// already, to whichever account. ErrNotFound: no such account of that epoch.
	LinkIdentityEndSessions(ctx context.Context, l Link, epoch int64, at time.Time) (Fact, error)

	// UnlinkIdentity takes key from the account and raises the account's epoch
	// by one, in one transaction; epoch is the account's as the caller saw it,
	// 0 is any. It returns the fact. Of any number of racing calls that would
	// take all links, one finds the last and leaves it. A second call with the
	// same key and at, while no other end of sessions came between, is the
	// first again. ErrLast: the account has no other link. ErrNotFound: no
	// such account of that epoch, or key is not linked to it.
	UnlinkIdentity(ctx context.Context, key IdentityKey, accountID string, epoch int64, at time.Time) (Fact, error)

	// Links returns the links of an account, oldest first, as the writer knows
	// them: a missing link is a fact too. An unknown account has none.
	Links(ctx context.Context, accountID string) ([]Link, error)

	// DisableAccount disables the account and records the fact, in one
	// transaction. Repeating it changes nothing and returns what stands.
	// ErrNotFound.
	DisableAccount(ctx context.Context, id string, at time.Time) (Fact, error)

	// EnableAccount undoes DisableAccount with a higher epoch, so that no
	// older session returns, and records the lifted fact: a disabling of a
	// lower epoch that arrives after it has lost. Repeating it changes nothing
	// and returns what stands. ErrNotFound: also for one that was deleted.
	EnableAccount(ctx context.Context, id string, at time.Time) (Fact, error)

	// EndSessions raises the account's epoch by one and records it: every
	// session made before is void everywhere. ErrNotFound.
	EndSessions(ctx context.Context, id string, at time.Time) (Fact, error)
}

// Grant is the stored right of a client to an account: the row that one code
// becomes when it is claimed.
type Grant struct {
	ID        string // lower-case letters and digits that sort by time; also the attempt id: a repeated claim with it is the same claim
	LoginID   string // unique: one login gives one grant
	CodeHash  []byte // SHA-256 of the code, tells a replay from another code of the same login
	AccountID string
	ClientID  string
	SID       string   // the session the login made or used; may be empty
	Scope     []string // granted; no empty words, no spaces in them, none that begins with "claim:"
	Claims    []string // that userinfo gives beside those of Scope; they share its bound
	Provider  string   // the way: provider instance id
	ACR       string
	AMR       []string // no empty words, no spaces in them
	AuthTime  time.Time
	CreatedAt time.Time
	ExpiresAt time.Time // after it the row may be purged; zero is never
	Epoch     int64     // the account's when the code was made; 0: nobody wrote it down
	Resources []string  // identifiers of the resource servers its tokens may be for; no spaces in them
	Refresh   Family
}

// Grants claims codes and reads what they gave.
type Grants interface {
	// ClaimCode writes code-used, grant and refresh family in one statement and answers
	// whether this caller was first; of any number of racing calls for one
	// login exactly one is. A second call with the same g.ID is the first
	// again. ErrReplayed: the same code was claimed before, and the returned
	// id is the grant it gave. ErrUsed: another code of this login was.
	// ErrConflict: g.ID is another login's grant. After ErrUnavailable the code
	// may be claimed or not; a call with the same g.ID settles it.
	ClaimCode(ctx context.Context, g Grant) (grantID string, err error)

	// GrantedAccount returns a grant and its account. That the account is
	// disabled is the writer's word, and so is one of an epoch before that of the
	// grant's code. ErrNotFound: the writer knows no such
	// grant, or no such account.
	GrantedAccount(ctx context.Context, grantID string) (Grant, Account, error)

	// GrantsOfSession returns at most limit grants, never more than 1000, that
	// logins of a session gave and that have not expired at at, newest first, as
	// the writer knows them.
	GrantsOfSession(ctx context.Context, sid string, at time.Time, limit int) ([]Grant, error)

	// GrantsOfAccount returns at most limit grants of an account that have not
	// expired at, newest first. While the writer cannot be reached a replica may
	// answer, which may not know the newest ones. Whether one was revoked is a
	// fact, not a column.
	GrantsOfAccount(ctx context.Context, accountID string, at time.Time, limit int) ([]Grant, error)

	// PurgeGrants deletes at most limit grants that expired before at, oldest
	// first, and returns how many went.
	PurgeGrants(ctx context.Context, at time.Time, limit int) (int, error)
}

// FactKind is what a negative fact is about.
type FactKind string

// The kinds of negative facts.
const (
	AccountDisabled FactKind = "account_disabled" // ID is the account's
	AccountEpoch    FactKind = "account_epoch"    // ID is the account's; sessions of a lower Epoch are void
	SessionEnded    FactKind = "session_ended"    // ID is the sid
	GrantRevoked    FactKind = "grant_revoked"    // ID is the grant's
	TokenRevoked    FactKind = "token_revoked"    // ID is the jti of an access token
	KeyWithdrawn    FactKind = "key_withdrawn"    // ID is the kid

	// The kinds about providers. The Epoch of the first three orders what was
	// said and undone: Unix microseconds of when it was said, or the highest
	// ever heard of if that is more.
	ProviderDisabled      FactKind = "provider_disabled"       // ID is the instance's: no login begins or ends by it
	ProviderRetired       FactKind = "provider_retired"        // ID is the instance's: it is gone for good, its links are tombstones
	UpstreamKeyDistrusted FactKind = "upstream_key_distrusted" // ID is by DistrustedKey
	ProviderSessionsEnded FactKind = "provider_sessions_ended" // ID is the instance's; sessions it gave at or before Epoch, in Unix seconds, are void

	DrillsForbidden FactKind = "drills_forbidden" // ID is AllDrills: no drill runs or starts

	// ConsentWithdrawn says that consents given at or before Epoch, in Unix
	// microseconds, are void. ID is by WithdrawnConsent.
	ConsentWithdrawn FactKind = "consent_withdrawn"
)

// AllDrills is what a fact of kind [DrillsForbidden] is about.
const AllDrills = "all"

// DistrustedKey is the ID of a fact of kind [UpstreamKeyDistrusted]: the
// provider instance and the SHA-256 of the key's id, which a stranger chose.
func DistrustedKey(provider, keyID string) string {
	sum := sha256.Sum256([]byte(keyID))
	return provider + " " + hex.EncodeToString(sum[:])
}

var notLiftable = []FactKind{
	AccountDisabled, AccountEpoch, SessionEnded, GrantRevoked, TokenRevoked, KeyWithdrawn, ProviderSessionsEnded,
	ConsentWithdrawn,
}

// Liftable reports whether [Facts].LiftFact may undo facts of that kind: what
// has ended stays ended, and accounts have a verb of their own.
func (k FactKind) Liftable() bool { return !slices.Contains(notLiftable, k) }

// Fact is a negative fact: it wins over everything and needs no writer to be
// obeyed. Only the writer lifts one.
type Fact struct {
	Kind     FactKind
	ID       string
	Epoch    int64     // of the account, for kinds about accounts
	Revision int64     // allocated by the writer, 1 and up without gaps in order of commit; 0 while the store does not have it
	Lifted   bool      // undone by the writer
	At       time.Time // when it was said
	Until    time.Time // after it nobody needs the fact any more; zero is never
}

// Facts stores negative facts and feeds them to every node.
type Facts interface {
	// RecordFact stores f under (Kind, ID) with a new revision, allocated by
	// updating one row in the same transaction, and returns it. What adds
	// nothing to a fact that stands, no higher epoch and no later Until,
	// changes nothing; so does a fact of a lower epoch than that with which the
	// writer lifted it. Either way the answer is what the store holds, which
	// may be the lifted fact. In the same transaction [AccountDisabled]
	// disables the account, and both kinds about accounts raise its epoch to at
	// least theirs; there may be no such account. In the same transaction
	// [ConsentWithdrawn] deletes the consent. f.Revision is ignored.
	// ErrInvalid: also for a lifted fact, which only EnableAccount and LiftFact
	// make.
	RecordFact(ctx context.Context, f Fact) (Fact, error)

	// LiftFact undoes a fact, said or not, with an epoch above the one that
	// stands and above at in Unix microseconds: what a node said before at and
	// the writer has not heard of yet has lost too. Repeating it with the same
	// at changes nothing and returns what stands. ErrInvalid: also for a kind
	// that is not [FactKind.Liftable].
	LiftFact(ctx context.Context, kind FactKind, id string, at time.Time) (Fact, error)

	// FactsSince returns at most limit facts with a revision above revision,
	// ascending. While the writer cannot be reached a replica may answer, which
	// knows a beginning of the same feed.
	FactsSince(ctx context.Context, revision int64, limit int) ([]Fact, error)

	// FeedRevision returns the newest revision that was allocated, 0 if none,
	// as the writer knows it: whoever speaks of a later one is wrong.
	FeedRevision(ctx context.Context) (int64, error)

	// PurgeFacts deletes at most limit facts whose Until lies before at, and
	// returns how many went.
	PurgeFacts(ctx context.Context, at time.Time, limit int) (int, error)
}

// Secrets keeps small wrapped secrets that are made once for the deployment.
type Secrets interface {
	// EnsureSecret stores wrapped under name unless the name is taken, and
	// returns what is stored. It never overwrites.
	EnsureSecret(ctx context.Context, name string, wrapped []byte) ([]byte, error)
}

// Store is everything a store can do. Only the wiring, sqlstore and storetest
// name it.
type Store interface {
	Accounts
	Grants
	Refreshes
	Facts
	Beats
	Secrets
	Outages
	Drills
	Pins
	Instances
	Activities
	Logouts
	Assertions
	Clients
	Seeds
	Personal
	Consents
	Histories

	// Ping answers nil when the writer takes writes, by writing. ErrUnavailable.
	Ping(ctx context.Context) error
	// Close waits for running verbs and closes the connections. Verbs called
	// afterwards return ErrUnavailable. It may be called twice.
	Close() error
}
