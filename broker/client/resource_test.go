package client

import (
	"errors"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/keys"
)

func api(change ...func(*Resource)) *Resource {
	r := &Resource{
		ID: "https://api.example.kr", Name: "Orders", Scopes: []string{"orders.read", "orders:write"}, Clients: []string{"shop"},
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func TestResourcesAreValidated(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Resource)
		field  string // of the one problem; empty: none
	}{
		{"everything right", func(*Resource) {}, ""},
		{"a name that is no URL", func(r *Resource) { r.ID = "urn:example:orders" }, ""},
		{"a path", func(r *Resource) { r.ID = "https://api.example.kr/orders/" }, ""},
		{"no scopes", func(r *Resource) { r.Scopes = nil }, ""},
		{"no id", func(r *Resource) { r.ID = "" }, "id"},
		{"an id that is not absolute", func(r *Resource) { r.ID = "/orders" }, "id"},
		{"a fragment", func(r *Resource) { r.ID += "#a" }, "id"},
		{"a query", func(r *Resource) { r.ID += "?a=b" }, "id"},
		{"an empty query", func(r *Resource) { r.ID += "?" }, "id"},
		{"a password", func(r *Resource) { r.ID = "https://a:b@api.example.kr" }, "id"},
		{"a space", func(r *Resource) { r.ID = "https://api.example.kr/a b" }, "id"},
		{"a long id", func(r *Resource) { r.ID += "/" + strings.Repeat("a", 255) }, "id"},
		{"no name", func(r *Resource) { r.Name = "" }, "name"},
		{"a scope of OpenID Connect", func(r *Resource) { r.Scopes = []string{"openid"} }, "scopes[0]"},
		{"offline_access", func(r *Resource) { r.Scopes = []string{"offline_access"} }, "scopes[0]"},
		{"a scope with a space", func(r *Resource) { r.Scopes = []string{"a b"} }, "scopes[0]"},
		{"a scope twice", func(r *Resource) { r.Scopes = []string{"a", "a"} }, "scopes[1]"},
		{"nobody who may ask", func(r *Resource) { r.Clients = nil }, "clients"},
		{"a client twice", func(r *Resource) { r.Clients = []string{"a", "a"} }, "clients[1]"},
		{"a nameless introspector", func(r *Resource) { r.Introspects = []string{""} }, "introspects[0]"},
		{"an algorithm of nobody", func(r *Resource) { r.SigningAlg = "HS256" }, "signing_alg"},
	}
	for _, tt := range tests {
		err := api(tt.change).Validate()
		if problem, found := errors.AsType[*Problem](err); found != (tt.field != "") || found && problem.Field != tt.field {
			t.Errorf("%s: %v, want a problem of %q", tt.name, err, tt.field)
		}
	}
}

func TestResourcesChangeAsAWhole(t *testing.T) {
	var s Resources
	if _, ok := s.Resource("https://api.example.kr"); ok {
		t.Error("an empty set knows one")
	}
	if err := s.Set([]*Resource{api()}); err != nil {
		t.Fatal(err)
	}
	found, ok := s.Resource("https://api.example.kr")
	if !ok || found.SigningAlg != keys.ES256 || !found.AllowsClient("shop") || found.AllowsClient("other") {
		t.Errorf("found %+v", found)
	}
	if _, ok := s.Resource("https://api.example.kr/"); ok {
		t.Error("ids are compared byte for byte")
	}
	if err := s.Set([]*Resource{api(func(r *Resource) { r.ID = "urn:other:1" }), api(), api()}); err == nil {
		t.Error("an id was taken twice")
	}
	if _, ok := s.Resource("urn:other:1"); ok {
		t.Error("a refused set changed something")
	}
}
