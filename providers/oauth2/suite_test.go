package oauth2_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A plain OAuth 2.0 service with a profile endpoint.
func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.OAuth2,
		New: func(t *testing.T, w *providertest.World) providers.Provider {
			o := w.OAuth2()
			o.Instance.Kind, o.Instance.Name, o.Instance.Reauth = "oauth2", "Somewhere", providers.ReauthNone
			o.Endpoints = oauth2.Endpoints{
				Authorize: w.Upstream.URL(fakeidp.Authorize),
				Token:     w.Upstream.URL(fakeidp.Token),
				Userinfo:  w.Upstream.URL(fakeidp.Userinfo),
			}
			o.AuthMethod = oauth2.SecretBasic
			p, err := oauth2.New(o, identify)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			return p
		},
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email}
		},
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) { answer["id"] = subject },
	})
}

func identify(d oauth2.Document) (providers.Identity, error) {
	if d.ID("id") == "" && d.Raw("name") == "" {
		return providers.Identity{}, oauth2.Refuse(providers.Unknown, "the profile says nothing")
	}
	return providers.Identity{Subject: d.ID("id"), Name: d.Text("name", 100), Email: oauth2.Email(d.Raw("email"))}, nil
}
