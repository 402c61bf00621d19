package broker_test

import (
	"database/sql"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// A backup is restored as deploy/runbook.md says: the database of then, beside the
// data directory of now. Everybody is who they were, and what was taken away since
// the backup stays taken away.
func TestBackupAndRestore(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		restored := filepath.Join(t.TempDir(), "restored.db")
		restore(t, func(*brokertest.Setup) {}, func(t *testing.T, n *brokertest.Node) {
			db, err := sql.Open("sqlite", n.Database)
			if err == nil {
				_, err = db.ExecContext(t.Context(), "VACUUM INTO ?", restored) // while the node serves
			}
			if err == nil {
				err = db.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}, func(c *config.Config) { c.Store.Path = restored })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		before, after := pgtest.Database(t, "broker", brokertest.Fill), pgtest.Database(t, "broker", brokertest.Fill)
		dump := filepath.Join(t.TempDir(), "bongsu.dump")
		restore(t, brokertest.OnDatabase(before), func(t *testing.T, _ *brokertest.Node) {
			postgres(t, "pg_dump", "--format=custom", "--no-owner", "--file="+dump, before)
			postgres(t, "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--dbname="+after, dump)
		}, func(c *config.Config) { c.Store.Writer = after })
	})
}

func restore(t *testing.T, on func(*brokertest.Setup), backup func(*testing.T, *brokertest.Node), restored func(*config.Config)) {
	t.Helper()
	data, now := t.TempDir(), t.TempDir()
	var upstreams []config.Provider
	first := brokertest.StartNode(t, on, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) { c.DataDir, upstreams = data, c.Providers }
	})
	subjects := map[string]string{}
	for _, person := range []string{"vic", "mal"} {
		subjects[person] = subject(first.Redeem(first.Login(first.NewBrowser(), "p", person, brokertest.RP1.Request())))
	}
	backup(t, first)
	events := first.Events("account.opened")
	disabled := events[len(events)-1].Account
	fact := store.Fact{Kind: store.AccountDisabled, ID: disabled, At: time.Now().UTC(), Until: time.Now().UTC().Add(24 * time.Hour)}
	if err := first.Broker.Negative().Apply(t.Context(), fact); err != nil {
		t.Fatal(err)
	}
	// The data directory stays; the first node keeps the simulated providers alive.
	if err := os.CopyFS(now, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	n := brokertest.StartNode(t, on, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) { c.DataDir, c.Providers = now, upstreams; restored(c) }
	})
	if !n.Broker.Negative().Has(store.AccountDisabled, disabled) {
		t.Error("what was disabled after the backup is not any more")
	}
	everywhere := func(o *browser.Options) { o.Transport = loopback{} }
	if got := subject(n.Redeem(n.Login(n.NewBrowser(everywhere), "p", "vic", brokertest.RP1.Request()))); got != subjects["vic"] {
		t.Errorf("vic is %s, was %s", got, subjects["vic"])
	}
	if opened := n.Events("account.opened"); len(opened) > 0 {
		t.Error("somebody known was taken for new")
	}
	b := n.NewBrowser(everywhere)
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	b.Click("way-p")
	if page := b.Continue("mal"); page.URL.Query().Get("code") != "" {
		t.Error("who was disabled after the backup logs in")
	}
}

// loopback shows every address that is not on this machine as an empty page.
type loopback struct{}

// RoundTrip implements [http.RoundTripper].
func (loopback) RoundTrip(r *http.Request) (*http.Response, error) {
	if name := r.URL.Hostname(); name == "localhost" || name == "127.0.0.1" {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

func subject(answer brokertest.Response) string {
	sub, _ := brokertest.Claims(answer.Text("id_token"))["sub"].(string)
	return sub
}

// postgres runs a program of the newest PostgreSQL on this machine.
func postgres(t *testing.T, program string, args ...string) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s is not installed: %v", program, err)
	}
	cmd := exec.CommandContext(t.Context(), slices.Max(found), args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}
