package admin

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/contact"
)

// target is where a route is found, about something that exists.
func (h *house) target(pattern string) (method, url string) {
	method, path, _ := strings.Cut(pattern, " ")
	return method, h.server.URL + strings.NewReplacer("{provider}", "kakao", "{id}", "latest", "{client}", "shop", "{account}", "a1", "{sid}", "s1", "{secret}", "0123456789ab").Replace(path)
}

// Whoever comes to whichever path without a credential of ours: refused, nothing
// changed, audited.
func TestOnlyOperatorsAreAdmitted(t *testing.T) {
	h := newHouse(t)
	tests := []struct {
		name   string
		status int
		reason string
		set    func(header http.Header)
	}{
		{"nobody", 401, "no_credential", func(http.Header) {}},
		{"a browser with cookies", 401, "no_credential", func(header http.Header) { header.Set("Cookie", "__Host-bongsu_session=abc") }},
		{"another credential", 401, "unknown_credential", func(header http.Header) { header.Set("Authorization", "Bearer "+h.credential+"x") }},
		{"half a credential", 401, "unknown_credential", func(header http.Header) { header.Set("Authorization", "Bearer "+h.credential[:20]) }},
		{"an empty one", 401, "unknown_credential", func(header http.Header) { header.Set("Authorization", "Bearer ") }},
		{"another scheme", 401, "unknown_credential", func(header http.Header) { header.Set("Authorization", "Basic "+h.credential) }},
		{"no scheme", 401, "unknown_credential", func(header http.Header) { header.Set("Authorization", h.credential) }},
		{"the hash for the credential", 401, "unknown_credential", func(header http.Header) {
			header.Set("Authorization", "Bearer sha256:"+strings.Repeat("0", 64))
		}},
		{"two credentials", 401, "unknown_credential", func(header http.Header) {
			header["Authorization"] = []string{"Bearer " + h.credential, "Bearer " + h.credential}
		}},
		{"an overlong one", 401, "unknown_credential", func(header http.Header) {
			header.Set("Authorization", "Bearer "+strings.Repeat("a", maxCredential))
		}},
		{"a page of another site, with the credential", 403, "cross_site", func(header http.Header) {
			header.Set("Authorization", "Bearer "+h.credential)
			header.Set("Origin", "https://evil.example")
		}},
		{"a page that hides its origin", 403, "cross_site", func(header http.Header) {
			header.Set("Authorization", "Bearer "+h.credential)
			header.Set("Sec-Fetch-Site", "cross-site")
		}},
	}
	handler, err := New(mustOptions(t, h))
	h.must(err)
	for _, tt := range tests {
		for _, route := range handler.Routes() {
			t.Run(tt.name+", "+route.Pattern, func(t *testing.T) {
				method, url := h.target(route.Pattern)
				req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(`{}`))
				h.must(err)
				req.Header.Set("Content-Type", "application/json")
				tt.set(req.Header)
				h.events = nil
				answer, err := h.server.Client().Do(req)
				h.must(err)
				body, err := io.ReadAll(answer.Body)
				h.must(errors.Join(err, answer.Body.Close()))
				if answer.StatusCode != tt.status || answer.Header.Get("Content-Type") != "application/problem+json" ||
					strings.Contains(string(body), "ops") {
					t.Errorf("%s %s", answer.Status, body)
				}
				if challenged := answer.Header.Get("WWW-Authenticate") != ""; challenged != (tt.status == 401) {
					t.Errorf("challenged: %t", challenged)
				}
				want := audit.Event{Name: audit.OperatorRefused, Action: route.Pattern, Reason: tt.reason}
				if len(h.events) != 1 || h.events[0] != want {
					t.Errorf("audited: %+v", h.events)
				}
			})
		}
	}
	h.wantUntouched()
}

// mustOptions are options that New takes.
func mustOptions(t *testing.T, h *house) Options {
	t.Helper()
	return Options{
		Site: "seoul", Node: "a", Providers: []Provider{{ID: "kakao"}}, Board: board{}, Contact: func() contact.State { return contact.State{} }, Negatives: h.facts, Facts: h.store,
		Outages: h.store, Coverage: h.ledger, Drills: h.drills, Instances: h.store, Credentials: h.secrets, Audit: audit.New(nil, nil, nil),
		Websites: h.websites(), People: h.people(),
	}
}

type board struct{ Board }

func TestOptionsAreRequired(t *testing.T) {
	h := newHouse(t)
	for name, spoil := range map[string]func(*Options){
		"no board": func(o *Options) { o.Board = nil }, "no providers": func(o *Options) { o.Providers = nil },
		"no audit": func(o *Options) { o.Audit = nil }, "no node": func(o *Options) { o.Node = "" },
	} {
		o := mustOptions(t, h)
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Error(name)
		}
	}
}

