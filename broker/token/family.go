package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
)

// The lives of refresh tokens. A family lives at most as long as its grant.
const (
	refreshIdle  = 7 * 24 * time.Hour // unused for so long it is gone
	refreshGrace = 3 * time.Second    // of confidential clients: an answer may have been lost on its way
	retryLife    = 10 * time.Minute   // for how long a use of unknown outcome may be tried again as the same one
)

// refreshPrefix begins every refresh token, so that one that leaked is found by
// who looks for it, and none is taken for a JWT.
const refreshPrefix = "bongsu_rt1."

const familyKeySize = 32

var macText = base64.RawURLEncoding.Strict() // one token has one text

// refreshToken is a refresh token taken apart: number count of a grant's family.
// It is genuine if mac is the family's.
type refreshToken struct {
	grantID string
	count   int64
	mac     []byte
}

// parseRefresh takes a text apart that is shaped like a refresh token of ours.
func parseRefresh(text string) (refreshToken, bool) {
	rest, ok := strings.CutPrefix(text, refreshPrefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 || !id.Valid(parts[0], id.DatedLength) || len(parts[2]) != macText.EncodedLen(sha256.Size) {
		return refreshToken{}, false
	}
	count, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || count < 1 || strconv.FormatInt(count, 10) != parts[1] {
		return refreshToken{}, false
	}
	mac, err := macText.DecodeString(parts[2])
	if err != nil || strings.ContainsAny(parts[2], "\r\n") {
		return refreshToken{}, false
	}
	return refreshToken{parts[0], count, mac}, true
}

// name names the token without its secret.
func (t refreshToken) name() string { return t.grantID + "." + strconv.FormatInt(t.count, 10) }

// of reports whether the token is one of the family with that key.
func (t refreshToken) of(key []byte) bool { return hmac.Equal(t.mac, refreshMAC(key, t)) }

// successor is the text of the token after t.
func (t refreshToken) successor(key []byte) string {
	next := refreshToken{grantID: t.grantID, count: t.count + 1}
	return refreshPrefix + next.name() + "." + macText.EncodeToString(refreshMAC(key, next))
}

func refreshMAC(key []byte, t refreshToken) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("bongsu refresh token v1\x00" + t.name()))
	return mac.Sum(nil)
}

func newFamilyKey(rand io.Reader) ([]byte, error) {
	key := make([]byte, familyKeySize)
	if _, err := io.ReadFull(rand, key); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return key, nil
}

// family gives g a refresh family with that key and returns its first token;
// without a key it does nothing.
func (e *Endpoint) family(g *store.Grant, key []byte) (string, error) {
	if key == nil {
		return "", nil
	}
	wrapped, err := e.Wrap.Wrap(wrappedFor(g.ID), key)
	if err != nil {
		return "", fmt.Errorf("wrap key of refresh family: %w", err)
	}
	g.Refresh = store.Family{Key: wrapped, Count: 1, UsedAt: g.CreatedAt}
	return refreshToken{grantID: g.ID}.successor(key), nil
}

// wrappedFor binds a family's key to its row.
func wrappedFor(grantID string) string { return "refresh family " + grantID }
