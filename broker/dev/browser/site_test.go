package browser_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

// A Lax cookie comes along when a person is led to us from another site, and
// stays behind when another site posts to us.
func TestSameSite(t *testing.T) {
	document := func(target string) string {
		return fmt.Sprintf(`<a id="link" href="%[1]s">x</a><form method="post" action="%[1]s"><button id="post">x</button></form>
			<form action="%[1]s"><button id="get">x</button></form>`, target)
	}
	tests := []struct {
		name   string
		from   func(w *world) string
		action string
		want   string
	}{
		{"a link of the same site", func(w *world) string { return w.here }, "link", "strict=1; lax=2; unsaid=3"},
		{"a form of the same site", func(w *world) string { return w.here }, "post", "strict=1; lax=2; unsaid=3"},
		{"a link of another site", func(w *world) string { return w.there }, "link", "lax=2; unsaid=3"},
		{"a GET form of another site", func(w *world) string { return w.there }, "get", "lax=2; unsaid=3"},
		{"a POST form of another site", func(w *world) string { return w.there }, "post", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.HandleFunc("GET /set", func(rw http.ResponseWriter, _ *http.Request) {
				http.SetCookie(rw, &http.Cookie{Name: "strict", Value: "1", Path: "/", SameSite: http.SameSiteStrictMode})
				http.SetCookie(rw, &http.Cookie{Name: "lax", Value: "2", Path: "/", SameSite: http.SameSiteLaxMode})
				http.SetCookie(rw, &http.Cookie{Name: "unsaid", Value: "3", Path: "/"})
			})
			w.HandleFunc("/see", echoCookies)
			b := newBrowser(t, browser.Options{})
			ok(t)(b.Open(t.Context(), w.here+"/set"))
			ok(t)(b.Show(tt.from(w)+"/page", document(w.here+"/see")))

			if p := ok(t)(b.Click(t.Context(), tt.action)); p.Text() != tt.want {
				t.Errorf("cookies %q, want %q", p.Text(), tt.want)
			}
		})
	}
}

// A POST from elsewhere that is answered 303 to a GET finds the cookies there.
func TestRedirectAfterCrossSitePost(t *testing.T) {
	w := newWorld(t)
	w.HandleFunc("GET /set", func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "login", Value: "1", Path: "/", SameSite: http.SameSiteLaxMode})
	})
	w.HandleFunc("POST /callback", func(rw http.ResponseWriter, r *http.Request) {
		if c := r.Header.Get("Cookie"); c != "" {
			t.Errorf("the POST carried %q", c)
		}
		http.Redirect(rw, r, "/callback", http.StatusSeeOther)
	})
	w.HandleFunc("GET /callback", echoCookies)

	b := newBrowser(t, browser.Options{})
	ok(t)(b.Open(t.Context(), w.here+"/set"))
	ok(t)(b.Show(w.there+"/apple", `<form id="f" method="post" action="`+w.here+`/callback"></form>`))
	if p := ok(t)(b.Submit(t.Context(), "f", nil)); p.Text() != "login=1" {
		t.Errorf("the GET carried %q", p.Text())
	}
}

func TestServerIsToldWhereARequestComesFrom(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t)
	w.HandleFunc("/see", func(rw http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(rw, "%s %s", r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin"))
	})
	other.Handle("/via", http.RedirectHandler(w.here+"/see", http.StatusTemporaryRedirect))
	w.Handle("/around", http.RedirectHandler(other.there+"/back", http.StatusFound))
	other.Handle("/back", http.RedirectHandler(w.here+"/see", http.StatusFound))

	tests := []struct {
		name   string
		from   string // "" types the address
		target string
		post   bool
		want   string
	}{
		{"typed", "", w.here + "/see", false, "none "},
		{"own link", w.here, w.here + "/see", false, "same-origin "},
		{"own form", w.here, w.here + "/see", true, "same-origin " + w.here},
		{"link of another port", other.here, w.here + "/see", false, "same-site "},
		{"form of another site", w.there, w.here + "/see", true, "cross-site " + w.there},
		{"form that is redirected across origins", other.here, other.here + "/via", true, "same-site null"},
		{"own link that went around by another site", w.here, w.here + "/around", false, "cross-site "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t, browser.Options{})
			if tt.from == "" {
				if p := ok(t)(b.Open(t.Context(), tt.target)); p.Text() != tt.want {
					t.Errorf("told %q, want %q", p.Text(), tt.want)
				}
				return
			}
			method := "get"
			if tt.post {
				method = "post"
			}
			ok(t)(b.Show(tt.from+"/", fmt.Sprintf(`<form id="f" method="%s" action="%s"></form>`, method, tt.target)))
			if p := ok(t)(b.Submit(t.Context(), "f", nil)); p.Text() != tt.want {
				t.Errorf("told %q, want %q", p.Text(), tt.want)
			}
		})
	}
}

