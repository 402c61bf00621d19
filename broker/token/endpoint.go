package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// Signer signs what we issue and reads it back.
type Signer interface {
	Sign(k keys.Kind, a keys.Algorithm, claims []byte) (string, error)
	Verify(k keys.Kind, token string) ([]byte, error)
}

// Grants claims codes and reads what they gave.
type Grants interface {
	ClaimCode(ctx context.Context, g store.Grant) (grantID string, err error)
	GrantedAccount(ctx context.Context, grantID string) (store.Grant, store.Account, error)
	RefreshFamily(ctx context.Context, grantID string, minCount int64) (store.Grant, store.Account, error)
	RotateRefresh(ctx context.Context, r store.Rotation) (graced bool, err error)
	Account(ctx context.Context, id string, minEpoch int64) (store.Account, error)
}

// Subjects names accounts as a client knows them.
type Subjects interface {
	Subject(a store.Account, c *client.Client) string
}

// Wrapper protects the keys of refresh families at rest.
type Wrapper interface {
	Wrap(context string, plaintext []byte) ([]byte, error)
	Unwrap(context string, wrapped []byte) ([]byte, error)
}

// Negatives is what no longer holds, whatever was signed.
type Negatives interface {
	Has(kind store.FactKind, id string) bool
	// EpochInDoubt reports whether sessions of the account ended up to an epoch that
	// nobody here knows yet. It is asked before MinEpoch.
	EpochInDoubt(account string) (doubted, stored bool)
	MinEpoch(account string) int64
	Epoch(kind store.FactKind, id string) int64
	Apply(ctx context.Context, f store.Fact) error
}

// Clients finds registered clients.
type Clients interface {
	Client(id string) (*client.Client, bool)
	// Complete returns nil if a client that is not found is registered nowhere.
	Complete() error
}

// Limits says how often who may ask. What it returns is how long to wait; 0: not
// at all.
type Limits interface {
	// Attempt is asked before a client's proof is looked at; it counts nothing.
	Attempt(ctx context.Context, clientID string) time.Duration
	// Failed counts a proof that was none.
	Failed(ctx context.Context, clientID string)
	// Enter counts a request of a client that has proved itself, or has no secret to
	// prove itself with.
	Enter(ctx context.Context, c *client.Client) time.Duration
}

// Options says what the endpoint works with. All fields but Arbiters, WriterLost, Stale,
// Elsewhere, Assertions, Limits, Now and WayClaim are required.
type Options struct {
	Issuer    string
	Clients   Clients
	Keys      Signer
	Seal      Sealer
	Wrap      Wrapper
	Grants    Grants
	Negatives Negatives
	Subjects  Subjects
	Resources Resources
	// Arbiters decides about codes that do not name the writer; nil: nobody here can.
	Arbiters Arbiters
	// WriterLost says that nobody knows a writer now: tokens live for
	// five minutes and refresh tokens are not used up. Nil: never.
	WriterLost func() bool
	// Elsewhere asks other nodes about attempts; nil: there are none.
	Elsewhere Elsewhere
	// Stale says that this site is cut off for so long that what it knows of people
	// may be too old: only clients that allow it are answered about them. Nil: it never
	// is.
	Stale func() bool
	// Assertions proves clients that sign for themselves; nil proves none.
	Assertions Assertions
	Audit      *audit.Log
	Rand       io.Reader
	Limits     Limits // nil: no limits
	Now        func() time.Time
	// WayClaim puts the provider instance into ID tokens as bongsu_way. Dev
	// shows it; production keeps the way out of what websites see (P1).
	WayClaim bool
}

// Endpoint serves the token endpoint, userinfo, introspection and revocation. It is safe for concurrent use.
type Endpoint struct {
	Options

	unsettled unsettled       // claims of codes
	unrotated unsettled       // uses of refresh tokens
	grants    recent[granted] // by grant id
	verified  recent[signed]  // by the token's hash
}

