package providertest

import (
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/openid"
)

// AB-31, AB-32, AB-33, AB-34: an ID token that is not what it should be.
func testIDToken(t *testing.T, s Suite) {
	if !s.IDToken {
		return
	}
	t.Run("claims", func(t *testing.T) { testClaims(t, s) })
	t.Run("signature", func(t *testing.T) { testSignature(t, s) })
	t.Run("missing", func(t *testing.T) {
		w := Start(t, s.Dialect)
		w.Upstream.EditAnswer(fakeidp.Token, func(answer map[string]any) { delete(answer, "id_token") })
		w.begin(t, s.New(t, w)).fails(t, providers.StepVerify, providers.Ours)
	})
}

func testClaims(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	set := func(name string, value any) func(map[string]any) {
		return func(claims map[string]any) { claims[name] = value }
	}
	del := func(name string) func(map[string]any) {
		return func(claims map[string]any) { delete(claims, name) }
	}
	at := func(d time.Duration) int64 { return w.Now().Add(d).Unix() }

	for _, tt := range []struct {
		name    string
		edit    func(claims map[string]any)
		outcome providers.Outcome
	}{
		{"issued by another", set("iss", w.Other.Issuer()), providers.Trust},
		{"an issuer with a slash", set("iss", w.Upstream.Issuer()+"/"), providers.Trust},
		{"no issuer", del("iss"), providers.Trust},
		{"for another app", set("aud", "another-app"), providers.Trust},
		{"for another app too", set("aud", []string{w.Upstream.Client().ID, "another-app"}), providers.Trust},
		{"no audience", del("aud"), providers.Trust},
		{"issued to another app", set("azp", "another-app"), providers.Trust},
		{"expired", set("exp", at(-time.Second)), providers.Trust},
		{"no expiry", del("exp"), providers.Trust},
		{"issued in an hour", set("iat", at(time.Hour)), providers.Trust},
		{"issued an hour ago", set("iat", at(-time.Hour)), providers.Trust},
		{"no time of issue", del("iat"), providers.Trust},
		{"valid in an hour", set("nbf", at(time.Hour)), providers.Trust},
		{"no nonce", del("nonce"), providers.Unknown},
		{"the nonce of another leg", set("nonce", "another-leg"), providers.Unknown},
		{"no subject", del("sub"), providers.Trust},
		{"an empty subject", set("sub", ""), providers.Trust},
		{"a subject of 300 characters", set("sub", strings.Repeat("x", 300)), providers.Trust},
		{"a subject with control characters", set("sub", "a\x00b"), providers.Trust},
		{"a subject that is a number", set("sub", 12345), providers.Trust},
		{"a subject that is null", set("sub", nil), providers.Trust},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := w.begin(t, p)
			w.Upstream.EditClaims(tt.edit)
			defer w.Upstream.EditClaims(nil)
			k.fails(t, providers.StepVerify, tt.outcome)
		})
	}
}

func testSignature(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	for _, tt := range []struct {
		name   string
		signer fakeidp.Signer
		shared bool // good where the client secret may sign
	}{
		{"unsigned", fakeidp.Unsigned(), false},
		{"HS256 keyed by the public key", fakeidp.HMAC(w.Upstream.PublicKeyPEM()), false},
		{"HS256 keyed by the client secret", fakeidp.HMAC([]byte(w.Upstream.Client().Secret)), true},
		{"HS256 keyed by nothing", fakeidp.HMAC(nil), false},
		{"signed by a foreign key", fakeidp.ForeignKey(), false},
		{"signed by a key in its own header", fakeidp.EmbeddedKey(), false},
		{"signed by another upstream", fakeidp.KeyOf(w.Other), false},
		{"signed by a key that is not published", fakeidp.ES256("unpublished"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := w.begin(t, p)
			w.Upstream.SignWith(tt.signer)
			defer w.Upstream.SignWith(nil)
			if s.Shared && tt.shared {
				k.succeeds(t)
				return
			}
			k.fails(t, providers.StepVerify, providers.Trust)
		})
	}

	t.Run("the address of a key in the header", func(t *testing.T) {
		k := w.begin(t, p)
		w.Upstream.SignWith(fakeidp.KeyOf(w.Other))
		w.Upstream.EditHeader(func(header map[string]any) { header["jku"] = w.Other.URL(fakeidp.JWKS) })
		defer w.Upstream.SignWith(nil)
		defer w.Upstream.EditHeader(nil)
		k.fails(t, providers.StepVerify, providers.Trust)
		if got := w.Other.Count(fakeidp.JWKS); got != 0 {
			t.Errorf("%d requests for another's keys", got)
		}
	})
}

// AB-40, AB-41, AB-59: keys come and go.
func testKeys(t *testing.T, s Suite) {
	if !s.IDToken {
		return
	}
	t.Run("a new key works at once and a withdrawn one not for long", func(t *testing.T) {
		w := Start(t, s.Dialect)
		p := s.New(t, w)
		w.begin(t, p).succeeds(t)
		old := w.Upstream.PublishedKeys()[0]
		w.Upstream.RotateKeys()
		w.begin(t, p).succeeds(t)

		w.Upstream.WithdrawKey(old)
		w.Upstream.SignWith(fakeidp.KeyID(old))
		w.Advance(openid.KeyLife)
		w.begin(t, p).fails(t, providers.StepVerify, providers.Trust)
		w.Upstream.SignWith(nil)
		w.begin(t, p).succeeds(t)
	})

	t.Run("unknown key ids do not multiply requests", func(t *testing.T) {
		w := Start(t, s.Dialect)
		p := s.New(t, w)
		w.begin(t, p).succeeds(t)
		before := w.Upstream.Count(fakeidp.JWKS)
		for i := range 20 {
			k := w.begin(t, p)
			w.Upstream.EditHeader(func(header map[string]any) { header["kid"] = strings.Repeat("k", i+1) })
			k.fails(t, providers.StepVerify, providers.Trust)
			w.Upstream.EditHeader(nil)
		}
		if got := w.Upstream.Count(fakeidp.JWKS) - before; got > 1 {
			t.Errorf("%d key fetches", got)
		}
		w.begin(t, p).succeeds(t)
	})

	for _, tt := range []struct {
		name string
		body string
		code int
	}{
		{"keys answer 500", foreign, 500},
		{"keys answer nothing", "", 200},
		{"keys are a page", "<html>" + foreign, 200},
		{"no keys", `{"keys":[]}`, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := Start(t, s.Dialect)
			p := s.New(t, w)
			w.Upstream.AnswerWith(fakeidp.JWKS, fakeidp.Reply(tt.code, jsonType, tt.body))
			w.begin(t, p).fails(t, providers.StepKeys, providers.Down)
			w.Upstream.AnswerWith(fakeidp.JWKS, nil)
			w.Advance(5 * time.Second)
			w.begin(t, p).succeeds(t)
		})
	}
}
