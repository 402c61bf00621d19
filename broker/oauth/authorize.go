package oauth

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The bounds of an authorization request in bytes.
const (
	MaxRequest = 2000 // all names and values decoded, and the parsed request as JSON: it travels in a cookie
	MaxState   = 1024
)

// maxValues bounds the lists acr_values and ui_locales; more are ignored.
const maxValues = 10

// The values of response_mode.
const (
	ModeQuery    = "query"
	ModeFormPost = "form_post" // OAuth 2.0 Form Post Response Mode
)

// ResponseModes returns the known response modes, for discovery. The caller owns
// the slice.
func ResponseModes() []string { return []string{ModeQuery, ModeFormPost} }

// The values of prompt.
const (
	PromptNone          = "none"
	PromptLogin         = "login"
	PromptConsent       = "consent"
	PromptSelectAccount = "select_account"
)

// The scopes that have a meaning here. All others are ignored.
const (
	ScopeOpenID  = "openid"
	ScopeProfile = "profile"
	ScopeEmail   = "email"
	ScopePhone   = "phone"

	ScopeOfflineAccess = "offline_access" // OpenID Connect Core 11
)

// maxResources and maxOther bound what a request asks of resource servers.
const (
	maxResources = 4
	maxOther     = 32
)

var knownScopes = []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeOfflineAccess}

// Scopes returns the known scopes, for discovery. The caller owns the slice.
func Scopes() []string { return slices.Clone(knownScopes) }

// AuthorizationRequest is the parsed message that begins a login. Its JSON is at
// most [MaxRequest] bytes, with or without HTML escaping.
type AuthorizationRequest struct {
	ClientID     string         `json:"c,omitempty"`
	RedirectURI  string         `json:"u,omitempty"`
	ResponseType string         `json:"rt,omitempty"` // "code"
	ResponseMode string         `json:"rm,omitempty"` // ModeQuery, ModeFormPost or empty, which means ModeQuery
	Scope        []string       `json:"s,omitempty"`  // known ones, openid among them
	Resources    []string       `json:"rs,omitempty"` // unchecked identifiers (RFC 8707 2.1), at most 4
	OtherScope   []string       `json:"os,omitempty"` // beside Resources: what they may know, at most 32
	State        string         `json:"st,omitempty"` // byte-exact
	Nonce        string         `json:"n,omitempty"`
	Challenge    string         `json:"ch,omitempty"` // PKCE, S256
	Prompt       []string       `json:"p,omitempty"`  // known values; none stands alone
	MaxAge       *int           `json:"ma,omitempty"` // seconds; nil when not asked for
	ACRValues    []string       `json:"a,omitempty"`  // most wanted first, at most 10
	LoginHint    string         `json:"lh,omitempty"` // unverified
	IDTokenHint  string         `json:"ih,omitempty"` // unverified
	IDPHint      string         `json:"ph,omitempty"` // shaped like a provider instance id
	Claims       *ClaimsRequest `json:"cl,omitempty"` // nil: nothing is asked for one by one
	UILocales    []string       `json:"ul,omitempty"` // shaped like BCP 47, most wanted first, at most 10
}

// clientParams must be trusted before anything else is read.
var clientParams = []string{"client_id", "redirect_uri"}

// authorizationParams are the other known parameters: none of them may be doubled.
var authorizationParams = []string{
	"response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"prompt", "max_age", "acr_values", "login_hint", "id_token_hint", "idp_hint", "ui_locales", "display",
	"claims", "request", "request_uri",
}

// resourceParam may be sent several times (RFC 8707 2).
const resourceParam = "resource"

// AuthorizationParameters returns the names of all known parameters of an
// authorization request. The caller owns the slice.
func AuthorizationParameters() []string {
	return append(slices.Concat(clientParams, authorizationParams), resourceParam)
}

