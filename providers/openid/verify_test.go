package openid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// AB-32, AB-33, AB-34: who an ID token is from, for, about and when.
func TestClaims(t *testing.T) {
	at := func(o *op, d time.Duration) int64 { return o.now.Add(d).Unix() }
	tests := []struct {
		name   string
		claims func(o *op) map[string]any
		change func(*Options)
		want   error // nil: logged in
	}{
		{"iss of another provider", func(*op) map[string]any { return map[string]any{"iss": "https://evil.example"} }, nil, providers.ErrUntrusted},
		{"iss with a trailing slash", func(o *op) map[string]any { return map[string]any{"iss": o.URL + "/"} }, nil, providers.ErrUntrusted},
		{"iss in upper case", func(o *op) map[string]any { return map[string]any{"iss": strings.ToUpper(o.URL)} }, nil, providers.ErrUntrusted},
		{"no iss", func(*op) map[string]any { return map[string]any{"iss": nil} }, nil, providers.ErrUntrusted},
		{
			"iss in a listed spelling", func(*op) map[string]any { return map[string]any{"iss": "accounts.example"} },
			func(o *Options) { o.Issuers = []string{"accounts.example"} }, nil,
		},

		{"aud of another app", func(*op) map[string]any { return map[string]any{"aud": "client-2"} }, nil, providers.ErrUntrusted},
		{"no aud", func(*op) map[string]any { return map[string]any{"aud": nil} }, nil, providers.ErrUntrusted},
		{"an empty aud", func(*op) map[string]any { return map[string]any{"aud": []string{}} }, nil, providers.ErrUntrusted},
		{"aud as a list of one", func(*op) map[string]any { return map[string]any{"aud": []string{"client-1"}} }, nil, nil},
		{"a further audience", func(*op) map[string]any {
			return map[string]any{"aud": []string{"client-1", "client-2"}, "azp": "client-1"}
		}, nil, providers.ErrUntrusted},
		{"a further audience that is listed", func(*op) map[string]any {
			return map[string]any{"aud": []string{"client-1", "client-2"}, "azp": "client-1"}
		}, func(o *Options) { o.Audiences = []string{"client-2"} }, nil},
		{
			"several audiences and no azp", func(*op) map[string]any { return map[string]any{"aud": []string{"client-1", "client-2"}} },
			func(o *Options) { o.Audiences = []string{"client-2"} }, providers.ErrUntrusted,
		},
		{"azp of another app", func(*op) map[string]any { return map[string]any{"azp": "client-2"} }, nil, providers.ErrUntrusted},
		{"azp that is no string", func(*op) map[string]any { return map[string]any{"azp": 1} }, nil, providers.ErrUntrusted},
		{"our azp", func(*op) map[string]any { return map[string]any{"azp": "client-1"} }, nil, nil},

		{"expired", func(o *op) map[string]any { return map[string]any{"exp": at(o, -time.Second)} }, nil, providers.ErrUntrusted},
		{"expiring now", func(o *op) map[string]any { return map[string]any{"exp": at(o, 0)} }, nil, providers.ErrUntrusted},
		{"no exp", func(*op) map[string]any { return map[string]any{"exp": nil} }, nil, providers.ErrUntrusted},
		{"exp as text", func(o *op) map[string]any { return map[string]any{"exp": "9999999999"} }, nil, providers.ErrUntrusted},
		{"no iat", func(*op) map[string]any { return map[string]any{"iat": nil} }, nil, providers.ErrUntrusted},
		{"iat an hour ahead", func(o *op) map[string]any { return map[string]any{"iat": at(o, time.Hour), "exp": at(o, 2*time.Hour)} }, nil, providers.ErrUntrusted},
		{"iat 61 seconds ahead", func(o *op) map[string]any { return map[string]any{"iat": at(o, 61*time.Second)} }, nil, providers.ErrUntrusted},
		{"iat 60 seconds ahead", func(o *op) map[string]any { return map[string]any{"iat": at(o, time.Minute)} }, nil, nil},
		{"iat with a fraction", func(o *op) map[string]any { return map[string]any{"iat": float64(at(o, 0)) + 0.5} }, nil, nil},
		{"an old token", func(o *op) map[string]any { return map[string]any{"iat": at(o, -11*time.Minute)} }, nil, providers.ErrUntrusted},
		{"nbf an hour ahead", func(o *op) map[string]any { return map[string]any{"nbf": at(o, time.Hour)} }, nil, providers.ErrUntrusted},
		{"nbf two minutes ahead", func(o *op) map[string]any { return map[string]any{"nbf": at(o, 2*time.Minute)} }, nil, providers.ErrUntrusted},
		{"nbf in the past", func(o *op) map[string]any { return map[string]any{"nbf": at(o, -time.Hour)} }, nil, nil},

		{"no nonce", func(*op) map[string]any { return map[string]any{"nonce": nil} }, nil, providers.ErrUnknown},
		{"an empty nonce", func(*op) map[string]any { return map[string]any{"nonce": ""} }, nil, providers.ErrUnknown},
		{"the nonce of another leg", func(*op) map[string]any { return map[string]any{"nonce": "nonce-of-another-leg"} }, nil, providers.ErrUnknown},

		{"no sub", func(*op) map[string]any { return map[string]any{"sub": nil} }, nil, providers.ErrUntrusted},
		{"an empty sub", func(*op) map[string]any { return map[string]any{"sub": ""} }, nil, providers.ErrUntrusted},
		{"a blank sub", func(*op) map[string]any { return map[string]any{"sub": "  "} }, nil, providers.ErrUntrusted},
		{"a sub of 300 characters", func(*op) map[string]any { return map[string]any{"sub": strings.Repeat("x", 300)} }, nil, providers.ErrUntrusted},
		{"a sub with a line break", func(*op) map[string]any { return map[string]any{"sub": "a\nb"} }, nil, providers.ErrUntrusted},
		{"a sub with a C1 control", func(*op) map[string]any { return map[string]any{"sub": "a\u0085b"} }, nil, providers.ErrUntrusted},
		{"a sub that lost bytes", func(*op) map[string]any { return map[string]any{"sub": "a\xffb"} }, nil, providers.ErrUntrusted},
		{"a numeric sub", func(*op) map[string]any { return map[string]any{"sub": 248289761001} }, nil, providers.ErrUntrusted},
		{"a second sub in disguise", func(*op) map[string]any { return map[string]any{"\u017fub": "vic"} }, nil, providers.ErrUntrusted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOP(t)
			o.claims = tt.claims(o)
			p := o.provider(t, func(options *Options) {
				options.Endpoints.Userinfo = ""
				if tt.change != nil {
					tt.change(options)
				}
			})
			leg, seen := watched()
			got, err := p.Finish(t.Context(), leg, returned())
			if !errors.Is(err, tt.want) {
				t.Fatalf("Finish = %+v, %v, want %v", got, err, tt.want)
			}
			steps := seen()
			if last := steps[len(steps)-1]; (last == "verify ok") != (err == nil) || !strings.HasPrefix(last, "verify") {
				t.Errorf("told %q", steps)
			}
			if err != nil && got.Subject != "" {
				t.Errorf("identity %+v beside an error", got)
			}
		})
	}
}

