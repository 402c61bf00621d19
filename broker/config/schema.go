package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"time"
)

// Schema is the JSON Schema (2020-12) of the configuration file, for editors: its
// keys and their shapes, from the very types that the file is read into. What
// values mean together is checked by [Load].
func Schema() ([]byte, error) {
	root := schemaOf("", reflect.TypeFor[file]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Bongsu configuration"
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(text, '\n'), nil
}

// schemaOf is the shape of what stands at path, and what it is for.
func schemaOf(path string, t reflect.Type) map[string]any {
	shape := shapeOf(path, t)
	if m, ok := meaningOf(path); ok {
		shape["description"] = m.says
	}
	return shape
}

// shapeOf is the shape of one type. A key that says nothing leaves the default,
// so that null is allowed everywhere; text may be written without quotes.
func shapeOf(path string, t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[netip.Prefix]():
		return map[string]any{"type": []string{"string", "null"}, "description": "an address range such as 10.0.0.0/8, or one address"}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": []string{"string", "null"}, "description": "a duration such as 90d, 12h or 4s"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(path, t.Elem())
	case reflect.Struct:
		keys := map[string]any{}
		for field := range t.Fields() {
			key := field.Tag.Get("yaml")
			keys[key] = schemaOf(join(path, key), field.Type)
		}
		return map[string]any{"type": []string{"object", "null"}, "properties": keys, "additionalProperties": false}
	case reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": shapeOf(path, t.Elem())}
	case reflect.Map:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": shapeOf(path, t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": []string{"boolean", "null"}}
	case reflect.Float64, reflect.Int, reflect.Int64:
		return map[string]any{"type": []string{"number", "null"}}
	}
	if known := words[path]; known != nil {
		allowed := []any{nil}
		for _, word := range known {
			allowed = append(allowed, word)
		}
		return map[string]any{"enum": allowed}
	}
	return map[string]any{"type": []string{"string", "number", "boolean", "null"}}
}
