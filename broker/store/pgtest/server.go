package pgtest

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL of one test's own, which may be treated badly.
type Server struct {
	t       testing.TB
	process *process
	cluster *cluster
}

// Start starts a server that ends with t. Settings like "fsync=on" go before
// its own, which forget everything at the next crash of the machine, though not
// at the server's.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	return started(t, settings, (*process).copyBlank)
}

// started starts a server whose data folder fill makes.
func started(t testing.TB, settings []string, fill func(*process) error) *Server {
	t.Helper()
	p, err := newProcess(settings)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := p.end(); err != nil {
			t.Errorf("end PostgreSQL: %v", err)
		}
	})
	if err := fill(p); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	if err := p.start(); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return &Server{t: t, process: p, cluster: newCluster(p.dsn())}
}

// DSN returns a superuser's connection string to the database postgres.
func (s *Server) DSN() string { return s.process.dsn() }

// Port is where it listens, on 127.0.0.1. A restart does not change it.
func (s *Server) Port() int { return s.process.port }

// Database returns the connection string of a new database on this server, as
// [Database] does.
func (s *Server) Database(name string, migrate Migrate) string {
	s.t.Helper()
	return s.cluster.database(s.t, name, migrate, false)
}

// Kill ends the server as a power cut would: connections are reset, new ones
// refused.
func (s *Server) Kill() { s.process.kill() }

// Freeze stops the server: connections are accepted and nothing is answered.
func (s *Server) Freeze() { Signal(s.process.pid, syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (s *Server) Thaw() { Signal(s.process.pid, syscall.SIGCONT) }

// Restart starts the server again, after Kill or instead of it, and waits until
// it answers.
func (s *Server) Restart() {
	s.t.Helper()
	if s.process.pid != 0 {
		s.process.kill()
	}
	if err := s.process.start(); err != nil {
		s.t.Fatalf("restart PostgreSQL: %v", err)
	}
}

// ReadOnly has the server refuse to write, or write again, without ending a
// connection, and waits until new transactions know.
func (s *Server) ReadOnly(on bool) {
	s.t.Helper()
	setting := "off"
	if on {
		setting = "on"
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + setting, "SELECT pg_reload_conf()"} {
		if err := s.cluster.run(statement); err != nil {
			s.t.Fatal(err)
		}
	}
	// The server tells those it serves before it serves another.
	for now := ""; now != setting; {
		conn, err := pgx.Connect(ctx, s.DSN())
		if err != nil {
			s.t.Fatal(err)
		}
		err = conn.QueryRow(ctx, "SHOW default_transaction_read_only").Scan(&now)
		if err = errors.Join(err, conn.Close(ctx)); err != nil {
			s.t.Fatal(err)
		}
		if now != setting && !pause(ctx) {
			s.t.Fatalf("default_transaction_read_only stays %s", now)
		}
	}
}

// answerWithin bounds what is asked of a healthy server.
const answerWithin = 30 * time.Second
