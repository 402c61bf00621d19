package oauth

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B

// request is a good request with the given changes; an empty value takes a
// parameter out.
func request(changes ...string) url.Values {
	v := url.Values{
		"client_id": {"rp-1"}, "redirect_uri": {"https://rp.example/cb"}, "response_type": {"code"},
		"scope": {"openid"}, "state": {"s"},
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "" {
			v.Del(changes[i])
			continue
		}
		v.Set(changes[i], changes[i+1])
	}
	return v
}

func TestParseAuthorization(t *testing.T) {
	v, err := url.ParseQuery("client_id=rp-1&redirect_uri=https%3A%2F%2Frp.example%2Fcb&response_type=code&response_mode=query" +
		"&scope=openid+email+offline_access+email+write%3Aall+phone&state=%7B%22a%22%3A%22%26%ED%95%9C%22%7D++&nonce=n-0S6" +
		"&code_challenge=" + challenge + "&code_challenge_method=S256&prompt=login+consent+create&max_age=0300" +
		"&acr_values=phr++urn%3Abongsu%3Aacr%3Aprovider&login_hint=minji%40example.kr&id_token_hint=a.b.c&idp_hint=kakao" +
		"&ui_locales=ko-KR+%3Cscript%3E+en&utm_source=mail&claims=%7B%7D")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseAuthorization(v)
	if err != nil {
		t.Fatalf("ParseAuthorization: %v", err)
	}
	age := 300
	want := AuthorizationRequest{
		ClientID: "rp-1", RedirectURI: "https://rp.example/cb", ResponseType: "code", ResponseMode: "query",
		Scope: []string{"openid", "email", "offline_access", "phone"}, State: `{"a":"&한"}  `, Nonce: "n-0S6", Challenge: challenge,
		Prompt: []string{"login", "consent"}, MaxAge: &age, ACRValues: []string{"phr", "urn:bongsu:acr:provider"},
		LoginHint: "minji@example.kr", IDTokenHint: "a.b.c", IDPHint: "kakao", UILocales: []string{"ko-KR", "en"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if !got.HasPrompt(PromptLogin) || got.HasPrompt(PromptNone) {
		t.Error("HasPrompt is wrong")
	}

	sealed, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var opened AuthorizationRequest
	if err := json.Unmarshal(sealed, &opened); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, opened); diff != "" {
		t.Errorf("the cookie changes the request (-before +after):\n%s", diff)
	}
}

func TestWhatIsWrongWithAnAuthorizationRequest(t *testing.T) {
	double := func(name string) url.Values {
		v := request()
		v.Add(name, v.Get(name))
		return v
	}
	tests := []struct {
		name   string
		values url.Values
		code   string
	}{
		{"state twice", double("state"), CodeInvalidRequest},
		{"scope twice", double("scope"), CodeInvalidRequest},
		{"code_challenge twice", url.Values{"code_challenge": {challenge, ""}, "response_type": {"code"}}, CodeInvalidRequest},
		{"no response type", request("response_type", ""), CodeInvalidRequest},
		{"response type token", request("response_type", "token"), CodeUnsupportedResponseType},
		{"response type id_token token", request("response_type", "id_token token"), CodeUnsupportedResponseType},
		{"response type none", request("response_type", "none"), CodeUnsupportedResponseType},
		{"response mode fragment", request("response_mode", "fragment"), CodeInvalidRequest},
		{"a request object", request("request", "a.b.c"), CodeRequestNotSupported},
		{"a request object by reference", request("request_uri", "http://169.254.169.254/x"), CodeRequestURINotSupported},
		{"a request object instead of everything", url.Values{"request_uri": {"urn:x"}}, CodeRequestURINotSupported},
		{"challenge without method", request("code_challenge", challenge), CodeInvalidRequest},
		{"challenge with plain", request("code_challenge", challenge, "code_challenge_method", "plain"), CodeInvalidRequest},
		{"method without challenge", request("code_challenge_method", "S256"), CodeInvalidRequest},
		{"challenge of 3 characters", request("code_challenge", "abc", "code_challenge_method", "S256"), CodeInvalidRequest},
		{"challenge with padding", request("code_challenge", challenge[:42]+"=", "code_challenge_method", "S256"), CodeInvalidRequest},
		{"challenge in hexadecimal", request("code_challenge", strings.Repeat("0f", 32), "code_challenge_method", "S256"), CodeInvalidRequest},
		{"no scope", request("scope", ""), CodeInvalidScope},
		{"scope without openid", request("scope", "profile email"), CodeInvalidScope},
		{"scope with openid in capitals", request("scope", "OpenID"), CodeInvalidScope},
		{"prompt none and login", request("prompt", "none login"), CodeInvalidRequest},
		{"prompt none and something unknown", request("prompt", "x none"), CodeInvalidRequest},
		{"max_age negative", request("max_age", "-1"), CodeInvalidRequest},
		{"max_age with a sign", request("max_age", "+1"), CodeInvalidRequest},
		{"max_age in words", request("max_age", "ten"), CodeInvalidRequest},
		{"max_age with 11 digits", request("max_age", "00000000001"), CodeInvalidRequest},
		{"a newline in state", request("state", "a\nb"), CodeInvalidRequest},
		{"a NUL in nonce", request("nonce", "\x00"), CodeInvalidRequest},
		{"broken UTF-8 in login_hint", request("login_hint", "\xff"), CodeInvalidRequest},
		{"a state of 1,025 bytes", request("state", strings.Repeat("s", MaxState+1)), CodeInvalidRequest},
		{"2,001 bytes", request("x", strings.Repeat("s", 1920)), CodeInvalidRequest},
		{"a state that its encoding makes too large", request("state", strings.Repeat("&", 400)), CodeInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseAuthorization(tt.values)
			if !HasCode(err, tt.code) {
				t.Fatalf("ParseAuthorization: %v, want %s", err, tt.code)
			}
			if state := tt.values["state"]; len(state) == 1 && got.State != state[0] || len(state) != 1 && got.State != "" {
				t.Errorf("state came back as %q, sent %q", got.State, state)
			}
		})
	}
}

