package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startWithin = 60 * time.Second // on a busy machine
	stopWithin  = 10 * time.Second
	pollEvery   = 20 * time.Millisecond
)

// forgetful is how a server is set up that need not survive anything: small,
// and it never waits for the disk.
var forgetful = []string{
	"listen_addresses=127.0.0.1", "shared_buffers=16MB", "max_connections=200", "fsync=off", "full_page_writes=off",
	"max_wal_size=128MB", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off", "jit=off",
	"max_parallel_workers_per_gather=0", "log_min_messages=fatal",
}

// process is one PostgreSQL and the folder it lives in.
type process struct {
	bin      string
	dir      string // holds data, log and socket; all of it goes with the process
	port     int
	settings []string
	pid      int
	alive    *os.File // while it is open, the guard lets the server live
	guard    *exec.Cmd
}

// Programs returns where the newest PostgreSQL has its programs.
func Programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		version := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // what is no number comes last
			return n
		}
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed (apt-get install postgresql), and BONGSU_TEST_POSTGRES names none")
	}
	return filepath.Dir(path), nil
}

// Account is who runs the server: PostgreSQL refuses to run as root.
func Account() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.ParseUint(who.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(who.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// folder makes an empty folder that the server's account owns: in memory, unless
// the disk is what matters or memory is short.
func folder(disk bool) (string, error) {
	const memory, enough = "/dev/shm", 2 << 30
	parent := os.TempDir()
	var free syscall.Statfs_t
	if !disk && syscall.Statfs(memory, &free) == nil && free.Bavail*uint64(free.Bsize) >= enough {
		parent = memory
	}
	dir, err := os.MkdirTemp(parent, "bongsu-postgres-")
	if err != nil {
		return "", err
	}
	who, err := Account()
	if err == nil && who.Credential != nil {
		err = os.Chown(dir, int(who.Credential.Uid), int(who.Credential.Gid))
	}
	return dir, err
}

// command runs a program as the server's account, in dir.
func command(dir, name string, args ...string) (*exec.Cmd, error) {
	who, err := Account()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.SysProcAttr = dir, who
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C")
	return cmd, nil
}

// made is the blank, once there is one.
var made atomic.Pointer[process]

// blank is an initialised, never started data folder. It is made once: copying
// is faster.
var blank = sync.OnceValues(func() (*process, error) {
	p, err := newProcess(nil)
	if err != nil {
		return nil, err
	}
	made.Store(p)
	cmd, err := command(p.dir, filepath.Join(p.bin, "initdb"), "--pgdata="+p.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=4", "--no-sync")
	if err != nil {
		return nil, err
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, said)
	}
	return p, nil
})

// newProcess makes the folder, with a guard that removes it.
func newProcess(settings []string) (*process, error) {
	bin, err := Programs()
	if err != nil {
		return nil, err
	}
	dir, err := folder(slices.Contains(settings, "fsync=on"))
	if err != nil {
		return nil, err
	}
	p := &process{bin: bin, dir: dir, settings: settings}
	return p, p.startGuard()
}

func (p *process) data() string { return filepath.Join(p.dir, "data") }
func (p *process) log() string  { return filepath.Join(p.dir, "log") }

// guardScript waits until its input ends, which it does when this process has
// ended in whatever way, and cleans up.
const guardScript = `read -r _
if read -r pid <"$0/data/postmaster.pid"; then
	kill -9 "$pid" $(cat "/proc/$pid/task/$pid/children")
fi
for _ in 1 2 3 4 5 6 7 8 9 10; do
	rm -rf "$0" && exit
	sleep 0.1
done`

func (p *process) startGuard() error {
	waits, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = waits.Close() }()
	cmd, err := command("/", "/bin/sh", "-c", guardScript, p.dir)
	if err != nil {
		return errors.Join(err, alive.Close())
	}
	cmd.Stdin = waits
	p.alive, p.guard = alive, cmd
	return cmd.Start()
}

// end stops the server, if it runs, and removes the folder.
func (p *process) end() error {
	if p.pid != 0 {
		p.stop()
	}
	return errors.Join(p.alive.Close(), p.guard.Wait())
}

// stop has the server end its children and itself, without tidying up.
func (p *process) stop() {
	Signal(p.pid, syscall.SIGCONT)
	_ = syscall.Kill(p.pid, syscall.SIGQUIT)
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	for !p.reap(syscall.WNOHANG) {
		if !pause(ctx) {
			p.kill()
			return
		}
	}
}

// copyBlank fills the data folder.
func (p *process) copyBlank() error {
	from, err := blank()
	if err != nil {
		return err
	}
	cmd, err := command(p.dir, "cp", "-a", from.data(), p.data())
	if err != nil {
		return err
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy: %w: %s", err, said)
	}
	return nil
}

// start starts the server on its port, or on a free one the first time, and
// waits until it answers.
func (p *process) start() error {
	for try := 1; ; try++ {
		first := p.port == 0
		err := p.startOnce()
		if err == nil || !first || try == 5 {
			return err
		}
		p.port = 0 // somebody else took it in between
	}
}

func (p *process) startOnce() error {
	if p.port == 0 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		p.port = free.Addr().(*net.TCPAddr).Port
		if err := free.Close(); err != nil {
			return err
		}
	}
	args := []string{"-D", p.data(), "-p", strconv.Itoa(p.port), "-k", p.dir}
	for _, setting := range slices.Concat(forgetful, p.settings) {
		args = append(args, "-c", setting)
	}
	cmd, err := command(p.dir, filepath.Join(p.bin, "postgres"), args...)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	p.pid = cmd.Process.Pid
	if err := cmd.Process.Release(); err != nil {
		return err
	}
	return p.answers()
}

// answers waits for the first answer.
func (p *process) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, p.dsn())
		if err == nil {
			return conn.Close(ctx)
		}
		if p.reap(syscall.WNOHANG) {
			said, _ := os.ReadFile(p.log())
			return fmt.Errorf("postgres ended: %s", bytes.TrimSpace(said))
		}
		if !pause(ctx) {
			return fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}

// pause waits a moment; false when ctx has ended.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reap reports whether the server has ended, and collects it.
func (p *process) reap(options int) bool {
	for {
		got, err := syscall.Wait4(p.pid, nil, options, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if got == p.pid || err != nil {
			p.pid = 0
			return true
		}
		return false
	}
}

// dsn is a superuser's connection string.
func (p *process) dsn() string {
	return "postgres://postgres@127.0.0.1:" + strconv.Itoa(p.port) + "/postgres?sslmode=disable"
}

// kill ends the server and all its children at once.
func (p *process) kill() { Kill(p.pid, func() { p.reap(0) }) }
