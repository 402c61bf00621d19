package google_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/google"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := google.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Google,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, EmailVerified: true, Picture: p.Picture}
		},
		IDToken: true,
	})
}
