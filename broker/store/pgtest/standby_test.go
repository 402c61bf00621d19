package pgtest

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A primary dies, its standby takes over, the other standby follows it, and the
// dead one comes back as a standby: nothing that was acknowledged is lost.
func TestStandbyTakesOver(t *testing.T) {
	primary := Primary(t)
	first, second := primary.Standby(), primary.Standby()
	primary.Synchronous(1)
	dsn := primary.Database("people", people)
	insert := func(s *Server) error {
		_, err := connect(t, s.On(dsn)).Exec(t.Context(), "INSERT INTO people VALUES ('solo')")
		return err
	}
	if err := insert(primary); err != nil {
		t.Fatal(err)
	}
	var said *pgconn.PgError
	first.CatchUp(primary)
	if err := insert(first); !errors.As(err, &said) || said.Code != "25006" {
		t.Errorf("a standby that is written to says %v", err)
	}
	if n := count(t, connect(t, first.On(dsn))); n != 2 {
		t.Errorf("the standby knows %d people, want 2", n)
	}

	primary.Kill()
	heir, other := first, second
	if second.Reached() > first.Reached() {
		heir, other = second, first
	}
	began := time.Now()
	heir.Promote()
	t.Logf("promoted in %s", time.Since(began))
	other.Follow(heir)
	heir.Synchronous(1)
	if err := insert(heir); err != nil {
		t.Fatal(err)
	}
	primary.Rejoin(heir)
	for _, s := range []*Server{primary, other} {
		s.CatchUp(heir)
		if n := count(t, connect(t, s.On(dsn))); n != 3 {
			t.Errorf("a standby knows %d people, want 3", n)
		}
	}
}

// Where nobody has the copy that a commit waits for, it is not acknowledged.
func TestSynchronousPrimaryWaits(t *testing.T) {
	primary := Primary(t)
	standby := primary.Standby()
	primary.Synchronous(1)
	conn := connect(t, primary.Database("people", people))
	standby.Kill()
	if _, err := conn.Exec(t.Context(), "SET statement_timeout = '300ms'"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "INSERT INTO people VALUES ('solo')")
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("acknowledged without its copy: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	primary.Kill() // or the statement would wait for ever
	if err := <-done; err == nil {
		t.Error("acknowledged by a dead server")
	}
}
