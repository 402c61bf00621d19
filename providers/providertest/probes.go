package providertest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// depth is the order of the levels.
var depth = []providers.Level{
	providers.LevelReach, providers.LevelMetadata, providers.LevelAuthorize, providers.LevelToken,
}

// endpointOf is what a level asks, as far as one endpoint is enough to spoil it.
var endpointOf = map[providers.Level]fakeidp.Endpoint{
	providers.LevelMetadata:  fakeidp.Discovery,
	providers.LevelAuthorize: fakeidp.Authorize,
	providers.LevelToken:     fakeidp.Token,
}

// A provider is asked without a person, and believed only what it proves.
func testProbes(t *testing.T, s Suite) {
	t.Run("levels", func(t *testing.T) {
		w := Start(t, s.Dialect)
		levels := prober(t, s.New(t, w)).Levels()
		if !slices.IsSortedFunc(levels, func(a, b providers.Level) int { return slices.Index(depth, a) - slices.Index(depth, b) }) {
			t.Errorf("levels %q are not cheapest first", levels)
		}
		for _, l := range depth {
			if want := l != providers.LevelMetadata || s.IDToken; slices.Contains(levels, l) != want {
				t.Errorf("levels %q, want %q among them: %t", levels, l, want)
			}
		}
		levels[0] = "spoiled"
		if again := prober(t, s.New(t, w)).Levels(); again[0] == "spoiled" {
			t.Error("the levels are shared")
		}
	})
	t.Run("a healthy provider", func(t *testing.T) { testHealthyProbes(t, s) })
	t.Run("a level that makes no sense", func(t *testing.T) {
		w := Start(t, s.Dialect)
		if got := prober(t, s.New(t, w)).Probe(t.Context(), "nonsense"); got.Outcome != providers.Unknown {
			t.Errorf("Probe = %+v, want unknown", got)
		}
	})
	t.Run("a client that is not known there", func(t *testing.T) { testStrangeClient(t, s) })
	t.Run("nobody at the other end", func(t *testing.T) {
		w := Start(t, s.Dialect)
		p := s.New(t, w)
		w.warm(t, p)
		w.server.CloseClientConnections()
		w.server.Listener.Close() //nolint:errcheck // the server closes it again
		for _, l := range prober(t, p).Levels() {
			w.probes(t, p, l, providers.Down, "connect")
		}
	})
	t.Run("a provider that never answers", func(t *testing.T) {
		w := Start(t, s.Dialect)
		w.Timeout = short
		p := s.New(t, w)
		w.warm(t, p)
		w.fault(t, fakeidp.Dark)
		for _, l := range prober(t, p).Levels() {
			if l == providers.LevelReach {
				continue // it takes the call
			}
			w.probes(t, p, l, providers.Slow, "timeout")
		}
	})
	t.Run("answers that are none", func(t *testing.T) { testProbeAnswers(t, s) })
	t.Run("a probe that is given up", func(t *testing.T) {
		w := Start(t, s.Dialect)
		p := s.New(t, w)
		w.warm(t, p)
		w.fault(t, fakeidp.Dark)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, l := range prober(t, p).Levels() {
			if got := prober(t, p).Probe(ctx, l); got.Outcome != providers.Unknown {
				t.Errorf("%s: %+v, want unknown", l, got)
			}
		}
	})
}

func prober(t *testing.T, p providers.Provider) providers.Prober {
	t.Helper()
	asked, ok := p.(providers.Prober)
	if !ok {
		t.Fatalf("%T is no prober", p)
	}
	return asked
}

// probes asks p at one level, checks what holds of every answer, and wants
// outcome and, unless it is "*", code.
func (w *World) probes(t *testing.T, p providers.Provider, l providers.Level, outcome providers.Outcome, code string) providers.Probed {
	t.Helper()
	got := prober(t, p).Probe(t.Context(), l)
	if got.Provider != p.Instance().ID || got.Level != l || got.Step == "" {
		t.Errorf("%s: told of %q at %q, step %q", l, got.Provider, got.Level, got.Step)
	}
	if got.Code != providers.CleanCode(got.Code) {
		t.Errorf("%s: code %q is not clean", l, got.Code)
	}
	if got.Outcome != outcome || code != "*" && got.Code != code {
		t.Errorf("%s: %s (%s), want %s (%s)", l, got.Outcome, got.Code, outcome, code)
	}
	return got
}

// testHealthyProbes: every level is ok, nobody signs in by it, what is sent is
// always the same, and says who sends it.
func testHealthyProbes(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	w.warm(t, p)
	w.begin(t, p).succeeds(t)
	before := w.Upstream.Counts()
	var agents []string
	for _, l := range prober(t, p).Levels() {
		for range 2 {
			if got := w.probes(t, p, l, providers.OK, ""); got.RetryAfter != 0 {
				t.Errorf("%s: left alone for %v", l, got.RetryAfter)
			}
		}
	}
	after := w.Upstream.Counts()
	if after[fakeidp.Continue] != before[fakeidp.Continue] || after[fakeidp.Userinfo] != before[fakeidp.Userinfo] {
		t.Error("a probe went on where only people go")
	}
	if got := after[fakeidp.Token] - before[fakeidp.Token]; got != 2 {
		t.Errorf("%d token requests for two probes", got)
	}

	for _, e := range []fakeidp.Endpoint{fakeidp.Authorize, fakeidp.Token} {
		w.Upstream.AnswerWith(e, func(w http.ResponseWriter, r *http.Request) {
			agents = append(agents, r.UserAgent())
			http.Error(w, "", http.StatusTeapot)
		})
	}
	for _, l := range []providers.Level{providers.LevelAuthorize, providers.LevelToken} {
		prober(t, p).Probe(t.Context(), l)
	}
	for _, agent := range agents {
		if !strings.HasPrefix(agent, "Bongsu-probe ") || !strings.Contains(agent, "+https://login.example.com/") {
			t.Errorf("User-Agent %q does not say whom to talk to", agent)
		}
	}
	if len(agents) != 2 {
		t.Errorf("%d requests", len(agents))
	}
	w.Upstream.Reset()
	w.begin(t, p).succeeds(t)
}

