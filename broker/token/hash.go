package token

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"

	"github.com/bongsu/bongsu/keys"
)

// accessHash is at_hash (OpenID Connect Core 3.1.3.6): the left half of the
// hash that goes with the ID token's algorithm.
func accessHash(alg keys.Algorithm, accessToken string) string {
	if alg == keys.EdDSA { // Ed25519 hashes with SHA-512
		sum := sha512.Sum512([]byte(accessToken))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
