package oauth2

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Document is a JSON object that a provider wrote. Members are found by their
// exact names, and a member of an unexpected type is an absent one.
type Document map[string]json.RawMessage

var errDocument = errors.New("no JSON object")

// ParseDocument reads a whole body as one JSON object. One that names a member
// twice is refused: two readers of it could take two people from it.
func ParseDocument(body []byte) (Document, error) {
	in := json.NewDecoder(bytes.NewReader(body))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return nil, errDocument
	}
	d := Document{}
	for in.More() {
		key, err := in.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, errDocument
		}
		var value json.RawMessage
		if _, twice := d[name]; twice || in.Decode(&value) != nil {
			return nil, errDocument
		}
		d[name] = value
	}
	if _, err := in.Token(); err != nil { // the closing brace
		return nil, errDocument
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) { // and nothing behind it
		return nil, errDocument
	}
	return d, nil
}

// parseArray reads a JSON array.
func parseArray(raw []byte) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, errDocument
	}
	return items, nil
}

// failed reports whether the document says that it is an error, whatever its
// status: a member "error" or "errcode" that is more than null, false, 0 or "",
// or an "ok" that is false.
func (d Document) failed() bool {
	for _, name := range []string{"error", "errcode"} {
		switch strings.TrimSpace(string(d[name])) {
		case "", "null", "false", "0", `""`, `"0"`:
		default:
			return true
		}
	}
	return strings.TrimSpace(string(d["ok"])) == "false"
}

// Raw returns the string member name as it is, or "".
func (d Document) Raw(name string) string {
	var text string
	if raw, ok := d[name]; !ok || json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// Text returns the string member name made fit for a page and a log: without
// control and formatting characters, trimmed, at most limit characters.
func (d Document) Text(name string, limit int) string {
	return Clean(d.Raw(name), limit)
}

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,38})$`)

// ID returns the member name as an identifier: a string as it is, or an
// integer digit by digit, however large; "" when it is neither.
func (d Document) ID(name string) string {
	raw := strings.TrimSpace(string(d[name]))
	if integer.MatchString(raw) {
		return raw
	}
	return d.Raw(name)
}

// Integer returns the member name digit by digit if it is a whole number, however
// large, and says false for everything else.
func (d Document) Integer(name string) (string, bool) {
	raw := strings.TrimSpace(string(d[name]))
	return raw, integer.MatchString(raw)
}

// Bool reports whether the member name says true, as a boolean or as the
// string "true"; every other form is false.
func (d Document) Bool(name string) bool {
	switch strings.TrimSpace(string(d[name])) {
	case "true", `"true"`:
		return true
	}
	return false
}

// Object returns the object member name, or nil, which can be read like an
// empty one.
func (d Document) Object(name string) Document {
	raw, ok := d[name]
	if !ok {
		return nil
	}
	inner, err := ParseDocument(raw)
	if err != nil {
		return nil
	}
	return inner
}

// Texts returns the member name as a list: an array of strings, or one string.
// Anything else in it makes the list nil.
func (d Document) Texts(name string) []string {
	raw, ok := d[name]
	if !ok {
		return nil
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	return nil
}

// Time returns the member name, seconds since 1970 as a JSON number (RFC 7519
// 2, NumericDate). It says false when that is absent or out of all reason.
func (d Document) Time(name string) (time.Time, bool) {
	raw := strings.TrimSpace(string(d[name]))
	if raw == "" || raw[0] == '"' {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
