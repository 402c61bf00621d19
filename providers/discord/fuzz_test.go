package discord

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

func FuzzProfile(f *testing.F) {
	f.Add(`{"id":"80351110224678912","username":"nelly","avatar":"8342729096ea3675442027381ff50dfe","verified":true,"email":"nelly@example.com"}`)
	f.Add(`{"id":80351110224678912,"global_name":"x","email":"a@b","verified":"true"}`)
	f.Add(`{"id":"80351110224678913"}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got := providers.Identity{Subject: "80351110224678912"}
		if profile(d, &got) != nil {
			return
		}
		if d.ID("id") != "80351110224678912" || got.EmailVerified && got.Email == "" {
			t.Errorf("profile %+v of %s", got, body)
		}
		if strings.ContainsAny(got.Name+got.Email+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("profile %+v", got)
		}
	})
}
