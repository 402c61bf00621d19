package pgtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(Main(m)) }

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func people(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('minji')")
	return errors.Join(err, conn.Close(ctx))
}

func count(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM people").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	var names []string
	for range 2 {
		t.Run("one of them", func(t *testing.T) {
			conn := connect(t, Database(t, "people", people))
			names = append(names, conn.Config().Database)
			if n := count(t, conn); n != 1 {
				t.Fatalf("a new database holds %d people, want 1", n)
			}
			if _, err := conn.Exec(t.Context(), "INSERT INTO people VALUES ('solo')"); err != nil {
				t.Fatal(err)
			}
		})
	}
	admin := connect(t, DSN(t))
	for _, name := range names {
		var there bool
		if err := admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if there {
			t.Errorf("database %s outlived its test", name)
		}
	}
}

func TestServerIsKilledAndRestarted(t *testing.T) {
	s := Start(t)
	conn := connect(t, s.Database("people", people))
	port := s.Port()
	s.Kill()
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a killed server answers")
	}
	if again, err := pgx.Connect(t.Context(), s.DSN()); err == nil {
		_ = again.Close(t.Context())
		t.Error("a killed server takes connections")
	}
	s.Restart()
	if s.Port() != port {
		t.Errorf("it came back on port %d, not %d", s.Port(), port)
	}
	if n := count(t, connect(t, conn.Config().ConnString())); n != 1 {
		t.Errorf("%d people survived, want 1", n)
	}
}

func TestServerIsFrozenAndThawed(t *testing.T) {
	s := Start(t)
	conn := connect(t, s.DSN())
	s.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, s.DSN()); !pgconn.Timeout(err) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a frozen server answers a new connection: %v", err)
	}
	said := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT 1")
		said <- err
	}()
	select {
	case err := <-said:
		t.Errorf("a frozen server answers: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	s.Thaw()
	if err := <-said; err != nil {
		t.Errorf("thawed, it answers %v", err)
	}
}

func TestServerIsReadOnly(t *testing.T) {
	s := Start(t)
	conn := connect(t, s.Database("people", people))
	insert := func() error {
		_, err := conn.Exec(t.Context(), "INSERT INTO people VALUES ('solo')")
		return err
	}
	s.ReadOnly(true)
	var said *pgconn.PgError
	if err := insert(); !errors.As(err, &said) || said.Code != "25006" {
		t.Errorf("a read-only server says %v", err)
	}
	s.ReadOnly(false)
	if err := insert(); err != nil {
		t.Errorf("it still does not write: %v", err)
	}
}
