package facebook

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/oauth2"
)

func FuzzIdentify(f *testing.F) {
	f.Add(`{"id":"10158","name":"김민지","email":"minji@example.com","picture":{"data":{"is_silhouette":false,"url":"https://img.example/m.png"}}}`)
	f.Add(`{"id":9007199254740993,"picture":{"data":7}}`)
	f.Add(`{"error":{"message":"x","type":"OAuthException","code":190}}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			return
		}
		got, err := identify(d)
		if err != nil {
			return
		}
		if got.Subject != d.ID("id") || got.EmailVerified || strings.ContainsAny(got.Name+got.Email+got.Picture, "\x00\r\n\u202e") {
			t.Errorf("identity %+v of %s", got, body)
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add(`{"error":{"message":"Error validating client secret.","code":1}}`, 400)
	f.Add(`{"error":{"code":100,"error_subcode":36008,"message":"verification code"}}`, 400)
	f.Add(`{"error":"access_denied"}`, 0)
	f.Fuzz(func(t *testing.T, body string, status int) {
		d, err := oauth2.ParseDocument([]byte(body))
		if err != nil {
			d = nil
		}
		a := oauth2.Answer{Status: status, Document: d}
		outcome, _, known := classify(a)
		if known && (outcome == "ok" || outcome == "user") {
			t.Errorf("%s means %s", body, outcome)
		}
		if refused(a) && problem(a).ID("code") != "100" {
			t.Errorf("%s is taken for a healthy refusal", body)
		}
	})
}
