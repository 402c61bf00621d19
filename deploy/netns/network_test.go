//go:build linux

package netns

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machines are the namespaces beside the hub: what each is called on the
// network, and the last part of its addresses.
var machines = []struct {
	name string
	host int
}{
	{"seoul", 11}, {"busan", 12}, {"tokyo", 13}, {"kakao", 21}, {"naver", 22}, {"google", 23}, {"people", 31}, {"store", 41}, {"names", 51},
}

// The two networks. Namespaces have addresses of their own, so these clash with
// nobody's.
const (
	wide    = "10.77.0."
	gossip  = "10.77.1."
	private = "10.77.0.0/16"
	homes   = "10.78." // people log in from networks of their own, all on one machine
)

// commandWithin bounds one command on a busy machine.
const commandWithin = 30 * time.Second

// address of a machine on the wide network.
func address(machine string) string { return wide + number(machine) }

func number(machine string) string {
	for _, m := range machines {
		if m.name == machine {
			return strconv.Itoa(m.host)
		}
	}
	panic("there is no machine " + machine)
}

// network is the machines of one run, with names that no other run has.
type network struct {
	t   *testing.T
	run string
}

// guardScript waits until its input ends, which it does when the test's process
// has ended in whatever way, and removes the machines with all that runs there and
// the test's folder, $1. $0 is that process, which visits namespaces but does not
// live in them.
const guardScript = `read -r _
dir=$1
shift
for name; do
	for pid in $(ip netns pids "$name" 2>/dev/null); do
		[ "$pid" = "$0" ] || kill -9 "$pid"
	done
done
for name; do
	ip netns del "$name" 2>/dev/null
	rm -rf "/etc/netns/$name"
done
rmdir /etc/netns 2>/dev/null
rm -rf "$dir"
rmdir "${dir%/*}" 2>/dev/null
exit 0`

// newNetwork makes all machines, which go with dir.
func newNetwork(t *testing.T, dir string) *network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: go test -c -o netns.test ./deploy/netns && sudo ./netns.test; deploy/test.sh faults does it")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("ip is missing: apt-get install iproute2")
	}
	n := &network{t: t, run: "bongsu-" + strings.ToLower(rand.Text()[:6])}
	n.guard(dir)
	n.build()
	return n
}

// guard has everything removed when the test ends, or its process does.
func (n *network) guard(dir string) {
	n.t.Helper()
	names := []string{n.name("hub")}
	for _, m := range machines {
		names = append(names, n.name(m.name))
	}
	waits, alive, err := os.Pipe()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, strconv.Itoa(os.Getpid()), dir}, names...)...)
	cmd.Stdin, cmd.SysProcAttr = waits, &syscall.SysProcAttr{Setpgid: true} // or what interrupts the test would end it first
	err = cmd.Start()
	if err = errors.Join(err, waits.Close()); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := errors.Join(alive.Close(), cmd.Wait()); err != nil {
			n.t.Errorf("remove the machines: %v", err)
		}
		if left, _ := filepath.Glob("/run/netns/" + n.run + "-*"); len(left) > 0 {
			n.t.Errorf("left behind: %v", left)
		}
	})
}

func (n *network) build() {
	n.t.Helper()
	var namespaces, hub strings.Builder
	fmt.Fprintf(&namespaces, "netns add %s\n", n.name("hub"))
	hub.WriteString("link set lo up\nlink add wide type bridge\nlink add gossip type bridge\nlink set wide up\nlink set gossip up\n")
	for _, m := range machines {
		fmt.Fprintf(&namespaces, "netns add %s\n", n.name(m.name))
		n.plug(&hub, m.name, "wide")
		if slices.Contains(sites, m.name) {
			n.plug(&hub, m.name, "gossip")
		}
	}
	n.must(n.ip(namespaces.String(), "-batch", "-"))
	n.must(n.ip(hub.String(), "-n", n.name("hub"), "-batch", "-"))
	for _, m := range machines {
		inside := fmt.Sprintf("link set lo up\naddr add %s/24 dev wide\nlink set wide up\n", address(m.name))
		if slices.Contains(sites, m.name) {
			inside += fmt.Sprintf("addr add %s/24 dev gossip\nlink set gossip up\n", gossip+number(m.name))
		}
		if m.name == "people" {
			inside += "route add local " + homes + "0.0/16 dev lo\n"
		} else {
			inside += "route add " + homes + "0.0/16 via " + address("people") + "\n"
		}
		n.must(n.ip(inside, "-n", n.name(m.name), "-batch", "-"))
		n.furnish(m.name)
	}
}

