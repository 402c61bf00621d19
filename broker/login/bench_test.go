package login

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/providers"
)

// crowded is a real board of 12 providers that has heard 63 other nodes at 8
// sites, some of which say that something is down.
func crowded(b *testing.B) (*health.Board, []string) {
	b.Helper()
	var sites, ids []string
	for i := range 8 {
		sites = append(sites, fmt.Sprintf("site%d", i))
	}
	var watched []health.ProviderInfo
	for i := range 12 {
		ids = append(ids, fmt.Sprintf("p%d", i))
		watched = append(watched, health.ProviderInfo{ID: ids[i], Domains: []string{ids[i]}})
	}
	now := time.Now()
	open := func(site, node string) *health.Board {
		board, err := health.New(health.Options{
			Site: site, Node: node, Sites: sites, Providers: watched, Now: func() time.Time { return now },
			Sign: func(m []byte) ([]byte, error) {
				sum := sha256.Sum256(append([]byte(site), m...))
				return append(sum[:], sum[:]...), nil
			},
			Verify: func(from string, m, signature []byte) bool {
				sum := sha256.Sum256(append([]byte(from), m...))
				return string(signature[:32]) == string(sum[:])
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		return board
	}
	own := open("site0", "node0")
	for n := 1; n < 64; n++ {
		other := open(sites[n%8], fmt.Sprintf("node%d", n))
		for range 20 {
			now = now.Add(time.Second)
			for i, id := range ids {
				outcome := providers.OK
				if i == 3 && n%8 == 2 {
					outcome = providers.Down
				}
				other.ObserveMany(health.Observation{Provider: id, Step: providers.StepToken, Outcome: outcome}, 20)
			}
			other.Tick()
		}
		for _, message := range other.Messages() {
			if _, err := own.Merge(message); err != nil {
				b.Fatal(err)
			}
		}
	}
	own.Tick()
	return own, ids
}

// What a login pays for knowing its providers: with 12 of them and the records of
// 64 nodes, the menu's order; and whether a hint may be followed.
func BenchmarkChoice(b *testing.B) {
	board, ids := crowded(b)
	h := newHouse(b)
	h.handler.Health, h.handler.candidates = board, nil
	for _, id := range ids {
		h.handler.candidates = append(h.handler.candidates, choice.Candidate{ID: id, Kind: choice.Provider, Brand: id, ACR: choice.ACRProvider})
	}
	known, _ := h.handler.Clients.Client("shop")
	v := &visit{
		w: httptest.NewRecorder(), r: httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/authorize", nil),
		client: known, login: &Login{ID: "abcdefghijklmnopqrstuvwx", Lang: "ko"},
	}
	b.Run("menu", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if len(h.handler.ways(v)) != len(ids) {
				b.Fatal("a way is missing")
			}
		}
	})
	b.Run("hint", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !h.handler.direct(v, "p0") {
				b.Fatal("a healthy hint is not followed")
			}
		}
	})
	b.Run("menu while the board works", func(b *testing.B) {
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					board.Tick()
				}
			}
		}()
		b.ReportAllocs()
		for b.Loop() {
			if len(h.handler.ways(v)) != len(ids) {
				b.Fatal("a way is missing")
			}
		}
		close(stop)
		<-done
	})
}
