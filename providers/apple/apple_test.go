package apple_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/apple"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, w *providertest.World) *openid.Provider {
	t.Helper()
	client := w.Upstream.Client()
	p, err := apple.New(apple.Options{Options: w.OpenID(), TeamID: client.TeamID, KeyID: client.KeyID, PrivateKey: client.KeyPEM()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Apple,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FamilyName + p.GivenName, Email: p.Email, EmailVerified: true}
		},
		IDToken:  true,
		AuthTime: true,
	})
}
