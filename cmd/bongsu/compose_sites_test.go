package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The three sites of deploy/compose/sites come up as its comments say, and go on as
// they say when the primary is gone: people with an account at once, everybody after
// a promotion, and the third database follows by itself.
func TestThreeSitesOfCompose(t *testing.T) {
	c := newComposed(t)
	c.script("docker", "compose", "up", "--detach", "seoul-1", "busan-1", "tokyo-1")
	minji := c.eventually("login.example.kr", "minji", "")
	for _, site := range threeSites {
		c.eventually(site+".login.example.kr", "minji", minji)
	}

	t.Chdir(c.dir)
	if err := eachContainer([]string{"postgres-seoul"}, (*container).down); err != nil {
		t.Fatal(err)
	}
	for _, site := range threeSites[1:] {
		c.eventually(site+".login.example.kr", "minji", minji)
	}
	heir, other := c.mostAdvanced()
	c.psql(heir, "SELECT pg_promote()")
	c.eventually("login.example.kr", "somebody-new", "")
	for _, site := range threeSites {
		c.eventually(site+".login.example.kr", "minji", minji)
	}
	if said := c.psql(heir, "SELECT application_name FROM pg_stat_replication"); said != other {
		t.Errorf("%q follows, want %s", said, other)
	}
	if said := c.psql(heir, "SELECT slot_name FROM pg_replication_slots WHERE active"); said != other {
		t.Errorf("the slot of %q is used, want that of %s", said, other)
	}
	c.leftBehind()
}

// mostAdvanced is the standby that received most, and the other.
func (c *composed) mostAdvanced() (heir, other string) {
	c.Helper()
	const question = "SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint"
	var busan, tokyo int64
	if _, err := fmt.Sscan(c.psql("busan", question)+" "+c.psql("tokyo", question), &busan, &tokyo); err != nil {
		c.Fatal(err)
	}
	if tokyo > busan {
		return "tokyo", "busan"
	}
	return "busan", "tokyo"
}

// psql asks a site's database, as the comments of compose.yaml do.
func (c *composed) psql(site, question string) string {
	c.Helper()
	s, err := newContainer("postgres-" + site)
	if err != nil {
		c.Fatal(err)
	}
	said, err := exec.CommandContext(c.Context(), "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--username=postgres",
		"--host="+s.sockets(), "--port="+portOf["5432"][1:], "--command="+question, "postgres").CombinedOutput()
	if err != nil {
		c.Fatalf("%s: %v: %s", question, err, said)
	}
	return strings.TrimSpace(string(said))
}

// leftBehind starts the old primary as somebody would who does not know: it ends at
// once, and comes back as a standby when what it held is gone.
func (c *composed) leftBehind() {
	c.Helper()
	old, err := newContainer("postgres-seoul")
	if err != nil {
		c.Fatal(err)
	}
	said, err := old.command().Output()
	if err == nil {
		c.Errorf("the old primary starts: %s", said)
	}
	if err := os.RemoveAll(filepath.Join(c.dir, "volumes", "postgres-seoul")); err != nil {
		c.Fatal(err)
	}
	c.script("docker", "compose", "up", "--detach", "--wait", "postgres-seoul")
	if follows := c.psql("seoul", "SELECT pg_is_in_recovery()"); follows != "t" {
		c.Errorf("it came back as a primary: %s", follows)
	}
}
