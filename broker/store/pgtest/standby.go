package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// streaming is how a server is set up that others follow or that follows one: it
// keeps what a standby needs that was away for a while, tries again every second,
// and does not hold queries of its own up against what it is told.
var streaming = []string{
	"wal_level=replica", "max_wal_senders=10", "hot_standby=on", "wal_keep_size=128MB", "wal_retrieve_retry_interval=1s",
	"max_standby_streaming_delay=0", "wal_receiver_timeout=10s", "wal_sender_timeout=10s",
}

// Primary is [Start] of a server that standbys can follow.
func Primary(t testing.TB, settings ...string) *Server {
	t.Helper()
	return started(t, slices.Concat(streaming, settings), (*process).copyBlank)
}

// Standby starts a copy of s that follows it, answers what only reads, and ends
// with the test. What is read from it may be late, never wrong.
func (s *Server) Standby(settings ...string) *Server {
	s.t.Helper()
	return started(s.t, slices.Concat(streaming, settings), func(p *process) error { return p.copyOf(s.process) })
}

// Promote has a standby take writes and returns when it does. That the old primary
// writes no more is for the caller to see to, and that no other standby knows more.
func (s *Server) Promote() {
	s.t.Helper()
	if err := s.cluster.run("SELECT pg_promote(true, 30)"); err != nil {
		s.t.Fatalf("promote: %v", err)
	}
	var follows bool
	s.ask("SELECT pg_is_in_recovery()", &follows)
	if follows {
		s.t.Fatal("promote: it still follows")
	}
}

// Follow has a standby follow another primary than before.
func (s *Server) Follow(primary *Server) {
	s.t.Helper()
	for _, statement := range []string{
		"ALTER SYSTEM SET primary_conninfo = '" + primary.process.conninfo() + "'", "SELECT pg_reload_conf()",
	} {
		if err := s.cluster.run(statement); err != nil {
			s.t.Fatalf("follow: %v", err)
		}
	}
}

// Rejoin makes s, which need not run, a standby of primary: it forgets all it has
// and copies. A primary that was left behind may hold what nobody else has, so it
// can come back in no other way. Its address stays.
func (s *Server) Rejoin(primary *Server) {
	s.t.Helper()
	if s.process.pid != 0 {
		s.process.kill()
	}
	err := os.RemoveAll(s.process.data())
	if err == nil {
		err = s.process.copyOf(primary.process)
	}
	if err == nil {
		err = s.process.start()
	}
	if err != nil {
		s.t.Fatalf("rejoin: %v", err)
	}
}

// Synchronous has a primary acknowledge a commit only when so many standbys have
// it on disk, whichever come first; 0 is none, and no waiting.
func (s *Server) Synchronous(standbys int) {
	s.t.Helper()
	names := "''"
	if standbys > 0 {
		names = fmt.Sprintf("'ANY %d (*)'", standbys)
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = " + names, "SELECT pg_reload_conf()"} {
		if err := s.cluster.run(statement); err != nil {
			s.t.Fatalf("synchronous: %v", err)
		}
	}
	for streams := 0; streams < standbys; {
		s.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'", &streams)
		s.poll("standbys that stream")
	}
}

// Reached is how much the server knows, in bytes of its log: what a primary wrote,
// or a standby was told, whether it has been applied or not.
func (s *Server) Reached() int64 {
	s.t.Helper()
	var at int64
	s.ask(`SELECT (CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
		ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint`, &at)
	return at
}

// CatchUp waits until a standby answers by all that primary has written so far.
func (s *Server) CatchUp(primary *Server) {
	s.t.Helper()
	for want, applied := primary.Reached(), int64(0); applied < want; {
		s.ask("SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint", &applied)
		s.poll("a standby that catches up")
	}
}

// On is the connection string dsn, of a database on another server of the same
// family, for this one.
func (s *Server) On(dsn string) string {
	s.t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.cluster.dsnOf(config.Database)
}

// ask scans the first row of the answer.
func (s *Server) ask(question string, into any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(conn.QueryRow(ctx, question).Scan(into), conn.Close(ctx)); err != nil {
		s.t.Fatal(err)
	}
}

// poll waits a moment; the test's own deadline bounds how often.
func (s *Server) poll(what string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if !pause(ctx) {
		s.t.Fatalf("waited for %s until the test ended", what)
	}
}

// conninfo is how standbys reach the server.
func (p *process) conninfo() string {
	return "host=127.0.0.1 port=" + strconv.Itoa(p.port) + " user=postgres sslmode=disable connect_timeout=2"
}

// copyOf fills the data folder with what a running primary has, to follow it.
func (p *process) copyOf(primary *process) error {
	cmd, err := command(p.dir, filepath.Join(p.bin, "pg_basebackup"), "--pgdata="+p.data(), "--checkpoint=fast", "--no-sync",
		"--wal-method=stream", "--host=127.0.0.1", "--port="+strconv.Itoa(primary.port), "--username=postgres")
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, "PGSSLMODE=disable", "PGCONNECT_TIMEOUT=10")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, said)
	}
	return p.follow(primary)
}

// follow has the server be a standby from its next start on.
func (p *process) follow(primary *process) error {
	auto := filepath.Join(p.data(), "postgresql.auto.conf")
	settings := "primary_conninfo = '" + primary.conninfo() + "'\nsynchronous_standby_names = ''\n"
	signal := filepath.Join(p.data(), "standby.signal")
	who, err := Account()
	if err != nil {
		return err
	}
	for path, text := range map[string]string{auto: settings, signal: ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if who.Credential != nil {
			if err := os.Chown(path, int(who.Credential.Uid), int(who.Credential.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}
