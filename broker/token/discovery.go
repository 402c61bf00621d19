package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/keys"
)

// metadata is the discovery document (OpenID Connect Discovery 1.0 3, RFC 8414
// 2, RFC 9207 3). What is not offered is absent, or said to be false.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	AuthorizationEndpoint  string   `json:"authorization_endpoint"`
	TokenEndpoint          string   `json:"token_endpoint"`
	UserinfoEndpoint       string   `json:"userinfo_endpoint"`
	JWKSURI                string   `json:"jwks_uri"`
	IntrospectionEndpoint  string   `json:"introspection_endpoint"` // RFC 7662, RFC 8414 2
	RevocationEndpoint     string   `json:"revocation_endpoint"`    // RFC 7009
	EndSessionEndpoint     string   `json:"end_session_endpoint"`
	ScopesSupported        []string `json:"scopes_supported"`
	ResponseTypesSupported []string `json:"response_types_supported"`
	ResponseModesSupported []string `json:"response_modes_supported"`
	GrantTypesSupported    []string `json:"grant_types_supported"`
	ACRValuesSupported     []string `json:"acr_values_supported"`
	SubjectTypesSupported  []string `json:"subject_types_supported"`
	IDTokenAlgs            []string `json:"id_token_signing_alg_values_supported"`
	TokenAuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs          []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionMethods   []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationMethods      []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAlgs      []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationAlgs         []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	ClaimsSupported        []string `json:"claims_supported"`
	ChallengeMethods       []string `json:"code_challenge_methods_supported"`
	PromptValues           []string `json:"prompt_values_supported"`
	UILocales              []string `json:"ui_locales_supported"`
	IssParameter           bool     `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter        bool     `json:"claims_parameter_supported"`
	RequestParameter       bool     `json:"request_parameter_supported"`
	RequestURIParameter    bool     `json:"request_uri_parameter_supported"`
	BackchannelLogout      bool     `json:"backchannel_logout_supported"`
	BackchannelLogoutSID   bool     `json:"backchannel_logout_session_supported"`
}

// Document is a prepared answer: bytes that do not change between requests.
type Document struct {
	Body []byte
	ETag string // quoted
}

// Discovery prepares the discovery document of issuer. idTokenAlgs are the
// algorithms in use.
func Discovery(issuer string, idTokenAlgs []keys.Algorithm) (Document, error) {
	algs := make([]string, 0, len(idTokenAlgs))
	for _, a := range idTokenAlgs {
		algs = append(algs, string(a))
	}
	proofs := slices.Clip([]string{"client_secret_basic", "client_secret_post", "private_key_jwt"})
	body, err := json.Marshal(metadata{
		Issuer:                 issuer,
		AuthorizationEndpoint:  issuer + "/authorize",
		TokenEndpoint:          issuer + "/token",
		UserinfoEndpoint:       issuer + "/userinfo",
		JWKSURI:                issuer + "/jwks",
		IntrospectionEndpoint:  issuer + "/introspect",
		RevocationEndpoint:     issuer + "/revoke",
		EndSessionEndpoint:     issuer + "/logout",
		ScopesSupported:        oauth.Scopes(),
		ResponseTypesSupported: []string{"code"},
		ResponseModesSupported: oauth.ResponseModes(),
		GrantTypesSupported:    []string{"authorization_code", "refresh_token", "client_credentials"},
		ACRValuesSupported:     choice.ACRs(),
		SubjectTypesSupported:  []string{"public", "pairwise"},
		IDTokenAlgs:            algs,
		TokenAuthMethods:       append(proofs, "none"),
		TokenAuthAlgs:          keys.AssertionAlgorithms(),
		IntrospectionMethods:   proofs,
		IntrospectionAlgs:      keys.AssertionAlgorithms(),
		RevocationMethods:      append(proofs, "none"),
		RevocationAlgs:         keys.AssertionAlgorithms(),
		ClaimsSupported: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
			"name", "picture", "locale", "updated_at", "email", "email_verified", "phone_number", "phone_number_verified",
		},
		ChallengeMethods: []string{"S256"},
		PromptValues:     []string{"none", "login", "select_account"},
		UILocales:        []string{"ko", "en", "ja"},
		IssParameter:     true,
		ClaimsParameter:  true,
		// Every logout token has the sid where the session has one.
		BackchannelLogout: true, BackchannelLogoutSID: true,
	})
	if err != nil {
		return Document{}, fmt.Errorf("encode discovery document: %w", err)
	}
	sum := sha256.Sum256(body)
	return Document{Body: body, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}, nil
}

// Header values shared by all answers, so that none is allocated per request.
var (
	jsonType     = []string{"application/json"}
	cachePublic  = []string{"public, max-age=300, stale-if-error=86400"}
	allowAnybody = []string{"*"}
)

// headers are the values of a document's own headers.
type headers struct{ etag, length []string }

// ServeDocument answers with what current returns, or 304 when the client has
// it already. Anybody may read it, scripts of other origins included. Documents of
// one ETag are the same bytes.
func ServeDocument(current func() Document) func(http.ResponseWriter, *http.Request) error {
	var last atomic.Pointer[headers] // prepared, as the document is
	last.Store(&headers{etag: []string{""}})
	return func(w http.ResponseWriter, r *http.Request) error {
		document := current()
		own := last.Load()
		if own.etag[0] != document.ETag {
			own = &headers{etag: []string{document.ETag}, length: []string{strconv.Itoa(len(document.Body))}}
			last.Store(own)
		}
		header := w.Header()
		header["Content-Type"] = jsonType
		header["Cache-Control"] = cachePublic
		header["Access-Control-Allow-Origin"] = allowAnybody
		header["Etag"] = own.etag
		if known := r.Header["If-None-Match"]; len(known) > 0 && matches(known[0], document.ETag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		header["Content-Length"] = own.length
		if _, err := w.Write(document.Body); err != nil {
			return fmt.Errorf("write document: %w", err)
		}
		return nil
	}
}

// matches compares If-None-Match weakly (RFC 9110 13.1.2).
func matches(header, etag string) bool {
	if header == "" {
		return false
	}
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}