// New returns an endpoint.
func New(o Options) (*Endpoint, error) {
	if o.Issuer == "" || o.Clients == nil || o.Keys == nil || o.Seal == nil ||
		o.Wrap == nil || o.Grants == nil || o.Negatives == nil || o.Subjects == nil || o.Resources == nil ||
		o.Audit == nil || o.Rand == nil {
		return nil, errors.New("token: issuer, clients, keys, sealer, wrapper, grants, negatives, subjects, resources, audit and randomness are required")
	}
	if o.Limits == nil {
		o.Limits = unlimited{}
	}
	if o.Arbiters == nil {
		o.Arbiters = noArbiters{}
	}
	if o.Elsewhere == nil {
		o.Elsewhere = nowhere{}
	}
	if o.Stale == nil {
		o.Stale = func() bool { return false }
	}
	if o.WriterLost == nil {
		o.WriterLost = func() bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Endpoint{Options: o}, nil
}

// response is a successful answer (RFC 6749 5.1).
type response struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	IDToken     string `json:"id_token,omitempty"`
	Scope       string `json:"scope,omitempty"`

	RefreshToken string `json:"refresh_token,omitempty"`
}

// Token is the token endpoint: one pipeline, in which a grant type fills in
// only what is its own. Every error is an [*oauth.Error] or means that
// something could not be checked.
func (e *Endpoint) Token(w http.ResponseWriter, r *http.Request) error {
	request, err := oauth.ParseToken(w, r)
	if err != nil {
		return err
	}
	known, err := e.authenticate(r.Context(), request.Auth)
	if err != nil {
		return err
	}
	if !known.AllowsGrant(request.GrantType) {
		return refuseGrantType(request.GrantType)
	}
	answer, err := e.exchange(r.Context(), known, request)
	if err != nil {
		return err
	}
	oauth.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (e *Endpoint) exchange(ctx context.Context, known *client.Client, request oauth.TokenRequest) (response, error) {
	if request.GrantType != client.GrantClientCredentials {
		if err := e.current(known); err != nil {
			return response{}, err
		}
	}
	switch request.GrantType {
	case client.GrantAuthorizationCode:
		return e.redeem(ctx, known, request)
	case client.GrantClientCredentials:
		return e.clientToken(known, request)
	case client.GrantRefreshToken:
		return e.refresh(ctx, known, request)
	default:
		return response{}, refuseGrantType(request.GrantType)
	}
}

// current returns nil if what is known here of people is new enough for a client.
func (e *Endpoint) current(known *client.Client) error {
	if known.StaleAllowed || !e.Stale() {
		return nil
	}
	return oauth.TemporarilyUnavailable("Parts of the service have been cut off for too long for this client; try again.")
}

// authenticate proves the client (RFC 6749 2.3), as long as neither it nor who
// claims to be it asks too often.
func (e *Endpoint) authenticate(ctx context.Context, auth oauth.ClientAuth) (*client.Client, error) {
	if wait := e.Limits.Attempt(ctx, auth.ID); wait > 0 {
		return nil, oauth.TooManyRequests("Too many attempts to authenticate failed; wait before the next.").After(wait)
	}
	known, err := e.prove(ctx, auth)
	if oauth.HasCode(err, oauth.CodeInvalidClient) {
		e.Limits.Failed(ctx, auth.ID)
	}
	if err != nil {
		return nil, err
	}
	if wait := e.Limits.Enter(ctx, known); wait > 0 {
		return nil, oauth.TooManyRequests("The client asks too often.").After(wait)
	}
	return known, nil
}

// prove finds the client and checks its secret. A public client is only named.
func (e *Endpoint) prove(ctx context.Context, auth oauth.ClientAuth) (*client.Client, error) {
	known, ok := e.Clients.Client(auth.ID)
	if !ok {
		if err := e.Clients.Complete(); err != nil {
			return nil, err
		}
	}
	switch {
	case !ok:
		e.Audit.Record(ctx, audit.Event{Name: audit.ClientRefused, Reason: "unknown_client"})
		return nil, oauth.InvalidClient("The client is not registered here; check client_id.")
	case !known.AllowsAuth(auth.Method):
		e.Audit.Record(ctx, audit.Event{Name: audit.ClientRefused, Client: known.ID, Reason: "method"})
		return nil, oauth.InvalidClient("The client is registered for another authentication method.")
	case auth.Method == oauth.AuthPrivateKeyJWT:
		return known, e.proveAssertion(ctx, known, auth.Assertion)
	case !known.Public && !known.CheckSecret(auth.Secret):
		e.Audit.Record(ctx, audit.Event{Name: audit.ClientRefused, Client: known.ID, Reason: "secret"})
		return nil, oauth.InvalidClient("The client secret is missing or wrong.")
	}
	return known, nil
}

// redeem turns a code into tokens: everything about it is checked, then it is
// signed for, and only then claimed, so that nothing but the wire can fail
// after the code is used.
func (e *Endpoint) redeem(ctx context.Context, known *client.Client, request oauth.TokenRequest) (response, error) {
	now := e.Now()
	code, err := openCode(ctx, e.Seal, request.Code, now)
	if errors.Is(err, errCode) {
		return response{}, oauth.InvalidGrant("The code is unknown, was not issued here or is older than 60 seconds.")
	}
	if err != nil {
		return response{}, err
	}
	if refusal := checkCode(code, known, request); refusal != nil {
		e.Audit.Record(ctx, audit.Event{Name: audit.CodeMisused, Client: known.ID, Login: code.Login, Reason: refusal.Code})
		return response{}, refusal
	}
	doubt := e.doubt(code.Account)
	if !e.stands(code.Account, code.SID, code.Epoch) || e.void(code.Way, code.Issued) {
		return response{}, oauth.InvalidGrant("The login behind the code has ended.")
	}
	if doubt != nil {
		return response{}, doubt
	}
	code.Scope = code.granted()
	return e.settle(ctx, code, known, request, now)
}

// settle signs and claims. A claim whose outcome stayed unknown before goes on
// as the same attempt.
func (e *Endpoint) settle(ctx context.Context, code Code, known *client.Client, request oauth.TokenRequest, now time.Time) (response, error) {
	t, err := e.target(known, code.Resources, code.Scope, request.Resources)
	if err != nil {
		return response{}, err
	}
	grant := code.grant("", request.Code, now)
	try, again := e.unsettled.take(grant.CodeHash)
	if !again {
		if try, err = e.attempt(code, known, now); err != nil {
			return response{}, err
		}
	}
	answer, err := e.give(ctx, code, known, grant, try, t, now)
	if from, ok := errors.AsType[adopted](err); ok {
		try = from.try
		answer, err = e.give(ctx, code, known, grant, try, t, now)
	}
	if _, decided := errors.AsType[*oauth.Error](err); err != nil && !decided {
		try.until = time.Unix(code.Issued, 0).Add(CodeLife)
		e.unsettled.keep(grant.CodeHash, try, now)
	}
	return answer, err
}

// give makes what a code gives and claims the code for it, as one attempt.
func (e *Endpoint) give(ctx context.Context, code Code, known *client.Client, grant store.Grant, try attempt, t target, now time.Time) (response, error) {
	grant.ID = try.id
	answer, err := e.issue(code, known, grant.ID, t, now)
	if err == nil {
		answer.RefreshToken, err = e.family(&grant, try.family)
	}
	if err == nil {
		err = e.claim(ctx, code, grant)
	}
	if err != nil {
		return response{}, err
	}
	return answer, nil
}

// attempt begins the claim of a code.
func (e *Endpoint) attempt(code Code, known *client.Client, now time.Time) (attempt, error) {
	grantID, err := id.Dated(now, e.Rand) // rows of one time stand together in the index
	if err != nil {
		return attempt{}, err
	}
	try := attempt{id: grantID}
	if slices.Contains(code.Scope, oauth.ScopeOfflineAccess) && known.AllowsGrant(client.GrantRefreshToken) {
		try.family, err = newFamilyKey(e.Rand)
	}
	return try, err
}

// checkCode compares the code with who redeems it and how (RFC 6749 4.1.3, RFC
// 7636 4.6).
func checkCode(code Code, known *client.Client, request oauth.TokenRequest) *oauth.Error {
	switch {
	case code.Client != known.ID:
		return oauth.InvalidGrant("The code was issued to another client.")
	case request.RedirectURI != code.Redirect:
		return oauth.InvalidGrant("redirect_uri differs from the one in the authorization request, or is missing.")
	case code.Challenge == "" && request.HasVerifier:
		return oauth.InvalidGrant("code_verifier was sent but the authorization request had no code_challenge.")
	case code.Challenge != "" && !oauth.VerifyPKCE(code.Challenge, request.Verifier):
		return oauth.InvalidGrant("code_verifier is missing or does not match code_challenge.")
	}
	return nil
}

// claim makes the code used. A replay takes back what the first use gave
// (RFC 6749 4.1.2).
func (e *Endpoint) claim(ctx context.Context, code Code, grant store.Grant) error {
	first, err := e.decide(ctx, code, grant)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrReplayed):
		if err := e.adopt(ctx, grant.CodeHash, first, code.Issued); err != nil {
			return err
		}
		e.Audit.Record(ctx, audit.Event{Name: audit.CodeReplayed, Client: code.Client, Account: code.Account, Login: code.Login})
		fact := store.Fact{Kind: store.GrantRevoked, ID: first, At: e.Now().UTC(), Until: grant.ExpiresAt}
		if err := e.Negatives.Apply(ctx, fact); err != nil {
			return fmt.Errorf("revoke replayed grant: %w", err)
		}
		return oauth.InvalidGrant("The code was used before; what it gave is revoked.")
	case errors.Is(err, store.ErrUsed):
		return oauth.InvalidGrant("Another code of the same login was used before.")
	default:
		return fmt.Errorf("claim code: %w", err)
	}
}

