package client

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// SecretPrefix begins every secret made here, so that scanners of leaked
// secrets know one when they see it.
const SecretPrefix = "bsk_live_"

// secretBytes is the entropy of a secret.
const secretBytes = 32

var secretEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ErrHash says that a text is not the hash of a secret.
var ErrHash = errors.New("client: not a SHA-256 hash")

// NewSecret makes a secret of 256 bits from rand and the hash to register. The
// secret is prefix, random part and checksum, letters, digits and '_' only:
// form encoding leaves it as it is. It is shown once and kept nowhere.
func NewSecret(rand io.Reader) (secret string, hash [32]byte, err error) {
	random := make([]byte, secretBytes)
	if _, err := io.ReadFull(rand, random); err != nil {
		return "", hash, fmt.Errorf("make client secret: %w", err)
	}
	body := encodeSecret(random)
	secret = SecretPrefix + body + checksum(body)
	return secret, HashSecret(secret), nil
}

// HashSecret returns what is registered of a secret. A plain hash is enough:
// secrets are long and random, nobody can guess one by trying.
func HashSecret(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// ParseHash reads a hash as 64 hexadecimal digits, with or without "sha256:" in
// front and space around. [ErrHash].
func ParseHash(text string) (hash [32]byte, err error) {
	digits := strings.TrimPrefix(strings.TrimSpace(text), "sha256:")
	if len(digits) != hex.EncodedLen(len(hash)) {
		return hash, ErrHash
	}
	if _, err := hex.Decode(hash[:], []byte(digits)); err != nil {
		return [32]byte{}, ErrHash
	}
	return hash, nil
}

// FormatHash writes a hash as [ParseHash] reads it.
func FormatHash(hash [32]byte) string { return "sha256:" + hex.EncodeToString(hash[:]) }

// Mistyped reports whether secret looks like one made here but cannot be:
// cut off, or with a character changed. It says nothing about being right.
func Mistyped(secret string) bool {
	rest, ok := strings.CutPrefix(secret, SecretPrefix)
	if !ok {
		return false
	}
	size := secretEncoding.EncodedLen(secretBytes)
	return len(rest) <= size || checksum(rest[:size]) != rest[size:]
}

// CheckSecret reports whether secret is one of the client's. It compares with
// all of them and takes the same time whichever it is. A client without secrets
// has none that is right.
func (c *Client) CheckSecret(secret string) bool {
	hash := HashSecret(secret)
	right := 0
	for i := range c.SecretHashes {
		right |= subtle.ConstantTimeCompare(hash[:], c.SecretHashes[i][:])
	}
	if right == 1 && c.used != nil {
		c.used(c.ID, hash)
	}
	return right == 1
}

func encodeSecret(b []byte) string { return strings.ToLower(secretEncoding.EncodeToString(b)) }

// checksum is a CRC-32 in 7 characters: it finds every single typing mistake.
func checksum(body string) string {
	return encodeSecret(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}