// furnish gives a machine the files by which programs there find names: all of
// them at the machine that is called so.
func (n *network) furnish(machine string) {
	n.t.Helper()
	dir := "/etc/netns/" + n.name(machine)
	n.must(os.MkdirAll(dir, 0o755))
	for file, text := range map[string]string{
		"hosts":         "127.0.0.1 localhost\n",
		"nsswitch.conf": "hosts: files dns\n",
		"resolv.conf":   "nameserver " + address("names") + "\noptions timeout:1 attempts:2\n",
	} {
		n.must(os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
}

// plug writes the commands that join a machine to a bridge.
func (n *network) plug(hub io.Writer, machine, bridge string) {
	port := machine + "-" + bridge[:1]
	_, _ = fmt.Fprintf(hub, "link add %s type veth peer name %s netns %s\nlink set %s master %s up\n", port, bridge, n.name(machine), port, bridge)
}

// cable connects or cuts a machine's cable to one of the bridges.
func (n *network) cable(machine, bridge string, connected bool) {
	n.t.Helper()
	state := map[bool]string{true: "up", false: "down"}[connected]
	n.must(n.ip("", "-n", n.name("hub"), "link", "set", machine+"-"+bridge[:1], state))
}

// route opens or closes the way from one machine to another, for nobody else.
func (n *network) route(from, to string, open bool) {
	n.t.Helper()
	n.hole(from, address(to)+"/32", open)
}

// hole has packets from a machine to a range of addresses lost, or no more.
func (n *network) hole(from, to string, open bool) {
	n.t.Helper()
	verb := map[bool]string{true: "del", false: "add"}[open]
	n.must(n.ip("", "-n", n.name(from), "route", verb, "blackhole", to))
}

func (n *network) name(machine string) string { return n.run + "-" + machine }

func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) ip(input string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", args...)
	cmd.Stdin = strings.NewReader(input)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said))
	}
	return nil
}

// in does something on another machine: a socket belongs for ever to where it
// was made.
func (n *network) in(machine string, do func() error) error {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("find the way back: %w", err)
	}
	defer func() { _ = unix.Close(home) }()
	there, err := unix.Open("/run/netns/"+n.name(machine), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("find %s: %w", machine, err)
	}
	defer func() { _ = unix.Close(there) }()
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("go to %s: %w", machine, err)
	}
	err = do()
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// listen listens on a machine.
func (n *network) listen(machine, port string) net.Listener {
	n.t.Helper()
	var l net.Listener
	n.must(n.in(machine, func() (err error) {
		var how net.ListenConfig
		l, err = how.Listen(n.t.Context(), "tcp4", net.JoinHostPort(address(machine), port))
		return err
	}))
	return l
}

// connectWithin bounds a connection attempt, as an impatient browser does.
const connectWithin = 2 * time.Second

// dial connects from a machine to an address.
func (n *network) dial(ctx context.Context, from, to string) (net.Conn, error) {
	return n.dialAs(ctx, from, nil, "tcp4", to)
}

// dialAs connects from a machine to an address, as one of the addresses that the
// machine has; nil is any.
func (n *network) dialAs(ctx context.Context, from string, as net.Addr, protocol, to string) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: connectWithin, LocalAddr: as}
	err = n.in(from, func() (err error) {
		conn, err = dialer.DialContext(ctx, protocol, to)
		return err
	})
	return conn, err
}
