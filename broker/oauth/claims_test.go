package oauth

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of the parameter claims stays what has a meaning here; it fails only when it
// cannot be read.
func TestClaims(t *testing.T) {
	tests := []struct {
		name, parameter string
		want            *ClaimsRequest
		wanted          []string // acr_values
	}{
		{"nothing", ``, nil, nil},
		{"an empty object", `{}`, nil, nil},
		{"unknown members and claims", `{"verified_claims":{"x":1},"id_token":{"shoe_size":{"essential":true},"name#ko":null}}`, nil, nil},
		{
			"claims of both members", `{"id_token":{"email":null,"name":{"essential":true}},"userinfo":{"phone_number":{"value":"1"},"picture":{"values":["a","b"]}}}`,
			&ClaimsRequest{IDToken: []string{"email", "name"}, Userinfo: []string{"phone_number", "picture"}}, nil,
		},
		{"null members", `{"id_token":null,"userinfo":null}`, nil, nil},
		{"an essential acr", `{"id_token":{"acr":{"essential":true,"values":["phr","phrh"]}}}`, &ClaimsRequest{ACR: []string{"phr", "phrh"}}, nil},
		{"an essential acr with one value", `{"id_token":{"acr":{"essential":true,"value":"phr"}}}`, &ClaimsRequest{ACR: []string{"phr"}}, nil},
		{"an essential acr of any value", `{"id_token":{"acr":{"essential":true}}}`, nil, nil},
		{"an acr that would be nice", `{"id_token":{"acr":{"values":["phr","phrh"]}}}`, nil, []string{"phr", "phrh"}},
		{"a subject", `{"id_token":{"sub":{"value":"u_1"}}}`, &ClaimsRequest{Subject: "u_1"}, nil},
		{"one subject twice", `{"id_token":{"sub":{"value":"u_1"}},"userinfo":{"sub":{"value":"u_1"}}}`, &ClaimsRequest{Subject: "u_1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseAuthorization(request("claims", tt.parameter))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.wanted, got.ACRValues); diff != "" {
				t.Errorf("acr_values (-want +got):\n%s", diff)
			}
		})
	}
	for name, parameter := range map[string]string{
		"no JSON": `x`, "a list": `[]`, "a text": `"a"`, "null": `null`, "a member that is a list": `{"id_token":[]}`,
		"a claim that is a text": `{"id_token":{"email":"yes"}}`, "two subjects": `{"id_token":{"sub":{"values":["a","b"]}}}`,
		"two subjects in two members": `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`,
		"deep":                        `{"id_token":` + strings.Repeat(`[`, 1500) + `}`,
		"large":                       `{"id_token":{"email":{"value":"` + strings.Repeat("a", 2000) + `"}}}`,
	} {
		if _, err := ParseAuthorization(request("claims", parameter)); !HasCode(err, CodeInvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := ParseAuthorization(request("claims", "x", "response_mode", "form_post")); err == nil || got.ResponseMode != ModeFormPost {
		t.Errorf("an error is told in the mode that was asked for: %v %q", err, got.ResponseMode)
	}
}
