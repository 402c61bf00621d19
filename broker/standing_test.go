package broker_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store"
)

// metric is a series as it is scraped, "" if there is none.
func metric(t *testing.T, n *brokertest.Node, series string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.Admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(n.Do(r).Body)
	if found == nil {
		return ""
	}
	return string(found[1])
}

func TestOldSecretsAreCounted(t *testing.T) {
	const older = "an-older-secret-of-more-than-thirty-two"
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			for _, known := range c.Clients {
				if known.ID == brokertest.RP1.ID {
					known.SecretHashes = append(known.SecretHashes, client.HashSecret(older))
				}
			}
		}
	})
	series := fmt.Sprintf("bongsu_client_secret_old_used_total{client=%q}", brokertest.RP1.ID)
	for i, tt := range []struct{ secret, want string }{{brokertest.RP1.Secret, ""}, {older, "1"}, {"wrong-and-of-more-than-thirty-two-letters", "1"}, {older, "2"}} {
		secret(t, n, at(t, "127.0.0.1"), brokertest.RP1.ID, tt.secret)
		if got := metric(t, n, series); got != tt.want {
			t.Errorf("after secret %d: %q, want %q", i+1, got, tt.want)
		}
	}
}

func TestKeysAndFactsAreTold(t *testing.T) {
	n := brokertest.StartNode(t)
	for series, want := range map[string]string{
		`bongsu_signing_keys{algorithm="RS256",state="active"}`:   "1",
		`bongsu_signing_keys{algorithm="RS256",state="retiring"}`: "0",
		`bongsu_negative_facts`:                                   "0",
	} {
		if got := metric(t, n, series); got != want {
			t.Errorf("%s is %q, want %q", series, got, want)
		}
	}
	for _, sid := range []string{"a", "b"} {
		if err := n.Broker.Negative().Apply(t.Context(), store.Fact{Kind: store.SessionEnded, ID: sid}); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "the store has both", func() bool {
		return metric(t, n, "bongsu_negative_unsent") == "0" && metric(t, n, "bongsu_negative_revision") == "2"
	})
	if got := metric(t, n, "bongsu_negative_facts"); got != "2" {
		t.Errorf("%q facts are known", got)
	}
}
