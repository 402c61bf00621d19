package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a form body in bytes: a token request with every parameter at
// its longest stays far below.
const maxBody = 16 << 10

const formType = "application/x-www-form-urlencoded"

// ParseForm reads the form body of a POST, at most 16 KiB, whose type must say
// that it is one. What does not decode is refused, never dropped; the query is
// not looked at. The values stay in r.PostForm: a second call finds them there.
// The error is an [*Error].
func ParseForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.PostForm != nil {
		return r.PostForm, nil
	}
	if !isForm(r) {
		e := InvalidRequest("Send the parameters as application/x-www-form-urlencoded.")
		e.Status = http.StatusUnsupportedMediaType
		return nil, e
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	v, err := url.ParseQuery(body)
	if err != nil {
		return nil, InvalidRequest("The body is not valid form encoding: percent-encode every parameter.").With(err)
	}
	r.PostForm = v
	return v, nil
}

func readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Body == nil {
		return "", nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		e := InvalidRequest("The body is too large: keep it within 16 KiB.")
		e.Status = http.StatusRequestEntityTooLarge
		return "", e
	}
	if err != nil {
		return "", InvalidRequest("The body could not be read to its end.").With(err)
	}
	return string(body), nil
}

func isForm(r *http.Request) bool {
	header := r.Header.Get("Content-Type")
	if header == formType {
		return true
	}
	media, _, err := mime.ParseMediaType(header)
	return err == nil && media == formType
}

// once returns an error that names the first of names that v holds more than
// once (RFC 6749 3.1, 3.2), or nil.
func once(v url.Values, names []string) *Error {
	for _, name := range names {
		if len(v[name]) > 1 {
			return InvalidRequest("Send the parameter " + name + " only once.")
		}
	}
	return nil
}

// clean returns an error that names the first of names whose value holds a
// control character or is not UTF-8, or nil. What passes survives JSON
// unchanged, byte for byte.
func clean(v url.Values, names []string) *Error {
	for _, name := range names {
		if slices.ContainsFunc(v[name], dirty) {
			return InvalidRequest("Remove control characters and broken UTF-8 from the parameter " + name + ".")
		}
	}
	return nil
}

func dirty(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return !utf8.ValidString(s)
}

// list splits a space-separated list and drops what is empty or repeated.
func list(s string) []string {
	if s == "" {
		return nil
	}
	var out []string
	for item := range strings.SplitSeq(s, " ") {
		if item != "" && !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
