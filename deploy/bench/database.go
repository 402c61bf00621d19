package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// database is the store under measurement.
type database struct {
	settings string // for the configuration, as YAML in one line
	dsn      string // empty for SQLite
	server   *process
	psql     []string // asks it something; nil for SQLite

	bin, data string // folders
	port      int
}

func openDatabase(ctx context.Context, store, dir string) (*database, error) {
	if store == "sqlite" {
		return &database{settings: fmt.Sprintf("{driver: sqlite, path: %q}", filepath.Join(dir, "bongsu.db"))}, nil
	}
	return startPostgres(ctx, dir, "pg")
}

// startPostgres makes and starts a PostgreSQL of its own from the installed
// package, durable as installed, as user postgres when run by root.
func startPostgres(ctx context.Context, dir, name string) (*database, error) {
	return newPostgres(ctx, dir, name, func(d *database) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(d.bin, "initdb"), "-D", d.data, "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8")
	})
}

// standby starts a copy of d that follows it.
func (d *database) standby(ctx context.Context, dir, name string) (*database, error) {
	return newPostgres(ctx, dir, name, func(s *database) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(s.bin, "pg_basebackup"), "-D", s.data, "--checkpoint=fast", "--wal-method=stream",
			"--write-recovery-conf", "-d", fmt.Sprintf("host=127.0.0.1 port=%d user=postgres sslmode=disable application_name=%s", d.port, name))
	})
}

// newPostgres has make fill the data directory below dir, and starts a server on it.
func newPostgres(ctx context.Context, dir, name string, fill func(*database) *exec.Cmd) (*database, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return nil, errors.New("PostgreSQL is not installed")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	d := &database{
		settings: fmt.Sprintf("{driver: postgres, writer: %q}", dsn), dsn: dsn,
		bin: filepath.Dir(found[len(found)-1]), data: filepath.Join(dir, name), port: port,
	}
	d.psql = []string{filepath.Join(d.bin, "psql"), "-XAtc", "", dsn}
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return nil, err
	}
	as, err := postgresUser(dir, d.data)
	if err != nil {
		return nil, err
	}
	filling := fill(d)
	filling.SysProcAttr = as
	if out, err := filling.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(filling.Path), err, out)
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", serverCore, filepath.Join(d.bin, "postgres"), "-D", d.data,
		"-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", d.data, "-c", "shared_buffers=64MB")
	cmd.SysProcAttr = as
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d.server = &process{cmd: cmd}
	return d, d.await(ctx)
}

// await waits until the server answers.
func (d *database) await(ctx context.Context) error {
	for range 500 {
		if _, err := d.ask(ctx, "SELECT 1"); err == nil {
			return nil
		}
		if err := resting(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	d.stop()
	return errors.New("PostgreSQL did not start")
}

// postgresUser lets root run PostgreSQL as the user it refuses to do without.
func postgresUser(dirs ...string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(found.Uid)
	gid, _ := strconv.Atoi(found.Gid)
	if err := os.Chmod(dirs[0], 0o755); err != nil {
		return nil, err
	}
	if err := os.Chown(dirs[1], uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

func (d *database) ask(ctx context.Context, query string) (string, error) {
	args := append([]string(nil), d.psql...)
	args[2] = query
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output()
	return strings.TrimSpace(string(out)), err
}

// pids are the database's processes.
func (d *database) pids() []int {
	if d.server == nil {
		return nil
	}
	return append(children(d.server.cmd.Process.Pid), d.server.cmd.Process.Pid)
}

// commits is how many transactions the database has committed; 0 where nobody
// counts them, and for rows that are not of logins.
func (d *database) commits(ctx context.Context, row string) int {
	if d.psql == nil || row != login {
		return 0
	}
	out, err := d.ask(ctx, "SELECT pg_sleep(1.2), sum(xact_commit) FROM pg_stat_database")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(out, "|"))
	return n
}

// size is what a PostgreSQL database takes on disk, in bytes.
func (d *database) size(ctx context.Context) (int64, error) {
	out, err := d.ask(ctx, "SELECT pg_database_size(current_database())")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(out, 10, 64)
}

func (d *database) stop() {
	if d.server != nil {
		_ = d.server.cmd.Process.Signal(syscall.SIGINT)
		_ = d.server.cmd.Wait()
	}
}
