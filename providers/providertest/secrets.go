package providertest

import (
	"slices"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Operators change secrets while the provider runs: whatever is asked with a
// secret is asked with the one that the upstream takes, not with the configured
// one.
func testSecrets(t *testing.T, s Suite) {
	for _, tt := range []struct {
		name    string
		secrets []string // before the one that is right
	}{
		{"one was set", nil},
		{"one was set that the upstream does not take yet", []string{"a secret that will be taken"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := Start(t, s.Dialect)
			right := w.Upstream.Client().Secret
			w.Secrets = append(slices.Clone(tt.secrets), right)
			if s.Shared {
				w.Upstream.SignWith(fakeidp.Secret(right))
			}
			got, err := w.begin(t, s.New(t, w)).finish(t)
			if err != nil || got.Subject != w.Upstream.Subject("") || got.ProfileMissing {
				t.Errorf("identity %+v, %v", got, err)
			}
		})
	}
}
