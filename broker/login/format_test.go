package login

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/seal/sealtest"
	"github.com/bongsu/bongsu/providers"
)

// sampleProof is a proof with everything that a provider may say.
func sampleProof(provider string) *Proof {
	return &Proof{At: 1_800_000_000, Identity: providers.Identity{
		Provider: provider, Subject: "4711", Name: "Minji", Email: "minji@mail.example", EmailVerified: true,
		Phone: "+821012345678", PhoneVerified: true, Picture: "https://img.example/m.png", Locale: "ko",
		AuthTime: time.Unix(1_799_999_000, 0).UTC(), ACR: "2", AMR: []string{"pwd"}, ProfileMissing: true,
	}}
}

// A login goes on at a node of the version before or after.
func TestLoginsAreWrittenAsBefore(t *testing.T) {
	age := 300
	sealtest.Format(t, "login", Login{
		ID: "login", Purpose: PurposeLogin, Secret: []byte("0123456789abcdef0123456789abcdef"), Client: "shop",
		Request: oauth.AuthorizationRequest{
			ClientID: "shop", RedirectURI: "https://shop.example/cb", ResponseType: "code", ResponseMode: oauth.ModeFormPost,
			Scope: []string{"openid"}, Resources: []string{"https://api.example"}, OtherScope: []string{"orders.read"}, State: "state",
			Nonce: "nonce", Challenge: "challenge", Prompt: []string{"login"}, MaxAge: &age, ACRValues: []string{"phr"},
			LoginHint: "minji", IDTokenHint: "token", IDPHint: "kakao",
			Claims:    &oauth.ClaimsRequest{IDToken: []string{"name"}, Userinfo: []string{"email"}, ACR: []string{"phr"}, Subject: "u_subject"},
			UILocales: []string{"ko"},
		},
		Began: 1_800_000_000, Seen: 1_800_000_060, Hinted: "u_subject", Lang: "ko",
		Failures: []Failure{{Way: "kakao", Reason: web.ReasonUnavailable}}, Last: "kakao", Proof: sampleProof("naver"), Drill: "drill", Came: []string{"busan"}, Waits: 1_800_000_030,
		New: sampleProof("google"), Answer: &answer{Account: "account", Scope: []string{"openid"}, Declined: []string{"email"}},
		Session: "sid", Account: "account", Way: "google", Remove: "tag", Then: "data", Linked: []string{"naver"}, Owner: sampleProof("naver"),
	})
	sealtest.Format(t, "login-done", done{Client: "shop", At: 1_800_000_000})
	sealtest.Format(t, "browser-mark", mark{Browser: "browser", Ways: []string{"kakao"}, At: 1_800_000_000})
}

// What a provider carries for us comes back to whichever node answers.
func TestStatesAreWrittenAsBefore(t *testing.T) {
	s := state{purpose: PurposeLogin, login: strings.Repeat("a", id.DatedLength), leg: "legleg22", provider: "provider", client: "client"}
	if got, want := s.message(), "l"+strings.Repeat("a", 24)+"legleg22"+"provider"+"client"; got != want {
		t.Errorf("%q, before it was %q: a leg would not find its way back while programs are replaced", got, want)
	}
	for purpose, mark := range map[Purpose]string{
		PurposeLogin: "l", PurposeAccount: "a", PurposeLink: "k", PurposeReauth: "r", PurposeConfirm: "c",
	} {
		if purposeMarks[purpose] != mark {
			t.Errorf("%s is written %q, before it was %q", purpose, purposeMarks[purpose], mark)
		}
	}
}

// A login for something that only the next version knows is no forgery: its leg is
// tried again, and the node that began it may answer then.
func TestAStateOfTheNextVersionCouldNotBeChecked(t *testing.T) {
	h := newHouse(t)
	message := "z" + strings.Repeat("a", id.DatedLength) + "legleg22" + "provider" + "client"
	keyID, mac := h.ring.Tag(sealState, []byte(message))
	_, err := readState(t.Context(), h.ring, keyID+message+id.Text(mac), "")
	if !errors.Is(err, seal.ErrUnavailable) || errors.Is(err, errState) {
		t.Errorf("got %v", err)
	}
}
