package oauth

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

// What goes over the wire for every error is reviewed as a file.
func TestErrorBodies(t *testing.T) {
	const fix = "Send it again."
	var got bytes.Buffer
	for _, err := range []error{
		InvalidRequest(fix), InvalidClient(fix), InvalidGrant(fix), UnauthorizedClient(fix), UnsupportedGrantType(fix),
		UnsupportedResponseType(fix), InvalidScope(fix), AccessDenied(fix), ServerError(fix), TemporarilyUnavailable(fix),
		TemporarilyUnavailable(fix).After(1500 * time.Millisecond), TooManyRequests(fix).After(time.Minute),
		LoginRequired(fix), ConsentRequired(fix), InteractionRequired(fix), RequestNotSupported(fix),
		RequestURINotSupported(fix), UnmetAuthenticationRequirements(fix), InvalidToken(fix), missingToken(fix),
		InsufficientScope(fix), InvalidGrant(""), InvalidRequest("\"quoted\" \\ 한글\r\nSet-Cookie: a=b"),
		errors.New("dial tcp 10.0.0.1: refused"), fmt.Errorf("redeem code: %w", InvalidGrant(fix).With(io.EOF)),
	} {
		w := httptest.NewRecorder()
		WriteError(w, err)
		fmt.Fprintf(&got, "%d\n", w.Code)
		if err := w.Result().Header.Write(&got); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "\n%s\n\n", w.Body)
	}
	text := strings.ReplaceAll(got.String(), "\r\n", "\n")
	const golden = "testdata/errors.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("answers changed; if that is meant, run with -update (-want +got):\n%s", diff)
	}
}

func TestTheCauseStaysInTheLog(t *testing.T) {
	cause := errors.New("password of the database")
	err := error(InvalidGrant("The code is too old.").With(cause))
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), cause.Error()) {
		t.Errorf("the log loses the cause: %v", err)
	}
	w := httptest.NewRecorder()
	WriteError(w, err)
	redirect := As(err).Redirect("https://rp.example/cb", "s", "https://login.example")
	for where, text := range map[string]string{"body": w.Body.String(), "redirect": redirect} {
		if strings.Contains(text, "password") {
			t.Errorf("%s shows the cause: %s", where, text)
		}
	}
	if plain := InvalidGrant("x"); plain.With(cause) == plain || plain.Unwrap() != nil {
		t.Error("With changed the error it was called on")
	}
}

func TestAs(t *testing.T) {
	known := InvalidScope("x")
	if got := As(fmt.Errorf("parse: %w", known)); got != known {
		t.Errorf("As = %v, want the wrapped error", got)
	}
	other := errors.New("boom")
	got := As(other)
	if got.Code != CodeServerError || got.Status != http.StatusInternalServerError || !errors.Is(got, other) {
		t.Errorf("As of another error = %+v", got)
	}
	if !HasCode(fmt.Errorf("parse: %w", known), CodeInvalidScope) || HasCode(known, CodeInvalidGrant) || HasCode(other, CodeServerError) {
		t.Error("HasCode is wrong")
	}
}

func TestErrorRedirect(t *testing.T) {
	tests := []struct {
		name        string
		redirectURI string
		state       string
		want        string
	}{
		{"a plain redirect URI", "https://rp.example/cb", "xyz", "https://rp.example/cb?error=access_denied&error_description=Not+you.&iss=https%3A%2F%2Flogin.example&state=xyz"},
		{"without state", "https://rp.example/cb", "", "https://rp.example/cb?error=access_denied&error_description=Not+you.&iss=https%3A%2F%2Flogin.example"},
		{"a query of its own", "https://rp.example/cb?a=%20b&c", "&x=1 #", "https://rp.example/cb?a=%20b&c&error=access_denied&error_description=Not+you.&iss=https%3A%2F%2Flogin.example&state=%26x%3D1+%23"},
		{"an empty query", "https://rp.example/cb?", "s", "https://rp.example/cb?error=access_denied&error_description=Not+you.&iss=https%3A%2F%2Flogin.example&state=s"},
		{"a private-use scheme", "com.example.app:/cb", "s", "com.example.app:/cb?error=access_denied&error_description=Not+you.&iss=https%3A%2F%2Flogin.example&state=s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := AccessDenied("Not you.").Redirect(tt.redirectURI, tt.state, "https://login.example"); got != tt.want {
				t.Errorf("redirected to\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

func TestCodeRedirect(t *testing.T) {
	got := CodeRedirect("https://rp.example/cb?x=1", "c0de", "한 글", "https://login.example")
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"x": {"1"}, "code": {"c0de"}, "state": {"한 글"}, "iss": {"https://login.example"}}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if got := RedirectURL("https://rp.example/out", nil); got != "https://rp.example/out" {
		t.Errorf("nothing added, but %s", got)
	}
}

func TestDescriptionsAreBounded(t *testing.T) {
	if n := len(InvalidRequest(strings.Repeat("a", 1000)).Description); n != maxDescription {
		t.Errorf("description of %d bytes", n)
	}
}

func TestWriteJSON(t *testing.T) {
	w := httptest.NewRecorder()
	WriteJSON(w, http.StatusOK, map[string]string{"sub": "u_1"})
	if w.Code != http.StatusOK || w.Body.String() != `{"sub":"u_1"}` {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Content-Length": "13"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	w = httptest.NewRecorder()
	WriteJSON(w, http.StatusOK, func() {})
	if w.Code != http.StatusInternalServerError {
		t.Errorf("what cannot be encoded is answered with %d", w.Code)
	}
}
