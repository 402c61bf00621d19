package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// Derive returns the value of secret for what label and name say: 43 characters
// of base64url, fit for a nonce or a PKCE verifier (RFC 7636 4.1). Whoever has
// the secret finds it again; nobody else tells it from random.
func Derive(secret []byte, label, name string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(label))
	mac.Write([]byte{0})
	mac.Write([]byte(name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Same compares two such values in constant time.
func Same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
