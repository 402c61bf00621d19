package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/hashicorp/memberlist"
)

// Who holds the gossip key can make up names, but only so many; those that are
// known are heard all the same, and one that left makes room.
func TestMembersAreBounded(t *testing.T) {
	p := &Peer{options: Options{Sites: []string{"seoul"}}, logger: slog.New(slog.DiscardHandler), metrics: newMetrics(nil), stirred: make(chan struct{}, 1)}
	p.members = newTable("seoul/self", p.note)
	node := func(i int) *memberlist.Node {
		return &memberlist.Node{Name: fmt.Sprintf("seoul/%d", i), Addr: []byte{10, 0, byte(i >> 8), byte(i)}, Port: 7946}
	}
	for i := range maxMembers {
		if err := (delegate{p}).NotifyAlive(node(i)); err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
		p.members.NotifyJoin(node(i))
	}
	if err := (delegate{p}).NotifyAlive(node(maxMembers)); !errors.Is(err, errFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := (delegate{p}).NotifyAlive(node(7)); err != nil {
		t.Errorf("a known one: %v", err)
	}
	p.members.NotifyLeave(node(7))
	if err := (delegate{p}).NotifyAlive(node(maxMembers)); err != nil {
		t.Errorf("where one has left: %v", err)
	}
}
