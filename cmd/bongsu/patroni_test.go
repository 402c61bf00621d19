//go:build nightly

package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// patroniProgram names Patroni; deploy/patroni.sh installs it, and etcd.
const patroniProgram = "BONGSU_TEST_PATRONI"

// patient bounds how long anything may take; with ttl 30 a failover takes 20 to 40 s.
const patient = 3 * time.Minute

// cluster is deploy/patroni at three addresses of this machine, without a watchdog:
// it has none.
type cluster struct {
	*testing.T

	dir, bin, network string
	members           []*member
}

// member is Patroni and its PostgreSQL at one site.
type member struct {
	*cluster

	name, address string
	patroni       *exec.Cmd
}

// newCluster starts etcd and three members, and returns when one leads and two
// follow it.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "patroni")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	bin, programsErr := pgtest.Programs()
	if err := errors.Join(err, programsErr); err != nil || os.Getenv(patroniProgram) == "" {
		t.Fatalf("deploy/patroni.sh runs this: %v", err)
	}
	c := &cluster{T: t, dir: dir, bin: bin, network: freeNetwork(t)}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c.certify()
	var peers []string
	for i, name := range threeSites {
		peers = append(peers, fmt.Sprintf("%s=http://%s%d.20:12380", name, c.network, i+1))
		c.members = append(c.members, &member{cluster: c, name: name, address: fmt.Sprintf("%s%d.10", c.network, i+1)})
	}
	for i, name := range threeSites {
		at := fmt.Sprintf("http://%s%d.20:", c.network, i+1)
		c.launch("etcd-"+name, exec.Command("etcd", "--name", name, "--data-dir", filepath.Join(dir, "etcd-"+name), "--initial-cluster", strings.Join(peers, ","),
			"--listen-client-urls", at+"12379", "--advertise-client-urls", at+"12379", "--listen-peer-urls", at+"12380", "--initial-advertise-peer-urls", at+"12380"))
	}
	for _, m := range c.members {
		m.start()
	}
	c.Cleanup(func() {
		for _, m := range c.members {
			m.kill()
		}
	})
	c.wait("a leader and two that follow", func() bool { return c.whole() })
	return c
}

// certify makes what the databases prove themselves with.
func (c *cluster) certify() {
	c.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: server.Certificate().Raw}, "server.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(c.dir, name), pem.EncodeToMemory(block), 0o600), c.own(filepath.Join(c.dir, name)))
	}
	if err != nil {
		c.Fatal(err)
	}
}

// own gives a path to PostgreSQL's account.
func (c *cluster) own(path string) error {
	who, err := pgtest.Account()
	if err != nil || who.Credential == nil {
		return err
	}
	return os.Chown(path, int(who.Credential.Uid), int(who.Credential.Gid))
}

// launch starts a program that ends with the test, with its log in the folder.
func (c *cluster) launch(name string, cmd *exec.Cmd) {
	c.Helper()
	log, err := os.OpenFile(filepath.Join(c.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		c.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, here or before
		if text, err := os.ReadFile(filepath.Join(c.dir, name+".log")); err == nil && c.Failed() {
			c.Logf("%s:\n%s", name, text[max(0, len(text)-3000):])
		}
	})
}

