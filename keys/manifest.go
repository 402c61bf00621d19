package keys

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	manifestType = "bongsu-manifest+jwt"
	maxManifest  = 8 << 10
	tailSize     = 22 // of the thumbprint in a kid: 132 bits
)

var errManifest = errors.New("keys: manifest is not to be believed")

// manifest is what a site says about a key of its own, signed by its identity.
// Dates are seconds since 1970, 0 for what has not happened.
type manifest struct {
	Site       string          `json:"site"`
	KeyID      string          `json:"kid"`
	Algorithm  Algorithm       `json:"alg"`
	Generation int64           `json:"generation"`
	State      State           `json:"state"`
	Public     json.RawMessage `json:"jwk"`
	Created    int64           `json:"created"`
	Published  int64           `json:"published,omitempty"`
	Activated  int64           `json:"activated,omitempty"`
	Retiring   int64           `json:"retiring,omitempty"`
	Removed    int64           `json:"removed,omitempty"`
}

// sign returns the manifest of r.
func (i *identity) sign(r Record) ([]byte, error) {
	payload, err := json.Marshal(manifest{
		Site: r.Site, KeyID: r.KeyID, Algorithm: r.Algorithm, Generation: r.Generation, State: r.State, Public: r.Public,
		Created: seconds(r.CreatedAt), Published: seconds(r.PublishedAt), Activated: seconds(r.ActivatedAt),
		Retiring: seconds(r.RetiringAt), Removed: seconds(r.RemovedAt),
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: i.private}, (&jose.SignerOptions{}).WithType(manifestType))
	if err != nil {
		return nil, fmt.Errorf("prepare manifest: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return []byte(text), nil
}

// belief is a record that its site's identity stands for.
type belief struct {
	record Record // as the manifest says; Wrapped alone is taken from the record itself
	public *jose.JSONWebKey
	by     ed25519.PublicKey // the identity that has signed it
}

// believe returns r as its manifest says.
func (s sites) believe(r Record) (belief, error) {
	m, by, err := s.read(r)
	if err != nil {
		return belief{}, err
	}
	if m.Site != r.Site || m.KeyID != r.KeyID || m.Algorithm != r.Algorithm || m.Generation != r.Generation || m.State != r.State {
		return belief{}, fmt.Errorf("%w: it speaks of another key or state", errManifest)
	}
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(m.Public); err != nil {
		return belief{}, fmt.Errorf("%w: its public key is damaged", errManifest)
	}
	if !key.Valid() || !key.IsPublic() || !m.Algorithm.fits(key.Key) {
		return belief{}, fmt.Errorf("%w: its key is not a public one of its algorithm", errManifest)
	}
	public, err := publicKey(m.Site, m.Algorithm, key.Key)
	if err != nil {
		return belief{}, err
	}
	if public.KeyID != m.KeyID {
		return belief{}, fmt.Errorf("%w: its kid belongs to another key or site", errManifest)
	}
	body, err := public.MarshalJSON()
	if err != nil {
		return belief{}, fmt.Errorf("encode public key: %w", err)
	}
	return belief{public: public, by: by, record: Record{
		KeyID: m.KeyID, Site: m.Site, Algorithm: m.Algorithm, Generation: m.Generation, State: m.State,
		Public: body, Wrapped: r.Wrapped, Manifest: r.Manifest,
		CreatedAt: date(m.Created), PublishedAt: date(m.Published), ActivatedAt: date(m.Activated),
		RetiringAt: date(m.Retiring), RemovedAt: date(m.Removed),
	}}, nil
}

// read checks the signature of r's manifest with the identities of r's site,
// and returns which of them has signed it.
func (s sites) read(r Record) (manifest, ed25519.PublicKey, error) {
	if len(r.Manifest) > maxManifest {
		return manifest{}, nil, fmt.Errorf("%w: it is too large", errManifest)
	}
	identities := s[r.Site]
	if len(identities) == 0 {
		return manifest{}, nil, fmt.Errorf("%w: its site is not one of ours", errManifest)
	}
	signed, err := jose.ParseSignedCompact(string(r.Manifest), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return manifest{}, nil, fmt.Errorf("%w: it is damaged", errManifest)
	}
	if typ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; typ != manifestType {
		return manifest{}, nil, fmt.Errorf("%w: it is something else", errManifest)
	}
	payload, by, err := verifyAny(signed, identities)
	if err != nil {
		return manifest{}, nil, err
	}
	var m manifest
	if err := json.Unmarshal(payload, &m); err != nil {
		return manifest{}, nil, fmt.Errorf("%w: it is damaged", errManifest)
	}
	return m, by, nil
}

func verifyAny(signed *jose.JSONWebSignature, identities []ed25519.PublicKey) ([]byte, ed25519.PublicKey, error) {
	for _, public := range identities {
		if payload, err := signed.Verify(public); err == nil {
			return payload, public, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: no identity of its site has signed it", errManifest)
}

// publicKey returns key as it stands in the key set: bound to site by its kid,
// with use and alg, and public members only.
func publicKey(site string, a Algorithm, key crypto.PublicKey) (*jose.JSONWebKey, error) {
	public := &jose.JSONWebKey{Key: key, Algorithm: string(a), Use: "sig"}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("take thumbprint: %w", err)
	}
	public.KeyID = site + "-" + base64.RawURLEncoding.EncodeToString(thumbprint)[:tailSize]
	return public, nil
}

// shaped reports whether keyID can be one of ours.
func shaped(keyID string) bool {
	cut := len(keyID) - tailSize - 1
	if cut < 1 || keyID[cut] != '-' || !siteName(keyID[:cut]) {
		return false
	}
	for i := cut + 1; i < len(keyID); i++ {
		if c := keyID[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func date(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
