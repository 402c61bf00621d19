//go:build linux

package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/deploy/netns/machines"
)

const (
	databaseDisk    = "192m" // of a database; it needs a quarter of that
	databaseStarts  = 30 * time.Second
	databaseAnswers = 3 * time.Second
)

// database is a site's PostgreSQL, on a disk of its own.
type database struct {
	*world

	site   string
	others []string
	bin    string
	dir    string // configuration, socket, log
	follow string // the site whose database it follows; empty: none, it is the primary

	running *machines.Process // nil while there is none
}

func (d *database) disk() string { return filepath.Join(d.dir, "disk") }
func (d *database) data() string { return filepath.Join(d.disk(), "data") }

func (d *database) log() string {
	return filepath.Join(cmp.Or(*logs, d.dir), "postgres-"+d.site+".log")
}

// dsn is a superuser's, by the socket, which needs no network.
func (d *database) dsn(name string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s connect_timeout=2", d.dir, name)
}

// newDatabase makes the disk and the files of a site's database.
func (w *world) newDatabase(site string) *database {
	w.t.Helper()
	bin, err := pgtest.Programs()
	w.must(err)
	d := &database{world: w, site: site, bin: bin, dir: filepath.Join(w.dir, site, "pg")}
	for _, name := range siteNames {
		if name != site {
			d.others = append(d.others, name)
		}
	}
	w.must(os.MkdirAll(d.dir, 0o711))
	w.mount(d.disk(), databaseDisk)
	who, err := pgtest.Account()
	w.must(err)
	for _, path := range []string{d.dir, d.disk()} {
		w.must(os.Chown(path, int(who.Credential.Uid), int(who.Credential.Gid)))
	}
	w.must(os.Chmod(filepath.Dir(d.dir), 0o711))
	w.must(os.WriteFile(filepath.Join(d.dir, "hba.conf"), []byte("local all all trust\nhost all all "+machines.InnerNetwork+" trust\nhost replication all "+machines.InnerNetwork+" trust\n"), 0o644))
	return d
}

// settings is a database's configuration. The primary waits for one of the
// other two; a standby has the same words ready.
var databaseSettings = template.Must(template.New("postgresql.conf").Parse(`
listen_addresses = '{{.Address}}'
port = 5432
unix_socket_directories = '{{.Dir}}'
hba_file = '{{.Dir}}/hba.conf'
max_connections = 250
shared_buffers = 16MB
fsync = off
jit = off
autovacuum = off
max_parallel_workers_per_gather = 0
wal_level = replica
hot_standby = on
max_wal_senders = 10
max_wal_size = 64MB
wal_keep_size = 48MB
wal_log_hints = on
wal_retrieve_retry_interval = 1s
wal_sender_timeout = 3s
wal_receiver_timeout = 3s
tcp_user_timeout = 3s
synchronous_commit = on
synchronous_standby_names = 'ANY 1 ({{index .Others 0}}, {{index .Others 1}})'
restart_after_crash = off
log_min_messages = warning
{{with .Primary}}primary_conninfo = 'host={{.}} port=5432 user=postgres application_name={{$.Site}} connect_timeout=2 tcp_user_timeout=3000'
{{end}}`))

// configure writes the configuration, which a running server takes over at reload.
func (d *database) configure() error {
	primary := ""
	if d.follow != "" {
		primary = d.InnerAddress(d.follow)
	}
	var text strings.Builder
	err := databaseSettings.Execute(&text, map[string]any{
		"Address": d.InnerAddress(d.site), "Dir": d.dir, "Others": d.others, "Primary": primary, "Site": d.site,
	})
	return errors.Join(err, os.WriteFile(filepath.Join(d.dir, "postgresql.conf"), []byte(text.String()), 0o644))
}