// PeekClient returns the two parameters that must be trusted before anything may
// be redirected. Its error, an [*Error], is shown on our own page.
func PeekClient(v url.Values) (clientID, redirectURI string, err error) {
	if e := once(v, clientParams); e != nil {
		return "", "", e
	}
	if e := clean(v, clientParams); e != nil {
		return "", "", e
	}
	clientID, redirectURI = v.Get("client_id"), v.Get("redirect_uri")
	switch {
	case clientID == "":
		return "", "", InvalidRequest("Add client_id, the id this website is registered with.")
	case redirectURI == "":
		return "", "", InvalidRequest("Add redirect_uri, exactly as it is registered.")
	case len(clientID)+len(redirectURI) > MaxRequest:
		return "", "", tooLarge()
	}
	return clientID, redirectURI, nil
}

// ParseAuthorization parses a request whose client and redirect URI are trusted.
// Its error is an [*Error] that may be redirected; the request that comes with
// it holds what could be read, the state in any case unless it was doubled.
// Unknown parameters, scopes and prompts are ignored.
func ParseAuthorization(v url.Values) (AuthorizationRequest, error) {
	r := AuthorizationRequest{ClientID: v.Get("client_id"), RedirectURI: v.Get("redirect_uri")}
	if len(v["state"]) == 1 {
		r.State = v.Get("state")
	}
	if mode := v["response_mode"]; len(mode) == 1 && mode[0] == ModeFormPost {
		r.ResponseMode = ModeFormPost // whatever else is wrong, it is told that way
	}
	for _, check := range []func(url.Values) *Error{
		r.parseWhole, r.parseObjects, r.parseResponse, r.parsePKCE, r.parseScope, r.parseFreshness, r.parseHints,
	} {
		if e := check(v); e != nil {
			return r, e
		}
	}
	if r.size() > MaxRequest {
		return r, tooLarge()
	}
	return r, nil
}

// RequirePKCE returns the error for a request without a challenge, or nil. The
// caller knows whether its client needs one.
func (r AuthorizationRequest) RequirePKCE() *Error {
	if r.Challenge != "" {
		return nil
	}
	return InvalidRequest("PKCE is required: add code_challenge and code_challenge_method=S256.")
}

// HasPrompt reports whether the request carries that prompt value.
func (r AuthorizationRequest) HasPrompt(value string) bool { return slices.Contains(r.Prompt, value) }

func tooLarge() *Error {
	return InvalidRequest("The request is too large: keep all parameters together below 2000 bytes.")
}

// size is the length of the request as JSON, escaped as [json.Marshal] does.
func (r *AuthorizationRequest) size() int {
	b, err := json.Marshal(r)
	if err != nil { // no field of the struct can fail
		return MaxRequest + 1
	}
	return len(b)
}

// parseWhole checks what concerns all parameters: doubles, bytes, sizes.
func (r *AuthorizationRequest) parseWhole(v url.Values) *Error {
	total := 0
	for name, values := range v {
		for _, value := range values {
			total += len(name) + len(value)
		}
	}
	if e := once(v, authorizationParams); e != nil {
		return e
	}
	if e := clean(v, clientParams); e != nil {
		return e
	}
	if total > MaxRequest {
		return tooLarge()
	}
	if len(r.State) > MaxState {
		return InvalidRequest("The parameter state is too long: keep it within 1024 bytes.")
	}
	return clean(v, authorizationParams)
}

// parseObjects refuses request objects, which are never fetched (OpenID Connect Core 6).
func (r *AuthorizationRequest) parseObjects(v url.Values) *Error {
	switch {
	case v.Get("request") != "":
		return RequestNotSupported("Request objects are not supported: send the parameters themselves.")
	case v.Get("request_uri") != "":
		return RequestURINotSupported("Request objects by reference are not supported: send the parameters themselves.")
	}
	return nil
}

func (r *AuthorizationRequest) parseResponse(v url.Values) *Error {
	r.ResponseType, r.ResponseMode = v.Get("response_type"), v.Get("response_mode")
	switch {
	case r.ResponseType == "":
		return InvalidRequest("Add response_type=code.")
	case r.ResponseType != "code":
		return UnsupportedResponseType("Only response_type=code is supported.")
	case r.ResponseMode != "" && r.ResponseMode != ModeQuery && r.ResponseMode != ModeFormPost:
		r.ResponseMode = ""
		return InvalidRequest("response_mode must be query or form_post.")
	}
	return nil
}

