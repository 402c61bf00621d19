package providertest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// spoiled is one way in which what a browser brings back is not as it should be.
type spoiled struct {
	name    string
	spoil   func(params url.Values)
	outcome providers.Outcome
}

var callbacks = []spoiled{
	{"no state", func(p url.Values) { p.Del("state") }, providers.Unknown},
	{"an empty state", func(p url.Values) { p.Set("state", "") }, providers.Unknown},
	{"the state of another leg", func(p url.Values) { p.Set("state", "another-leg") }, providers.Unknown},
	{"a doubled state", func(p url.Values) { p.Add("state", p.Get("state")) }, providers.Unknown},
	{"no code", func(p url.Values) { p.Del("code") }, providers.Unknown},
	{"an empty code", func(p url.Values) { p.Set("code", "") }, providers.Unknown},
	{"a doubled code", func(p url.Values) { p.Add("code", "second") }, providers.Unknown},
	{"a code with a line break", func(p url.Values) { p.Set("code", "a\nb") }, providers.Unknown},
	{"a code that is no ASCII", func(p url.Values) { p.Set("code", "봉수") }, providers.Unknown},
	{"a code of a megabyte", func(p url.Values) { p.Set("code", strings.Repeat("x", 1<<20)) }, providers.Unknown},
	{"the issuer of another", func(p url.Values) { p.Set("iss", "https://evil.example") }, providers.Unknown},
	{"a doubled issuer", func(p url.Values) { p["iss"] = []string{"https://evil.example", "https://evil.example"} }, providers.Unknown},
	{"an empty issuer", func(p url.Values) { p.Set("iss", "") }, providers.Unknown},
	{"error beside code", func(p url.Values) { p.Set("error", "access_denied") }, providers.User},
	{"a doubled error", func(p url.Values) { p["error"] = []string{"access_denied", "server_error"} }, providers.Unknown},
	{"an empty error", func(p url.Values) { p.Set("error", "") }, providers.Unknown},
	{"server_error", func(p url.Values) { p.Set("error", "server_error") }, providers.Down},
	{"temporarily_unavailable", func(p url.Values) { p.Set("error", "temporarily_unavailable") }, providers.Down},
	{"invalid_client", func(p url.Values) { p.Set("error", "invalid_client") }, providers.Ours},
	{"unauthorized_client", func(p url.Values) { p.Set("error", "unauthorized_client") }, providers.Ours},
	{"redirect_uri_mismatch", func(p url.Values) { p.Set("error", "redirect_uri_mismatch") }, providers.Ours},
	{"invalid_scope", func(p url.Values) { p.Set("error", "invalid_scope") }, providers.Ours},
	{"login_required", func(p url.Values) { p.Set("error", "login_required") }, providers.Unknown},
	{"an error that nobody knows", func(p url.Values) { p.Set("error", "flux_capacitor") }, providers.Unknown},
	{"markup for an error", func(p url.Values) {
		p.Set("error", "<script>alert(1)</script>")
		p.Set("error_description", "<script>alert('"+foreign+"')</script>\r\n")
		p.Set("error_uri", "javascript:alert(1)")
	}, providers.Unknown},
	{"a declined page with a long story", func(p url.Values) {
		p.Set("error", "access_denied")
		p.Set("error_description", strings.Repeat(foreign, 1000))
	}, providers.User},
}

// What a browser brings back is refused before a code is sent anywhere
// (AB-36, AB-37, AB-38, AB-43).
func testCallback(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	for _, tt := range callbacks {
		t.Run(tt.name, func(t *testing.T) {
			k := w.begin(t, p)
			tt.spoil(k.ret.Params)
			before := w.Upstream.Counts()
			k.fails(t, providers.StepCallback, tt.outcome)
			after := w.Upstream.Counts()
			for _, e := range []fakeidp.Endpoint{fakeidp.Token, fakeidp.JWKS, fakeidp.Userinfo} {
				if after[e] != before[e] {
					t.Errorf("%d requests to %s", after[e]-before[e], e)
				}
			}
			if w.Other.Count(fakeidp.Token) != 0 {
				t.Error("a code was sent to another upstream")
			}
		})
	}

	t.Run("nothing at all", func(t *testing.T) {
		k := w.begin(t, p)
		k.ret = providers.Return{}
		k.fails(t, providers.StepCallback, providers.Unknown)
	})

	t.Run("a leg without a state", func(t *testing.T) {
		k := w.begin(t, p)
		k.leg.State = ""
		k.ret.Params.Del("state")
		k.fails(t, providers.StepCallback, providers.Unknown)
	})
}
