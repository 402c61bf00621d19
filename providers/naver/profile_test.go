package naver

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/oauth2"
)

func FuzzIdentify(f *testing.F) {
	f.Add(`{"resultcode":"00","message":"success","response":{"id":"abc","name":"김민지","email":"minji@naver.com","mobile":"010-1234-5678","profile_image":"https://i.example/m.png"}}`)
	f.Add(`{"resultcode":"024","message":"Authentication failed"}`)
	f.Add(`{"resultcode":"00","response":{"id":123}}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got, err := identify(d)
		if err != nil {
			return
		}
		if d.Raw("resultcode") != "00" || got.Subject != d.Object("response").Raw("id") || got.EmailVerified || got.PhoneVerified {
			t.Errorf("identity %+v of %s", got, body)
		}
		if strings.ContainsAny(got.Name+got.Email+got.Phone+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("identity %+v", got)
		}
	})
}