// start starts a member with the example of seoul, its own names in the place of
// seoul's, as the example says.
func (m *member) start() {
	m.Helper()
	home := filepath.Join(m.dir, m.name)
	if err := errors.Join(os.MkdirAll(home, 0o700), m.own(home)); err != nil {
		m.Fatal(err)
	}
	text := strings.NewReplacer(
		"name: seoul", "name: "+m.name, "10.1.0.10:8008", m.address+":18008", "10.1.0.10:5432", m.address+":15432",
		"10.1.0.20:2379", m.network+"1.20:12379", "10.2.0.20:2379", m.network+"2.20:12379", "10.3.0.20:2379", m.network+"3.20:12379",
		"10.0.0.0/8", "127.0.0.0/8", "/var/lib/postgresql/bongsu", filepath.Join(home, "data"), "/usr/lib/postgresql/15/bin", m.bin,
		"/etc/bongsu-db", m.dir, "mode: required", "mode: 'off'",
	).Replace(file(m.T, "patroni/seoul.yaml"))
	// Sockets of three servers stand in three folders.
	text = strings.Replace(text, "  parameters:\n    ssl:", "  parameters:\n    unix_socket_directories: "+home+"\n    ssl:", 1)
	path := filepath.Join(m.dir, m.name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.Fatal(err)
	}
	as := []string{os.Getenv(patroniProgram), path}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		as = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--inh-caps=-all"}, as...)
	}
	m.patroni = exec.Command(as[0], as[1:]...)
	m.patroni.Dir = home
	m.patroni.Env = append(os.Environ(), "HOME="+home, "PATRONI_SUPERUSER_PASSWORD=first", "PATRONI_REPLICATION_PASSWORD=second", "PATRONI_REWIND_PASSWORD=third")
	m.launch("patroni-"+m.name, m.patroni)
}

// postmaster is the process of its PostgreSQL; 0: there is none.
func (m *member) postmaster() (pid int) {
	text, err := os.ReadFile(filepath.Join(m.dir, m.name, "data", "postmaster.pid"))
	if err == nil {
		_, _ = fmt.Sscan(string(text), &pid)
	}
	return pid
}

// signal is told to the whole site, as if it were one machine.
func (m *member) signal(sig syscall.Signal) {
	_ = m.patroni.Process.Signal(sig)
	if pid := m.postmaster(); pid != 0 {
		pgtest.Signal(pid, sig)
	}
}

func (m *member) kill() {
	_ = m.patroni.Process.Kill()
	if pid := m.postmaster(); pid != 0 {
		pgtest.Kill(pid, func() {})
	}
}

// role is what Patroni says of a member; empty: it says nothing.
func (m *member) role() string {
	ctx, cancel := context.WithTimeout(m.Context(), 2*time.Second)
	defer cancel()
	text, err := ask(ctx, "http://"+m.address+":18008/health")
	var said struct{ State, Role string }
	if err != nil || json.Unmarshal([]byte(text), &said) != nil || said.State != "running" {
		return ""
	}
	return said.Role
}

// leader is who leads; nil: nobody.
func (c *cluster) leader() *member {
	for _, m := range c.members {
		if role := m.role(); role == "primary" || role == "master" {
			return m
		}
	}
	return nil
}

func (c *cluster) whole() bool {
	leader := c.leader()
	if leader == nil {
		return false
	}
	var follow int
	err := c.do(leader, "postgres", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'").Scan(&follow)
	})
	return err == nil && follow == 2
}

func (c *cluster) do(m *member, database string, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, "postgres://postgres:first@"+m.address+":15432/"+database+"?sslmode=require&connect_timeout=2")
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, conn), conn.Close(ctx))
}

func (c *cluster) wait(what string, done func() bool) {
	c.Helper()
	for began := time.Now(); !done(); <-time.After(200 * time.Millisecond) {
		if time.Since(began) > patient {
			c.Fatalf("there was no %s", what)
		}
	}
}

// writer is the connection string of the example.
func (c *cluster) writer() string {
	return "postgres://bongsu:word@" + hosts(c.members) + "/bongsu?sslmode=require&target_session_attrs=read-write"
}

// reader is that of the site of a member, with the others behind its own.
func (c *cluster) reader(own *member) string {
	all := []*member{own}
	for _, m := range c.members {
		if m != own {
			all = append(all, m)
		}
	}
	return "postgres://bongsu:word@" + hosts(all) + "/bongsu?sslmode=require"
}

func hosts(members []*member) string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.address + ":15432"
	}
	return strings.Join(all, ",")
}