// AB-31: no signature but one by a published key with an allowed algorithm.
func TestSignatures(t *testing.T) {
	o := newOP(t)
	keys := testKeys()
	claims := map[string]any{
		"iss": o.URL, "aud": "client-1", "sub": "248289761001", "nonce": testLeg().Nonce,
		"iat": o.now.Unix(), "exp": o.now.Add(time.Hour).Unix(),
	}
	good := sign(map[string]any{"alg": "RS256", "kid": "k1"}, claims, keys[0])
	other := sign(map[string]any{"alg": "RS256", "kid": "k1"}, claims, keys[1])
	forged := func(header map[string]any) string { return sign(header, claims, keys[1]) }
	unsigned := segment(map[string]any{"alg": "none"}) + "." + segment(claims) + "."
	hs := func() string {
		input := segment(map[string]any{"alg": "HS256", "kid": "k1"}) + "." + segment(claims)
		mac := hmac.New(sha256.New, keys[0].N.Bytes())
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	parts := strings.Split(good, ".")
	tests := []struct {
		name, token string
		ok          bool
	}{
		{"signed well", good, true},
		{"alg none", unsigned, false},
		{"alg none with a signature", strings.Join([]string{strings.Split(unsigned, ".")[0], parts[1], parts[2]}, "."), false},
		{"HS256 keyed by the public key", hs(), false},
		{"a signature by another's key", other, false},
		{"a signature of other claims", strings.Join([]string{parts[0], segment(map[string]any{"sub": "vic"}), parts[2]}, "."), false},
		{"no signature", parts[0] + "." + parts[1] + ".", false},
		{"its own key in the header", forged(map[string]any{"alg": "RS256", "kid": "k1", "jwk": rsaJWK("k1", &keys[1].PublicKey)}), false},
		{"the address of a key in the header", forged(map[string]any{"alg": "RS256", "kid": "k9", "jku": "https://evil.example/jwks"}), false},
		{"RS512, which is not allowed", sign(map[string]any{"alg": "RS512", "kid": "k1"}, claims, keys[0]), false},
		{"the JSON form of a JWS", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, false},
		{"four parts", good + ".x", false},
		{"two parts", parts[0] + "." + parts[1], false},
		{"a critical extension", sign(map[string]any{"alg": "RS256", "kid": "k1", "crit": []string{"exp"}}, claims, keys[0]), false},
		{"a header of many kilobytes", forged(map[string]any{"alg": "RS256", "kid": strings.Repeat("k", 9<<10)}), false},
		{"no token at all", "..", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o.set(func() { o.rawToken = tt.token })
			leg, seen := watched()
			_, err := o.provider(t).Finish(t.Context(), leg, returned())
			if ok := err == nil; ok != tt.ok {
				t.Fatalf("Finish: %v, want ok %t", err, tt.ok)
			}
			if !tt.ok && (!errors.Is(err, providers.ErrUntrusted) || !slices.Contains(seen(), "verify theirs.trust")) {
				t.Errorf("Finish: %v, told %q", err, seen())
			}
			if !tt.ok && strings.Contains(err.Error(), "vic") {
				t.Errorf("the error quotes the token: %v", err)
			}
		})
	}
}

