package wrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// SecretSize is the length of the secret under which everything is wrapped, in
// bytes.
const SecretSize = 32

// MaxPlaintext is the most that can be wrapped, in bytes. An RSA key of 4096
// bits in PKCS #8 takes 2,400.
const MaxPlaintext = 16 << 10

// MaxDocument is the most that [Key.WrapDocument] wraps, in bytes.
const MaxDocument = 32 << 20

const (
	version  = 1
	document = 2                // the version of a wrapped document, which never opens as a secret
	label    = "bongsu wrap v1" // separates this use of the secret from any other
	maxText  = 1 << 10          // of a secret in base64, surrounding space included
	overhead = 1 + 12 + 16      // version, nonce, tag
	redacted = "wrap.Key(redacted)"
)

var (
	// ErrUnwrap means that the bytes were not wrapped under this key for this
	// context: another secret, another row, or damage. It does not say which.
	ErrUnwrap = errors.New("wrap: cannot be unwrapped with this key")

	errSecret = errors.New("wrap: a secret is 32 bytes in base64")
	errSize   = errors.New("wrap: nothing to wrap, or more than 16 KiB")
	errLarge  = errors.New("wrap: nothing to wrap, or more than 32 MiB")
)

// Key wraps and unwraps. It is safe for concurrent use and shows nothing of
// its secret when it is printed or logged. Use [New], [Parse].
type Key struct {
	aead cipher.AEAD
}

// New returns the key of a secret of exactly [SecretSize] bytes. The secret is
// not kept.
func New(secret []byte) (*Key, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("%w, not %d", errSecret, len(secret))
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, label, SecretSize)
	if err != nil {
		return nil, fmt.Errorf("derive wrapping key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher: %w", err)
	}
	// The AEAD draws its nonces itself, so no caller can repeat one.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare cipher: %w", err)
	}
	return &Key{aead: aead}, nil
}

// Parse returns the key of a secret written as base64 of either alphabet, with
// or without padding; space around it is ignored. The error never repeats the
// text.
func Parse(text string) (*Key, error) {
	if len(text) > maxText {
		return nil, errSecret
	}
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return nil, errSecret
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	secret, err := encoding.DecodeString(text)
	if err != nil {
		return nil, errSecret // the decoder's error would quote a character
	}
	defer clear(secret)
	return New(secret)
}

// Generate returns a new secret in the form that [Parse] reads: 44 characters
// of standard base64.
func Generate(rand io.Reader) (text string, err error) {
	var secret [SecretSize]byte
	if _, err := io.ReadFull(rand, secret[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return base64.StdEncoding.EncodeToString(secret[:]), nil
}

// Wrap returns plaintext, 1 to [MaxPlaintext] bytes, so that only
// [Key.Unwrap] of the same secret with the same context returns it. The
// context names the place: table and row id, for example.
func (k *Key) Wrap(context string, plaintext []byte) ([]byte, error) {
	if len(plaintext) == 0 || len(plaintext) > MaxPlaintext {
		return nil, errSize
	}
	return k.seal(version, context, plaintext), nil
}

func (k *Key) seal(version byte, context string, plaintext []byte) []byte {
	wrapped := make([]byte, 1, overhead+len(plaintext))
	wrapped[0] = version
	return k.aead.Seal(wrapped, nil, plaintext, associated(version, context))
}

// Unwrap returns what was wrapped for context, or [ErrUnwrap].
func (k *Key) Unwrap(context string, wrapped []byte) ([]byte, error) {
	if len(wrapped) <= overhead || len(wrapped) > overhead+MaxPlaintext || wrapped[0] != version {
		return nil, ErrUnwrap
	}
	return k.open(context, wrapped)
}

func (k *Key) open(context string, wrapped []byte) ([]byte, error) {
	plaintext, err := k.aead.Open(nil, nil, wrapped[1:], associated(wrapped[0], context))
	if err != nil {
		return nil, ErrUnwrap
	}
	return plaintext, nil
}

// WrapDocument is Wrap for what may be as large as [MaxDocument]: a file that holds
// many records, for example. Neither opens what the other wrapped.
func (k *Key) WrapDocument(context string, plaintext []byte) ([]byte, error) {
	if len(plaintext) == 0 || len(plaintext) > MaxDocument {
		return nil, errLarge
	}
	return k.seal(document, context, plaintext), nil
}

// UnwrapDocument returns what [Key.WrapDocument] wrapped for context, or
// [ErrUnwrap].
func (k *Key) UnwrapDocument(context string, wrapped []byte) ([]byte, error) {
	if len(wrapped) <= overhead || len(wrapped) > overhead+MaxDocument || wrapped[0] != document {
		return nil, ErrUnwrap
	}
	return k.open(context, wrapped)
}

func associated(version byte, context string) []byte {
	data := make([]byte, 0, 1+len(context))
	data = append(data, version)
	return append(data, context...)
}

// String returns a fixed text.
func (k *Key) String() string { return redacted }

// GoString returns a fixed text.
func (k *Key) GoString() string { return redacted }

// LogValue returns a fixed text.
func (k *Key) LogValue() slog.Value { return slog.StringValue(redacted) }
