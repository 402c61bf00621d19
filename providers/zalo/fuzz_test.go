package zalo

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/oauth2"
)

func FuzzIdentify(f *testing.F) {
	f.Add(`{"error":0,"id":"6309","name":"민지","picture":{"data":{"url":"https://i.example/m.png"}}}`)
	f.Add(`{"id":9007199254740993,"name":"x"}`)
	f.Add(`{"id":"1","picture":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got, err := identify(d)
		if err != nil {
			return
		}
		if got.Subject != d.ID("id") || got.Email != "" || got.EmailVerified {
			t.Errorf("identity %+v of %s", got, body)
		}
		if strings.ContainsAny(got.Name+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("identity %+v", got)
		}
	})
}
