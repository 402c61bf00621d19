package openid_test

import (
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

// A generic provider that is known by its issuer alone.
func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.OpenID,
		New: func(t *testing.T, w *providertest.World) providers.Provider {
			o := w.OpenID()
			o.Instance.Kind, o.Instance.Name, o.Instance.Reauth = "openid", "Somewhere", providers.ReauthForced
			o.Scopes = []string{"openid", "profile", "email", "phone"}
			o.PKCE = true
			p, err := openid.New(o)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			return p
		},
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{
				Name: p.FullName, Email: p.Email, EmailVerified: true, Phone: p.Phone, PhoneVerified: true,
				Picture: p.Picture, Locale: p.Locale,
			}
		},
		IDToken:  true,
		Userinfo: true,
		AuthTime: true,
		Stranger: func(answer map[string]any, subject string) { answer["sub"] = subject },
	})
}
