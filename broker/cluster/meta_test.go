package cluster

import (
	"testing"
	"testing/synctest"
	"time"
)

// What a node says of itself beside its name reaches all others, and what it says
// after a restart takes its place.
func TestMetaReachesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(41)
		nodes := make([]*node, 3)
		begin := func(i int, meta string) {
			o := inMemory(network, i)
			o.Meta = []byte(meta)
			nodes[i] = start(t, o, 10)
		}
		for i := range nodes {
			begin(i, "here "+nodeName(i))
		}
		says := func(want string) {
			t.Helper()
			took, ok := within(time.Minute, func() bool {
				for _, n := range nodes {
					if m, known := n.Member(nodeName(1)); !known || string(m.Meta) != want {
						return false
					}
				}
				return true
			})
			if !ok {
				t.Errorf("not everybody has heard %q after %v", want, took)
			}
		}
		says("here " + nodeName(1))
		nodes[1].kill(t)
		begin(1, "moved")
		says("moved")
		if _, known := nodes[0].Member("seoul/nobody"); known {
			t.Error("who is not there is a member")
		}
		end(nodes...)
	})
}