func TestAuthTimeWithinReason(t *testing.T) {
	tests := []struct {
		name  string
		claim any
		keep  bool
	}{
		{"a minute ago", -time.Minute, true},
		{"half a minute ahead", 30 * time.Second, true},
		{"an hour ahead", time.Hour, false},
		{"eleven years ago", -11 * 365 * 24 * time.Hour, false},
		{"text", "yesterday", false},
		{"missing", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOP(t)
			claim := tt.claim
			if d, ok := claim.(time.Duration); ok {
				claim = o.now.Add(d).Unix()
			}
			o.claims["auth_time"] = claim
			got, err := finish(t, o.provider(t))
			if err != nil {
				t.Fatalf("Finish: %v", err)
			}
			if kept := !got.AuthTime.IsZero(); kept != tt.keep {
				t.Errorf("AuthTime %v, want kept %t", got.AuthTime, tt.keep)
			}
		})
	}
}

// The person's data stays out of what goes to the log.
func TestErrorsQuoteNothing(t *testing.T) {
	secret := "S3CRET-FROM-OUTSIDE"
	o := newOP(t)
	o.claims = map[string]any{"sub": secret, "email": secret, "aud": secret, "iss": secret}
	_, err := finish(t, o.provider(t))
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("verify: %v", err)
	}
	for path, h := range map[string]http.HandlerFunc{
		"/token": status(400, `{"error":"S3CRET FROM OUTSIDE","error_description":"`+secret+`"}`),
		"/jwks":  status(500, secret),
	} {
		o := newOP(t)
		o.handlers[path] = h
		_, err := finish(t, o.provider(t))
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "OUTSIDE\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