// form-action binds the redirects of a form, as it does in browsers.
func TestFormActionIsObeyed(t *testing.T) {
	tests := []struct {
		name    string
		policy  string
		path    string
		blocked bool
	}{
		{"no policy", "", "/out", false},
		{"own origin allowed", "default-src 'none'; form-action 'self'", "/in", false},
		{"redirect to another origin", "default-src 'none'; form-action 'self'", "/out", true},
		{"nothing allowed", "form-action 'none'", "/in", true},
		{"the other origin allowed too", "form-action 'self' %s", "/out", false},
		{"a scheme allowed", "form-action http:", "/out", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.HandleFunc("GET /form", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "text/html")
				if tt.policy != "" {
					policy := tt.policy
					if policy == "form-action 'self' %s" {
						policy = fmt.Sprintf(policy, w.there)
					}
					rw.Header().Set("Content-Security-Policy", policy)
				}
				_, _ = fmt.Fprintf(rw, `<form id="f" method="post" action="%s"></form><a id="a" href="%s">x</a>`, tt.path, w.there+"/end")
			})
			w.Handle("POST /out", http.RedirectHandler(w.there+"/end", http.StatusSeeOther))
			w.page("POST /in", `in`)
			w.page("GET /end", `end`)
			b := newBrowser(t, browser.Options{})
			ok(t)(b.Open(t.Context(), w.here+"/form"))

			_, err := b.Submit(t.Context(), "f", nil)
			if got := errors.Is(err, browser.ErrBlocked); got != tt.blocked {
				t.Errorf("error %v, want blocked %v", err, tt.blocked)
			}
			if tt.blocked {
				ok(t)(b.Click(t.Context(), "a")) // links are not forms
			}
		})
	}
}

func TestCookiesThatAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.HandleFunc("GET /set", func(rw http.ResponseWriter, _ *http.Request) {
		for _, line := range []string{
			"secure=1; Path=/; Secure",
			"none=1; Path=/; SameSite=None",
			"__Host-a=1; Path=/",
			"__Secure-a=1; Path=/",
			"parent=1; Path=/; Domain=example",
			"fine=1; Path=/; HttpOnly",
			"here=1",
		} {
			rw.Header().Add("Set-Cookie", line)
		}
	})
	w.HandleFunc("GET /see", echoCookies)

	b := newBrowser(t, browser.Options{})
	ok(t)(b.Open(t.Context(), w.here+"/set"))
	if p := ok(t)(b.Open(t.Context(), w.here+"/see")); p.Text() != "fine=1; here=1" {
		t.Errorf("kept %q, want %q", p.Text(), "fine=1; here=1")
	}
}

// roundTrip answers for any host and scheme.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Over https a cookie may be for a whole domain, or promise by its name that
// it is for one host alone.
func TestCookiesOverHTTPS(t *testing.T) {
	lines := []string{
		"wide=1; Path=/; Domain=example.com; Secure",
		"public=1; Path=/; Domain=com; Secure",
		"other=1; Path=/; Domain=evil.com; Secure",
		"__Host-own=1; Path=/; Secure",
		"__Host-wide=1; Path=/; Domain=example.com; Secure",
		"__Host-deep=1; Path=/login; Secure",
		"__Secure-x=1; Path=/; Secure",
		"none=1; Path=/; Secure; SameSite=None",
	}
	b := newBrowser(t, browser.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		if r.URL.Path == "/set" {
			for _, line := range lines {
				w.Header().Add("Set-Cookie", line)
			}
		}
		_, _ = fmt.Fprint(w, r.Header.Get("Cookie"))
		return w.Result(), nil
	})})
	ok(t)(b.Open(t.Context(), "https://login.example.com/set"))
	for address, want := range map[string]string{
		"https://login.example.com/see":    "wide=1; __Host-own=1; __Secure-x=1; none=1",
		"https://shop.example.com/see":     "wide=1",
		"https://example.com/see":          "wide=1",
		"https://badexample.com/see":       "",
		"http://login.example.com/see":     "",
		"https://login.example.com:84/see": "wide=1; __Host-own=1; __Secure-x=1; none=1",
	} {
		if p := ok(t)(b.Open(t.Context(), address)); p.Text() != want {
			t.Errorf("%s was sent %q, want %q", address, p.Text(), want)
		}
	}
	// Subdomains are one site, another registrable domain is not.
	for from, want := range map[string]string{
		"https://shop.example.com/": "wide=1; __Host-own=1; __Secure-x=1; none=1",
		"https://evil.com/":         "none=1",
		"http://shop.example.com/":  "none=1",
	} {
		ok(t)(b.Show(from, `<form id="f" method="post" action="https://login.example.com/see"></form>`))
		if p := ok(t)(b.Submit(t.Context(), "f", nil)); p.Text() != want {
			t.Errorf("a form at %s sent %q, want %q", from, p.Text(), want)
		}
	}
}
