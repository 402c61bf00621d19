package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/keys/seal"
)

// state is what a provider carries for us and gives back: which login of which
// browser, which leg, begun at which provider for which client. It is 81
// letters and digits, which the pickiest provider accepts; without the login's
// cookie it completes nothing, but says where the person may start again.
type state struct {
	purpose  Purpose
	login    string // id.DatedLength
	leg      string // 8
	provider string // id.Tag of the instance
	client   string // client.Tag

	// origin is where the leg began and must return to; empty: at the issuer. It is
	// signed and not written: whoever checks knows where it came back.
	origin string
}

const (
	keyIDLength = 8
	tagLength   = 8 // of legs and provider instances
	clientTag   = 6
	macLength   = 26 // 16 bytes
	stateLength = keyIDLength + 1 + id.DatedLength + 2*tagLength + clientTag + macLength
)

// purposeMarks are the purposes in one letter.
var purposeMarks = map[Purpose]string{PurposeLogin: "l", PurposeAccount: "a", PurposeLink: "k", PurposeReauth: "r", PurposeConfirm: "c"}

// purposeOf returns the purpose of a mark.
func purposeOf(mark string) (Purpose, bool) {
	for purpose, letter := range purposeMarks {
		if letter == mark {
			return purpose, true
		}
	}
	return "", false
}

// errState means that a state is none of ours.
var errState = errors.New("login: not a state of ours")

func (s state) message() string {
	return purposeMarks[s.purpose] + s.login + s.leg + s.provider + s.client
}

// text signs the state.
func (s state) text(t Sealer) string {
	message := s.message()
	keyID, mac := t.Tag(sealState, []byte(message+s.origin))
	return keyID + message + id.Text(mac)
}

// origin is where a leg begins that the browser of r leaves for, as the state
// signs it: nothing for the issuer.
func (h *Handler) origin(r *http.Request) string {
	if at := h.entrance(r); at != h.issuer {
		return at
	}
	return ""
}

// readState checks a state that came back at origin. errState: it is none of ours,
// or began elsewhere. Any other error means that it could not be checked.
func readState(ctx context.Context, t Sealer, text, origin string) (state, error) {
	if len(text) != stateLength {
		return state{}, errState
	}
	keyID, rest := text[:keyIDLength], text[keyIDLength:]
	message, encoded := rest[:len(rest)-macLength], rest[len(rest)-macLength:]
	mac, err := id.Bytes(encoded)
	if err != nil {
		return state{}, errState
	}
	err = t.CheckTag(ctx, sealState, keyID, []byte(message+origin), mac)
	if errors.Is(err, seal.ErrInvalid) {
		return state{}, errState
	}
	if err != nil {
		return state{}, fmt.Errorf("check state: %w", err)
	}
	purpose, known := purposeOf(message[:1])
	if !known { // and yet signed: by a node of the next version, which runs beside this one
		return state{}, fmt.Errorf("%w: state of an unknown purpose", seal.ErrUnavailable)
	}
	message = message[1:]
	return state{
		purpose:  purpose,
		login:    message[:id.DatedLength],
		leg:      message[id.DatedLength : id.DatedLength+tagLength],
		provider: message[id.DatedLength+tagLength : id.DatedLength+2*tagLength],
		client:   message[id.DatedLength+2*tagLength:],
		origin:   origin,
	}, nil
}

// derive makes a value of this login alone from what it is for and which leg:
// nonce and verifier need no storage, and two tabs never overwrite each other.
func (l *Login) derive(label, leg string) string {
	return seal.Derive(l.Secret, label, leg)
}

// stepToken is the anti-forgery value of this login's forms.
func (l *Login) stepToken() string { return l.derive("step", l.ID) }

// checkStep reports whether token is this login's.
func (l *Login) checkStep(token string) bool {
	return seal.Same(token, l.stepToken())
}
