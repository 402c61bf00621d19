package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Setting is one value that holds in a node.
type Setting struct {
	Key    string `json:"key"`    // with indexes: providers[0].timeout
	Value  string `json:"value"`  // as the file would say it; a secret is masked
	Origin string `json:"origin"` // file and line, an environment variable, "default", or "derived" from other keys
}

const (
	masked        = "••••"
	originDefault = "default"
	originDerived = "derived" // from other keys: no key of the file
)

// Show returns what [Load] would make of a file and an environment: every value
// that holds, in the order of the file's keys, and where it comes from. Secrets are
// masked; of one in a file, size and day of change are said, and of a command the
// program. What is empty because nobody set it is left out. Behind them stand the
// callbacks that each provider has to know.
//
// Errors are those of Load.
func Show(path string, env []string) ([]Setting, error) {
	data, mode, err := readBounded(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := check(path, data, openToAll(mode), env, machine{dir: dir, env: env, patience: commandPatience})
	if err != nil {
		return nil, err
	}
	c.file.Node = c.config.Node
	c.file.Store.Path = c.config.Store.Path
	s := shower{checker: c}
	s.visit("", reflect.ValueOf(*c.file))
	for i, p := range c.config.Providers {
		s.settings = append(s.settings, Setting{
			Key: index("providers", i) + ".callbacks", Value: shown(reflect.ValueOf(c.config.Callbacks(p.ID))), Origin: originDerived,
		})
	}
	return s.settings, nil
}

// shower walks a checked file.
type shower struct {
	*checker

	settings []Setting
}

func (s *shower) visit(path string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			s.visit(path, v.Elem())
		}
	case isSection(v.Type()):
		keys := fieldsOf(v.Type())
		for i, key := range keys.names {
			at := join(path, key)
			if text, ok := s.secretOf(at, keys, v.Field(i)); ok {
				s.add(at, text, v.Field(i))
				continue
			}
			s.visit(at, v.Field(i))
		}
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		for i := range v.Len() {
			s.visit(index(path, i), v.Index(i))
		}
	default:
		s.add(path, shown(v), v)
	}
}

// add takes a value that somebody set, or that is a default.
func (s *shower) add(path, text string, v reflect.Value) {
	n, set := s.at[path]
	if set && isNull(n) {
		set = false // says nothing, and leaves the default
	}
	if !set && v.IsZero() && !sureOf(path) {
		return
	}
	s.settings = append(s.settings, Setting{Key: path, Value: text, Origin: s.origin(n, set)})
}

// sureOf tells whether the zero value of a key that nobody set means something:
// that of a number, a duration or a truth value outside of elements of lists.
func sureOf(path string) bool {
	m, ok := meaningOf(path)
	return ok && m.unset == ""
}

func (s *shower) origin(n *yaml.Node, set bool) string {
	if !set {
		return originDefault
	}
	if variable, ok := s.document.origin[n]; ok {
		return variable
	}
	return s.name + ":" + strconv.Itoa(n.Line)
}

// secretOf is what is shown of a key that is a secret, or says where one is.
func (s *shower) secretOf(path string, keys fields, v reflect.Value) (string, bool) {
	key := path[strings.LastIndexByte(path, '.')+1:]
	base := secretBase(key)
	_, secret := keys.index[base]
	_, filed := keys.index[base+"_file"]
	if !secret || !filed || base == "jwks" || v.IsZero() {
		return "", false
	}
	switch key {
	case base:
		return fmt.Sprintf("%s (%d bytes)", masked, len(v.String())), true
	case base + "_file":
		return s.secretFile(v.String()), true
	}
	return fmt.Sprintf("%s (command %s)", masked, v.Index(0)), true // what follows may be a secret, too
}

func (s *shower) secretFile(path string) string {
	info, err := os.Stat(s.path(path))
	if err != nil {
		return fmt.Sprintf("%s (file %s)", masked, path)
	}
	return fmt.Sprintf("%s (file %s, %d bytes, changed %s)", masked, path, info.Size(), info.ModTime().UTC().Format(time.DateOnly))
}

// shown is a value as the file would say it, on one line.
func shown(v reflect.Value) string {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return span(d)
	}
	if p, ok := reflect.TypeAssert[netip.Prefix](v); ok {
		return p.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = shown(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		var parts []string
		for each := v.MapRange(); each.Next(); {
			parts = append(parts, shown(each.Key())+": "+shown(each.Value()))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Bool, reflect.Float64, reflect.Int:
		return fmt.Sprint(v.Interface())
	case reflect.String:
		return quoted(v.String())
	}
	return ""
}

// quoted is text that stays on its line and reads as it was written.
func quoted(text string) string {
	if text == "" || strings.ContainsFunc(text, isControl) || strings.ContainsAny(text, ",{}[]") || strings.TrimSpace(text) != text {
		return strconv.Quote(text)
	}
	return text
}