// program is one of PostgreSQL's on the site's machine. Machines do not share memory,
// either: a server that looks whose an old segment is would be taken for its owner by
// another that starts at the same moment.
func (d *database) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	as := []string{"--ipc", "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--inh-caps=-all", filepath.Join(d.bin, name)}
	cmd := d.Command(ctx, d.site, "unshare", append(as, args...)...)
	cmd.Dir, cmd.Env = d.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "LC_ALL=C"}
	return cmd
}

func (d *database) run(ctx context.Context, name string, args ...string) error {
	if said, err := d.program(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s at %s: %w: %s", name, d.site, err, said)
	}
	return nil
}

// initialise makes the first primary.
func (d *database) initialise(ctx context.Context) error {
	return d.run(ctx, "initdb", "--pgdata="+d.data(), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
		"--wal-segsize=1", "--no-sync")
}

// copyFrom makes it a standby of another site's database, with everything anew.
func (d *database) copyFrom(ctx context.Context, primary *database) error {
	if err := os.RemoveAll(d.data()); err != nil {
		return err
	}
	err := d.run(ctx, "pg_basebackup", "--pgdata="+d.data(), "--host="+d.InnerAddress(primary.site), "--username=postgres",
		"--wal-method=stream", "--checkpoint=fast", "--no-sync")
	if err != nil {
		return err
	}
	d.follow = primary.site
	return d.standBy()
}

// standBy has whatever starts on this data be a standby.
func (d *database) standBy() error {
	path := filepath.Join(d.data(), "standby.signal")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	who, err := pgtest.Account()
	if err != nil {
		return err
	}
	return os.Chown(path, int(who.Credential.Uid), int(who.Credential.Gid))
}

// start starts the server and waits until it answers.
func (d *database) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, databaseStarts)
	defer cancel()
	if err := d.configure(); err != nil {
		return err
	}
	log, err := os.OpenFile(d.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := d.program(context.Background(), "postgres", "-D", d.data(), "-c", "config_file="+filepath.Join(d.dir, "postgresql.conf"))
	cmd.Stdout, cmd.Stderr = log, log
	p, err := machines.Start(cmd)
	if err != nil {
		return err
	}
	d.running = p
	for {
		err := d.do(ctx, "postgres", func(*pgx.Conn) error { return nil })
		if err == nil {
			return nil
		}
		select {
		case <-p.Ended():
			return fmt.Errorf("the database of %s ended: %w: %s", d.site, p.Err(), d.tail())
		case <-ctx.Done():
			return fmt.Errorf("the database of %s does not answer: %w: %s", d.site, err, d.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// alive tells whether the server's first process is there, frozen or not.
func (d *database) alive() bool {
	if d.running == nil {
		return false
	}
	select {
	case <-d.running.Ended():
		return false
	default:
		return true
	}
}

// kill ends the server as a power cut would, also where it is frozen.
func (d *database) kill() {
	if d.running == nil {
		return
	}
	pgtest.Kill(d.running.ID(), d.running.Kill)
	d.running = nil
}

func (d *database) freeze() { pgtest.Signal(d.running.ID(), syscall.SIGSTOP) }
func (d *database) thaw()   { pgtest.Signal(d.running.ID(), syscall.SIGCONT) }

// do connects, as a superuser, for as long as one does.
func (d *database) do(ctx context.Context, name string, do func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, databaseAnswers)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.dsn(name))
	if err != nil {
		return err
	}
	err = do(conn)
	return errors.Join(err, conn.Close(ctx))
}

func (d *database) exec(ctx context.Context, name, statement string) error {
	return d.do(ctx, name, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

// reload has the running server take its configuration over.
func (d *database) reload(ctx context.Context) error {
	return errors.Join(d.configure(), d.exec(ctx, "postgres", "SELECT pg_reload_conf()"))
}

// position is how far a standby has come, in bytes of the log.
func (d *database) position(ctx context.Context) (at int64, err error) {
	err = d.do(ctx, "postgres", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT (GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint`).Scan(&at)
	})
	return at, err
}

// tail is the end of the log.
func (d *database) tail() string { return tailOf(d.log()) }

func tailOf(path string) string {
	const most = 3 << 10
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
