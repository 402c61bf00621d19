package token

import (
	"testing"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/keys/seal/sealtest"
)

// A node of the version before or after redeems what this one has sealed.
func TestCodesAreWrittenAsBefore(t *testing.T) {
	yes := true
	sealtest.Format(t, "code", Code{
		Login: "login", Arbiter: Writer, Client: "shop", Redirect: "https://shop.example/cb", Challenge: "challenge",
		Scope: []string{"openid", "email"}, Resources: []string{"https://api.example"}, Nonce: "nonce", Issued: 1_800_000_000,
		Account: "account", Epoch: 7, Subject: "u_subject",
		Claims: account.Claims{
			Name: "Minji", Picture: "https://img.example/m.png", Locale: "ko", UpdatedAt: 1_790_000_000,
			Email: "minji@mail.example", EmailVerified: &yes, Phone: "+821012345678", PhoneVerified: &yes,
		},
		Userinfo: []string{"name"}, SID: "sid", Way: "kakao", ACR: "urn:bongsu:acr:provider", AMR: []string{"pwd"}, AuthTime: 1_799_999_000,
	})
}
