package config

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v4"
)

// Every key that the loader knows is known to the schema, and no other.
func TestTheSchemaKnowsTheKeysThatTheLoaderKnows(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, "", reflect.TypeFor[file](), root)
}

func sameKeys(t *testing.T, path string, of reflect.Type, schema map[string]any) {
	t.Helper()
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		if of.Kind() == reflect.Slice {
			schema, _ = schema["items"].(map[string]any)
		}
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of.PkgPath() != reflect.TypeFor[file]().PkgPath() {
		return
	}
	known := fieldsOf(of)
	properties, _ := schema["properties"].(map[string]any)
	if len(properties) != len(known.names) || schema["additionalProperties"] != false {
		t.Errorf("%q: the loader knows %d keys, the schema %d", path, len(known.names), len(properties))
	}
	for name, i := range known.index {
		child, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s is not in the schema", join(path, name))
			continue
		}
		sameKeys(t, join(path, name), of.Field(i).Type, child)
	}
}

// The example, which names every key, has the shape that the schema asks for.
func TestTheExampleHasTheShapeOfTheSchema(t *testing.T) {
	text, err := os.ReadFile("../../deploy/bongsu.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var example map[string]any
	if err := yaml.Unmarshal(text, &example); err != nil {
		t.Fatal(err)
	}
	fits(t, "", example, schemaOf("", reflect.TypeFor[file]()))
}

func fits(t *testing.T, path string, value any, schema map[string]any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		properties, closed := schema["properties"].(map[string]any)
		for key, child := range v {
			inner, ok := properties[key].(map[string]any)
			if !closed {
				inner, ok = schema["additionalProperties"].(map[string]any)
			}
			if !ok {
				t.Errorf("%s is not in the schema", join(path, key))
				continue
			}
			fits(t, join(path, key), child, inner)
		}
	case []any:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			t.Errorf("%s is a list, which the schema does not take", path)
			return
		}
		for i, child := range v {
			fits(t, index(path, i), child, items)
		}
	}
}