func TestBothCredentialsAreGoodWhileOneChanges(t *testing.T) {
	h := newHouse(t)
	for _, credential := range []string{h.credential, h.other} {
		if _, err := h.as(credential).Order(t.Context(), "kakao", OrderDisable, Order{Reason: "practice"}); err != nil {
			t.Error(err)
		}
		want := audit.Event{
			Name: audit.OperatorActed, Operator: "ops", Action: "provider.disable", Object: "kakao", Why: "practice", Reason: "done",
		}
		if got := h.last(); got != want {
			t.Errorf("audited: %+v, want %+v", got, want)
		}
	}
}

// An order that cannot be understood is refused whole, and audited.
func TestOrdersAreReadStrictly(t *testing.T) {
	h := newHouse(t)
	const kind = "application/json"
	tests := []struct {
		name, method, path, kind, body string
		status                         int
	}{
		{"no body", "POST", "/admin/providers/kakao/disable", kind, "", 400},
		{"nonsense", "POST", "/admin/providers/kakao/disable", kind, "nonsense", 400},
		{"an unknown member", "POST", "/admin/providers/kakao/disable", kind, `{"reazon":"x"}`, 400},
		{"two values", "POST", "/admin/providers/kakao/disable", kind, `{}{}`, 400},
		{"a form", "POST", "/admin/providers/kakao/disable", "application/x-www-form-urlencoded", "reason=x", 415},
		{"text", "POST", "/admin/providers/kakao/disable", "text/plain", "{}", 415},
		{"no kind", "POST", "/admin/providers/kakao/disable", "", "{}", 415},
		{"too large", "POST", "/admin/providers/kakao/disable", kind, `{"reason":"` + strings.Repeat("a", maxBody) + `"}`, 413},
		{"a long reason", "POST", "/admin/providers/kakao/disable", kind, `{"reason":"` + strings.Repeat("a", maxReason+1) + `"}`, 400},
		{"a forged line", "POST", "/admin/providers/kakao/disable", kind, `{"reason":"x\n{\"event\":\"operator.acted\"}"}`, 400},
		{"a colourful reason", "POST", "/admin/providers/kakao/retire", kind, `{"reason":"\u001b[31m"}`, 400},
		{"an unknown provider", "POST", "/admin/providers/daum/disable", kind, `{}`, 404},
		{"a provider that forges a line", "POST", "/admin/providers/x%0Ay/disable", kind, `{}`, 404},
		{"distrust of no key", "POST", "/admin/providers/kakao/distrust", kind, `{}`, 400},
		{"distrust of an endless key", "POST", "/admin/providers/kakao/distrust", kind, `{"key_id":"` + strings.Repeat("a", 256) + `"}`, 400},
		{"an outage without an end", "PUT", "/admin/outages/kakao", kind, `{}`, 400},
		{"an endless outage", "PUT", "/admin/outages/kakao", kind, `{"seconds":604801}`, 400},
		{"an outage of nobody", "PUT", "/admin/outages/daum", kind, `{"seconds":60}`, 404},
		{"an outage that was not declared", "DELETE", "/admin/outages/kakao", "", "", 404},
		{"a drill of nobody", "POST", "/admin/drills", kind, `{"provider":"daum","kind":"down","share":10,"seconds":60}`, 400},
		{"a drill for most", "POST", "/admin/drills", kind, `{"provider":"kakao","kind":"down","share":501,"seconds":60}`, 400},
		{"an endless drill", "POST", "/admin/drills", kind, `{"provider":"kakao","kind":"down","share":10,"seconds":9223372036854775807}`, 400},
		{"a drill of another kind", "POST", "/admin/drills", kind, `{"provider":"kakao","kind":"skew","share":10,"seconds":60}`, 400},
		{"a drill that is not there", "POST", "/admin/drills/nosuchdrill/stop", kind, `{}`, 404},
		{"no drill runs", "POST", "/admin/drills/running/stop", kind, `{}`, 404},
		{"adopting what has no metadata", "POST", "/admin/providers/kakao/adopt", kind, `{}`, 404},
		{"adopting when nothing waits", "POST", "/admin/providers/google/adopt", kind, `{}`, 409},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, h.server.URL+tt.path, strings.NewReader(tt.body))
			h.must(err)
			req.Header.Set("Authorization", "Bearer "+h.credential)
			req.Header.Set("Content-Type", tt.kind)
			h.events = nil
			answer, err := h.server.Client().Do(req)
			h.must(err)
			h.must(answer.Body.Close())
			if answer.StatusCode != tt.status {
				t.Errorf("%s, want %d", answer.Status, tt.status)
			}
			if e := h.last(); e.Name != audit.OperatorActed || e.Operator != "ops" || e.Reason == "done" || strings.ContainsAny(e.Object+e.Why, "\n\x1b") {
				t.Errorf("audited: %+v", e)
			}
		})
	}
	h.wantUntouched()
}
