package continuation

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

// Life is how long a device is known after the login that made it known, and how
// long ago the negative facts may have been read at most. Both ends belong to it.
const Life = 72 * time.Hour

// MaxCookie bounds the cookie's value in bytes. With a login of 3,500, a session and
// a mark all cookies stay within [cookie.MaxTotal].
const MaxCookie = 1800

// maxDevices bounds the websites of one browser; the latest stay.
const maxDevices = 4

const (
	purpose seal.Purpose = "known device"
	// CookieName is behind the prefix of the jar.
	CookieName = "known"
)

// ErrNone means that this browser brought nobody to that website in a way that
// still counts.
var ErrNone = errors.New("continuation: this device is not known")

// ErrStale means that this node's negative facts are older than the device asks
// for: what ended meanwhile may not be known here.
var ErrStale = errors.New("continuation: the negative facts known here are too old")

// Sealer seals and opens the cookie.
type Sealer interface {
	Seal(p seal.Purpose, plaintext []byte) (string, error)
	Open(ctx context.Context, p seal.Purpose, sealed string) ([]byte, error)
}

// Negatives is what no longer holds, whatever was sealed.
type Negatives interface {
	Has(kind store.FactKind, id string) bool
	EpochInDoubt(account string) (doubted, stored bool)
	MinEpoch(account string) int64
	Epoch(kind store.FactKind, id string) int64
	Revision() int64
}

// Options is what a Keeper is made of. All but Now are required.
type Options struct {
	Jar       cookie.Jar
	Seal      Sealer
	Negatives Negatives
	// FactsRead is when the negative facts were last read to their end, by this
	// process or one before it; zero: never.
	FactsRead func() time.Time
	Now       func() time.Time // nil is time.Now
}

// Keeper keeps what is known of a browser in a cookie of it. It is safe for
// concurrent use.
type Keeper struct{ o Options }

// New returns a keeper.
func New(o Options) (*Keeper, error) {
	if o.Seal == nil || o.Negatives == nil || o.FactsRead == nil {
		return nil, errors.New("continuation: sealer, negatives and when they were read are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{o}, nil
}

// Remember notes d in the browser that sent r, in place of what it held for that
// website.
func (k *Keeper) Remember(w http.ResponseWriter, r *http.Request, d Device) error {
	d.Watermark = k.o.Negatives.Revision()
	devices := []Device{d}
	known, err := k.all(r.Context(), r)
	if err != nil {
		known = nil // it is written anew
	}
	for _, other := range known {
		if other.Client != d.Client && len(devices) < maxDevices && k.young(other) {
			devices = append(devices, other)
		}
	}
	sealed, err := k.sealed(devices)
	for err == nil && len(sealed) > MaxCookie {
		switch {
		case len(devices) > 1:
			devices = devices[:len(devices)-1]
		case !devices[0].shorten():
			k.o.Jar.Clear(w, CookieName)
			return nil // nobody can be known by so long a name; logging in works all the same
		}
		sealed, err = k.sealed(devices)
	}
	if err != nil {
		return err
	}
	k.o.Jar.Set(w, CookieName, sealed, Life)
	return nil
}

// Forget removes everything that is known of this browser.
func (k *Keeper) Forget(w http.ResponseWriter) { k.o.Jar.Clear(w, CookieName) }

// Read returns what is known of the browser that sent r at a website, if nothing
// speaks against it. [ErrNone], [ErrStale]; any other error means that it could not
// be checked.
func (k *Keeper) Read(r *http.Request, clientID string) (Device, error) {
	known, err := k.all(r.Context(), r)
	if err != nil {
		return Device{}, err
	}
	for _, d := range known {
		if d.Client == clientID {
			return d, k.holds(d)
		}
	}
	return Device{}, ErrNone
}

func (k *Keeper) young(d Device) bool {
	age := k.o.Now().Sub(time.Unix(d.At, 0))
	return age <= Life && age >= -time.Minute
}

// holds reports why d is worth nothing; nil: it is.
func (k *Keeper) holds(d Device) error {
	n, now := k.o.Negatives, k.o.Now()
	doubted, _ := n.EpochInDoubt(d.Account) // before MinEpoch, which knows what settles it
	switch {
	case !k.young(d),
		n.Has(store.AccountDisabled, d.Account), d.Epoch < n.MinEpoch(d.Account), n.Has(store.SessionEnded, d.SID),
		n.Has(store.ProviderDisabled, d.Provider), n.Has(store.ProviderRetired, d.Provider),
		d.At <= n.Epoch(store.ProviderSessionsEnded, d.Provider),
		d.At*int64(time.Second/time.Microsecond) <= n.Epoch(store.ConsentWithdrawn, store.WithdrawnConsent(d.Account, d.Client)):
		return ErrNone
	}
	read := k.o.FactsRead()
	if doubted || read.IsZero() || now.Sub(read) > Life || n.Revision() < d.Watermark {
		return ErrStale
	}
	return nil
}

// all opens the cookie. ErrNone: there is none, or none of ours.
func (k *Keeper) all(ctx context.Context, r *http.Request) ([]Device, error) {
	sealed := k.o.Jar.Read(r, CookieName)
	if sealed == "" || len(sealed) > MaxCookie {
		return nil, ErrNone
	}
	plain, err := k.o.Seal.Open(ctx, purpose, sealed)
	if errors.Is(err, seal.ErrInvalid) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("open known device: %w", err)
	}
	var known []Device
	if err := json.Unmarshal(plain, &known); err != nil || len(known) > maxDevices {
		return nil, ErrNone
	}
	return known, nil
}

func (k *Keeper) sealed(devices []Device) (string, error) {
	plain, err := json.Marshal(devices)
	if err != nil {
		return "", fmt.Errorf("encode known device: %w", err)
	}
	sealed, err := k.o.Seal.Seal(purpose, plain)
	if err != nil {
		return "", fmt.Errorf("seal known device: %w", err)
	}
	return sealed, nil
}

// Renew notes another login at a website, which the session of this browser gave and
// no new proof: what proved the same account before, in this browser and within
// [Life], still does, or the session would be void. Without that nothing is noted.
func (k *Keeper) Renew(w http.ResponseWriter, r *http.Request, d Device) error {
	known, err := k.all(r.Context(), r)
	if err != nil {
		return nil //nolint:nilerr // the login went well: it is a later one that is lost, and only while no database answers
	}
	for _, before := range known {
		if before.Account == d.Account && before.Epoch == d.Epoch && k.holds(before) == nil {
			d.Identity, d.Provider = before.Identity, before.Provider
			return k.Remember(w, r, d)
		}
	}
	return nil
}
