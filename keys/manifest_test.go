package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func newTestIdentity(t testing.TB, site string) *identity {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatalf("GenerateKey: %v", err)
	}
	return &identity{site: site, private: private}
}

// newTestRecord returns an active key of site without its manifest.
func newTestRecord(t testing.TB, site string, a Algorithm) Record {
	t.Helper()
	private, err := a.generate(rand.Reader, nil)
	if err != nil {
		t.Fatalf("generate: %v", err)
	}
	public, err := publicKey(site, a, private.Public())
	if err != nil {
		t.Fatalf("publicKey: %v", err)
	}
	body, err := public.MarshalJSON()
	if err != nil {
		t.Fatalf("MarshalJSON: %v", err)
	}
	return Record{
		KeyID: public.KeyID, Site: site, Algorithm: a, Generation: 1, State: Active, Public: body,
		CreatedAt: noon, PublishedAt: noon, ActivatedAt: noon,
	}
}

// What an identity signs for is believed only if it makes sense: a site can
// speak of its own keys alone, and of public keys of ours.
func TestBelieve(t *testing.T) {
	seoul, old, busan := newTestIdentity(t, "seoul"), newTestIdentity(t, "seoul"), newTestIdentity(t, "busan")
	all := sites{"seoul": {old.public(), seoul.public()}, "busan": {busan.public()}}
	own, theirs := newTestRecord(t, "seoul", ES256), newTestRecord(t, "busan", EdDSA)
	private, err := ES256.generate(rand.Reader, nil)
	if err != nil {
		t.Fatalf("generate: %v", err)
	}
	secret, err := jose.JSONWebKey{Key: private, KeyID: own.KeyID, Algorithm: "ES256", Use: "sig"}.MarshalJSON()
	if err != nil {
		t.Fatalf("MarshalJSON: %v", err)
	}

	tests := []struct {
		name   string
		by     *identity
		record Record
		change func(*Record)
		ok     bool
	}{
		{"a site of its own key", seoul, own, func(*Record) {}, true},
		{"by its other identity, while it changes", old, own, func(*Record) {}, true},
		{"another site of its own key", busan, theirs, func(*Record) {}, true},
		{"a site of another's key", busan, own, func(*Record) {}, false},
		{"a stranger who calls himself by the site's name", newTestIdentity(t, "seoul"), own, func(*Record) {}, false},
		{"another site's kid", seoul, own, func(r *Record) { r.KeyID = "busan" + r.KeyID[5:] }, false},
		{"another key's kid", seoul, own, func(r *Record) { r.KeyID = newTestRecord(t, "seoul", ES256).KeyID }, false},
		{"a key that is not of the algorithm", seoul, own, func(r *Record) { r.Algorithm = RS256 }, false},
		{"an algorithm that we do not have", seoul, own, func(r *Record) { r.Algorithm = "HS256" }, false},
		{"a private key", seoul, own, func(r *Record) { r.Public = secret }, false},
		{"a symmetric key", seoul, own, func(r *Record) { r.Public = []byte(`{"kty":"oct","k":"AAAA"}`) }, false},
		{"no key", seoul, own, func(r *Record) { r.Public = []byte(`{}`) }, false},
		{"a key that is no object", seoul, own, func(r *Record) { r.Public = []byte(`"x"`) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.record
			tt.change(&r)
			var err error
			if r.Manifest, err = tt.by.sign(r); err != nil {
				t.Fatalf("sign: %v", err)
			}
			believed, err := all.believe(r)
			got := believed.record
			if (err == nil) != tt.ok || (err != nil && !errors.Is(err, errManifest)) {
				t.Fatalf("error %v, want one: %v", err, !tt.ok)
			}
			if err == nil && (got.KeyID != r.KeyID || string(got.Public) != string(r.Public) || !got.ActivatedAt.Equal(noon)) {
				t.Errorf("believed %+v, want %+v", got, r)
			}
		})
	}
}

// Nothing else that an identity has signed passes for a manifest.
func TestBelieveOnlyManifests(t *testing.T) {
	own := newTestIdentity(t, "seoul")
	r := newTestRecord(t, "seoul", ES256)
	payload, err := json.Marshal(manifest{
		Site: r.Site, KeyID: r.KeyID, Algorithm: r.Algorithm, Generation: r.Generation, State: r.State, Public: r.Public,
	})
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	for typ, ok := range map[jose.ContentType]bool{manifestType: true, "JWT": false, "": false} {
		o := &jose.SignerOptions{}
		if typ != "" {
			o = o.WithType(typ)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: own.private}, o)
		if err != nil {
			t.Fatalf("NewSigner: %v", err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatalf("Sign: %v", err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatalf("CompactSerialize: %v", err)
		}
		r.Manifest = []byte(text)
		if _, err := (sites{"seoul": {own.public()}}).believe(r); (err == nil) != ok {
			t.Errorf("typ %q: error %v, want one: %v", typ, err, !ok)
		}
	}
}

func FuzzManifest(f *testing.F) {
	own := newTestIdentity(f, "seoul")
	all := sites{"seoul": {own.public()}}
	r := newTestRecord(f, "seoul", ES256)
	signed, err := own.sign(r)
	if err != nil {
		f.Fatalf("sign: %v", err)
	}
	f.Add(signed)
	f.Add([]byte("e30.e30.AAAA"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := r
		r.Manifest = data
		if believed, err := all.believe(r); err == nil && (believed.record.KeyID != r.KeyID || string(believed.record.Public) != string(r.Public)) {
			t.Errorf("believed %+v, which nobody has signed", believed.record)
		}
	})
}

func TestShaped(t *testing.T) {
	tests := []struct {
		kid  string
		want bool
	}{
		{"seoul-AAAAAAAAAAAAAAAAAAAA-_", true},
		{"a-AAAAAAAAAAAAAAAAAAAAAA", true},
		{"two-words-AAAAAAAAAAAAAAAAAAAAAA", true},
		{"", false},
		{"-AAAAAAAAAAAAAAAAAAAAAA", false},
		{"AAAAAAAAAAAAAAAAAAAAAA", false},
		{"seoul-AAAAAAAAAAAAAAAAAAAAA", false},
		{"Seoul-AAAAAAAAAAAAAAAAAAAAAA", false},
		{"seoul_AAAAAAAAAAAAAAAAAAAAAA", false},
		{"seoul-AAAAAAAAAAAAAAAAAAAAA/", false},
		{"a-name-of-more-than-32-letters-and-digits-AAAAAAAAAAAAAAAAAAAAAA", false},
	}
	for _, tt := range tests {
		if got := shaped(tt.kid); got != tt.want {
			t.Errorf("shaped(%q) = %v, want %v", tt.kid, got, tt.want)
		}
	}
}
