package sealtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// updating is the variable that has members that were added written into the files.
const updating = "BONGSU_TEST_UPDATE_FORMATS"

// Format compares how T is written with testdata/formats/NAME.json, which holds
// sample as programs of before write it: they go on reading what is sealed here, and
// this program what they have sealed. sample leaves no member empty.
//
// A member that was added is told, so that whoever adds it thinks of the version
// before, and written with BONGSU_TEST_UPDATE_FORMATS=1. One that is gone, or that means something
// else, needs another purpose or another format of package seal.
func Format[T any](t *testing.T, name string, sample T) {
	t.Helper()
	filled(t, reflect.ValueOf(sample), reflect.TypeFor[T]().String())
	file := filepath.Join("testdata", "formats", name+".json")
	update := os.Getenv(updating) != ""
	known, err := os.ReadFile(file)
	if update && errors.Is(err, os.ErrNotExist) {
		known, err = []byte("{}"), os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	var before T
	strict := json.NewDecoder(bytes.NewReader(known))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&before); err != nil {
		t.Fatalf("what a program of before has sealed cannot be read any more: %v", err)
	}
	var unset, added []string
	compare(t, members(t, known), members(t, encode(t, before)), "", &unset) // read, and written again
	compare(t, members(t, known), members(t, encode(t, sample)), "", &added)
	if update && !t.Failed() {
		if err := os.WriteFile(file, encode(t, sample), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, member := range added {
		t.Errorf("%s is new: programs of before leave it out, and drop it when they seal again; run with %s=1", member, updating)
	}
}

// compare fails for members that were written otherwise before, and collects new ones.
func compare(t *testing.T, then, now any, path string, added *[]string) {
	t.Helper()
	before, ok := then.(map[string]any)
	after, also := now.(map[string]any)
	if !ok || !also {
		if diff := cmp.Diff(then, now); diff != "" {
			t.Errorf("%s was written otherwise before (-before +now):\n%s", path, diff)
		}
		return
	}
	for member, value := range before {
		compare(t, value, after[member], path+"."+member, added)
	}
	for member := range after {
		if _, known := before[member]; !known {
			*added = append(*added, path+"."+member)
		}
	}
}

// filled fails for every field that is empty: nobody would notice how it is written.
func filled(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if tag := field.Tag.Get("json"); !field.IsExported() || tag == "-" || tag == "" {
			continue
		}
		if v.Field(i).IsZero() {
			t.Errorf("the sample leaves %s.%s empty", path, field.Name)
			continue
		}
		filled(t, v.Field(i), path+"."+field.Name)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func members(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var found map[string]any
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}
