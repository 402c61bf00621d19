package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/bongsu/bongsu/keys/wrap"
)

const (
	version    = 1
	idSize     = 8
	headerSize = 1 + idSize
	nonceSize  = 12
	macSize    = 16
	secretSize = 32

	// Sealing and tagging use keys of their own, so that neither can be turned
	// against the other.
	sealLabel = "bongsu seal v1 aes-256-gcm"
	tagLabel  = "bongsu seal v1 hmac-sha-256"
)

// key is one key of the ring, made ready for use.
type key struct {
	record    Record
	sealsFrom time.Time // when every node has read it

	header [headerSize]byte
	aead   cipher.AEAD // nil: could not be unwrapped
	macs   *sync.Pool  // of HMACs under the tagging key
}

// usable reports whether the key could be unwrapped.
func (k *key) usable() bool { return k.aead != nil }

// live reports whether the key still opens at now.
func (k *key) live(now time.Time) bool { return now.Before(k.record.ExpiresAt) }

// same reports whether r is the record that the key was made of.
func (k *key) same(r Record) bool {
	return k.record.ID == r.ID && k.record.Generation == r.Generation && bytes.Equal(k.record.Wrapped, r.Wrapped) &&
		k.record.CreatedAt.Equal(r.CreatedAt) && k.record.ExpiresAt.Equal(r.ExpiresAt)
}

// newKey unwraps r. The error means that the key exists but is of no use here.
func newKey(w *wrap.Key, r Record) (*key, error) {
	k := &key{record: r, sealsFrom: r.CreatedAt.Add(sealDelay)}
	if !shaped(r.ID) {
		return k, fmt.Errorf("sealing key of generation %d: id is not %d letters or digits", r.Generation, idSize)
	}
	k.header[0] = version
	copy(k.header[1:], r.ID)

	secret, err := w.Unwrap(wrapContext(r), r.Wrapped)
	if err != nil {
		return k, fmt.Errorf("unwrap sealing key %s: %w", r.ID, err)
	}
	defer clear(secret)
	if err := k.derive(secret); err != nil {
		return k, fmt.Errorf("derive from sealing key %s: %w", r.ID, err)
	}
	return k, nil
}

func (k *key) derive(secret []byte) error {
	if len(secret) != secretSize {
		return fmt.Errorf("secret of %d bytes, want %d", len(secret), secretSize)
	}
	tagging, err := hkdf.Key(sha256.New, secret, nil, tagLabel, secretSize)
	if err != nil {
		return err
	}
	sealing, err := hkdf.Key(sha256.New, secret, nil, sealLabel, secretSize)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return err
	}
	// Nonces are drawn by the AEAD itself: a day's key stays far below the 2^32
	// values for which random nonces are safe.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	k.macs = &sync.Pool{New: func() any { return hmac.New(sha256.New, tagging) }}
	k.aead = aead
	return nil
}

// mac returns the tag of message for p. The purpose is preceded by its length,
// so that no other split of the same bytes has the same tag.
func (k *key) mac(p Purpose, message []byte) []byte {
	h, _ := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	length := len(p)
	h.Write([]byte{byte(length >> 8), byte(length)})
	io.WriteString(h, string(p)) //nolint:errcheck // a hash never fails to write
	h.Write(message)
	return h.Sum(make([]byte, 0, sha256.Size))[:macSize]
}

// associated is the data that a sealed value is bound to: version and key id,
// of fixed length, and the purpose.
func (k *key) associated(p Purpose) []byte {
	data := make([]byte, 0, headerSize+len(p))
	data = append(data, k.header[:]...)
	return append(data, p...)
}

// wrapContext binds the secret to its record, so that nobody who can write to
// the database gives a key a longer life or another name.
func wrapContext(r Record) string {
	return fmt.Sprintf("sealing key %s generation %d created %d expires %d",
		r.ID, r.Generation, r.CreatedAt.Unix(), r.ExpiresAt.Unix())
}

var letters = base32.NewEncoding("234567abcdefghijklmnopqrstuvwxyz").WithPadding(base32.NoPadding)

// newRecord makes a key.
func newRecord(o *Options, generation int64, now time.Time) (Record, error) {
	var id [idSize * 5 / 8]byte
	var secret [secretSize]byte
	defer clear(secret[:])
	if _, err := io.ReadFull(o.Rand, id[:]); err != nil {
		return Record{}, fmt.Errorf("read randomness: %w", err)
	}
	if _, err := io.ReadFull(o.Rand, secret[:]); err != nil {
		return Record{}, fmt.Errorf("read randomness: %w", err)
	}
	created := now.UTC().Truncate(time.Second)
	r := Record{
		ID: letters.EncodeToString(id[:]), Generation: generation,
		CreatedAt: created, ExpiresAt: created.Add(rotateEvery + sealDelay + outage + o.OpensFor),
	}
	var err error
	if r.Wrapped, err = o.Wrap.Wrap(wrapContext(r), secret[:]); err != nil {
		return Record{}, fmt.Errorf("wrap sealing key: %w", err)
	}
	return r, nil
}

// shaped reports whether id can be one of ours.
func shaped(id string) bool {
	if len(id) != idSize {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
