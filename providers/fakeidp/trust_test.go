package fakeidp_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// F07: the key set is good and holds another key than the one that signs.
func TestKeyDropped(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range []string{"kakao", "google", "apple", "p"} {
		u := w.upstream(t, name)
		kid := text(t, payload(t, text(t, w.login(t, u, "haru"), "id_token"), 0), "kid")
		fail(t, u, fakeidp.KeyDropped)
		set := w.get(t, u.URL(fakeidp.JWKS)).document(t)
		keys, _ := set["keys"].([]any)
		raw, _ := json.Marshal(set)
		if len(keys) == 0 || strings.Contains(string(raw), kid) {
			t.Errorf("%s: the set is %s", name, raw)
		}
		token := text(t, w.login(t, u, "haru"), "id_token")
		if got := text(t, payload(t, token, 0), "kid"); got != kid {
			t.Errorf("%s: signed by %s, want %s", name, got, kid)
		}
		if _, err := w.verify(t, u, token); err == nil {
			t.Errorf("%s: the token verifies", name)
		}
		u.ClearFault()
		if _, err := w.verify(t, u, token); err != nil {
			t.Errorf("%s: the key is back: %v", name, err)
		}
	}
}

// F08: everything is green and every signature valid, by a key in the wrong
// hands, which may say anything.
func TestStolenKey(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range []string{"kakao", "google", "apple", "p"} {
		u := w.upstream(t, name)
		fail(t, u, fakeidp.StolenKey)
		w.metadata(t, u)
		token := text(t, w.login(t, u, "haru"), "id_token")
		claims, err := w.verify(t, u, token)
		if err != nil || claims["sub"] != u.Subject("haru") {
			t.Errorf("%s: %v, %v", name, claims, err)
		}
		if kid := text(t, payload(t, token, 0), "kid"); kid != u.StolenKey() || slices.Contains(u.PublishedKeys(), kid) {
			t.Errorf("%s: signed by %s, stolen is %s, its own are %v", name, kid, u.StolenKey(), u.PublishedKeys())
		}
		failWith(t, u, fakeidp.StolenKey, fakeidp.Scope{Variant: "impersonate", People: []string{"thief"}})
		for person, want := range map[string]string{"thief": fakeidp.Victim, "haru": "haru"} {
			claims, err := w.verify(t, u, text(t, w.login(t, u, person), "id_token"))
			if err != nil || claims["sub"] != u.Subject(want) {
				t.Errorf("%s: %s is %v, %v; want %s", name, person, claims["sub"], err, want)
			}
		}
		u.ClearFault()
		if _, err := w.verify(t, u, token); err == nil {
			t.Errorf("%s: the stolen key is still published", name)
		}
	}
}

// F21: the signature holds, the claims do not; or the algorithm is another.
func TestClock(t *testing.T) {
	w := start(t, fakeidp.Options{})
	now := time.Now().Unix()
	number := func(claims map[string]any, name string) int64 {
		n, _ := claims[name].(float64)
		return int64(n)
	}
	wrong := map[string]func(header, claims map[string]any) bool{
		"":         func(_, claims map[string]any) bool { return number(claims, "iat") > now+500 },
		"future":   func(_, claims map[string]any) bool { return number(claims, "iat") > now+500 },
		"expired":  func(_, claims map[string]any) bool { return number(claims, "exp") < now-500 },
		"no-nonce": func(_, claims map[string]any) bool { return claims["nonce"] == nil },
		"hs256":    func(header, _ map[string]any) bool { return header["alg"] == "HS256" },
		"audiences": func(_, claims map[string]any) bool {
			list, _ := claims["aud"].([]any)
			return len(list) == 2 && claims["azp"] == nil
		},
	}
	for _, name := range []string{"kakao", "google", "apple", "p"} {
		u := w.upstream(t, name)
		for variant, is := range wrong {
			failWith(t, u, fakeidp.Clock, fakeidp.Scope{Variant: variant})
			token := text(t, w.login(t, u, "haru"), "id_token")
			if !is(payload(t, token, 0), payload(t, token, 1)) {
				t.Errorf("%s: %s: %v %v", name, variant, payload(t, token, 0), payload(t, token, 1))
			}
			u.ClearFault()
			token = text(t, w.login(t, u, "haru"), "id_token")
			if is(payload(t, token, 0), payload(t, token, 1)) {
				t.Errorf("%s: healthy tokens are %s as well", name, variant)
			}
		}
	}
}

// F22: the document says something else; what it said before goes on working.
func TestMovedMetadata(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range []string{"kakao", "google", "apple", "p"} {
		u := w.upstream(t, name)
		before := w.get(t, u.URL(fakeidp.Discovery)).document(t)
		for variant, member := range map[string]string{"": "token_endpoint", "host": "jwks_uri", "issuer": "issuer", "algorithms": "id_token_signing_alg_values_supported"} {
			failWith(t, u, fakeidp.MovedMetadata, fakeidp.Scope{Variant: variant})
			after := w.get(t, u.URL(fakeidp.Discovery)).document(t)
			was, _ := json.Marshal(before[member])
			is, _ := json.Marshal(after[member])
			if string(was) == string(is) {
				t.Errorf("%s: %s: %s is still %s", name, variant, member, is)
			}
			w.login(t, u, "haru")
		}
	}
}
