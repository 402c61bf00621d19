package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// The lengths of PKCE values in characters (RFC 7636 4.1, 4.2). An S256
// challenge is the base64url form of 32 bytes.
const (
	challengeLength   = 43
	minVerifierLength = 43
	maxVerifierLength = 128
)

// VerifyPKCE reports whether verifier is the one that challenge was made of by
// S256 (RFC 7636 4.6). It takes the same time whatever differs. An empty
// challenge or a malformed verifier never matches.
func VerifyPKCE(challenge, verifier string) bool {
	if !validChallenge(challenge) || !validVerifier(verifier) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	var want [challengeLength]byte
	base64.RawURLEncoding.Encode(want[:], sum[:])
	return subtle.ConstantTimeCompare(want[:], []byte(challenge)) == 1
}

// validVerifier reports whether s is 43 to 128 unreserved characters.
func validVerifier(s string) bool {
	if len(s) < minVerifierLength || len(s) > maxVerifierLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return true
}

// validChallenge reports whether s is the base64url form of 32 bytes.
func validChallenge(s string) bool {
	if len(s) != challengeLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