func TestTheLargestRequest(t *testing.T) {
	v := request("state", strings.Repeat("s", MaxState), "x", strings.Repeat("x", 896))
	total := 0
	for name, values := range v {
		total += len(name) + len(values[0])
	}
	if total != MaxRequest {
		t.Fatalf("test request has %d bytes", total)
	}
	if _, err := ParseAuthorization(v); err != nil {
		t.Errorf("ParseAuthorization: %v", err)
	}
}

func TestWishesAreBounded(t *testing.T) {
	many := strings.TrimSpace(strings.Repeat("a", 3) + strings.Repeat(" b c d e f g h i j k l m n", 2))
	got, err := ParseAuthorization(request("acr_values", many, "ui_locales", many, "idp_hint", "../x", "prompt", "create"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.ACRValues) != maxValues || len(got.UILocales) != maxValues {
		t.Errorf("%d acr values, %d locales, want %d", len(got.ACRValues), len(got.UILocales), maxValues)
	}
	if got.IDPHint != "" || got.Prompt != nil {
		t.Errorf("kept hint %q and prompts %q", got.IDPHint, got.Prompt)
	}
}

func TestRequirePKCE(t *testing.T) {
	if err := (AuthorizationRequest{}).RequirePKCE(); err == nil || err.Code != CodeInvalidRequest {
		t.Errorf("without challenge: %v", err)
	}
	if err := (AuthorizationRequest{Challenge: challenge}).RequirePKCE(); err != nil {
		t.Errorf("with challenge: %v", err)
	}
}

func TestPeekClient(t *testing.T) {
	tests := []struct {
		name   string
		values url.Values
		ok     bool
	}{
		{"both", request(), true},
		{"no client", request("client_id", ""), false},
		{"no redirect URI", request("redirect_uri", ""), false},
		{"two clients", url.Values{"client_id": {"rp-1", "rp-2"}, "redirect_uri": {"https://rp.example/cb"}}, false},
		{"two redirect URIs, the same", url.Values{"client_id": {"rp-1"}, "redirect_uri": {"https://rp.example/cb", "https://rp.example/cb"}}, false},
		{"a control character", request("redirect_uri", "https://rp.example/cb\r\nX: y"), false},
		{"an endless redirect URI", request("redirect_uri", strings.Repeat("a", MaxRequest)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, uri, err := PeekClient(tt.values)
			if !tt.ok {
				if !HasCode(err, CodeInvalidRequest) || id != "" || uri != "" {
					t.Errorf("PeekClient = %q, %q, %v, want invalid_request alone", id, uri, err)
				}
				return
			}
			if err != nil || id != "rp-1" || uri != "https://rp.example/cb" {
				t.Errorf("PeekClient = %q, %q, %v", id, uri, err)
			}
		})
	}
}

func TestNamesForOthers(t *testing.T) {
	if diff := cmp.Diff([]string{"openid", "profile", "email", "phone", "offline_access"}, Scopes()); diff != "" {
		t.Error(diff)
	}
	Scopes()[0], AuthorizationParameters()[0] = "x", "x"
	if Scopes()[0] != "openid" || AuthorizationParameters()[0] != "client_id" {
		t.Error("a caller changed what others see")
	}
}

func BenchmarkParseAuthorization(b *testing.B) {
	v := request("code_challenge", challenge, "code_challenge_method", "S256", "nonce", "n", "idp_hint", "kakao")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAuthorization(v); err != nil {
			b.Fatal(err)
		}
	}
}
