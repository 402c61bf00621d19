package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bongsu/bongsu/keys/wrap"
)

// entry is a record with what could be made of it. It is immutable.
type entry struct {
	record  Record // as the manifest says; as the store says when the manifest was not believed
	refused error  // why the manifest was not believed

	public *jose.JSONWebKey  // nil when refused
	by     ed25519.PublicKey // the identity that signed the manifest; nil when refused
	signer *signer           // of our own keys that sign or may have to; nil: none, or broken
	broken error             // why there is no signer although there should be one
}

// made reports whether the entry was made of r.
func (e *entry) made(r Record) bool {
	return e.record.State == r.State && e.record.Generation == r.Generation && e.record.Algorithm == r.Algorithm &&
		e.record.Site == r.Site && bytes.Equal(e.record.Manifest, r.Manifest) && bytes.Equal(e.record.Wrapped, r.Wrapped)
}

// held returns the key as the planner sees it.
func (e *entry) held(withdrawn bool) held {
	h := held{Record: e.record, withdrawn: withdrawn, broken: e.broken != nil}
	if e.refused != nil {
		h.State, h.ActivatedAt = "", time.Time{}
	}
	return h
}

// newEntry makes an entry of r. Signers that earlier, an entry of the same key,
// has prepared already are taken over.
func newEntry(r Record, from sites, o *Options, earlier *entry) *entry {
	believed, err := from.believe(r)
	if err != nil {
		return &entry{record: r, refused: err}
	}
	e := &entry{record: believed.record, public: believed.public, by: believed.by}
	if r.Site != o.Site || (r.State != Staged && r.State != Published && r.State != Active) {
		return e
	}
	if earlier != nil && earlier.signer != nil && bytes.Equal(earlier.record.Wrapped, r.Wrapped) {
		e.signer = earlier.signer
		return e
	}
	e.signer, e.broken = openSigner(believed.record, believed.public, o.Wrap)
	return e
}

// signer signs with one key. It is prepared once: the header of each kind never
// changes.
type signer struct {
	keyID   string
	headers [kinds]string // base64url
	jose    [kinds]jose.Signer
}

// openSigner unwraps the private key of r. A key that does not verify what it
// signs never signs.
func openSigner(r Record, public *jose.JSONWebKey, w *wrap.Key) (*signer, error) {
	der, err := w.Unwrap(r.KeyID, r.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap private key: %w", err)
	}
	defer clear(der)
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("keys: the private key is damaged") // the parser's words might quote it
	}
	s, err := newSigner(r.KeyID, r.Algorithm, private)
	if err != nil {
		return nil, err
	}
	sample := []byte("{}")
	token, err := s.sign(IDToken, sample)
	if err != nil {
		return nil, err
	}
	if _, err := verifySignature(token, r.Algorithm, public); err != nil {
		return nil, errors.New("keys: the private key does not belong to the public one")
	}
	return s, nil
}

func newSigner(keyID string, a Algorithm, private any) (*signer, error) {
	s := &signer{keyID: keyID}
	for k := range s.jose {
		prepared, err := jose.NewSigner(
			jose.SigningKey{Algorithm: a.jose(), Key: jose.JSONWebKey{Key: private, KeyID: keyID}},
			(&jose.SignerOptions{}).WithType(jose.ContentType(types[k])))
		if err != nil {
			return nil, fmt.Errorf("prepare signer: %w", err)
		}
		// The members in alphabetical order, as go-jose writes what it signs.
		header, err := json.Marshal(map[string]string{"alg": string(a), "kid": keyID, "typ": types[k]})
		if err != nil {
			return nil, fmt.Errorf("prepare header: %w", err)
		}
		s.jose[k] = prepared
		s.headers[k] = base64.RawURLEncoding.EncodeToString(header)
	}
	return s, nil
}

// sign returns the compact form of a token of kind k. Writing it from the
// prepared header, instead of having it serialized anew, saves a tenth of the
// time of an ES256 token.
func (s *signer) sign(k Kind, claims []byte) (string, error) {
	signed, err := s.jose[k].Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signature := signed.Signatures[0].Signature
	encoding := base64.RawURLEncoding
	size := len(s.headers[k]) + 1 + encoding.EncodedLen(len(claims)) + 1 + encoding.EncodedLen(len(signature))
	if size > MaxToken {
		return "", errLong
	}
	token := make([]byte, 0, size)
	token = append(token, s.headers[k]...)
	token = append(token, '.')
	token = encoding.AppendEncode(token, claims)
	token = append(token, '.')
	token = encoding.AppendEncode(token, signature)
	return string(token), nil
}

// newRecord makes a key of a for generation, in state Staged or Active.
func newRecord(o *Options, own *identity, s step, now time.Time) (Record, error) {
	private, err := s.algorithm.generate(o.Rand, o.GenerateRSA)
	if err != nil {
		return Record{}, fmt.Errorf("generate %s key: %w", s.algorithm, err)
	}
	r := Record{Site: o.Site, Algorithm: s.algorithm, Generation: s.generation, State: s.to, CreatedAt: now}
	if s.to == Active {
		r.PublishedAt, r.ActivatedAt = now, now
	}
	public, err := publicKey(o.Site, s.algorithm, private.Public())
	if err != nil {
		return Record{}, err
	}
	r.KeyID = public.KeyID
	if r.Public, err = public.MarshalJSON(); err != nil {
		return Record{}, fmt.Errorf("encode public key: %w", err)
	}
	if r.Wrapped, err = wrapPrivate(o.Wrap, r.KeyID, private); err != nil {
		return Record{}, err
	}
	if r.Manifest, err = own.sign(r); err != nil {
		return Record{}, err
	}
	return r, nil
}

func wrapPrivate(w *wrap.Key, keyID string, private crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	defer clear(der)
	wrapped, err := w.Wrap(keyID, der)
	if err != nil {
		return nil, fmt.Errorf("wrap private key: %w", err)
	}
	return wrapped, nil
}
