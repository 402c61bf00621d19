package broker_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/broker/token"
)

// The site with the primary is lost for good, and a backup is restored at another, as
// deploy/runbook.md says. Whoever served before serves nothing stale: what was taken
// away since the backup stays so, by the nodes' own logs; nobody is another person; and
// nothing that was used since the backup is of use again.
func TestRestoreAtAnotherSite(t *testing.T) {
	lost, here := pgtest.Database(t, "broker", brokertest.Fill), pgtest.Database(t, "broker", brokertest.Fill)
	n := brokertest.StartNode(t, brokertest.OnDatabase(lost))
	vic, out := n.NewBrowser(), n.NewBrowser()
	first := n.Redeem(n.Login(vic, "p", "vic", brokertest.RP1.Request(brokertest.Offline)))
	tokens := n.Redeem(n.Login(out, "p", "out", brokertest.RP1.Request()))
	sid, _ := brokertest.Claims(tokens.Text("id_token"))["sid"].(string)
	opened := n.Events("account.opened")
	stale := n.Config().DataDir
	early := t.TempDir() // a node that read nothing since: it cannot know that anything is missing
	copyDir(t, stale, early)

	dump := filepath.Join(t.TempDir(), "bongsu.dump")
	postgres(t, "pg_dump", "--format=custom", "--no-owner", "--file="+dump, lost)
	// Since the backup: a code is used, a refresh token too, and two things are taken away.
	used := n.Login(vic, "p", "vic", brokertest.RP1.Request())
	if got := n.Redeem(used); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	second := n.Refresh(brokertest.RP1, first.Text("refresh_token"))
	if second.Status != http.StatusOK {
		t.Fatalf("%d %s", second.Status, second.Body)
	}
	third := n.Refresh(brokertest.RP1, second.Text("refresh_token"))
	day := time.Now().UTC().Add(24 * time.Hour)
	since := []store.Fact{
		{Kind: store.SessionEnded, ID: sid, Until: day},
		{Kind: store.AccountEpoch, ID: opened[0].Account, Epoch: 2, Until: day},
	}
	said(t, n, since)

	n.Restart(func(c *config.Config) {
		postgres(t, "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--dbname="+here, dump)
		c.Store.Writer = here
		was, now, err := broker.Restored(t.Context(), c)
		if err != nil || was == now || now == "" {
			t.Fatalf("the database was %q, is %q: %v", was, now, err)
		}
		n.Clock.Advance(token.CodeLife) // the command waits for as long
	})
	obeyed(t, n, since)
	if !strings.Contains(n.Log(), "the store was set back to an earlier state or replaced") {
		t.Error("the node does not say that it noticed")
	}
	if got := n.Redeem(used); got.Status != http.StatusBadRequest || got.Text("error") != "invalid_grant" {
		t.Errorf("a code that was used since the backup: %d %s", got.Status, got.Body)
	}
	within(t, "the restored database hears of it", func() bool { return n.Broker.Negative().Unsent() == 0 })
	for _, b := range []*brokertest.Browser{vic, out} {
		page := b.Open(n.AuthorizeURL(brokertest.RP1.Request(func(v url.Values) { v.Set("prompt", "none") })))
		if page.URL.Query().Get("code") != "" {
			t.Errorf("a session that ended since the backup gives a code: %s", page.URL)
		}
	}
	for what, spent := range map[string]string{"a token that was used": first.Text("refresh_token"), "the newest": third.Text("refresh_token")} {
		if got := n.Refresh(brokertest.RP1, spent); got.Text("refresh_token") != "" {
			t.Errorf("%s since the backup gives another one: %s", what, got.Body)
		}
	}
	if got := subject(n.Redeem(n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request()))); got != subject(first) {
		t.Errorf("vic is %s, was %s", got, subject(first))
	}
	// The lost site comes back with a node of before, on the restored database.
	n.Restart(func(c *config.Config) { c.DataDir = early })
	obeyed(t, n, since)
	if len(n.Events("account.opened")) != len(opened) {
		t.Error("somebody known was taken for new")
	}
}

// copyDir copies the files of a data directory, as a node that stopped left them.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