// watch keeps when logins of one kind succeeded, and who came.
type watch struct {
	mu       sync.Mutex
	last     time.Time
	gap      time.Duration
	done     int
	refused  int
	subjects map[string]string
}

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.gap, w.done, w.refused = time.Now(), 0, 0, 0
}

func (w *watch) told(t *testing.T, person, subject string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.refused++
		return
	}
	if was := w.subjects[person]; was != "" && was != subject {
		t.Errorf("%s is %s, was %s", person, subject, was)
	}
	w.subjects[person] = subject
	now := time.Now()
	w.gap, w.last, w.done = max(w.gap, now.Sub(w.last)), now, w.done+1
}

func (w *watch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%d done, %d refused with a retry, longest without one %.1f s", w.done, w.refused, max(w.gap, time.Since(w.last)).Seconds())
}

// The database of deploy/patroni loses its leader, once frozen and once killed, below
// people who log in: those with an account all the time, new ones as soon as another
// leads. The first is of the node's own site. Whoever was told who they are is the same afterwards.
func TestPatroni(t *testing.T) {
	c := newCluster(t)
	if err := c.do(c.leader(), "postgres", func(ctx context.Context, conn *pgx.Conn) error {
		_, role := conn.Exec(ctx, "CREATE ROLE bongsu LOGIN PASSWORD 'word'")
		_, database := conn.Exec(ctx, "CREATE DATABASE bongsu OWNER bongsu")
		return errors.Join(role, database)
	}); err != nil {
		t.Fatal(err)
	}
	c.wait("database at every member", func() bool {
		return !slices.ContainsFunc(c.members, func(m *member) bool {
			return c.do(m, "bongsu", func(context.Context, *pgx.Conn) error { return nil }) != nil
		})
	})
	s := newPlace(t, shop+fmt.Sprintf("store: {driver: postgres, writer: %q, reader: %q}\n", c.writer(), c.reader(c.leader()))+
		"limits: {exempt: [127.0.0.0/8, '::1']}\n") // all of them come from one address
	s.start()
	known, fresh := &watch{subjects: map[string]string{}}, &watch{subjects: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range 2 {
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				person := fmt.Sprintf("known-%d", i)
				subject, err := s.login(ctx, person, "shop", shopSecret)
				known.told(t, person, subject, err)
				person = fmt.Sprintf("new-%d-%d", i, n)
				if subject, err = s.login(ctx, person, "shop", shopSecret); ctx.Err() == nil {
					fresh.told(t, person, subject, err)
				}
			}
		})
	}
	for _, what := range []string{"frozen", "killed"} {
		atEase, newcomers := known.count(), fresh.count()
		c.wait("login of anybody before the leader is "+what, func() bool { return known.count() > atEase+3 && fresh.count() > newcomers+3 })
		old := c.leader()
		known.begin()
		fresh.begin()
		if what == "frozen" {
			old.signal(syscall.SIGSTOP)
		} else {
			old.kill()
		}
		c.wait("leader after "+old.name, func() bool { now := c.leader(); return now != nil && now != old })
		done := fresh.count()
		c.wait("new person after that", func() bool { return fresh.count() > done+3 })
		t.Logf("leader %s %s: with an account: %s; new: %s", old.name, what, known, fresh)
		if what == "frozen" {
			old.signal(syscall.SIGCONT)
		} else {
			old.start()
		}
		c.wait("whole cluster again", c.whole)
	}
	stop()
	running.Wait()
	c.nobodyIsLost(s, known, fresh)
}

func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

// nobodyIsLost logs in again whoever came in.
func (c *cluster) nobodyIsLost(s *site, all ...*watch) {
	c.Helper()
	people := 0
	for _, w := range all {
		for person, was := range w.subjects {
			subject, err := s.login(c.Context(), person, "shop", shopSecret)
			if err != nil || subject != was {
				c.Errorf("%s was %s, is %q: %v", person, was, subject, err)
			}
			people++
		}
	}
	c.Logf("%d people, all of them who they were", people)
}
