//go:build linux

package machines

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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The two bridges, by which [Network.Cable] knows them.
const (
	Wide  = "wide"  // everybody
	Inner = "inner" // machines that are [Machine.Inside]
)

// The networks. Namespaces have addresses of their own, so these clash with
// nobody's.
const (
	wide  = "10.77.0."
	inner = "10.77.1."

	Private      = "10.77.0.0/16" // both bridges
	InnerNetwork = inner + "0/24"
	// Homes are what people's addresses begin with: they come from networks of
	// their own, all on the machine of the name [People].
	Homes = "10.78."
)

// People is the machine that has the addresses of [Homes].
const People = "people"

// commandWithin bounds one command on a busy machine.
const commandWithin = 30 * time.Second

// Machine is one namespace.
type Machine struct {
	Name   string // a few letters: interfaces are called so
	Host   int    // the last part of its addresses, 1 to 254
	Second int    // of a second address on the wide network; 0: it has one
	Inside bool   // has a cable on the inner bridge, too
}

// Network is the machines of one run, with names that no other run has.
type Network struct {
	run      string
	machines []Machine
	alive    *os.File  // while it is open, the guard lets all be
	guard    *exec.Cmd // removes all
}

// guardScript waits until its input ends, which it does when the test's process
// has ended in whatever way, and removes the machines with all that runs there and
// the test's folder, $1, with what is mounted in it. $0 is that process, which
// visits namespaces but does not live in them.
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
while read -r _ at _; do
	case $at in "$dir"/*) umount -l "$at" ;; esac
done </proc/mounts
rm -rf "$dir"
rmdir "${dir%/*}" 2>/dev/null
exit 0`

// New makes all machines. They go, and with them dir and all that runs on them,
// at [Network.Close], or when this process ends.
func New(dir string, all []Machine) (*Network, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need root: build the test and run it by sudo, as deploy/machine.sh does")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return nil, errors.New("ip is missing: apt-get install iproute2")
	}
	n := &Network{run: "bongsu-" + strings.ToLower(rand.Text()[:6]), machines: all}
	if err := n.watch(dir); err != nil {
		return nil, err
	}
	if err := n.build(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// watch starts the guard.
func (n *Network) watch(dir string) error {
	names := []string{n.Name("hub")}
	for _, m := range n.machines {
		names = append(names, n.Name(m.Name))
	}
	waits, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, strconv.Itoa(os.Getpid()), dir}, names...)...)
	cmd.Stdin, cmd.SysProcAttr = waits, &syscall.SysProcAttr{Setpgid: true} // or what interrupts the test would end it first
	n.alive, n.guard = alive, cmd
	err = cmd.Start()
	return errors.Join(err, waits.Close())
}

// Close removes everything, and is an error when something is left.
func (n *Network) Close() error {
	if err := errors.Join(n.alive.Close(), n.guard.Wait()); err != nil {
		return fmt.Errorf("remove the machines: %w", err)
	}
	if left, _ := filepath.Glob("/run/netns/" + n.run + "-*"); len(left) > 0 {
		return fmt.Errorf("left behind: %v", left)
	}
	return nil
}

func (n *Network) build() error {
	var namespaces, hub strings.Builder
	fmt.Fprintf(&namespaces, "netns add %s\n", n.Name("hub"))
	fmt.Fprintf(&hub, "link set lo up\nlink add %[1]s type bridge\nlink add %[2]s type bridge\nlink set %[1]s up\nlink set %[2]s up\n", Wide, Inner)
	for _, m := range n.machines {
		fmt.Fprintf(&namespaces, "netns add %s\n", n.Name(m.Name))
		n.plug(&hub, m.Name, Wide)
		if m.Inside {
			n.plug(&hub, m.Name, Inner)
		}
	}
	if err := n.ip(namespaces.String(), "-batch", "-"); err != nil {
		return err
	}
	if err := n.ip(hub.String(), "-n", n.Name("hub"), "-batch", "-"); err != nil {
		return err
	}
	for _, m := range n.machines {
		if err := errors.Join(n.ip(n.inside(m), "-n", n.Name(m.Name), "-batch", "-"), n.furnish(m.Name)); err != nil {
			return err
		}
	}
	return nil
}

// inside is the commands that set a machine's own side up.
func (n *Network) inside(m Machine) string {
	var all strings.Builder
	fmt.Fprintf(&all, "link set lo up\naddr add %s/24 dev %s\nlink set %[2]s up\n", n.Address(m.Name), Wide)
	if m.Second != 0 {
		fmt.Fprintf(&all, "addr add %s/24 dev %s\n", n.Second(m.Name), Wide)
	}
	if m.Inside {
		fmt.Fprintf(&all, "addr add %s/24 dev %s\nlink set %[2]s up\n", n.InnerAddress(m.Name), Inner)
	}
	if m.Name == People {
		fmt.Fprintf(&all, "route add local %s0.0/16 dev lo\n", Homes)
	} else {
		fmt.Fprintf(&all, "route add %s0.0/16 via %s\n", Homes, n.Address(People))
	}
	return all.String()
}

// furnish gives a machine the files by which programs there find names: all of
// them at the machine that is called so.
func (n *Network) furnish(machine string) error {
	dir := "/etc/netns/" + n.Name(machine)
	err := os.MkdirAll(dir, 0o755)
	for file, text := range map[string]string{
		"hosts":         "127.0.0.1 localhost\n",
		"nsswitch.conf": "hosts: files dns\n",
		"resolv.conf":   "nameserver " + n.Address(Names) + "\noptions timeout:1 attempts:2\n",
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
	return err
}

// plug writes the commands that join a machine to a bridge.
func (n *Network) plug(hub io.Writer, machine, bridge string) {
	port := machine + "-" + bridge[:1]
	_, _ = fmt.Fprintf(hub, "link add %s type veth peer name %s netns %s\nlink set %s master %s up\n", port, bridge, n.Name(machine), port, bridge)
}

// Cable connects or cuts a machine's cable to one of the bridges.
func (n *Network) Cable(machine, bridge string, connected bool) error {
	state := map[bool]string{true: "up", false: "down"}[connected]
	return n.ip("", "-n", n.Name("hub"), "link", "set", machine+"-"+bridge[:1], state)
}

// Hole has packets from a machine to a range of addresses lost, or, opened, no
// more.
func (n *Network) Hole(from, to string, open bool) error {
	verb := map[bool]string{true: "del", false: "add"}[open]
	return n.ip("", "-n", n.Name(from), "route", verb, "blackhole", to)
}

// Name of a machine's namespace.
func (n *Network) Name(machine string) string { return n.run + "-" + machine }

// Address of a machine on the wide network.
func (n *Network) Address(machine string) string { return wide + strconv.Itoa(n.machine(machine).Host) }

// Second is a machine's second address there.
func (n *Network) Second(machine string) string {
	return wide + strconv.Itoa(n.machine(machine).Second)
}

// InnerAddress of a machine that is inside.
func (n *Network) InnerAddress(machine string) string {
	return inner + strconv.Itoa(n.machine(machine).Host)
}

// machine panics where the test has made none of the name.
func (n *Network) machine(name string) Machine {
	for _, m := range n.machines {
		if m.Name == name {
			return m
		}
	}
	panic("there is no machine " + name)
}

// ip runs the command of that name.
func (n *Network) ip(input string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", args...)
	cmd.Stdin = strings.NewReader(input)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said))
	}
	return nil
}

// Command is a program on a machine. ip becomes it, so signals reach it.
func (n *Network) Command(ctx context.Context, machine, program string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.Name(machine), program}, args...)...)
}

// nobody is an address of the wide network that no machine has.
const nobody = wide + "99"

// listenConfig makes listeners; a socket belongs for ever to where it was made.
var listenConfig net.ListenConfig
