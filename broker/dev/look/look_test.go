package look_test

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/dev/look"
)

func TestLanguage(t *testing.T) {
	tests := []struct {
		name   string
		query  string
		cookie string
		accept string
		want   string
		chosen bool
	}{
		{"nothing said", "", "", "", "ko", false},
		{"the query", "?lang=ja", "en", "ko", "ja", true},
		{"kept from before", "", "en", "ko", "en", true},
		{"the browser", "", "", "fr;q=0.9, ja;q=0.8", "ja", false},
		{"a language we do not speak", "?lang=fr", "de", "it", "ko", false},
		{"a header that cannot be read", "", "", ";;;q=x", "ko", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/"+tt.query, nil)
			r.Header.Set("Accept-Language", tt.accept)
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "kept", Value: tt.cookie})
			}
			w := httptest.NewRecorder()
			lang, chosen := look.Language(w, r, "kept")
			if lang != tt.want || chosen != tt.chosen {
				t.Errorf("speaks %s (chosen %v), want %s (%v)", lang, chosen, tt.want, tt.chosen)
			}
			if kept := w.Header().Get("Set-Cookie"); (kept != "") != (tt.query == "?lang=ja") {
				t.Errorf("set cookie %q", kept)
			}
		})
	}
}

func TestLinksKeepThePage(t *testing.T) {
	links := look.Links("/", "en")
	if len(links) != 3 || links[1].Href != "/?lang=en" || !links[1].Current || links[0].Current {
		t.Errorf("links %+v", links)
	}
}

// A page that fails half-way is not shown half.
func TestRenderAllOrNothing(t *testing.T) {
	pages := template.Must(template.New("").Funcs(look.Funcs()).Parse(`{{define "good"}}{{glyph "nobody"}}{{.}}{{end}}{{define "bad"}}begin{{.Missing.Deeper}}{{end}}`))
	w := httptest.NewRecorder()
	if err := look.Render(w, pages, "bad", http.StatusOK, struct{}{}); err == nil || w.Body.Len() > 0 {
		t.Errorf("error %v, %q written", err, w.Body)
	}
	w = httptest.NewRecorder()
	if err := look.Render(w, pages, "good", http.StatusTeapot, "<b>"); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusTeapot || !strings.Contains(w.Body.String(), "<svg") || !strings.HasSuffix(w.Body.String(), "&lt;b&gt;") {
		t.Errorf("status %d, %q", w.Code, w.Body)
	}
}

func TestWaysHaveNames(t *testing.T) {
	for _, lang := range look.Languages {
		for _, way := range []string{"kakao", "naver", "google", "apple", "line", "entra", "company"} {
			if look.Way(lang, way) == way {
				t.Errorf("%s: no name for %s", lang, way)
			}
		}
		if look.Way(lang, "acme") != "acme" {
			t.Errorf("%s: a way without a name lost its id", lang)
		}
	}
}