// testStrangeClient: credentials that are refused are our trouble and never the
// provider's.
func testStrangeClient(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	w.ClientID = "stranger"
	p := s.New(t, w)
	w.warm(t, p)
	w.probes(t, p, providers.LevelReach, providers.OK, "")
	w.probes(t, p, providers.LevelToken, providers.Ours, "*")
	if got := prober(t, p).Probe(t.Context(), providers.LevelAuthorize); got.Outcome == providers.OK || got.Outcome.Theirs() {
		t.Errorf("the login page of a stranger: %+v", got)
	}
}

// testProbeAnswers: a level is as good as the answer it got.
func testProbeAnswers(t *testing.T, s Suite) {
	token := []providers.Level{providers.LevelToken}
	pages := []providers.Level{providers.LevelAuthorize}
	every := []providers.Level{providers.LevelMetadata, providers.LevelAuthorize, providers.LevelToken}
	for _, tt := range []struct {
		name    string
		levels  []providers.Level
		answer  http.HandlerFunc
		outcome providers.Outcome
		rest    time.Duration
	}{
		{"503", every, fakeidp.Reply(503, htmlType, "<html>"+foreign), providers.Down, 0},
		{"503 with a time to come back", every, later(503, "120"), providers.Down, 2 * time.Minute},
		{"429", every, fakeidp.Reply(429, jsonType, "{}"), providers.Unknown, time.Minute},
		{"429 with a time to come back", every, later(429, "300"), providers.Unknown, 5 * time.Minute},
		{"403 with a page", every, fakeidp.Reply(403, htmlType, "<html>"+foreign), providers.Unknown, time.Minute},
		{"a connection that breaks", every, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.Down, 0},

		{"a code that was never given is redeemed", token, fakeidp.Reply(200, jsonType, `{"access_token":"at","token_type":"bearer"}`), providers.Trust, 0},
		{"an error that nobody knows", token, fakeidp.Reply(400, jsonType, `{"error":"novel"}`), providers.Unknown, 0},
		{"a person who was not asked declined", token, fakeidp.Reply(400, jsonType, `{"error":"access_denied"}`), providers.Unknown, 0},
		{"an empty document", token, fakeidp.Reply(200, jsonType, `{}`), providers.Unknown, 0},
		{"invalid_grant with 500", token, fakeidp.Reply(500, jsonType, `{"error":"invalid_grant"}`), providers.Down, 0},
		{"invalid_client", token, fakeidp.Reply(401, jsonType, `{"error":"invalid_client"}`), providers.Ours, 0},
		{"server_error with 400", token, fakeidp.Reply(400, jsonType, `{"error":"server_error"}`), providers.Down, 0},
		{"a page with 200", token, fakeidp.Reply(200, htmlType, "<html>"+foreign), providers.Down, 0},

		{"a page that calls itself an error, with 200", pages, fakeidp.Reply(200, htmlType, "<title>Service Unavailable</title>"), providers.Down, 0},
		{"a transient error of Microsoft's, with 200", pages, fakeidp.Reply(200, htmlType, "<html>AADSTS90033: A transient error has occurred"), providers.Down, 0},
		{"a page that names our fault", pages, fakeidp.Reply(400, htmlType, "Error 400: redirect_uri_mismatch"), providers.Ours, 0},
		{"a redirect to where people log in", pages, fakeidp.Redirect("https://accounts.example.com/login"), providers.OK, 0},
		{"a redirect to nowhere", pages, fakeidp.Reply(302, htmlType, ""), providers.Unknown, 0},
		{"back to us with an error of theirs", pages, fakeidp.Redirect(callback + "?error=server_error"), providers.Down, 0},
		{"back to us with an error of ours", pages, fakeidp.Redirect(callback + "?error=unauthorized_client"), providers.Ours, 0},
		{"nothing with 200", pages, fakeidp.Reply(200, htmlType, ""), providers.Unknown, 0},
		{"404", pages, fakeidp.Reply(404, htmlType, "<html>"), providers.Unknown, 0},
		{"two megabytes of page", pages, fakeidp.Reply(200, htmlType, strings.Repeat("x", 2<<20)), providers.OK, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := Start(t, s.Dialect)
			p := s.New(t, w)
			w.warm(t, p)
			for _, l := range tt.levels {
				if !slices.Contains(prober(t, p).Levels(), l) {
					continue
				}
				w.Upstream.AnswerWith(endpointOf[l], tt.answer)
				got := w.probes(t, p, l, tt.outcome, "*")
				if got.RetryAfter != tt.rest {
					t.Errorf("%s: left alone for %v, want %v", l, got.RetryAfter, tt.rest)
				}
				w.Upstream.AnswerWith(endpointOf[l], nil)
				w.probes(t, p, l, providers.OK, "")
			}
		})
	}
}

// later answers with an error and when to come back.
func later(status int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		http.Error(w, foreign, status)
	}
}
