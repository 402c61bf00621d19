package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Explanation is what there is to know about a key of the file.
type Explanation struct {
	Key     string `json:"key"` // without ids and indexes: providers.timeout
	Says    string `json:"says"`
	Type    string `json:"type"`
	Default string `json:"default"`          // a value, or a sentence
	Bounds  string `json:"bounds,omitempty"` // "100ms to 20s", or the words that are allowed
	Example string `json:"example"`          // a line of YAML; a secret's names no secret
	// Variable sets it from the environment; empty: it stands in the file alone.
	Variable string `json:"variable,omitempty"`
	// Restart tells that a running node does not take over what is new.
	Restart bool `json:"restart"`
}

// ErrNoKey says that the file has no such key.
var ErrNoKey = errors.New("config: no such key")

// Explain says what a key is for. Elements of lists may be named by index or id,
// or not at all: providers[0].timeout, providers.kakao.timeout, providers.timeout.
//
// The error is [ErrNoKey], with the nearest key.
func Explain(key string) (Explanation, error) {
	path, t, err := lookUp(key)
	if err != nil {
		return Explanation{}, err
	}
	m, ok := meaningOf(path)
	if !ok {
		return Explanation{}, fmt.Errorf("%w as %s", ErrNoKey, readable(key))
	}
	e := Explanation{
		Key: path, Says: m.says, Type: typeName(t), Default: defaultOf(path, m), Bounds: boundsOf(path),
		Example: path[strings.LastIndexByte(path, '.')+1:] + ": " + m.example, Variable: variableOf(path, t), Restart: restarts(path),
	}
	return e, nil
}

// lookUp walks a key down the types of the file and returns its path.
func lookUp(key string) (string, reflect.Type, error) {
	parts := strings.Split(general(strings.ToLower(key)), ".")
	path, t := "", reflect.TypeFor[file]()
	for i := 0; i < len(parts); i++ {
		known := fields{}
		if isSection(t) {
			known = fieldsOf(t)
		}
		index, ok := known.index[parts[i]]
		if !ok {
			return "", nil, fmt.Errorf("%w as %s%s", ErrNoKey, readable(key), meantIn(path, parts[i], known.names))
		}
		path = join(path, parts[i])
		t = t.Field(index).Type
		list := t.Kind() == reflect.Slice
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice && isSection(t.Elem()) {
			t = t.Elem()
		}
		if list && isSection(t) && i+2 < len(parts) && !slices.Contains(fieldsOf(t).names, parts[i+1]) {
			i++ // the element's id
		}
		if t.Kind() == reflect.Map && i+2 == len(parts) {
			i++ // a name of the operator's choice
		}
	}
	return path, t, nil
}

// meantIn is the nearest key of a section, as it would be asked for; for the
// first part of a key, the nearest anywhere.
func meantIn(path, unknown string, known []string) string {
	if name, ok := closest(unknown, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", join(path, name))
	}
	for _, full := range AllKeys() {
		if strings.HasSuffix(full, "."+unknown) {
			return fmt.Sprintf(" (did you mean %q?)", full)
		}
	}
	return ""
}

// AllKeys are all keys of the file, as [Explain] calls them, in its order.
func AllKeys() []string {
	var all []string
	var visit func(path string, t reflect.Type)
	visit = func(path string, t reflect.Type) {
		for field := range t.Fields() {
			at, inner := join(path, field.Tag.Get("yaml")), field.Type
			all = append(all, at)
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if isSection(inner) {
				visit(at, inner)
			}
		}
	}
	visit("", reflect.TypeFor[file]())
	return all
}

// isSection tells whether a type holds keys of the file.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[file]().PkgPath()
}

// meaningOf is what the key at a general path is for.
func meaningOf(path string) (meaning, bool) {
	if m, ok := meanings[path]; ok {
		return m, true
	}
	section, key := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		section, key = path[:i], path[i+1:]
	}
	if m, ok := rateMeanings[key]; ok && strings.HasPrefix(section, "limits.") {
		m.says = strings.TrimSuffix(meanings[section].says, ".") + ": " + strings.ToLower(m.says[:1]) + m.says[1:]
		return m, true
	}
	base := secretBase(key)
	secret, ok := meanings[join(section, base)]
	if !ok || base == key {
		return meaning{}, false
	}
	if strings.HasSuffix(key, "_command") {
		return meaning{
			says:    "A program that prints " + base + " within 10 s; it is started without a shell. " + secret.says,
			example: "[/usr/local/bin/unwrap, " + base + "]", unset: base + " stands elsewhere",
		}, true
	}
	return meaning{
		says:    "A file that holds " + base + ", which not everyone may read (mode 0600 or 0640). " + secret.says,
		example: "secrets/" + base, unset: base + " stands elsewhere",
	}, true
}

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration, such as 90d, 12h or 4s"
	case reflect.TypeFor[netip.Prefix]():
		return "address range or address"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "section"
	case reflect.Map:
		return "mapping of names to text"
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "number"
	case reflect.Int:
		return "whole number"
	}
	return "text"
}

// defaultOf is what holds where the file says nothing.
func defaultOf(path string, m meaning) string {
	if m.unset != "" {
		return m.unset
	}
	v := reflect.ValueOf(defaults())
	for part := range strings.SplitSeq(path, ".") {
		if v.Kind() != reflect.Struct {
			return shown(reflect.Zero(v.Type())) // of an element: its zero value
		}
		index, ok := fieldsOf(v.Type()).index[part]
		if !ok {
			return ""
		}
		if v = v.Field(index); v.Kind() == reflect.Slice && v.Len() == 0 {
			element := v.Type().Elem()
			if isSection(element) {
				v = reflect.Zero(element)
			}
		}
	}
	if isSection(v.Type()) {
		return "those of its keys"
	}
	return shown(v)
}

func boundsOf(path string) string {
	if known := words[path]; known != nil {
		return strings.Join(known, ", ")
	}
	if b, ok := bounds[path]; ok {
		return span(b.least) + " to " + span(b.most)
	}
	if path == "providers.kind" {
		return kindNames()
	}
	return ""
}

// variableOf is the environment variable of a key; ID stands for the id of an
// element, or where it has none its name.
func variableOf(path string, t reflect.Type) string {
	if t.Kind() == reflect.Slice || isSection(t) {
		return ""
	}
	section, rest, nested := strings.Cut(path, ".")
	name := prefixOfVariables + strings.ToUpper(section)
	index := fieldsOf(reflect.TypeFor[file]()).index[section]
	if reflect.TypeFor[file]().Field(index).Type.Kind() == reflect.Slice {
		name += "__ID"
	}
	if nested {
		name += "__" + strings.ReplaceAll(strings.ToUpper(rest), ".", "__")
	}
	if t.Kind() == reflect.Map {
		name += "__NAME"
	}
	return name
}

// restarts tells whether a key is read at the start alone.
func restarts(path string) bool {
	path = strings.TrimSuffix(strings.TrimSuffix(path, "_file"), "_command") // the same secret from elsewhere
	return !slices.ContainsFunc(atOnce, func(s setting) bool {
		key := strings.ReplaceAll(s.key, "[]", "")
		return path == key || strings.HasPrefix(path, key+".")
	})
}
