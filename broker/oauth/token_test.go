package oauth

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B

func post(target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", formType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	return r
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func TestParseToken(t *testing.T) {
	const code = "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Frp.example%2Fcb"
	redeem := TokenRequest{GrantType: "authorization_code", Code: "c", RedirectURI: "https://rp.example/cb", HasRedirectURI: true}
	with := func(t TokenRequest, a ClientAuth) TokenRequest { t.Auth = a; return t }
	proven := with(redeem, ClientAuth{ID: "rp-3", Secret: "", Method: AuthNone})
	proven.Verifier, proven.HasVerifier = verifier, true
	tests := []struct {
		name string
		r    *http.Request
		want TokenRequest
	}{
		{"HTTP Basic", post("/token", code, "Authorization", basic("rp-1", "s3cret")), with(redeem, ClientAuth{ID: "rp-1", Secret: "s3cret", Method: AuthBasic})},
		{"HTTP Basic, both parts form-encoded", post("/token", code, "Authorization", basic("rp:1", "a+b %:ü")), with(redeem, ClientAuth{ID: "rp:1", Secret: "a+b %:ü", Method: AuthBasic})},
		{"HTTP Basic in lower case, with the same client_id in the body", post("/token", code+"&client_id=rp-1", "Authorization", "basic"+basic("rp-1", "s")[5:]), with(redeem, ClientAuth{ID: "rp-1", Secret: "s", Method: AuthBasic})},
		{"HTTP Basic without a password is a public client", post("/token", code, "Authorization", basic("rp-3", "")), with(redeem, ClientAuth{ID: "rp-3", Secret: "", Method: AuthNone})},
		{"a secret in the body", post("/token", code+"&client_id=rp-1&client_secret=s3cret"), with(redeem, ClientAuth{ID: "rp-1", Secret: "s3cret", Method: AuthPost})},
		{"a public client with a verifier", post("/token", code+"&client_id=rp-3&code_verifier="+verifier), proven},
		{"a type with charset", post("/token", code+"&client_id=rp-3", "Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"), with(redeem, ClientAuth{ID: "rp-3", Secret: "", Method: AuthNone})},
		{
			"client credentials, an empty redirect URI and what is unknown", post("/token", "grant_type=client_credentials&scope=a++b+a&client_id=rp-1&client_secret=s&redirect_uri=&resource=x&resource=y"),
			TokenRequest{GrantType: "client_credentials", Scope: []string{"a", "b"}, HasRedirectURI: true, Resources: []string{"x", "y"}, Auth: ClientAuth{ID: "rp-1", Secret: "s", Method: AuthPost}},
		},
		{"an unknown grant type is the caller's to refuse", post("/token", "grant_type=password&client_id=rp-1"), TokenRequest{GrantType: "password", Auth: ClientAuth{ID: "rp-1", Secret: "", Method: AuthNone}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseToken(httptest.NewRecorder(), tt.r)
			if err != nil {
				t.Fatalf("ParseToken: %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsWrongWithATokenRequest(t *testing.T) {
	const code = "grant_type=authorization_code&code=c"
	twoHeaders := post("/token", code)
	twoHeaders.Header["Authorization"] = []string{basic("rp-1", "s"), basic("rp-2", "s")}
	broken := post("/token", "")
	broken.Body = io.NopCloser(io.MultiReader(strings.NewReader("grant_type="), failingReader{}))
	tests := []struct {
		name   string
		r      *http.Request
		code   string
		status int
	}{
		{"JSON", post("/token", `{"grant_type":"authorization_code"}`, "Content-Type", "application/json"), CodeInvalidRequest, 415},
		{"plain text", post("/token", code, "Content-Type", "text/plain"), CodeInvalidRequest, 415},
		{"no type", post("/token", code, "Content-Type", ""), CodeInvalidRequest, 415},
		{"17 KiB", post("/token", code+"&x="+strings.Repeat("x", maxBody), "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 413},
		{"a body that breaks off", broken, CodeInvalidRequest, 400},
		{"parameters in the query", post("/token?code=c", code, "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"a secret in the query", post("/token?client_secret=s", code+"&client_id=rp-1"), CodeInvalidRequest, 400},
		{"bad percent encoding", post("/token", code+"&x=%zz", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"a semicolon", post("/token", code+";x=1", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"code twice", post("/token", code+"&code=c", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"client_id twice", post("/token", code+"&client_id=rp-1&client_id=rp-2"), CodeInvalidRequest, 400},
		{"a NUL in the code", post("/token", code+"%00", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"no grant type", post("/token", "code=c", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"no code", post("/token", "grant_type=authorization_code", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"an empty verifier", post("/token", code+"&code_verifier=&client_id=rp-3"), CodeInvalidRequest, 400},
		{"a verifier of 42 characters", post("/token", code+"&client_id=rp-3&code_verifier="+verifier[1:]), CodeInvalidRequest, 400},
		{"a verifier of 129 characters", post("/token", code+"&client_id=rp-3&code_verifier="+strings.Repeat("a", 129)), CodeInvalidRequest, 400},
		{"a verifier with a space", post("/token", code+"&client_id=rp-3&code_verifier=+"+verifier), CodeInvalidRequest, 400},
		{"no authentication", post("/token", code), CodeInvalidClient, 401},
		{"a secret without client_id", post("/token", code+"&client_secret=s"), CodeInvalidClient, 401},
		{"HTTP Basic and another client_id", post("/token", code+"&client_id=rp-2", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"HTTP Basic and a secret", post("/token", code+"&client_secret=s", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
		{"HTTP Basic without a password and a secret", post("/token", code+"&client_secret=s", "Authorization", basic("rp-1", "")), CodeInvalidRequest, 400},
		{"two headers", twoHeaders, CodeInvalidRequest, 400},
		{"Bearer", post("/token", code, "Authorization", "Bearer abc"), CodeInvalidClient, 401},
		{"HTTP Basic that is not base64", post("/token", code, "Authorization", "Basic !"), CodeInvalidClient, 401},
		{"HTTP Basic without a colon", post("/token", code, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("rp-1"))), CodeInvalidClient, 401},
		{"HTTP Basic without a client", post("/token", code, "Authorization", basic("", "s")), CodeInvalidClient, 401},
		{"HTTP Basic with bad percent encoding", post("/token", code, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("rp-1:%zz"))), CodeInvalidClient, 401},
		{"an assertion", post("/token", code+"&client_assertion=a.b.c&client_assertion_type=urn%3Ax"), CodeInvalidClient, 401},
		{"an assertion and a secret", post("/token", code+"&client_assertion=a.b.c&client_id=rp-1&client_secret=s"), CodeInvalidRequest, 400},
		{"an assertion and HTTP Basic", post("/token", code+"&client_assertion=a.b.c", "Authorization", basic("rp-1", "s")), CodeInvalidRequest, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseToken(httptest.NewRecorder(), tt.r)
			if !HasCode(err, tt.code) || As(err).Status != tt.status {
				t.Fatalf("ParseToken: %v, want %d %s", err, tt.status, tt.code)
			}
			if diff := cmp.Diff(TokenRequest{}, got); diff != "" {
				t.Errorf("something was parsed all the same:\n%s", diff)
			}
		})
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAFormIsReadOnce(t *testing.T) {
	r := post("/authorize", "a=1&a=2")
	for range 2 {
		v, err := ParseForm(httptest.NewRecorder(), r)
		if err != nil || len(v["a"]) != 2 {
			t.Errorf("ParseForm = %v, %v", v, err)
		}
	}
}

func TestVerifyPKCE(t *testing.T) {
	tests := []struct {
		name                string
		challenge, verifier string
		want                bool
	}{
		{"the example of the standard", challenge, verifier, true},
		{"a wrong verifier", challenge, strings.Repeat("a", 43), false},
		{"the challenge itself", challenge, challenge, false},
		{"no verifier", challenge, "", false},
		{"no challenge", "", verifier, false},
		{"nothing at all", "", "", false},
		{"a challenge in padded base64", challenge + "=", verifier, false},
		{"a verifier with one character more", challenge, verifier + "a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := VerifyPKCE(tt.challenge, tt.verifier); got != tt.want {
				t.Errorf("VerifyPKCE = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestBearerToken(t *testing.T) {
	get := func(target string, header ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		if len(header) > 0 {
			r.Header["Authorization"] = header
		}
		return r
	}
	tests := []struct {
		name string
		r    *http.Request
		want string
		code string
		bare bool // the challenge names no error
	}{
		{"in the header", get("/userinfo", "Bearer a.b-c_d~e+f/g=="), "a.b-c_d~e+f/g==", "", false},
		{"in the header, the scheme in capitals", get("/userinfo", "BEARER abc"), "abc", "", false},
		{"in the header of a POST without a body", post("/userinfo", "", "Authorization", "Bearer abc", "Content-Type", ""), "abc", "", false},
		{"in the header of a POST with another form", post("/userinfo", "x=1", "Authorization", "Bearer abc"), "abc", "", false},
		{"in the body", post("/userinfo", "access_token=abc"), "abc", "", false},
		{"nowhere", get("/userinfo"), "", CodeInvalidToken, true},
		{"in a GET that says it has a form", httptest.NewRequest(http.MethodGet, "/userinfo", strings.NewReader("access_token=abc")), "", CodeInvalidToken, true},
		{"another scheme", get("/userinfo", "Basic abc"), "", CodeInvalidToken, true},
		{"an empty header", get("/userinfo", "Bearer "), "", CodeInvalidToken, false},
		{"a space inside", get("/userinfo", "Bearer a b"), "", CodeInvalidToken, false},
		{"padding alone", get("/userinfo", "Bearer =="), "", CodeInvalidToken, false},
		{"endless", get("/userinfo", "Bearer "+strings.Repeat("a", maxToken+1)), "", CodeInvalidToken, false},
		{"empty in the body", post("/userinfo", "access_token="), "", CodeInvalidToken, false},
		{"twice in the body", post("/userinfo", "access_token=abc&access_token=abc"), "", CodeInvalidRequest, false},
		{"in the header and in the body", post("/userinfo", "access_token=abc", "Authorization", "Bearer abc"), "", CodeInvalidRequest, false},
		{"two headers", get("/userinfo", "Bearer abc", "Bearer abc"), "", CodeInvalidRequest, false},
		{"in the query", get("/userinfo?access_token=abc"), "", CodeInvalidRequest, false},
		{"in the query, encoded, beside the header", get("/userinfo?access%5Ftoken=abc", "Bearer abc"), "", CodeInvalidRequest, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := BearerToken(httptest.NewRecorder(), tt.r)
			if tt.code == "" {
				if err != nil || got != tt.want {
					t.Errorf("BearerToken = %q, %v, want %q", got, err, tt.want)
				}
				return
			}
			if !HasCode(err, tt.code) || got != "" {
				t.Fatalf("BearerToken = %q, %v, want %s", got, err, tt.code)
			}
			w := httptest.NewRecorder()
			WriteError(w, err)
			if c := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(c, "Bearer ") || strings.Contains(c, "error=") == tt.bare {
				t.Errorf("challenge is %q", c)
			}
		})
	}
}
