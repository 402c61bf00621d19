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

func fromTags(codes []string) (string, bool) {
	tags := make([]language.Tag, 0, 1)
	read := 0
	for _, code := range codes {
		if read += len(code); read > maxPreferences {
			break
		}
		if len(tags) == 0 && isLanguage(code) {
			return code, true
		}
		if tag, err := language.Parse(code); err == nil {
			tags = append(tags, tag)
		}
	}
	return match(tags)
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
	return match(tags)
}

// match takes the first of the tags that is a language of ours; if none is, the
// first whose readers are known to read one of ours as well. One tag at a time:
// the person ordered them, so a variant named first beats an exact second.
func match(tags []language.Tag) (string, bool) {
	var near string
	for _, tag := range tags {
		_, index, confidence := matcher.Match(tag)
		if confidence == language.No {
			continue
		}
		if base, _ := tag.Base(); base.String() == languages[index] {
			return languages[index], true
		}
		if near == "" {
			near = languages[index]
		}
	}
	return near, near != ""
}

func isLanguage(code string) bool {
	return code == "ko" || code == "en" || code == "ja"
}
