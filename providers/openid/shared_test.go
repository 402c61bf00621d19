package openid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

func sharedToken(header, payload, secret string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestVerifyShared(t *testing.T) {
	good := sharedToken(`{"alg":"HS256"}`, `{"sub":"a"}`, "s")
	if payload, err := verifyShared(good, []byte("s")); err != nil || string(payload) != `{"sub":"a"}` {
		t.Errorf("payload %s, %v", payload, err)
	}
	end := strings.LastIndexByte(good, '.')
	for name, tt := range map[string]struct{ token, secret string }{
		"another secret":           {good, "t"},
		"no secret":                {sharedToken(`{"alg":"HS256"}`, `{}`, ""), ""},
		"no signature":             {good[:end+1], "s"},
		"no dots":                  {"abc", "s"},
		"a shortened signature":    {good[:len(good)-4], "s"},
		"trailing bits":            {good[:len(good)-1] + "_", "s"},
		"a signature with padding": {good + "=", "s"},
		"another payload":          {good[:3] + "A" + good[4:], "s"},
	} {
		if payload, err := verifyShared(tt.token, []byte(tt.secret)); err == nil {
			t.Errorf("%s: %s", name, payload)
		}
	}
}

func FuzzShared(f *testing.F) {
	f.Add(sharedToken(`{"alg":"HS256"}`, `{"sub":"a"}`, "s"))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if payload, err := verifyShared(token, []byte("a secret that no corpus knows")); err == nil {
			t.Errorf("%q verifies as %s", token, payload)
		}
	})
}
