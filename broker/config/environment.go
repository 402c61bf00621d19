package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// prefixOfVariables begins every environment variable that is a setting.
const prefixOfVariables = "BONGSU_"

// What an environment variable may get wrong about the setting it names.
var (
	errNoSetting = errors.New("config: no such setting")
	errSeveral   = errors.New("config: holds several settings: name one of them behind \"__\"")
	errList      = errors.New("config: lists are set in the file alone")
)

// overlay lays environment variables over the tree before it is decoded, so
// that both are checked alike and a problem names its variable.
//
// BONGSU_SESSIONS__IDLE is sessions.idle; BONGSU_PROVIDERS__KAKAO__TIMEOUT is the
// timeout of the provider with the id kakao (a hyphen of the id is written "_").
// What has a name instead of an id, such as an operator, is found by that.
// With _FILE behind it, a variable names a file that holds the value. Lists are
// set in the file alone, and an empty variable sets nothing.
func (d *document) overlay(env []string, out outside) {
	variables := slices.Clone(env)
	slices.Sort(variables)
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, prefixOfVariables) || value == "" {
			continue
		}
		if err := d.set(name, value, out); err != nil {
			d.problems = append(d.problems, Problem{Source: name, Message: strings.TrimPrefix(err.Error(), "config: ")})
		}
	}
}

// set enters one variable in the tree.
func (d *document) set(name, value string, out outside) error {
	parts := strings.Split(strings.ToLower(strings.TrimPrefix(name, prefixOfVariables)), "__")
	slot, err := find(d.root, parts)
	if base, ok := strings.CutSuffix(parts[len(parts)-1], "_file"); ok && errors.Is(err, errNoSetting) {
		parts[len(parts)-1] = base
		if slot, err = find(d.root, parts); err == nil {
			value, err = out.read(value, true)
		}
	}
	if errors.Is(err, errNoSetting) && len(parts) == 1 {
		// Orchestrators put variables of their own beside ours, such as
		// BONGSU_SERVICE_HOST, and websites know us by BONGSU_CLIENT_ID: only a
		// slip of the fingers is an error.
		if known, ok := closest(parts[0], topLevelValues()); ok && distance(parts[0], known) <= 2 {
			return fmt.Errorf("config: unknown setting (did you mean %q?)", prefixOfVariables+strings.ToUpper(known))
		}
		return nil
	}
	if err != nil {
		return err
	}
	slot.put(d, name, value)
	return nil
}

// topLevelValues is the keys of the file that hold one value.
func topLevelValues() []string {
	var names []string
	for field := range reflect.TypeFor[file]().Fields() {
		if field.Type.Kind() == reflect.String {
			names = append(names, field.Tag.Get("yaml"))
		}
	}
	return names
}

// slot is where a variable's value goes: a key of a mapping.
type slot struct {
	mapping *yaml.Node
	key     string
	secret  bool // one of x, x_file, x_command: replaces the others
}

// find walks the parts of a variable's name down the types of the file and its
// tree together, adding mappings that the file does not have.
func find(node *yaml.Node, parts []string) (slot, error) {
	t := reflect.TypeFor[file]()
	for i, part := range parts {
		last := i == len(parts)-1
		if node.Kind != yaml.MappingNode {
			return slot{}, errors.New("config: cannot be set while the file has no mapping there")
		}
		if t.Kind() == reflect.Map {
			if !last {
				return slot{}, errNoSetting
			}
			return slot{mapping: node, key: part}, nil
		}
		keys := fieldsOf(t)
		index, ok := keys.index[part]
		if !ok {
			return slot{}, fmt.Errorf("%w%s", errNoSetting, meant(part, keys.names))
		}
		t = t.Field(index).Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() == reflect.Slice {
			if last || t.Elem().Kind() != reflect.Struct {
				return slot{}, errList
			}
			if i+2 == len(parts) {
				return slot{}, errSeveral
			}
			return findElement(node, part, parts[i+1:], t.Elem())
		}
		if last {
			return leaf(node, part, t, keys)
		}
		if t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
			return slot{}, errNoSetting
		}
		node = child(node, part)
	}
	return slot{}, errNoSetting
}