func (r *AuthorizationRequest) parsePKCE(v url.Values) *Error {
	challenge, method := v.Get("code_challenge"), v.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "":
		return nil
	case challenge == "":
		return InvalidRequest("code_challenge_method was sent without code_challenge: send both.")
	case method == "":
		return InvalidRequest("Add code_challenge_method=S256: its default, plain, is not supported.")
	case method != "S256":
		return InvalidRequest("Only code_challenge_method=S256 is supported.")
	case !validChallenge(challenge):
		return InvalidRequest("code_challenge must be the 43 characters of base64url(SHA-256(code_verifier)) without padding.")
	}
	r.Challenge = challenge
	return nil
}

func (r *AuthorizationRequest) parseScope(v url.Values) *Error {
	if e := r.parseResources(v[resourceParam]); e != nil {
		return e
	}
	for _, scope := range list(v.Get("scope")) {
		switch {
		case slices.Contains(knownScopes, scope):
			r.Scope = append(r.Scope, scope)
		case len(r.Resources) > 0 && len(r.OtherScope) < maxOther:
			r.OtherScope = append(r.OtherScope, scope)
		}
	}
	r.Nonce = v.Get("nonce")
	if !slices.Contains(r.Scope, ScopeOpenID) {
		return InvalidScope("The scope must contain openid.")
	}
	return nil
}

func (r *AuthorizationRequest) parseResources(ids []string) *Error {
	for _, id := range ids {
		switch {
		case id == "" || dirty(id) || strings.Contains(id, " "):
			return InvalidTarget("The parameter resource must be the identifier of a resource server.")
		case !slices.Contains(r.Resources, id):
			r.Resources = append(r.Resources, id)
		}
	}
	if len(r.Resources) > maxResources {
		return InvalidTarget("Ask for at most 4 resources at a time.")
	}
	return nil
}

func (r *AuthorizationRequest) parseFreshness(v url.Values) *Error {
	prompts := list(v.Get("prompt"))
	if len(prompts) > 1 && slices.Contains(prompts, PromptNone) {
		return InvalidRequest("prompt=none cannot be combined with another prompt value.")
	}
	for _, p := range prompts {
		switch p {
		case PromptNone, PromptLogin, PromptConsent, PromptSelectAccount:
			r.Prompt = append(r.Prompt, p)
		}
	}
	age := v.Get("max_age")
	if age == "" {
		return nil
	}
	seconds, ok := digits(age)
	if !ok {
		return InvalidRequest("max_age must be a number of seconds: 0 or more, at most 10 digits.")
	}
	r.MaxAge = &seconds
	return nil
}

func (r *AuthorizationRequest) parseHints(v url.Values) *Error {
	r.LoginHint, r.IDTokenHint = v.Get("login_hint"), v.Get("id_token_hint")
	if hint := v.Get("idp_hint"); isInstance(hint) {
		r.IDPHint = hint
	}
	r.ACRValues = list(v.Get("acr_values"))
	r.ACRValues = r.ACRValues[:min(len(r.ACRValues), maxValues)]
	for _, locale := range list(v.Get("ui_locales")) {
		if isLocale(locale) && len(r.UILocales) < maxValues {
			r.UILocales = append(r.UILocales, locale)
		}
	}
	return r.parseClaims(v.Get("claims"))
}

// digits parses a number of 1 to 10 decimal digits.
func digits(s string) (int, bool) {
	if len(s) > 10 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return int(n), err == nil
}

// isInstance reports whether s is shaped like a provider instance id.
func isInstance(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// isLocale reports whether s is shaped like a BCP 47 tag.
func isLocale(s string) bool {
	if len(s) > 35 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' {
			return false
		}
	}
	return s != ""
}
