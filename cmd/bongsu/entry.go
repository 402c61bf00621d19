package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// said is the registration that the flags say, in JSON with the keys of the
// configuration.
func (e *entry) said(id string) ([]byte, error) {
	keys := map[string]any{"id": id}
	for key, value := range map[string]string{
		"name": e.name, "initiate_login_uri": e.initiate, "client_uri": e.uri, "backchannel_logout_uri": e.backchannel,
		"writer_gone": e.writerGone,
	} {
		if value != "" {
			keys[key] = value
		}
	}
	for key, value := range map[string][]string{
		"redirect_uris": e.redirects, "post_logout_redirect_uris": e.postLogout, "providers": e.providers, "grant_types": e.grants,
	} {
		if len(value) > 0 {
			keys[key] = value
		}
	}
	if e.stale {
		keys["stale"] = "allow"
	}
	for key, value := range map[string]bool{
		"public": e.public, "native": e.native, "first_party": e.firstParty, "continuation": e.continued,
	} {
		if value {
			keys[key] = true
		}
	}
	return json.Marshal(keys)
}

// entryLines is a registration for people: a line for each key but those that
// stand elsewhere, and for each element of a list.
func entryLines(registration json.RawMessage) [][2]string {
	var keys map[string]any
	if json.Unmarshal(registration, &keys) != nil {
		return nil
	}
	for _, elsewhere := range []string{"id", "name", "public", "first_party"} {
		delete(keys, elsewhere)
	}
	var lines [][2]string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		list, ok := keys[key].([]any)
		if !ok {
			list = []any{keys[key]}
		}
		for _, value := range list {
			text, isText := value.(string)
			if !isText {
				written, _ := json.Marshal(value) // it was JSON a moment ago
				text = string(written)
			}
			lines = append(lines, [2]string{key, strings.Map(printable, text)})
		}
	}
	return lines
}

// printable keeps text in its line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