// leaf is the slot of a key that ends a variable's name.
func leaf(node *yaml.Node, key string, t reflect.Type, keys fields) (slot, error) {
	if t.Kind() == reflect.Struct || t.Kind() == reflect.Map {
		return slot{}, errSeveral
	}
	_, secret := keys.index[secretBase(key)+"_file"]
	return slot{mapping: node, key: key, secret: secret}, nil
}

// findElement is the slot of a key of the element of a list that has the id, or
// where elements have none the name, parts[0].
func findElement(node *yaml.Node, list string, parts []string, t reflect.Type) (slot, error) {
	keys := fieldsOf(t)
	index, ok := keys.index[parts[1]]
	if !ok {
		return slot{}, fmt.Errorf("%w%s", errNoSetting, meant(parts[1], keys.names))
	}
	known := "id"
	if _, ok := keys.index[known]; !ok {
		known = "name"
	}
	for _, element := range elements(node, list) {
		if element.Kind != yaml.MappingNode || variableName(text(element, known)) != parts[0] {
			continue
		}
		field := t.Field(index).Type
		if field.Kind() == reflect.Map && len(parts) == 3 {
			return slot{mapping: child(element, parts[1]), key: parts[2]}, nil
		}
		if field.Kind() == reflect.Slice {
			return slot{}, errList
		}
		if len(parts) != 2 {
			return slot{}, errNoSetting
		}
		return leaf(element, parts[1], field, keys)
	}
	return slot{}, errors.New("config: the file has nothing with the " + known + " \"" + parts[0] + "\" in " + list)
}

// put enters the value and remembers the variable it came from.
func (s slot) put(d *document, variable, value string) {
	if s.mapping.Kind != yaml.MappingNode {
		return // the decoder reports what stands there instead
	}
	if s.secret {
		base := secretBase(s.key)
		remove(s.mapping, base, base+"_file", base+"_command")
	} else {
		remove(s.mapping, s.key)
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: s.key}
	entry := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	d.origin[key], d.origin[entry] = variable, variable
	s.mapping.Content = append(s.mapping.Content, key, entry)
}

// secretBase is x for x, x_file and x_command.
func secretBase(key string) string {
	key = strings.TrimSuffix(key, "_command")
	return strings.TrimSuffix(key, "_file")
}

// variableName is an id as part of a variable's name, in lower case.
func variableName(id string) string {
	return strings.ReplaceAll(strings.ToLower(id), "-", "_")
}

// child is the value of a key of a mapping. A key that is missing or says
// nothing becomes an empty mapping.
func child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != key {
			continue
		}
		if isNull(mapping.Content[i+1]) {
			mapping.Content[i+1] = &yaml.Node{Kind: yaml.MappingNode, Line: mapping.Content[i].Line, Column: mapping.Content[i].Column}
		}
		return mapping.Content[i+1]
	}
	added := &yaml.Node{Kind: yaml.MappingNode, Line: mapping.Line, Column: mapping.Column}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key, Line: mapping.Line, Column: mapping.Column}, added)
	return added
}

// elements is what a key of a mapping lists.
func elements(mapping *yaml.Node, key string) []*yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key && mapping.Content[i+1].Kind == yaml.SequenceNode {
			return mapping.Content[i+1].Content
		}
	}
	return nil
}

// text is the text of a key of a mapping; empty when there is none.
func text(mapping *yaml.Node, key string) string {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key && mapping.Content[i+1].Kind == yaml.ScalarNode {
			return mapping.Content[i+1].Value
		}
	}
	return ""
}

// remove takes keys out of a mapping.
func remove(mapping *yaml.Node, keys ...string) {
	var kept []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if !slices.Contains(keys, mapping.Content[i].Value) {
			kept = append(kept, mapping.Content[i], mapping.Content[i+1])
		}
	}
	mapping.Content = kept
}
