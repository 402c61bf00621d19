package wechat

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/oauth2"
)

func FuzzIdentify(f *testing.F) {
	f.Add(`{"openid":"oAbc","nickname":"민지","headimgurl":"https://i.example/m.png","unionid":"u"}`)
	f.Add(`{"errcode":40029,"errmsg":"invalid code"}`)
	f.Add(`{"openid":7,"nickname":"x"}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got, err := identify(d)
		if err != nil {
			return
		}
		if got.Subject != d.Raw("openid") || got.Email != "" || got.EmailVerified {
			t.Errorf("identity %+v of %s", got, body)
		}
		if strings.ContainsAny(got.Name+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("identity %+v", got)
		}
	})
}
