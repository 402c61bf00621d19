package github

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/oauth2"
)

func FuzzIdentify(f *testing.F) {
	f.Add(`{"login":"octocat","id":583231,"name":"김민지","avatar_url":"https://img.example/m.png","email":null}`)
	f.Add(`{"login":"octocat","id":9007199254740993}`)
	f.Add(`{"message":"Bad credentials","status":"401"}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got, err := identify(d)
		if err != nil {
			return
		}
		if got.Subject != "" && (strings.Trim(got.Subject, "-0123456789") != "" || got.Subject != strings.TrimSpace(string(d["id"]))) {
			t.Errorf("subject %q of %s", got.Subject, body)
		}
		if got.Email != "" || got.EmailVerified || strings.ContainsAny(got.Name+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("identity %+v", got)
		}
	})
}
