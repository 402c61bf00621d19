package oauth2

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes foreign text fit for a page and a log: valid UTF-8 without
// control characters and without the formatting characters that reorder text,
// trimmed, at most limit characters.
func Clean(text string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(text) {
		if n == limit {
			break
		}
		if r == utf8.RuneError || unicode.IsControl(r) || reorders(r) || r == '\u2028' || r == '\u2029' {
			continue
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// reorders reports formatting characters other than the joiners, which some
// scripts and emoji are written with.
func reorders(r rune) bool {
	return unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
}

// CheckSubject refuses what cannot name one person: empty, longer than 255
// bytes, not UTF-8, with control characters, or with the sign that stands for
// bytes lost in decoding, by which two people could meet.
func CheckSubject(subject string) error {
	switch {
	case subject == "":
		return errors.New("the subject is missing")
	case len(subject) > 255:
		return errors.New("the subject is too long")
	case !utf8.ValidString(subject), strings.ContainsRune(subject, utf8.RuneError), strings.ContainsFunc(subject, unicode.IsControl):
		return errors.New("the subject is malformed")
	case strings.TrimSpace(subject) == "":
		return errors.New("the subject is blank")
	}
	return nil
}

// Email returns address if it could be one, else "".
func Email(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || domain == "" || len(address) > 254 || Clean(address, 254) != address || strings.ContainsAny(address, " <>\"(),:;[]\\") {
		return ""
	}
	if strings.Contains(domain, "@") {
		return ""
	}
	return address
}

// Picture returns raw if it is an https URL that a page may show, else "".
func Picture(raw string) string {
	if len(raw) > 2048 || !printable(raw) || strings.ContainsAny(raw, " \"<>\\^`{|}") {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	return raw
}

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)

// Locale returns raw as a BCP 47 tag ("ko_KR" becomes "ko-KR"), or "".
func Locale(raw string) string {
	tag := strings.ReplaceAll(raw, "_", "-")
	if !languageTag.MatchString(tag) {
		return ""
	}
	return tag
}

var international = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Phone returns raw in international form (E.164) without separators, or "".
func Phone(raw string) string {
	number := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(raw)
	if !international.MatchString(number) {
		return ""
	}
	return number
}
