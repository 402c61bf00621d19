package client

import "strings"

// unreserved is RFC 3986 2.3: what needs no encoding anywhere in a URI.
func unreserved(r rune) bool { return alphanumeric(r) || strings.ContainsRune("-._~", r) }

// uriCharacter is RFC 3986 2: everything a URI may be written with.
func uriCharacter(r rune) bool {
	return unreserved(r) || strings.ContainsRune(":/?#[]@!$&'()*+,;=%", r)
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// isHost reports whether s is a host name or an IPv4 address, in lower case.
func isHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !lowerOrDigit(r) && r != '-' && r != '_' }) {
			return false
		}
	}
	return true
}

// isInstance reports whether s is shaped like a provider instance id.
func isInstance(s string) bool {
	return s != "" && len(s) <= maxInstance && !strings.ContainsFunc(s, func(r rune) bool { return !lowerOrDigit(r) && r != '-' })
}

// isLanguage reports whether s is shaped like a BCP 47 tag.
func isLanguage(s string) bool {
	if s == "" || len(s) > 35 {
		return false
	}
	for part := range strings.SplitSeq(s, "-") {
		if part == "" || len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool { return !alphanumeric(r) }) {
			return false
		}
	}
	return true
}

func lowerOrDigit(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }
