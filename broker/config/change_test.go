package config

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/limit"
	"github.com/bongsu/bongsu/keys"
)

// Whatever is changed in a configuration, one of the two lists names it: nobody
// waits for a change that never comes.
func TestEveryChangeIsNamed(t *testing.T) {
	before := &Config{}
	for field := range reflect.TypeFor[Config]().Fields() {
		if !field.IsExported() {
			continue // where something is written is no setting
		}
		after := &Config{}
		touch(t, reflect.ValueOf(after).Elem().FieldByIndex(field.Index))
		change := after.Since(before, before)
		if len(change.Now)+len(change.Restart) == 0 {
			t.Errorf("a change of %s is not noticed", field.Name)
		}
	}
	keys := map[string]bool{}
	for _, s := range slices.Concat(atOnce, atStart) {
		keys[s.key] = true
	}
	for field := range reflect.TypeFor[file]().Fields() {
		key := field.Tag.Get("yaml")
		if key != "" && !keys[key] && !isSecretOf(key, keys) {
			t.Errorf("the key %s of the file is in no list", key)
		}
	}
}

func isSecretOf(key string, keys map[string]bool) bool {
	for _, end := range []string{"_file", "_command"} {
		if len(key) > len(end) && key[len(key)-len(end):] == end && keys[key[:len(key)-len(end)]] {
			return true
		}
	}
	return false
}

// touch gives v another value than it has.
func touch(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		touch(t, v.Field(0))
	default:
		t.Fatalf("a field of kind %s", v.Kind())
	}
}

func TestSince(t *testing.T) {
	started := &Config{
		Site: "seoul", Clients: []*client.Client{{ID: "a"}}, Providers: []Provider{{ID: "kakao", Timeout: time.Second}},
		Keys: Keys{Algorithms: []keys.Algorithm{keys.RS256}},
	}
	edit := func(change func(*Config)) *Config {
		c := *started
		c.Providers = slices.Clone(c.Providers)
		change(&c)
		return &c
	}
	tests := []struct {
		name         string
		next         *Config
		now, restart []string
	}{
		{"nothing", edit(func(*Config) {}), nil, nil},
		{"the same clients, read again", edit(func(c *Config) { c.Clients = []*client.Client{{ID: "a"}} }), nil, nil},
		{"a client more", edit(func(c *Config) { c.Clients = append(slices.Clone(c.Clients), &client.Client{ID: "b"}) }), []string{"clients"}, nil},
		{"a ceiling", edit(func(c *Config) { c.Providers[0].Ceiling = 5 }), []string{"providers[].ceiling"}, nil},
		{"a provider's patience", edit(func(c *Config) { c.Providers[0].Timeout = 2 }), nil, []string{"providers"}},
		{"a limit and the site", edit(func(c *Config) { c.Limits.Starts = limit.Rate{PerSecond: 1, Burst: 1}; c.Site = "busan" }), []string{"limits"}, []string{"site"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.next.Since(started, started); !slices.Equal(got.Now, tt.now) || !slices.Equal(got.Restart, tt.restart) {
				t.Errorf("%+v, want %v now and %v at a restart", got, tt.now, tt.restart)
			}
		})
	}
	if err := edit(func(c *Config) { c.Keys.Algorithms = []keys.Algorithm{keys.RS256, keys.EdDSA} }).Follows(started); err == nil {
		t.Error("an algorithm without a key was taken over")
	}
	if err := edit(func(*Config) {}).Follows(started); err != nil {
		t.Error(err)
	}
}
