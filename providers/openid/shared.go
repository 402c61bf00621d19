package openid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// symmetric is the one algorithm of a shared secret (RFC 7518 3.2).
const symmetric = "HS256"

// verifyShared returns the payload of a compact JWS that was made with secret.
// Its header is checked before: nothing here looks at it.
func verifyShared(jwt string, secret []byte) ([]byte, error) {
	end := strings.LastIndexByte(jwt, '.')
	if end < 0 || len(secret) == 0 {
		return nil, errSignature
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(jwt[end+1:])
	if err != nil {
		return nil, errSignature
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(jwt[:end]))
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return nil, errSignature
	}
	_, body, _ := strings.Cut(jwt[:end], ".")
	payload, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil, errSignature
	}
	return payload, nil
}
