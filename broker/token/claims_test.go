package token

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/keys"
)

// What is signed is what stands in the golden files, for every algorithm; the
// library agrees with at_hash.
func TestClaims(t *testing.T) {
	for _, id := range []string{"shop", "ec", "ed"} {
		t.Run(id, func(t *testing.T) {
			h := newHouse(t)
			answer, err := h.redeem(id, h.sealed(h.sample(func(c *Code) { c.Client = id })))
			h.must(err)
			idToken, access := answer["id_token"].(string), answer["access_token"].(string)
			known, _ := h.endpoint.Clients.Client(id)
			verified, err := oidc.NewVerifier(issuer, trusted{}, &oidc.Config{
				ClientID: id, SupportedSigningAlgs: []string{string(known.IDTokenAlg)}, Now: h.endpoint.Now,
			}).Verify(t.Context(), idToken)
			h.must(err)
			if err := verified.VerifyAccessToken(access); err != nil {
				t.Error(err)
			}
			payload, err := h.endpoint.Keys.Verify(keys.IDToken, idToken)
			h.must(err)
			golden(t, "id_token_"+id, withoutRandom(t, payload, "at_hash"))
			payload, err = h.endpoint.Keys.Verify(keys.AccessToken, access)
			h.must(err)
			golden(t, "access_token_"+id, withoutRandom(t, payload, "jti", "gid"))
		})
	}
	h := newHouse(t)
	h.endpoint.WayClaim = true
	answer, err := h.redeem("shop", h.sealed(h.sample()))
	h.must(err)
	payload, err := h.endpoint.Keys.Verify(keys.IDToken, answer["id_token"].(string))
	if err != nil || !bytes.Contains(payload, []byte(`"bongsu_way":"kakao"`)) {
		t.Errorf("dev's claim: %s %v", payload, err)
	}
}

// trusted takes the signature as checked, which [keys.Ring.Verify] does here.
type trusted struct{}

func (trusted) VerifySignature(_ context.Context, jwt string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
}

// withoutRandom checks that the named claims are there and takes their values away.
func withoutRandom(t *testing.T, payload []byte, names ...string) []byte {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if text, _ := claims[name].(string); len(text) < 20 {
			t.Errorf("%s is %v", name, claims[name])
		}
		claims[name] = "…"
	}
	text, err := json.MarshalIndent(claims, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("go test -update writes it anew (-want +got):\n%s", diff)
	}
}

func TestDiscovery(t *testing.T) {
	document, err := Discovery(issuer, []keys.Algorithm{keys.RS256, keys.ES256})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "discovery", withoutRandom(t, document.Body))
	serve := ServeDocument(func() Document { return document })
	tests := []struct {
		name, match string
		want        int
	}{
		{"for the first time", "", http.StatusOK},
		{"known already", document.ETag, http.StatusNotModified},
		{"known weakly", "W/" + document.ETag, http.StatusNotModified},
		{"one of several", `"other", ` + document.ETag, http.StatusNotModified},
		{"any", "*", http.StatusNotModified},
		{"another", `"other"`, http.StatusOK},
		{"without quotes", strings.Trim(document.ETag, `"`), http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			if tt.match != "" {
				r.Header.Set("If-None-Match", tt.match)
			}
			w := httptest.NewRecorder()
			if err := serve(w, r); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.want || (w.Body.Len() > 0) != (tt.want == http.StatusOK) {
				t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
			}
			if w.Header().Get("Etag") != document.ETag || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
				!strings.HasPrefix(w.Header().Get("Cache-Control"), "public, max-age=300") {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}
