package session

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/bongsu/bongsu/keys/seal"
)

// Tagger makes and checks anti-forgery values.
type Tagger interface {
	Tag(p seal.Purpose, message []byte) (keyID string, mac []byte)
	CheckTag(ctx context.Context, p seal.Purpose, keyID string, message, mac []byte) error
}

// Form makes and checks the anti-forgery values of forms that belong to a
// session. Purpose keeps one kind of form from being sent as another.
type Form struct {
	Tags    Tagger
	Purpose seal.Purpose
}

// Token is the value for a form shown in session s.
func (f Form) Token(s Session) string {
	keyID, mac := f.Tags.Tag(f.Purpose, []byte(s.SID))
	return keyID + "." + base64.RawURLEncoding.EncodeToString(mac)
}

// Check returns nil if token was made for a form of session s. [ErrForm]: it was
// not. Any other error means that it could not be checked.
func (f Form) Check(ctx context.Context, s Session, token string) error {
	keyID, encoded, _ := strings.Cut(token, ".")
	mac, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return ErrForm
	}
	err = f.Tags.CheckTag(ctx, f.Purpose, keyID, []byte(s.SID), mac)
	if errors.Is(err, seal.ErrInvalid) {
		return ErrForm
	}
	return err
}
