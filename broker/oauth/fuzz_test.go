package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// answerable fails unless err is an *Error that can be answered as it is.
func answerable(t *testing.T, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("not an *Error: %v", err)
	}
	if e.Code == "" || e.Status < 400 || e.Status > 499 || e.Description != printable(e.Description) || e.Description == "" {
		t.Fatalf("cannot be answered: %+v", e)
	}
	return e
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add(request().Encode())
	f.Add(request("code_challenge", challenge, "code_challenge_method", "S256", "prompt", "none", "max_age", "0").Encode())
	f.Add("state=%00&state=b&response_type=code&scope=openid")
	f.Add("response_type=code&scope=openid+email&state=%22%5C%3C%E2%80%A8&acr_values=a+b+c+d&ui_locales=ko+en+ja")
	f.Add("request_uri=urn:x&client_id=a&redirect_uri=b")
	f.Fuzz(func(t *testing.T, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if id, uri, err := PeekClient(v); err != nil {
			_ = answerable(t, err)
		} else if id != v.Get("client_id") || uri != v.Get("redirect_uri") {
			t.Fatalf("peeked %q and %q", id, uri)
		}
		r, err := ParseAuthorization(v)
		if sent := v["state"]; len(sent) == 1 && r.State != sent[0] {
			t.Fatalf("state %q came back as %q", sent[0], r.State)
		}
		if err != nil {
			target := answerable(t, err).Redirect("https://rp.example/cb", r.State, "https://login.example")
			back, err := url.Parse(target)
			if err != nil || back.Host != "rp.example" || back.Query().Get("state") != r.State || back.Query().Get("iss") == "" {
				t.Fatalf("redirected to %q (%v)", target, err)
			}
			return
		}
		sealed, err := json.Marshal(r)
		if err != nil || len(sealed) > MaxRequest {
			t.Fatalf("sealed form of %d bytes: %v", len(sealed), err)
		}
		var opened AuthorizationRequest
		if err := json.Unmarshal(sealed, &opened); err != nil || !reflect.DeepEqual(r, opened) {
			t.Fatalf("%+v was opened as %+v (%v)", r, opened, err)
		}
		if r.ResponseType != "code" || r.Challenge != "" && !validChallenge(r.Challenge) || r.HasPrompt(PromptNone) && len(r.Prompt) > 1 {
			t.Fatalf("accepted %+v", r)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add("grant_type=authorization_code&code=c&client_id=rp-3&code_verifier="+verifier, "", formType)
	f.Add("grant_type=client_credentials&scope=a", basic("rp-1", "s:+%"), formType+"; charset=utf-8")
	f.Add("grant_type=a&client_secret=b&client_id=c", "Basic Og==", formType)
	f.Add("client_assertion=x", "", "application/json")
	f.Fuzz(func(t *testing.T, body, authorization, media string) {
		r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
		r.Header["Content-Type"] = []string{media}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		got, err := ParseToken(httptest.NewRecorder(), r)
		if err != nil {
			e := answerable(t, err)
			if secret := r.PostForm.Get("client_secret"); len(secret) > 20 && strings.Contains(e.Error(), secret) {
				t.Fatalf("the log would show a secret: %v", e)
			}
			return
		}
		if got.GrantType == "" || got.Auth.ID == "" || (got.Auth.Method == AuthNone) != (got.Auth.Secret == "") {
			t.Fatalf("accepted %+v", got)
		}
		if got.HasVerifier && !validVerifier(got.Verifier) {
			t.Fatalf("accepted the verifier %q", got.Verifier)
		}
		if authorization != "" && got.Auth.Method == AuthPost {
			t.Fatal("a secret in the body counted beside a header")
		}
	})
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer abc", "", "", false)
	f.Add("bearer  a.b.c=", "access_token=x", "", true)
	f.Add("", "access_token=x", "access_token=y", true)
	f.Add("Basic abc", "", "a=b", false)
	f.Fuzz(func(t *testing.T, authorization, body, query string, isPost bool) {
		r := httptest.NewRequest(http.MethodGet, "/userinfo", strings.NewReader(body))
		r.URL.RawQuery = query
		if isPost {
			r.Method = http.MethodPost
			r.Header.Set("Content-Type", formType)
		}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		token, err := BearerToken(httptest.NewRecorder(), r)
		if err != nil {
			if e := answerable(t, err); e.wwwAuthenticate() == "" && e.Status == http.StatusUnauthorized {
				t.Fatalf("no challenge: %+v", e)
			}
			return
		}
		if !isToken68(token) {
			t.Fatalf("accepted %q", token)
		}
		if !strings.HasSuffix(authorization, token) && r.PostForm.Get("access_token") != token {
			t.Fatalf("%q comes from nowhere", token)
		}
		if values, _ := url.ParseQuery(query); values.Has("access_token") {
			t.Fatal("a token in the query was passed over")
		}
	})
}
