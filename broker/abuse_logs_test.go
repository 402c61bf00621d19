package broker_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// forged are what strangers would like to see as lines of our log.
var forged = []string{
	"x\r\n{\"time\":\"2026-01-01T00:00:00Z\",\"level\":\"INFO\",\"msg\":\"audit\",\"event\":\"forged.event\"}",
	"x\n2026-01-01 INFO event=forged.event",
	"\x1b[2J\x1b[31mforged.event\x1b]0;title\x07",
	"\",\"event\":\"forged.event\",\"x\":\"",
	"x\u2028forged.event\u0085forged.event\u202eforged.event",
	"%s%n%!d(forged.event)",
	"<script>forged.event</script>",
}

func TestAB81LogForgingAndLeaking(t *testing.T) {
	n := brokertest.StartNode(t)
	people := watchUpstreams(n)
	for _, text := range forged {
		forgeEverywhere(t, n, text)
	}
	for _, way := range []string{"kakao", "naver", "google", "apple", "p", "q"} {
		b := n.NewBrowser()
		answer := n.Login(b, way, "minji", brokertest.RP1.Request(set("login_hint", "minji@example.com")))
		tokens := n.Redeem(answer)
		if profile := n.Userinfo(tokens.Text("access_token")); profile.Status != http.StatusOK {
			t.Errorf("userinfo answers %d", profile.Status)
		}
		n.Redeem(answer)                                // a replay
		n.Redeem(answer, set("code_verifier", "wrong")) // too short, and used
		n.RedeemAs(brokertest.RP2, answer)
		n.Userinfo(tokens.Text("id_token"))
		b.Open(n.Issuer + "/account")
		b.Open(n.Issuer + "/logout?" + url.Values{"id_token_hint": {tokens.Text("id_token")}}.Encode())
	}
	t.Run("one event is one line", func(t *testing.T) { linesAreEvents(t, n.Log()) })
	t.Run("no secret and no personal data", func(t *testing.T) {
		log := n.Log()
		for _, name := range []string{"kakao", "naver", "google", "p", "q"} {
			n.Secret("secret of ours at "+name, n.Upstream(name).Client().Secret)
			if secret := n.Upstream(name).Client().Secret; strings.Contains(log, secret) {
				t.Errorf("our secret at %s is in the log", name)
			}
		}
		for _, personal := range append(people(),
			"minji@example.com", "minji%40example.com", "minji", "+821012345678", "821012345678", "1012345678", "10-1234-5678", "김민지", "민지") {
			if strings.Contains(log, personal) {
				t.Errorf("the log holds %q", personal)
			}
		}
	})
}

// watchUpstreams remembers every code and token that the upstreams hand out as
// a secret, and returns what names the subjects.
func watchUpstreams(n *brokertest.Node) (people func() []string) {
	names := n.Upstreams.Names()
	for _, name := range names {
		upstream := n.Upstream(name)
		upstream.EditResponse(func(v url.Values) { n.Secret("code of "+name, v.Get("code")) })
		upstream.EditAnswer(fakeidp.Token, func(a map[string]any) {
			for _, member := range []string{"access_token", "refresh_token", "id_token"} {
				text, _ := a[member].(string)
				n.Secret(member+" of "+name, text)
			}
		})
	}
	return func() []string {
		var subjects []string
		for _, name := range names {
			subjects = append(subjects, n.Upstream(name).Subject("minji"))
		}
		return subjects
	}
}

// forgeEverywhere sends text in every place that a stranger can write to.
func forgeEverywhere(t *testing.T, n *brokertest.Node, text string) {
	t.Helper()
	for _, name := range []string{"login_hint", "state", "nonce", "scope", "prompt", "ui_locales", "acr_values", "id_token_hint", "client_id", "redirect_uri", "response_type", "code_challenge", "max_age", "idp_hint"} {
		n.Ask(http.MethodGet, "/authorize?"+brokertest.RP1.Request(set(name, text)).Encode())
	}
	_, state := atProvider(t, n, "p")
	for _, s := range []string{text, state} {
		n.Ask(http.MethodGet, "/callback/p?"+url.Values{"state": {s}, "error": {text}, "error_description": {text}, "code": {text}, "iss": {text}}.Encode())
	}
	b, state := atProvider(t, n, "p")
	b.Open(callback(n, "p", url.Values{"state": {state}, "error": {text}, "error_description": {text}, "error_uri": {text}}))
	b, state = atProvider(t, n, "p")
	b.Open(callback(n, "p", url.Values{"state": {state}, "code": {text}}))
	n.Ask(http.MethodGet, "/"+url.PathEscape(text))
	n.Ask(http.MethodGet, "/login/"+url.PathEscape(text)+"/go/"+url.PathEscape(text))
	n.Ask(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {text}, "state": {text}, "client_id": {text}}.Encode())
	n.Post("/token", url.Values{"grant_type": {text}, "code": {text}, "client_id": {text}, "client_secret": {text}})
	n.Send(http.MethodPost, "/token", "application/json", text)
	header := strings.Map(func(r rune) rune { // what a header may carry
		if r < ' ' && r != '\t' || r == 0x7f {
			return '\t'
		}
		return r
	}, text)
	for _, path := range []string{"/authorize", "/account", "/userinfo"} {
		n.Ask(http.MethodGet, path, "User-Agent", header, "Referer", header, "X-Forwarded-For", header, "X-Request-Id", header,
			"Authorization", "Bearer "+header, "Origin", header, "Cookie", "x="+header, "Accept-Language", header)
	}
	n.Upstream("p").AnswerWith(fakeidp.Token, fakeidp.Reply(http.StatusBadRequest, "application/json", jsonError(t, text)))
	b, _ = atProvider(t, n, "p")
	b.Continue("mal")
	n.Upstream("p").AnswerWith(fakeidp.Token, nil)
}

func jsonError(t *testing.T, text string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"error": text, "error_description": text})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// linesAreEvents checks that every line of a log is one record of ours, and
// that nothing in it acts on a terminal or reads as another.
func linesAreEvents(t *testing.T, log string) {
	t.Helper()
	requests := 0
	for line := range strings.Lines(log) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("a line is no record: %.200s", line)
			continue
		}
		if record["event"] == "request" {
			requests++
		}
		if event, _ := record["event"].(string); event == "forged.event" || record["level"] == nil || record["time"] == nil || record["msg"] == nil {
			t.Errorf("a line is not ours: %.200s", line)
		}
		if strings.Count(line, `"event":`) > 1 {
			t.Errorf("a line tells two events: %.200s", line)
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
			return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
		}) {
			t.Errorf("a line acts on the terminal: %.200q", line)
		}
		if strings.Contains(line, "forged.event") {
			t.Errorf("a stranger's words stand in the log: %.300s", line)
		}
	}
	if requests == 0 {
		t.Error("no request was logged")
	}
}
