package keys

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxToken is the length of the longest token that is signed or looked at, in
// bytes.
const MaxToken = 8 << 10

// maxHeader is more than a header of ours takes: alg, typ and kid.
const maxHeader = 256

var (
	errLong = errors.New("keys: token of more than 8 KiB")
	errKind = errors.New("keys: unknown kind of token")

	strict = base64.RawURLEncoding.Strict() // one token has one text
)

// Verify returns the claims of a token of kind k that this issuer has signed:
// its kid names a key in the key set, the signature is by that key with that
// key's own algorithm, typ is the kind's, and iss is the issuer. A header with
// anything but alg, kid and typ, and a token longer than [MaxToken], is refused.
//
// Time and audience are not looked at, because an id_token_hint says who it was
// about long after it expired: callers check exp and aud (and whatever else the
// kind demands) themselves.
//
// [ErrToken]: it is not such a token. [ErrUnavailable]: its key is not known
// here and the store could not be asked. An unknown kid has the keys read once,
// at most every 10 seconds; meanwhile callers wait for at most 2 seconds.
func (r *Ring) Verify(k Kind, token string) ([]byte, error) {
	if int(k) >= kinds {
		return nil, errKind
	}
	if len(token) > MaxToken {
		return nil, refuse("it is too long")
	}
	h, err := parseHeader(token)
	if err != nil {
		return nil, err
	}
	if h.typ != types[k] {
		return nil, refuse("it is of another kind")
	}
	known, err := r.verifier(h.keyID)
	if err != nil {
		return nil, err
	}
	if h.alg != string(known.record.Algorithm) {
		return nil, refuse("its algorithm is not its key's")
	}
	claims, err := verifySignature(token, known.record.Algorithm, known.public)
	if err != nil {
		return nil, err
	}
	var issued struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(claims, &issued); err != nil || issued.Issuer != r.options.Issuer {
		return nil, refuse("it is not of this issuer")
	}
	return claims, nil
}

// verifier returns the public key that keyID names.
func (r *Ring) verifier(keyID string) (*entry, error) {
	if known := r.current.Load().verifiers[keyID]; known != nil {
		return known, nil
	}
	if !shaped(keyID) || r.isWithdrawn(keyID) {
		return nil, refuse("it names no key of ours")
	}
	if err := r.gate.Do(context.Background()); err != nil { // the gate bounds it
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if known := r.current.Load().verifiers[keyID]; known != nil {
		return known, nil
	}
	return nil, refuse("it names no key of ours")
}

// header is all that may stand in the header of a token of ours.
type header struct {
	alg, keyID, typ string
}

// parseHeader reads the header of a compact JWS (RFC 7515 7.1). Whatever a
// token would bring its own key with (jwk, jku, x5c, x5u), or demand of its
// reader (crit, b64, zip), is refused with every other member: ours have three.
func parseHeader(token string) (header, error) {
	if strings.Count(token, ".") != 2 {
		return header{}, refuse("it has not the three parts of a signed token")
	}
	encoded, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	if len(encoded) > maxHeader || !canonical(claims) || !canonical(signature) {
		return header{}, refuse("it is damaged")
	}
	raw, err := strict.DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return header{}, refuse("its header is damaged")
	}
	var members map[string]string
	if err := json.Unmarshal(raw, &members); err != nil {
		return header{}, refuse("its header is damaged, or not one of ours")
	}
	h := header{alg: members["alg"], keyID: members["kid"], typ: members["typ"]}
	if len(members) != 3 || h.alg == "" || h.keyID == "" || h.typ == "" {
		return header{}, refuse("its header is not one of ours")
	}
	return h, nil
}

// canonical reports whether text is the only way to write its bytes in
// base64url: no stray bits at the end, and no line ends, which the decoder
// skips.
func canonical(text string) bool {
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return false
	}
	var scratch [MaxToken]byte
	_, err := strict.Decode(scratch[:], []byte(text))
	return err == nil
}

// verifySignature returns the payload of a token that public has signed with a.
func verifySignature(token string, a Algorithm, public *jose.JSONWebKey) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{a.jose()})
	if err != nil {
		return nil, refuse("it is damaged")
	}
	claims, err := signed.Verify(public)
	if err != nil {
		return nil, refuse("its signature is not by the key it names")
	}
	return claims, nil
}

// refuse never repeats anything of the token.
func refuse(why string) error { return fmt.Errorf("%w: %s", ErrToken, why) }
