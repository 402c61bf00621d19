package naver_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/naver"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o oauth2.Options) *oauth2.Provider {
	t.Helper()
	p, err := naver.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Naver,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OAuth2()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, Phone: p.Phone, Picture: p.Picture}
		},
		Userinfo: true,
		Stranger: func(answer map[string]any, subject string) {
			if person, ok := answer["response"].(map[string]any); ok {
				person["id"] = subject
			}
		},
	})
}
