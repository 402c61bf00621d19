package web

import (
	"strings"

	"golang.org/x/text/language"
)

// languages are the codes of the languages all pages are written in, the
// default first.
var languages = []string{"ko", "en", "ja"}

// matcher finds the page language nearest to what somebody reads; its indexes
// are those of languages.
var matcher = language.NewMatcher([]language.Tag{language.Korean, language.English, language.Japanese})

// maxPreferences bounds how much of a language preference is read, in bytes:
// longer ones come from no browser.
const maxPreferences = 256

// Language chooses the language of a page: "ko", "en" or "ja". The first of
// these that names one we have decides: ui_locales of the request, the language
// this browser chose earlier, its Accept-Language header, the client's default;
// Korean if none does. Whatever cannot be read is passed over.
func Language(uiLocales []string, saved, acceptLanguage, clientDefault string) string {
	if lang, ok := fromTags(uiLocales); ok {
		return lang
	}
	if lang, ok := fromTags([]string{saved}); ok {
		return lang
	}
	if lang, ok := fromHeader(acceptLanguage); ok {
		return lang
	}
	if lang, ok := fromTags([]string{clientDefault}); ok {
		return lang
	}
	return languages[0]
}

// fromTags takes the first of the tags that leads to a language of ours: the
// person ordered them, so a distant first choice beats an exact second.
func fromTags(tags []string) (string, bool) {
	read := 0
	for _, text := range tags {
		if read += len(text); read > maxPreferences {
			return "", false
		}
		if isLanguage(text) {
			return text, true
		}
		tag, err := language.Parse(text)
		if err != nil {
			continue
		}
		if lang, ok := match(tag); ok {
			return lang, true
		}
	}
	return "", false
}

func fromHeader(header string) (string, bool) {
	if len(header) > maxPreferences {
		cut := strings.LastIndexByte(header[:maxPreferences], ',')
		if cut < 0 {
			return "", false
		}
		header = header[:cut]
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return "", false
	}
	for _, tag := range tags {
		if lang, ok := match(tag); ok {
			return lang, true
		}
	}
	return "", false
}

func match(tag language.Tag) (string, bool) {
	_, index, confidence := matcher.Match(tag)
	if confidence == language.No {
		return "", false
	}
	return languages[index], true
}

func isLanguage(code string) bool {
	return code == "ko" || code == "en" || code == "ja"
}
