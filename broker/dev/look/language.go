package look

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/text/language"
)

// Languages that dev pages speak, in the order in which they are offered.
var Languages = []string{"ko", "en", "ja"}

var matcher = language.NewMatcher([]language.Tag{language.Korean, language.English, language.Japanese})

// Link offers a page in another language.
type Link struct {
	Lang    string
	Name    string // in its own language
	Href    string
	Current bool
}

// Language is what a page speaks: the lang of its query, which is kept in
// cookie, else what was kept, else what the browser prefers, else Korean.
// Chosen says that the person picked it here.
func Language(w http.ResponseWriter, r *http.Request, cookie string) (lang string, chosen bool) {
	if lang := r.URL.Query().Get("lang"); known(lang) {
		http.SetCookie(w, &http.Cookie{
			Name: cookie, Value: lang, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
			HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		return lang, true
	}
	if c, err := r.Cookie(cookie); err == nil && known(c.Value) {
		return c.Value, true
	}
	header := r.Header.Get("Accept-Language")
	if len(header) > 512 {
		return Languages[0], false
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return Languages[0], false
	}
	_, index, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return Languages[0], false
	}
	return Languages[index], false
}

// Links returns the page at path in every language, lang being the current one.
func Links(path, lang string) []Link {
	names := map[string]string{"ko": "한국어", "en": "English", "ja": "日本語"}
	links := make([]Link, len(Languages))
	for i, l := range Languages {
		links[i] = Link{Lang: l, Name: names[l], Href: path + "?" + url.Values{"lang": {l}}.Encode(), Current: l == lang}
	}
	return links
}

func known(lang string) bool { return slices.Contains(Languages, lang) }
