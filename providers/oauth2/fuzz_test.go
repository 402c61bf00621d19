package oauth2

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

func fuzzWire(f *testing.F) *Wire {
	f.Helper()
	w, err := NewWire(Options{
		Instance:  providers.Instance{ID: "plain", Issuer: "https://id.example.com", ClientID: "client-1"},
		Endpoints: Endpoints{Authorize: "https://id.example.com/authorize", Token: "https://id.example.com/token"},
		Callback:  "https://login.example.com/callback/x",
		Fetch:     fetch.New(fetch.Options{}),
	})
	if err != nil {
		f.Fatal(err)
	}
	return w
}

// wellMade checks an error that an answer was turned into.
func wellMade(t *testing.T, err error) {
	t.Helper()
	var failed *providers.Error
	if !errors.As(err, &failed) || failed.Outcome == providers.OK || failed.Outcome == "" {
		t.Fatalf("error %v", err)
	}
	if len(failed.Code) > 40 || failed.Code != providers.CleanCode(failed.Code) || strings.ContainsAny(err.Error(), "<>\r\n\x00") {
		t.Errorf("error %q", err)
	}
}

func FuzzTokenAnswer(f *testing.F) {
	f.Add(200, `{"access_token":"at","token_type":"bearer","expires_in":"3600"}`)
	f.Add(200, `{"error":"invalid_request","error_description":"no valid data in session"}`)
	f.Add(400, `{"error":"invalid_grant","error_code":"KOE320"}`)
	f.Add(400, `{"error":{"message":"x","code":190}}`)
	f.Add(200, `{"error":-14019,"access_token":"at"}`)
	f.Add(503, `<html>`)
	w := fuzzWire(f)
	f.Fuzz(func(t *testing.T, status int, body string) {
		err := w.judgeToken(tokenAnswer(status, []byte(body)))
		if err != nil {
			wellMade(t, err)
			return
		}
		d, err := ParseDocument([]byte(body))
		if err != nil || d.Raw("access_token") == "" || status < 200 || status > 299 {
			t.Errorf("took %d %q for a token", status, body)
		}
	})
}

func FuzzCallback(f *testing.F) {
	f.Add("code=abc&state=state-1")
	f.Add("code=abc&state=state-1&iss=https%3A%2F%2Fid.example.com")
	f.Add("error=access_denied&error_description=%3Cscript%3E&state=state-1")
	f.Add("code=a&code=b&state=state-1&error_code=KOE006")
	w := fuzzWire(f)
	l := providers.Leg{State: "state-1"}
	f.Fuzz(func(t *testing.T, query string) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		code, err := w.readCallback(l, params)
		if err != nil {
			if code != "" {
				t.Errorf("code %q beside an error", code)
			}
			wellMade(t, err)
			return
		}
		if code == "" || len(params["code"]) != 1 || len(params["state"]) != 1 || params.Get("state") != "state-1" ||
			params.Has("error") || params.Has("iss") && params.Get("iss") != "https://id.example.com" || !printable(code) {
			t.Errorf("took %q", query)
		}
	})
}

// A page is never taken for a login page when it says that it is an error, and
// its code is always fit for a log.
func FuzzLoginPage(f *testing.F) {
	f.Add(200, "", "<title>Sign in</title>")
	f.Add(302, "https://accounts.example.com/login", "")
	f.Add(302, "https://login.example.com/callback/x?error=server_error", "")
	f.Add(200, "", `{"ok":false,"error":"server_error"}`)
	f.Add(200, "", "<title>503 Service Unavailable</title>")
	f.Add(400, "", "Error 400: redirect_uri_mismatch")
	f.Add(200, "", "AADSTS90033")
	w := fuzzWire(f)
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		outcome, code := w.judgePage(Page{Status: status, Location: location, Body: body})
		if code != providers.CleanCode(code) {
			t.Errorf("code %q", code)
		}
		if outcome == "" || outcome == providers.User {
			t.Errorf("outcome %q of a page that nobody answered", outcome)
		}
		if outcome == providers.OK && (status < 200 || status >= 400 || strings.Contains(body, "AADSTS90033")) {
			t.Errorf("%d %q is a login page", status, body)
		}
	})
}
