package broker_test

import (
	"net/http"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
)

// A whole login at every provider, for every kind of website.
func TestWholeLogin(t *testing.T) { onEveryStore(t, everyWay) }

func everyWay(t *testing.T, n *brokertest.Node) {
	for _, way := range []string{"kakao", "naver", "google", "apple", "p", "q"} {
		t.Run(way, func(t *testing.T) { wholeLogin(t, n, brokertest.RP1, way) })
	}
	for _, website := range []brokertest.Website{
		brokertest.RP2, brokertest.RP3, brokertest.Optional, brokertest.ES256, brokertest.EdDSA, brokertest.Pairwise,
	} {
		t.Run(website.ID, func(t *testing.T) { wholeLogin(t, n, website, "kakao") })
	}
}

func wholeLogin(t *testing.T, n *brokertest.Node, website brokertest.Website, way string) {
	t.Helper()
	answer := n.Login(n.NewBrowser(), way, "vic", website.Request())
	tokens := n.Redeem(answer)
	if tokens.Status != http.StatusOK {
		t.Fatalf("the code gave %d %s", tokens.Status, tokens.Body)
	}
	claims := brokertest.Claims(tokens.Text("id_token"))
	if claims["nonce"] != answer.Request.Get("nonce") || claims["aud"] != website.ID || claims["iss"] != n.Issuer {
		t.Errorf("ID token %v", claims)
	}
	profile := n.Userinfo(tokens.Text("access_token"))
	if profile.Status != http.StatusOK || profile.Text("sub") != claims["sub"] {
		t.Errorf("userinfo answered %d %s for %v", profile.Status, profile.Body, claims["sub"])
	}
}
