package health

import (
	"fmt"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// crowd is a board with 12 providers and the records of 64 nodes at three sites.
func crowd(b *testing.B) *node {
	b.Helper()
	var ids []string
	for i := range 12 {
		ids = append(ids, "provider-"+numbered(i))
	}
	sites := []string{"seoul", "busan", "tokyo"}
	n := with(b, &clock{noon}, Options{Site: "seoul", Node: "a", Sites: sites, Providers: infos(ids...)})
	for i := range 64 {
		r := rumour{site: sites[i%3], node: "node-" + numbered(i), incarnation: 1, sequence: 1, issued: n.now, states: map[string]State{}}
		for _, id := range ids {
			r.states[id] = Up
		}
		r.change = func(rec *record) {
			for e := range rec.entries {
				rec.entries[e].calls[0], rec.entries[e].due[0] = share{100, 2}, share{100, 30}
			}
		}
		n.hears(r)
	}
	n.pass(2, func(int) {
		for _, id := range ids {
			n.called(id, providers.OK, 20)
		}
	})
	return n
}

func BenchmarkObserve(b *testing.B) {
	n := crowd(b)
	call := Observation{Provider: "provider-0003", Step: providers.StepToken, Outcome: providers.OK, Took: 80 * time.Millisecond, Device: device.Mobile}
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				n.Observe(call)
			}
		})
	})
	browsers := make([]Observation, 4096)
	for i := range browsers {
		browsers[i] = Observation{
			Provider: "provider-0003", Step: providers.StepAuthorize, Outcome: providers.OK, Device: device.Mobile,
			Marked: true, Browser: fmt.Sprint("browser-", i), Prefix: fmt.Sprint("10.0.", i),
		}
	}
	b.Run("marked start", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for i := 0; p.Next(); i++ {
				n.Observe(browsers[i%len(browsers)])
			}
		})
	})
}

func BenchmarkSnapshotOf(b *testing.B) {
	n := crowd(b)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if n.Snapshot().Of("provider-0007").Weight == 0 {
				b.Fail()
			}
		}
	})
}

func BenchmarkTick(b *testing.B) {
	n := crowd(b)
	b.ReportAllocs()
	for b.Loop() {
		// A nanosecond past the second: every tick takes one in, and no record expires.
		n.ticked--
		n.Tick()
	}
}

func BenchmarkMerge(b *testing.B) {
	n := crowd(b)
	r := rumour{site: "busan", node: "node-0001", incarnation: 2, issued: n.now, states: map[string]State{"provider-0001": Up}}
	b.Run("known", func(b *testing.B) {
		m := n.Messages()[1]
		b.ReportAllocs()
		for b.Loop() {
			_, _ = n.Merge(m)
		}
	})
	b.Run("news", func(b *testing.B) {
		messages := make([][]byte, 2000)
		for i := range messages {
			r.sequence = uint64(i)
			messages[i] = r.message()
		}
		i := 0
		for b.Loop() {
			if i == len(messages) {
				i = 0
				delete(n.Board.peers.held, nodeName{"busan", "node-0001"})
			}
			_, _ = n.Merge(messages[i])
			i++
		}
	})
}
