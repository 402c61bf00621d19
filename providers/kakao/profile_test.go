package kakao

import (
	"errors"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

func TestProfile(t *testing.T) {
	tests := []struct {
		name, body string
		want       providers.Identity
		err        error
	}{
		{
			"everything", `{"id":3141592653,"kakao_account":{
			"profile":{"nickname":"민지","profile_image_url":"https://img.example/m.png"},
			"name":"김민지","email":"minji@example.com","is_email_valid":true,"is_email_verified":true,"phone_number":"+82 10-1234-5678"}}`,
			providers.Identity{Name: "김민지", Email: "minji@example.com", EmailVerified: true, Phone: "+821012345678", Picture: "https://img.example/m.png"},
			nil,
		},
		{"a nickname only", `{"id":3141592653,"kakao_account":{"profile":{"nickname":"민지"}}}`, providers.Identity{Name: "민지"}, nil},
		{"nothing shared", `{"id":3141592653}`, providers.Identity{}, nil},
		{"an id in quotes", `{"id":"3141592653"}`, providers.Identity{}, nil},
		{"a default picture", `{"id":3141592653,"kakao_account":{"profile":{"profile_image_url":"https://img.example/d.png","is_default_image":true}}}`, providers.Identity{}, nil},
		{"a picture by plain http", `{"id":3141592653,"kakao_account":{"profile":{"profile_image_url":"http://img.example/m.png"}}}`, providers.Identity{}, nil},
		{"members of wrong types", `{"id":3141592653,"kakao_account":{"profile":7,"email":{},"phone_number":[],"name":null}}`, providers.Identity{}, nil},
		{"someone else", `{"id":3141592654}`, providers.Identity{}, providers.ErrUntrusted},
		{"the same number as a float", `{"id":3.141592653e9}`, providers.Identity{}, providers.ErrUnknown},
		{"id zero", `{"id":0}`, providers.Identity{}, providers.ErrUntrusted},
		{"no id", `{"kakao_account":{}}`, providers.Identity{}, providers.ErrUnknown},
		{"an error", `{"code":-1}`, providers.Identity{}, providers.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := oauth2.ParseDocument([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			got := providers.Identity{Subject: "3141592653"}
			tt.want.Subject = got.Subject
			if err := profile(d, &got); !errors.Is(err, tt.err) {
				t.Fatalf("profile: %v, want %v", err, tt.err)
			}
			if tt.err == nil && (got.Name != tt.want.Name || got.Email != tt.want.Email || got.EmailVerified != tt.want.EmailVerified ||
				got.Phone != tt.want.Phone || got.Picture != tt.want.Picture || got.PhoneVerified) {
				t.Errorf("identity %+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzProfile(f *testing.F) {
	f.Add(`{"id":3141592653,"kakao_account":{"profile":{"nickname":"민지","profile_image_url":"https://i.example/m.png"},"email":"m@example.com","is_email_valid":true,"is_email_verified":true}}`)
	f.Add(`{"id":9007199254740993,"kakao_account":{"phone_number":"+82 10-1234-5678"}}`)
	f.Add(`{"msg":"Internal error","code":-1}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got := providers.Identity{Subject: "3141592653"}
		if profile(d, &got) != nil {
			return
		}
		if d.ID("id") != "3141592653" || got.Subject != "3141592653" {
			t.Errorf("took the profile of %q", d.ID("id"))
		}
		if got.EmailVerified && got.Email == "" {
			t.Error("verified nothing")
		}
		if strings.ContainsAny(got.Name+got.Email+got.Phone+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("profile %+v", got)
		}
	})
}
