package providertest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// AB-34, AB-35, AB-59: where the ID token proves who came, the profile may be
// missing but not be someone else's; where nothing else proves it, nobody comes
// in without it.
func testUserinfo(t *testing.T, s Suite) {
	if !s.Userinfo {
		return
	}
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome providers.Outcome
	}{
		{"500", fakeidp.Reply(500, htmlType, foreign), providers.Down},
		{"a page with 200", fakeidp.Reply(200, htmlType, "<html>"+foreign), providers.Down},
		{"nothing with 200", fakeidp.Reply(200, jsonType, ""), providers.Down},
		{"an array", fakeidp.Reply(200, jsonType, "[]"), providers.Down},
		{"an empty document", fakeidp.Reply(200, jsonType, "{}"), providers.Unknown},
		{"an error as 200", fakeidp.Reply(200, jsonType, `{"error":"server_error","error_description":"`+foreign+`"}`), providers.Down},
		{"a refused token", fakeidp.Reply(401, jsonType, `{}`), providers.Unknown},
		{"too many requests", fakeidp.Reply(429, jsonType, `{}`), providers.Ours},
		{"a redirect", fakeidp.Redirect("http://127.0.0.1:1/"), providers.Down},
		{"two megabytes", fakeidp.Reply(200, jsonType, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`), providers.Down},
		{"a broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, providers.Down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := w.begin(t, p)
			w.Upstream.AnswerWith(fakeidp.Userinfo, tt.answer)
			defer w.Upstream.AnswerWith(fakeidp.Userinfo, nil)
			if !s.IDToken {
				k.fails(t, providers.StepUserinfo, tt.outcome)
				return
			}
			if got := k.succeeds(t); !got.ProfileMissing {
				t.Errorf("identity %+v, want its profile missing", got)
			}
			steps := k.steps()
			if last := steps[len(steps)-1]; last != "userinfo "+string(tt.outcome) {
				t.Errorf("told %q, want %q last", steps, tt.outcome)
			}
		})
	}

	about := func(subject string) func(map[string]any) {
		return func(answer map[string]any) { s.Stranger(answer, subject) }
	}
	bad := map[string]string{
		"an empty subject": "", "a subject of 300 characters": strings.Repeat("x", 300), "a subject with a line break": "a\nb",
	}
	if s.IDToken {
		bad = map[string]string{"someone else": w.Upstream.Subject("vic")}
	}
	for name, subject := range bad {
		t.Run(name, func(t *testing.T) {
			k := w.begin(t, p)
			w.Upstream.EditAnswer(fakeidp.Userinfo, about(subject))
			defer w.Upstream.EditAnswer(fakeidp.Userinfo, nil)
			k.fails(t, providers.StepUserinfo, providers.Trust)
		})
	}
}
