//go:build linux

package netns

import (
	"context"
	"net"
	"strconv"
	"testing"

	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// everyMachine is the namespaces there are.
var everyMachine = []machines.Machine{
	{Name: "seoul", Host: 11, Inside: true},
	{Name: "busan", Host: 12, Inside: true},
	{Name: "tokyo", Host: 13, Inside: true},
	{Name: "kakao", Host: 21},
	{Name: "naver", Host: 22},
	{Name: "google", Host: 23},
	{Name: machines.People, Host: 31},
	{Name: "store", Host: 41},
	{Name: machines.Names, Host: 51},
}

// network is the machines of one test, which what goes wrong with them ends.
type network struct {
	*machines.Network

	t *testing.T
}

// newNetwork makes all machines, which go with dir.
func newNetwork(t *testing.T, dir string) *network {
	t.Helper()
	made, err := machines.New(dir, everyMachine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return &network{made, t}
}

// cable connects or cuts a machine's cable to one of the bridges.
func (n *network) cable(machine, bridge string, connected bool) {
	n.t.Helper()
	n.must(n.Cable(machine, bridge, connected))
}

// route opens or closes the way from one machine to another, for nobody else.
func (n *network) route(from, to string, open bool) {
	n.t.Helper()
	n.hole(from, n.Address(to)+"/32", open)
}

// hole has packets from a machine to a range of addresses lost, or no more.
func (n *network) hole(from, to string, open bool) {
	n.t.Helper()
	n.must(n.Hole(from, to, open))
}

// listen listens on a machine.
func (n *network) listen(machine string, port int) net.Listener {
	n.t.Helper()
	l, err := n.Listen(machine, strconv.Itoa(port))
	n.must(err)
	return l
}

// dial connects from a machine to an address.
func (n *network) dial(ctx context.Context, from, to string) (net.Conn, error) {
	return n.Dial(ctx, from, to)
}

func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}