// errDoubt means that what an account gave may have ended with its sessions, and
// that this is not known here yet.
var errDoubt = fmt.Errorf("token: which sessions ended is not known here yet: %w", store.ErrUnavailable)

// doubt is errDoubt while a peer says that sessions of an account ended, and not
// which. It is asked before stands, which knows what settles it.
func (e *Endpoint) doubt(accountID string) error {
	if doubted, _ := e.Negatives.EpochInDoubt(accountID); doubted {
		return errDoubt
	}
	return nil
}

// stands reports whether no negative fact speaks against an account's login.
func (e *Endpoint) stands(accountID, sid string, epoch int64) bool {
	return !e.Negatives.Has(store.AccountDisabled, accountID) &&
		!e.Negatives.Has(store.SessionEnded, sid) &&
		epoch >= e.Negatives.MinEpoch(accountID)
}

// void reports whether what a provider's word gave at a time, in Unix seconds,
// is worth nothing any more.
func (e *Endpoint) void(provider string, at int64) bool {
	return at <= e.Negatives.Epoch(store.ProviderSessionsEnded, provider)
}

func refuseGrantType(grantType string) error {
	switch grantType {
	case client.GrantAuthorizationCode, client.GrantClientCredentials, client.GrantRefreshToken:
	default:
		return oauth.UnsupportedGrantType("grant_type must be authorization_code, refresh_token or client_credentials.")
	}
	return oauth.UnauthorizedClient("The client is not registered for grant_type " + grantType + ".")
}

func joinScope(scope []string) string { return strings.Join(scope, " ") }
