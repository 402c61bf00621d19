package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func fetch(t *testing.T, method, path, encoding string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	testPages(t).Assets().ServeHTTP(w, r)
	return w.Result()
}

// read takes the whole body and undoes gzip.
func read(t *testing.T, response *http.Response) []byte {
	t.Helper()
	defer response.Body.Close() //nolint:errcheck // a recorder's body
	var from io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		from = z
	}
	body, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestScriptIsTheOnePagesName(t *testing.T) {
	script := elements(draw(t, menuView("ko")), "script")
	if len(script) != 1 {
		t.Fatalf("the page names %d scripts, want one", len(script))
	}
	path := attr(script[0], "src")
	tests := []struct{ name, encoding, want string }{
		{"as it is", "", ""},
		{"compressed", "gzip, deflate, br", "gzip"},
		{"compression refused", "gzip;q=0, br", ""},
		{"compression weighed", "br;q=1.0, GZIP; q=0.5", "gzip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response := fetch(t, http.MethodGet, path, tt.encoding)
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != tt.want {
				t.Errorf("status %d, encoding %q", response.StatusCode, response.Header.Get("Content-Encoding"))
			}
			for name, want := range map[string]string{
				"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=31536000, immutable",
				"X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if got := read(t, response); !bytes.Equal(got, appJS) {
				t.Error("the body is not the script")
			}
		})
	}
}

func TestAssetsAnswerHeadWithoutABody(t *testing.T) {
	response := fetch(t, http.MethodHead, testPages(t).assets.scriptPath, "")
	if body := read(t, response); len(body) != 0 || response.Header.Get("Content-Length") == "0" {
		t.Errorf("%d bytes came, said were %s", len(body), response.Header.Get("Content-Length"))
	}
}

func TestOtherAssetsAreNotFound(t *testing.T) {
	for _, path := range []string{"/assets/", "/assets/app.js", "/assets/app.000000000000.js", "/assets/page.css", "/assets/../web.go"} {
		response := fetch(t, http.MethodGet, path, "")
		if response.StatusCode != http.StatusNotFound || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, %q", path, response.StatusCode, response.Header.Get("Cache-Control"))
		}
		read(t, response)
	}
}

func TestFaviconIsCached(t *testing.T) {
	response := fetch(t, http.MethodGet, "/favicon.ico", "")
	if response.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(response.Header.Get("Cache-Control"), "max-age") {
		t.Errorf("headers %v", response.Header)
	}
	if body := read(t, response); !bytes.HasPrefix(body, []byte("<svg")) {
		t.Error("the icon is no drawing")
	}
}

// The script has 5 KB, and nothing in it that trusted types would refuse.
func TestScriptIsSmallAndHarmless(t *testing.T) {
	packed, err := compress(appJS)
	if err != nil {
		t.Fatal(err)
	}
	if len(packed) > 5<<10 {
		t.Errorf("the script is %d bytes compressed", len(packed))
	}
	for _, banned := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "import", "http:", "https:"} {
		if bytes.Contains(appJS, []byte(banned)) {
			t.Errorf("the script has %q", banned)
		}
	}
}
