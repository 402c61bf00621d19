package broker_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// What is left of the databases decides whether load balancers send people here,
// and what everybody reads about it.
func TestModesOfANode(t *testing.T) {
	primary := pgtest.Primary(t)
	dsn := primary.Database("broker", brokertest.Fill)
	replica := primary.Standby()
	n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) { c.Store.Reader = replica.On(dsn) }
	})
	steps := []struct {
		name    string
		happens func()
		mode    contact.Mode
		ready   int
		says    string // below the ok
		limits  string
	}{
		{"all is well", func() {}, contact.Full, http.StatusOK, "", ""},
		{"the writer dies", primary.Kill, contact.WriterLost, http.StatusOK, "contact writer_lost: ", "accounts"},
		{"the replica dies too", replica.Kill, contact.Alone, http.StatusServiceUnavailable, "", "websites"},
		{"all is well again", func() { replica.Restart(); primary.Restart() }, contact.Full, http.StatusOK, "", ""},
	}
	for _, step := range steps {
		step.happens()
		eventually(t, step.name+": "+step.mode.String(), func() bool { return n.Broker.Contact().Mode == step.mode })
		var ready brokertest.Response
		eventually(t, step.name+": /readyz", func() bool {
			ready = n.AskAdmin("/readyz")
			return ready.Status == step.ready
		})
		if lines := strings.Split(string(ready.Body), "\n"); step.ready == http.StatusOK &&
			(lines[0] != "ok" || strings.HasPrefix(lines[1], "contact ") != (step.says != "") || !strings.HasPrefix(lines[1], step.says)) {
			t.Errorf("%s: /readyz says %q", step.name, ready.Body)
		}
		eventually(t, step.name+": limits "+step.limits, func() bool {
			var read status.Report
			if err := json.Unmarshal(n.Ask(http.MethodGet, status.JSONPath).Body, &read); err != nil {
				t.Fatal(err)
			}
			return read.Limits == step.limits
		})
	}
}

// takesWrites reports whether a node says that it is ready and lacks nothing for it:
// without the writer it may be ready too.
func takesWrites(n *brokertest.Node) bool {
	ready := n.AskAdmin("/readyz")
	return ready.Status == http.StatusOK && !strings.Contains(string(ready.Body), "contact ")
}
