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

// What is left of the databases decides what load balancers hear, and what everybody
// reads about it: a node is ready while the people of one website can log in, and
// says in which mode to those who would rather send people elsewhere.
func TestModesOfANode(t *testing.T) {
	primary := pgtest.Primary(t)
	dsn := primary.Database("broker", brokertest.Fill)
	replica := primary.Standby()
	n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		goesOn(s)
		continues := s.Configure
		s.Configure = func(c *config.Config) { continues(c); c.Store.Reader = replica.On(dsn) }
	})
	steps := []struct {
		name    string
		happens func()
		mode    contact.Mode
		says    string // below the ok
		limits  string
	}{
		{"all is well", func() {}, contact.Full, "", ""},
		{"the writer dies", primary.Kill, contact.WriterLost, "contact writer_lost: ", "accounts"},
		{"the replica dies too", replica.Kill, contact.Alone, "contact alone: ", "websites"},
		{"all is well again", func() { replica.Restart(); primary.Restart() }, contact.Full, "", ""},
	}
	for _, step := range steps {
		step.happens()
		eventually(t, step.name+": "+step.mode.String(), func() bool { return n.Broker.Contact().Mode == step.mode })
		var ready brokertest.Response
		eventually(t, step.name+": /readyz", func() bool {
			ready = n.AskAdmin("/readyz")
			return ready.Status == http.StatusOK && ready.Header.Get("X-Bongsu-Mode") == step.mode.String()
		})
		if lines := strings.Split(string(ready.Body), "\n"); lines[0] != "ok" ||
			strings.HasPrefix(lines[1], "contact ") != (step.says != "") || !strings.HasPrefix(lines[1], step.says) {
			t.Errorf("%s: /readyz says %q", step.name, ready.Body)
		}
		for _, asked := range contact.Modes {
			want := http.StatusOK
			if step.mode > asked {
				want = http.StatusServiceUnavailable
			}
			if got := n.AskAdmin("/readyz?mode=" + asked.String()); got.Status != want {
				t.Errorf("%s: asked for %s it answers %d %s", step.name, asked, got.Status, got.Body)
			}
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

// A node that can serve nobody is not ready, whatever it is asked for, and a mode that
// there is not is nobody's answer.
func TestANodeThatServesNobody(t *testing.T) {
	var w wire
	n := brokertest.StartNode(t)
	n.Behind(w.between)
	n.Restart(func(*config.Config) {})
	for query, want := range map[string]int{"?mode=": http.StatusBadRequest, "?mode=best": http.StatusBadRequest, "?mode=full&mode=alone": http.StatusBadRequest} {
		if got := n.AskAdmin("/readyz" + query); got.Status != want {
			t.Errorf("%q answers %d %s", query, got.Status, got.Body)
		}
	}
	w.cut.Store(true)
	eventually(t, "no database answers", func() bool { return n.Broker.Contact().Mode == contact.Alone })
	for _, query := range []string{"", "?mode=alone"} {
		if got := n.AskAdmin("/readyz" + query); got.Status != http.StatusServiceUnavailable || got.Header.Get("X-Bongsu-Mode") != "alone" || got.Header.Get("Retry-After") == "" {
			t.Errorf("%q answers %d %s", query, got.Status, got.Body)
		}
	}
}

// takesWrites reports whether a node says that it is ready and lacks nothing for it:
// without the writer it may be ready too.
func takesWrites(n *brokertest.Node) bool {
	ready := n.AskAdmin("/readyz")
	return ready.Status == http.StatusOK && !strings.Contains(string(ready.Body), "contact ")
}
