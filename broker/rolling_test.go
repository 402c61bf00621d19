package broker_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
)

// additive is what a migration of the next version may do to the tables below a node
// of this one: only add.
var additive = []string{
	"INSERT INTO schema_versions (version_id, is_applied) VALUES (99, TRUE)",
	"ALTER TABLE accounts ADD COLUMN shoe_size INTEGER NOT NULL DEFAULT 43",
	"ALTER TABLE grants ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE links ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
	"CREATE TABLE shoes (id TEXT NOT NULL PRIMARY KEY)",
}

// Node N serves on while node N+1 brings the tables of both up to date, and starts
// again on them.
func TestRollingTheNextVersionAddsToTheTables(t *testing.T) {
	for name, database := range map[string]func(*brokertest.Setup){"sqlite": func(*brokertest.Setup) {}, "postgres": brokertest.OnPostgres(t)} {
		t.Run(name, func(t *testing.T) {
			n := brokertest.StartNode(t, database)
			db := n.OpenDatabase()
			defer func() { _ = db.Close() }()
			b := n.NewBrowser()
			first := n.Login(b, "kakao", "vic", brokertest.RP1.Request())
			under, asked := n.NewBrowser(), brokertest.RP1.Request() // a login under way
			under.Open(n.AuthorizeURL(asked))
			under.Click("way-kakao")
			for _, statement := range additive {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			n.Answered(under.Continue("vic"), asked)
			if got := n.Redeem(first); got.Status != http.StatusOK {
				t.Errorf("a code of before: %d %s", got.Status, got.Body)
			}
			n.Login(n.NewBrowser(), "naver", "somebody-new", brokertest.RP1.Request())
			n.Restart(func(*config.Config) {})
			again := n.Login(b, "kakao", "vic", brokertest.RP1.Request())
			if got := n.Redeem(again); got.Status != http.StatusOK {
				t.Errorf("after a restart: %d %s", got.Status, got.Body)
			}
		})
	}
}

// inNextFormat is a sealed value as a node of the next version might have sealed it.
func inNextFormat(t *testing.T, sealed string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < 9 || raw[0] != 1 {
		t.Fatalf("%q is no sealed value of today's: %v", sealed, err)
	}
	raw[0]++
	return base64.RawURLEncoding.EncodeToString(raw)
}

// What a node of the next version has sealed could not be checked here: nobody is
// signed out, no login ends, no code is spent, and nothing is taken for an attack.
func TestRollingTheNextFormatCouldNotBeChecked(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	a := n.Login(b, "kakao", "vic", brokertest.RP1.Request())

	code := a
	code.Code = inNextFormat(t, a.Code)
	if got := n.Redeem(code); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !strings.Contains(string(got.Body), "temporarily_unavailable") {
		t.Errorf("a code: %d %s", got.Status, got.Body)
	}
	if got := n.Redeem(a); got.Status != http.StatusOK {
		t.Errorf("the same code, where it can be read: %d %s", got.Status, got.Body)
	}

	cookies := map[string]string{}
	anew := brokertest.RP1.Request()
	anew.Set("prompt", "login")
	b.Open(n.AuthorizeURL(anew))
	for _, c := range b.Cookies("localhost") {
		cookies[c.Name] = c.Value
	}
	var session, pending string
	for name := range cookies {
		if strings.HasSuffix(name, "_session") {
			session = name
		}
		if strings.Contains(name, "_login_") {
			pending = name
		}
	}
	if session == "" || pending == "" {
		t.Fatalf("cookies %v", cookies)
	}
	_, id, _ := strings.Cut(pending, "_login_")
	for _, tt := range []struct{ what, cookie, path string }{
		{"a session", session, "/account"},
		{"a login", pending, "/login/" + id},
	} {
		got := n.Ask(http.MethodGet, tt.path, "Cookie", tt.cookie+"="+inNextFormat(t, cookies[tt.cookie]))
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d", tt.what, got.Status)
		}
		for _, set := range got.Header.Values("Set-Cookie") {
			if strings.Contains(set, tt.cookie+"=;") {
				t.Errorf("%s is taken from the browser: %s", tt.what, set)
			}
		}
		if got := n.Ask(http.MethodGet, tt.path, "Cookie", tt.cookie+"="+cookies[tt.cookie]); got.Status != http.StatusOK {
			t.Errorf("%s, where it can be read: %d", tt.what, got.Status)
		}
	}
	for _, name := range []audit.Name{audit.CodeReplayed, audit.CodeMisused, audit.CallbackRefused} {
		if got := n.Events(name); len(got) > 0 {
			t.Errorf("it is taken for an attack: %v", got)
		}
	}
}
