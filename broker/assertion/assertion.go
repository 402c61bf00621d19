package assertion

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// ErrRefused means that an assertion proves nothing. What it is wrapped in says
// why, in words of ours: nothing of the assertion is repeated.
var ErrRefused = errors.New("assertion: refused")

// The bounds of an assertion.
const (
	maxLife   = 5 * time.Minute  // until its exp, from now
	leeway    = 30 * time.Second // between the client's clock and ours
	maxID     = 255              // of jti in bytes
	unsettled = 10_000           // claims of unknown outcome that are remembered
)

// Store takes each assertion once.
type Store interface {
	ClaimAssertion(ctx context.Context, a store.Assertion) error
}

// Options is what a verifier works with. All fields but Now are required.
type Options struct {
	Issuer        string // what assertions are for
	TokenEndpoint string // what those of clients with that audience are for
	Store         Store
	HTTP          *http.Client // fetches key sets: bounded, without redirects, from no inside address
	Rand          io.Reader
	Now           func() time.Time
}

// Verifier proves clients. It is safe for concurrent use.
type Verifier struct {
	o    Options
	sets sets
	open open
}

// New returns a verifier that has fetched nothing yet.
func New(o Options) (*Verifier, error) {
	if o.Issuer == "" || o.TokenEndpoint == "" || o.Store == nil || o.HTTP == nil || o.Rand == nil {
		return nil, errors.New("assertion: issuer, token endpoint, store, HTTP client and randomness are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{o: o, sets: sets{http: o.HTTP, now: o.Now, byClient: map[string]*set{}}, open: open{byHash: map[[32]byte]attempt{}}}, nil
}

// claims is what an assertion says (RFC 7523 3). Audience is read raw: one
// string it must be, because a list would be good at another server, too.
type claims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   json.Number     `json:"exp"`
	NotBefore json.Number     `json:"nbf"`
	IssuedAt  json.Number     `json:"iat"`
	ID        string          `json:"jti"`
}

// Verify returns nil if an assertion is by known, for us, alive, and taken for
// the first time. [ErrRefused]: it is not. Any other error means that it could
// not be checked: the same assertion may be sent again.
func (v *Verifier) Verify(ctx context.Context, known *client.Client, assertion string) error {
	payload, err := v.signed(ctx, known, assertion)
	if err != nil {
		return err
	}
	var said claims
	if err := json.Unmarshal(payload, &said); err != nil {
		return refused("its claims cannot be read")
	}
	expires, err := v.check(known, said)
	if err != nil {
		return err
	}
	return v.claim(ctx, known, assertion, said.ID, expires)
}

// signed returns the claims of an assertion that the client has signed.
func (v *Verifier) signed(ctx context.Context, known *client.Client, assertion string) ([]byte, error) {
	own := known.Keys()
	if own == nil {
		return v.sets.verify(ctx, known, assertion)
	}
	payload, err := own.VerifyAssertion(assertion)
	if err != nil {
		return nil, unproven(err)
	}
	return payload, nil
}

func unproven(err error) error {
	if errors.Is(err, keys.ErrNoClientKey) {
		return refused("it is signed with no key of the client's")
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// check compares the claims with who the client is and what time it is, and
// returns when the assertion ends.
func (v *Verifier) check(known *client.Client, said claims) (time.Time, error) {
	want := v.o.Issuer
	if known.AssertionAudience == client.AudienceTokenEndpoint {
		want = v.o.TokenEndpoint
	}
	var audience string
	if err := json.Unmarshal(said.Audience, &audience); err != nil || audience != want {
		return time.Time{}, refused("aud must be one string, " + want)
	}
	now := v.o.Now()
	expires, ok := seconds(said.Expires)
	switch {
	case said.Issuer != known.ID || said.Subject != known.ID:
		return time.Time{}, refused("iss and sub must both be the client_id")
	case !ok:
		return time.Time{}, refused("exp is missing")
	case !now.Before(expires.Add(leeway)):
		return time.Time{}, refused("it has expired")
	case expires.Sub(now) > maxLife+leeway:
		return time.Time{}, refused("exp must be at most 5 minutes ahead")
	case said.ID == "" || len(said.ID) > maxID:
		return time.Time{}, refused("jti must be 1 to 255 bytes")
	}
	for _, begins := range []json.Number{said.NotBefore, said.IssuedAt} {
		if at, ok := seconds(begins); begins != "" && (!ok || at.After(now.Add(leeway))) {
			return time.Time{}, refused("nbf or iat lies in the future")
		}
	}
	return expires, nil
}

// seconds reads a NumericDate (RFC 7519 2), fractions cut off.
func seconds(n json.Number) (time.Time, bool) {
	f, err := n.Float64()
	if err != nil || f < 0 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// claim takes the assertion at the store's writer. A claim whose outcome stayed
// unknown goes on as the same attempt when the same assertion comes again here.
func (v *Verifier) claim(ctx context.Context, known *client.Client, assertion, tokenID string, expires time.Time) error {
	name := sha256.Sum256([]byte(known.ID + "\x00" + assertion))
	now := v.o.Now()
	try, again := v.open.take(name)
	if !again {
		made, err := id.New(v.o.Rand)
		if err != nil {
			return err
		}
		try = made
	}
	hash := sha256.Sum256([]byte(tokenID))
	err := v.o.Store.ClaimAssertion(ctx, store.Assertion{
		ClientID: known.ID, TokenID: hash[:], Attempt: try, ExpiresAt: expires.Add(leeway + time.Minute).UTC(),
	})
	switch {
	case errors.Is(err, store.ErrUsed):
		return refused("its jti was used before")
	case err != nil:
		v.open.keep(name, try, expires.Add(leeway), now)
		return fmt.Errorf("claim assertion: %w", err)
	}
	return nil
}

func refused(why string) error { return fmt.Errorf("%w: %s", ErrRefused, why) }
