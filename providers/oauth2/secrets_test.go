package oauth2_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
)

// While our secret changes the new one is tried first, and the one before only
// where the provider refuses the new one: no other answer has a second try.
func TestSecretsThatChange(t *testing.T) {
	for _, tt := range []struct {
		name    string
		secrets []string
		answer  string // instead of the upstream's own
		want    error
		sent    []string
	}{
		{"the new one is taken", []string{"right", "old"}, "", nil, []string{"right"}},
		{"the new one is refused, the one before is taken", []string{"new", "right"}, "", nil, []string{"new", "right"}},
		{"both are refused", []string{"new", "old"}, "", providers.ErrRejected, []string{"new", "old"}},
		{"a code that is stale", []string{"right", "old"}, `{"error":"invalid_grant"}`, providers.ErrUnknown, []string{"right"}},
		{"a provider that fails", []string{"right", "old"}, `{"error":"server_error"}`, providers.ErrUnavailable, []string{"right"}},
		{"a redirect URI that is wrong", []string{"right", "old"}, `{"error":"redirect_uri_mismatch"}`, providers.ErrRejected, []string{"right"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.OAuth2)
			right := w.Upstream.Client().Secret
			o := w.OAuth2()
			o.ClientSecret = ""
			o.Secrets = func() []string {
				secrets := slices.Clone(tt.secrets)
				for i := range secrets {
					if secrets[i] == "right" {
						secrets[i] = right
					}
				}
				return secrets
			}
			var sent []string
			w.Upstream.AnswerWith(fakeidp.Token, func(rw http.ResponseWriter, r *http.Request) {
				secret := r.PostFormValue("client_secret")
				if secret == right {
					sent = append(sent, "right")
				} else {
					sent = append(sent, secret)
				}
				switch {
				case tt.answer != "":
					fakeidp.Reply(400, "application/json", tt.answer)(rw, r)
				case secret != right:
					fakeidp.Reply(401, "application/json", `{"error":"invalid_client"}`)(rw, r)
				default:
					fakeidp.Reply(200, "application/json", `{"access_token":"`+w.Upstream.AccessToken("haru", o.Instance.ClientID)+`","token_type":"Bearer"}`)(rw, r)
				}
			})
			o.Instance.Kind, o.Instance.Name, o.Instance.Reauth = "oauth2", "Somewhere", providers.ReauthNone
			o.Endpoints = oauth2.Endpoints{
				Authorize: w.Upstream.URL(fakeidp.Authorize), Token: w.Upstream.URL(fakeidp.Token), Userinfo: w.Upstream.URL(fakeidp.Userinfo),
			}
			p, err := oauth2.New(o, identify)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			_, err = p.Finish(t.Context(), providers.Leg{State: "s"}, providers.Return{Params: url.Values{"state": {"s"}, "code": {"c"}}})
			if !errors.Is(err, tt.want) || !slices.Equal(sent, tt.sent) {
				t.Errorf("Finish: %v after %q, want %v after %q", err, sent, tt.want, tt.sent)
			}
		})
	}
}
