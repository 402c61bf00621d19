package broker_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
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
			db := n.OpenDatabase()
			_, err := db.ExecContext(t.Context(), "VACUUM INTO ?", restored) // while the node serves
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
	n := brokertest.StartNode(t, on)
	subjects, sids, accounts := map[string]string{}, map[string]string{}, map[string]string{}
	browsers := map[string]*brokertest.Browser{}
	for _, person := range []string{"vic", "mal", "out", "all"} {
		browsers[person] = n.NewBrowser()
		answer := n.Redeem(n.Login(browsers[person], "p", person, brokertest.RP1.Request()))
		subjects[person] = subject(answer)
		sids[person], _ = brokertest.Claims(answer.Text("id_token"))["sid"].(string)
		events := n.Events("account.opened")
		accounts[person] = events[len(events)-1].Account
	}
	backup(t, n)
	day := time.Now().UTC().Add(24 * time.Hour)
	since := []store.Fact{
		{Kind: store.AccountDisabled, ID: accounts["mal"], Until: day},
		{Kind: store.SessionEnded, ID: sids["out"], Until: day},
		{Kind: store.AccountEpoch, ID: accounts["all"], Epoch: 2, Until: day},
	}
	said(t, n, since)
	n.Restart(restored) // the data directory stays
	obeyed(t, n, since)
	for person, want := range map[string]bool{"vic": true, "mal": false, "out": false, "all": false} {
		page := browsers[person].Open(n.AuthorizeURL(brokertest.RP1.Request(func(v url.Values) { v.Set("prompt", "none") })))
		if got := page.URL.Query().Get("code") != ""; got != want {
			t.Errorf("%s is logged in by the session from before: %t, want %t: %s", person, got, want, page.URL)
		}
	}
	// Before the database knows that all sessions of somebody ended they would get another such: 503.
	within(t, "the restored database hears of it", func() bool { return n.Broker.Negative().Unsent() == 0 })
	for _, person := range []string{"vic", "out", "all"} { // who is not disabled comes in again
		if got := subject(n.Redeem(n.Login(n.NewBrowser(), "p", person, brokertest.RP1.Request()))); got != subjects[person] {
			t.Errorf("%s is %s, was %s", person, got, subjects[person])
		}
	}
	if opened := n.Events("account.opened"); len(opened) != len(subjects) {
		t.Error("somebody known was taken for new")
	}
	b := n.NewBrowser()
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	b.Click("way-p")
	if page := b.Continue("mal"); page.URL.Query().Get("code") != "" {
		t.Error("who was disabled after the backup logs in")
	}
	// For nodes that have no log of it.
	n.Restart(func(c *config.Config) { c.DataDir = t.TempDir() })
	obeyed(t, n, since)
}

// obeyed checks that a node knows facts.
func obeyed(t *testing.T, n *brokertest.Node, facts []store.Fact) {
	t.Helper()
	for _, fact := range facts {
		if fact.Kind == store.AccountEpoch {
			if got := n.Broker.Negative().MinEpoch(fact.ID); got < fact.Epoch {
				t.Errorf("sessions of epoch %d are good again", got)
			}
		} else if !n.Broker.Negative().Has(fact.Kind, fact.ID) {
			t.Errorf("%s was said after the backup and does not stand any more", fact.Kind)
		}
	}
}

// said takes away and waits until the database has heard of it: its feed has been
// read as far, and a restored one counts from before.
func said(t *testing.T, n *brokertest.Node, facts []store.Fact) {
	t.Helper()
	for _, fact := range facts {
		if err := n.Broker.Negative().Apply(t.Context(), fact); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "the database hears of it", func() bool {
		return n.Broker.Negative().Unsent() == 0 && n.Broker.Negative().Revision() >= int64(len(facts))
	})
}

func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("never: %s", what)
		}
	}
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
