package seal

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/keys/reload"
)

// MaxPlaintext is the most that can be sealed, in bytes.
const MaxPlaintext = 64 << 10

const maxRaw = headerSize + nonceSize + MaxPlaintext + macSize

var (
	// ErrTooLarge means that there is more to seal than [MaxPlaintext].
	ErrTooLarge = errors.New("seal: more than 64 KiB")

	errPurpose = errors.New("seal: no purpose")
	errNewer   = errors.New("sealed by a newer version of this program")
	errExpired = errors.New("every key has expired")

	encoding = base64.RawURLEncoding.Strict() // one value has one text
)

// Purpose names what is sealed or tagged, such as "login" or "code". Each use
// has its own, and a value opens only for the purpose it was sealed for.
type Purpose string

// Ring seals and opens. It is safe for concurrent use; sealing and opening take
// no lock. Use [Open].
type Ring struct {
	options Options
	gate    *reload.Gate
	current atomic.Pointer[snapshot]

	mu        sync.Mutex
	asked     uint64 // numbers the reads of the store
	installed uint64 // the youngest read that is in current: an older one, finishing later, must not undo it
	failing   bool   // so that an outage is logged once
}

// Open loads the ring. An empty ring gets its first key, which seals at once.
// It fails when the store cannot be asked, and when the store has keys of
// which none can be unwrapped: then the wrapping key is not that of the ring.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	r := &Ring{options: o}
	r.gate = &reload.Gate{Load: r.load, Every: reloadEvery, Timeout: reloadTimeout, Now: o.Now}
	r.current.Store(&snapshot{})
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	now := o.Now()
	if r.current.Load().anyLive(now) {
		return r, nil
	}
	if err := r.add(ctx, now); err != nil {
		return nil, err
	}
	if !r.current.Load().anyLive(o.Now()) {
		return nil, errors.New("seal: the store does not show the key it was given")
	}
	return r, nil
}

// Seal returns plaintext, at most [MaxPlaintext] bytes, sealed for p, as
// base64url without padding: 37 bytes more before encoding. [ErrTooLarge];
// [ErrUnavailable]: every key has expired, because the store could not be
// asked for weeks.
func (r *Ring) Seal(p Purpose, plaintext []byte) (string, error) {
	if p == "" {
		return "", errPurpose
	}
	if len(plaintext) > MaxPlaintext {
		return "", ErrTooLarge
	}
	k, live := r.current.Load().sealing(r.options.Now())
	if !live {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, errExpired)
	}
	raw := make([]byte, headerSize, headerSize+nonceSize+len(plaintext)+macSize)
	copy(raw, k.header[:])
	return encoding.EncodeToString(k.aead.Seal(raw, nil, plaintext, k.associated(p))), nil
}

// Open returns what was sealed for p. [ErrInvalid]: it was not, or its key has
// expired. [ErrUnavailable]: its key is not known here and could not be read, or a
// node of the next version, which runs beside this one while programs are replaced,
// has sealed it in a format that this one cannot read: it may well be good.
// An unknown key has the ring read once, at most every 10 seconds.
func (r *Ring) Open(ctx context.Context, p Purpose, sealed string) ([]byte, error) {
	if p == "" || len(sealed) > encoding.EncodedLen(maxRaw) {
		return nil, ErrInvalid
	}
	raw, err := encoding.DecodeString(sealed)
	if err != nil || encoding.EncodedLen(len(raw)) != len(sealed) { // the decoder skips line ends
		return nil, ErrInvalid
	}
	if len(raw) < headerSize+nonceSize+macSize || raw[0] != version && raw[0] != version+1 {
		return nil, ErrInvalid
	}
	k, err := r.key(ctx, string(raw[1:headerSize]))
	if err != nil {
		return nil, err
	}
	if raw[0] != version {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errNewer)
	}
	plaintext, err := k.aead.Open(raw[headerSize:headerSize], nil, raw[headerSize:], k.associated(p))
	if err != nil {
		return nil, ErrInvalid
	}
	return plaintext, nil
}

// Tag returns a MAC of message for p, 16 bytes of HMAC-SHA-256, and the id of
// the key it was made with, 8 lower-case letters or digits.
func (r *Ring) Tag(p Purpose, message []byte) (keyID string, mac []byte) {
	k, _ := r.current.Load().sealing(r.options.Now())
	return k.record.ID, k.mac(p, message)
}

// CheckTag returns nil when mac is what [Ring.Tag] returned for p and message
// with that key. [ErrInvalid] and [ErrUnavailable] as for [Ring.Open].
func (r *Ring) CheckTag(ctx context.Context, p Purpose, keyID string, message, mac []byte) error {
	if len(mac) != macSize {
		return ErrInvalid
	}
	k, err := r.key(ctx, keyID)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, k.mac(p, message)) {
		return ErrInvalid
	}
	return nil
}

// key returns the key with id if it may open at this moment.
func (r *Ring) key(ctx context.Context, id string) (*key, error) {
	k := r.current.Load().byID[id]
	if k == nil {
		if !shaped(id) {
			return nil, ErrInvalid
		}
		if err := r.gate.Do(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if k = r.current.Load().byID[id]; k == nil {
			return nil, ErrInvalid
		}
	}
	if !k.live(r.options.Now()) {
		return nil, ErrInvalid
	}
	if !k.usable() {
		return nil, ErrUnavailable
	}
	return k, nil
}

// snapshot is the ring at one moment. It is immutable.
type snapshot struct {
	keys   []*key // youngest generation first
	usable []*key // those that could be unwrapped, in the same order
	byID   map[string]*key
}

// sealing returns the key to seal with: the youngest that every node has had
// time to read, else the oldest that lives, which is the first of an empty
// ring. Without any it returns the youngest and false.
func (s *snapshot) sealing(now time.Time) (k *key, live bool) {
	var oldest *key
	for _, k := range s.usable {
		if !k.live(now) {
			continue
		}
		if !now.Before(k.sealsFrom) {
			return k, true
		}
		oldest = k
	}
	if oldest == nil {
		return s.usable[0], false
	}
	return oldest, true
}

// anyLive reports whether a key can seal at now.
func (s *snapshot) anyLive(now time.Time) bool {
	for _, k := range s.usable {
		if k.live(now) {
			return true
		}
	}
	return false
}
