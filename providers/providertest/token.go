package providertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

const (
	jsonType = "application/json"
	htmlType = "text/html; charset=utf-8"
)

// answered is one answer of a token endpoint and what it means.
type answered struct {
	name    string
	answer  http.HandlerFunc
	outcome providers.Outcome
}

func tokenAnswers() []answered {
	rows := []answered{
		{"a page with 200", fakeidp.Reply(200, htmlType, "<html>"+foreign+"</html>"), providers.Down},
		{"a page with 400 and a token in it", fakeidp.Reply(400, htmlType, `<html>{"access_token":"`+foreign+`"}</html>`), providers.Unknown},
		{"a page with 403", fakeidp.Reply(403, htmlType, "<html>"+foreign), providers.Unknown},
		{"a page with 401", fakeidp.Reply(401, htmlType, "<html>"+foreign), providers.Down},
		{"a page with 404", fakeidp.Reply(404, htmlType, "<html>"+foreign), providers.Down},
		{"not ok, and a token", fakeidp.Reply(200, jsonType, `{"ok":false,"error":"boom","access_token":"a"}`), providers.Unknown},
		{"not ok, without a reason", fakeidp.Reply(200, jsonType, `{"ok":false,"access_token":"a"}`), providers.Unknown},
		{"an errcode, and a token", fakeidp.Reply(200, jsonType, `{"errcode":40029,"errmsg":"`+foreign+`","access_token":"a"}`), providers.Unknown},
		{"a page with 503", fakeidp.Reply(503, htmlType, "<html>"+foreign), providers.Down},
		{"nothing with 200", fakeidp.Reply(200, jsonType, ""), providers.Down},
		{"an array", fakeidp.Reply(200, jsonType, `["`+foreign+`"]`), providers.Down},
		{"null", fakeidp.Reply(200, jsonType, "null"), providers.Down},
		{"an unfinished document", fakeidp.Reply(200, jsonType, `{"access_token":"`+foreign), providers.Down},
		{"an empty document", fakeidp.Reply(200, jsonType, "{}"), providers.Unknown},
		{"a token that is a number", fakeidp.Reply(200, jsonType, `{"access_token":7}`), providers.Unknown},
		{"a token that is empty", fakeidp.Reply(200, jsonType, `{"access_token":""}`), providers.Unknown},
		{"a token with a line break", fakeidp.Reply(200, jsonType, `{"access_token":"a\nb","token_type":"bearer"}`), providers.Unknown},
		{"a token as a query", fakeidp.Reply(200, "text/plain", "access_token="+foreign), providers.Down},
		{"an unreadable lifetime", fakeidp.Reply(200, jsonType, `{"access_token":"a","expires_in":"`+foreign+`"}`), providers.Unknown},
		{"two megabytes", fakeidp.Reply(200, jsonType, `{"access_token":"`+strings.Repeat("x", 2<<20)+`"}`), providers.Down},
		{"a redirect", fakeidp.Redirect("http://127.0.0.1:1/" + foreign), providers.Down},
		{"too many requests", fakeidp.Reply(429, jsonType, `{}`), providers.Ours},
		{"a numeric error", fakeidp.Reply(200, jsonType, `{"error":-14019,"access_token":"a"}`), providers.Unknown},
		{"an error that is an object", fakeidp.Reply(400, jsonType, `{"error":{"message":"`+foreign+`"}}`), providers.Unknown},
		{"free text for an error", fakeidp.Reply(400, jsonType, `{"error":"<b>F0REIGN TEXT</b>\r\n"}`), providers.Unknown},
		{"an unknown error with 500", fakeidp.Reply(500, jsonType, `{"error":"boom","error_description":"`+foreign+`"}`), providers.Down},
	}
	for _, status := range []int{200, 400, 401} {
		for code, outcome := range map[string]providers.Outcome{
			"invalid_grant": providers.Unknown, "invalid_client": providers.Ours, "unauthorized_client": providers.Ours,
			"server_error": providers.Down, "temporarily_unavailable": providers.Down,
		} {
			body := fmt.Sprintf(`{"error":%q,"error_description":%q,"access_token":"a"}`, code, foreign)
			rows = append(rows, answered{fmt.Sprintf("%s with %d", code, status), fakeidp.Reply(status, jsonType, body), outcome})
		}
	}
	return rows
}

// The token endpoint is judged by what it says, never by status alone.
func testToken(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	for _, tt := range tokenAnswers() {
		t.Run(tt.name, func(t *testing.T) {
			k := w.begin(t, p)
			w.Upstream.AnswerWith(fakeidp.Token, tt.answer)
			defer w.Upstream.AnswerWith(fakeidp.Token, nil)
			k.fails(t, providers.StepToken, tt.outcome)
			if s.Userinfo && w.Upstream.Count(fakeidp.Userinfo) != 0 {
				t.Error("a profile was asked for without a token")
			}
		})
	}

	t.Run("a used code", func(t *testing.T) {
		k := w.begin(t, p)
		k.succeeds(t)
		k.seen = nil
		k.fails(t, providers.StepToken, providers.Unknown)
	})
	t.Run("a code of another leg", func(t *testing.T) { testForeignCode(t, s) })
	t.Run("a lifetime in quotes", func(t *testing.T) {
		w.Upstream.EditAnswer(fakeidp.Token, func(answer map[string]any) { answer["expires_in"] = "3600" })
		defer w.Upstream.EditAnswer(fakeidp.Token, w.remember)
		w.begin(t, p).succeeds(t)
	})
	t.Run("a wrong content type", func(t *testing.T) {
		k := w.begin(t, p)
		w.Upstream.EditAnswer(fakeidp.Token, func(answer map[string]any) { delete(answer, "token_type"); delete(answer, "expires_in") })
		defer w.Upstream.EditAnswer(fakeidp.Token, w.remember)
		k.succeeds(t)
	})
}

// testForeignCode: somebody's own code in another browser ends in nothing that
// speaks against the provider, because anybody can do it.
func testForeignCode(t *testing.T, s Suite) {
	if !s.IDToken {
		return // only state binds a plain OAuth 2.0 leg to its browser
	}
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	mal, vic := w.beginAs(t, p, "mal"), w.begin(t, p)
	vic.ret.Params.Set("code", mal.ret.Params.Get("code"))
	identity, err := vic.finish(t)
	if err == nil || providers.OutcomeOf(err) != providers.Unknown {
		t.Errorf("Finish = %+v, %v, want unknown", identity, err)
	}
}
