// Package id makes the names of our records: random letters and digits that
// can stand in URLs, cookies and logs, and tell nothing.
package id

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

var letters = base32.NewEncoding("234567abcdefghijklmnopqrstuvwxyz").WithPadding(base32.NoPadding)

// Length is the length of [New]'s names.
const Length = 26

// New returns 26 letters and digits, 128 random bits.
func New(rand io.Reader) (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return letters.EncodeToString(raw[:]), nil
}

// DatedLength is the length of [Dated]'s names.
const DatedLength = 24

// Dated returns 24 letters and digits that sort by second of making: 40 bits
// of time, 80 random bits.
func Dated(now time.Time, rand io.Reader) (string, error) {
	var raw [15]byte
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(max(now.Unix(), 0)))
	copy(raw[:5], stamp[3:])
	if _, err := io.ReadFull(rand, raw[5:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return letters.EncodeToString(raw[:]), nil
}

// Short returns 8 letters and digits, 40 random bits: enough to tell a handful
// of things apart, not enough to be a secret.
func Short(rand io.Reader) (string, error) {
	var raw [5]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return letters.EncodeToString(raw[:]), nil
}

// Tag shortens a name of any length to 8 letters and digits that depend on
// nothing but it: enough to tell a handful of things apart.
func Tag(name string) string {
	sum := sha256.Sum256([]byte(name))
	return letters.EncodeToString(sum[:5])
}

// Text writes bytes in the same letters and digits.
func Text(raw []byte) string { return letters.EncodeToString(raw) }

// Bytes reads what [Text] wrote, and nothing else: one value has one text.
func Bytes(text string) ([]byte, error) {
	raw, err := letters.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	if letters.EncodeToString(raw) != text {
		return nil, errors.New("id: spare bits or line ends")
	}
	return raw, nil
}

// Valid reports whether text is length letters and digits of ours.
func Valid(text string, length int) bool {
	if len(text) != length {
		return false
	}
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// DatedAt returns when a name of [Dated] was made, to the second.
func DatedAt(text string) (time.Time, bool) {
	if !Valid(text, DatedLength) {
		return time.Time{}, false
	}
	raw, err := Bytes(text)
	if err != nil {
		return time.Time{}, false
	}
	var stamp [8]byte
	copy(stamp[3:], raw[:5])
	return time.Unix(int64(binary.BigEndian.Uint64(stamp[:])), 0), true
}
