package fakeidp

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// EntraTenant is the tenant that everybody at a simulated Entra belongs to.
const EntraTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// Entra: one issuer per tenant, which an ID token names and the metadata only as a
// template; subjects are of the app and the tenant; an address is whatever an
// administrator typed; errors carry AADSTS numbers and texts that go on for lines.
func entra() *dialect {
	return &dialect{
		name:  Entra,
		title: "Microsoft",
		routes: append(pages("/oauth2/v2.0/authorize"),
			route{endpoint: Token, path: "/oauth2/v2.0/token", methods: post},
			route{endpoint: JWKS, path: "/discovery/v2.0/keys", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		formPost:     true,
		basic:        true,
		refreshes:    true,
		codeLives:    10 * time.Minute,
		tokenLives:   time.Hour,
		idTokenLives: time.Hour,
		declined:     failure("access_denied", "AADSTS65004: User declined to consent to access the app."),
		subject: func(sum [32]byte) string {
			return EntraTenant + "." + base64.RawURLEncoding.EncodeToString(sum[:])
		},
		code:  func(random string) string { return "0.A" + random },
		extra: func(*Upstream, grant) url.Values { return url.Values{"session_state": {EntraTenant}} },
		discovery: func(u *Upstream) map[string]any {
			d := standardDiscovery(u)
			d["issuer"] = u.Issuer() + "/{tenantid}/v2.0"
			d["subject_types_supported"] = []string{"pairwise"}
			return d
		},
		claims: entraClaims,
		token: func(g grant, t tokens) map[string]any {
			d := standardToken(g, t)
			d["ext_expires_in"] = 3600
			return d
		},
		refuse: entraError,
	}
}

func entraClaims(u *Upstream, g grant, _ string) map[string]any {
	_, sub, _ := strings.Cut(g.subject, ".")
	claims := map[string]any{
		"iss": u.Issuer() + "/" + EntraTenant + "/v2.0", "tid": EntraTenant, "sub": sub,
		"oid": hex.EncodeToString([]byte(sub[:16])), "ver": "2.0", "uti": "uti", "rh": "rh",
	}
	if g.has("profile") {
		claims["name"], claims["preferred_username"] = g.person.FullName, g.person.Name+"@tenant.example"
	}
	if g.has("email") && g.person.Email != "" {
		claims["email"] = g.person.Email
		if !g.person.Unverified {
			claims["xms_edov"] = "1"
		}
	}
	return claims
}

func entraError(e Endpoint, why refusal) reply {
	if e == JWKS || e == Discovery {
		return standardRefusal(e, why)
	}
	status, code := why.standardError()
	number, text := 900144, string(why)
	switch why {
	case unknownClient:
		status, code, number, text = http.StatusBadRequest, "unauthorized_client", 700016, "Application was not found in the directory."
	case wrongSecret:
		number, text = 7000215, "Invalid client secret provided."
	case wrongCode:
		number, text = 9002313, "Invalid request. Request is malformed or invalid."
	case wrongVerifier:
		number, text = 501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request."
	case wrongRedirect:
		number, text = 500112, "The reply address does not match the reply address provided when requesting Authorization code."
	case internal:
		status, code, number, text = http.StatusBadRequest, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."
	case disguised:
		status, code, number, text = http.StatusBadRequest, "invalid_request", 90033, "A transient error has occurred. Please try again."
	case suspended:
		code, number, text = "unauthorized_client", 7000112, "Application is disabled."
	}
	answer := problem(status, code, "AADSTS"+digits(number)+": "+text+"\r\nTrace ID: 0\r\nCorrelation ID: 0")
	answer.document["error_codes"] = []int{number}
	return answer
}
