package broker_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
)

// AB-66 and AB-67 in a partition: no node asks another anything. A handoff is used
// once at the site that it is for or nobody can say, in the browser that it is of, and
// at no other site; and when the nodes hear each other again nothing changes its mind.
func testHandoffsCutOff(t *testing.T, n *nation) {
	b, mal := n.person(), n.person()
	page := b.Open(nationShopURL + "/login")
	mal.Open(nationShopURL + "/login") // has a mark
	alone, split := offered(t, page, "tokyo"), offered(t, b.Open(page.URL.String()), "busan")
	for _, p := range n.sites {
		p.fence.set(true)
	}
	for _, address := range []string{alone, split} {
		for _, site := range nationSites {
			wrong := strings.Replace(strings.Replace(address, "//tokyo.", "//"+site+".", 1), "//busan.", "//"+site+".", 1)
			if wrong == address {
				continue
			}
			if got := b.Open(wrong); got.Status != http.StatusBadRequest || len(got.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("at %s: %d", site, got.Status)
			}
		}
		if got := mal.Open(address); got.Status != http.StatusBadRequest {
			t.Errorf("in another browser: %d", got.Status)
		}
	}
	raced(t, b, alone) // its one node decides by itself
	statuses := followed(t, b, split)
	if statuses[http.StatusOK] > 1 || statuses[http.StatusOK]+statuses[http.StatusBadRequest]+statuses[http.StatusServiceUnavailable] != 8 {
		t.Errorf("of two nodes that cannot ask each other: %v", statuses)
	}
	for _, p := range n.sites {
		p.fence.set(false)
	}
	if got := b.Open(alone); got.Status != http.StatusBadRequest {
		t.Errorf("a used one, when the nodes hear each other again: %d", got.Status)
	}
	after := followed(t, b, split)
	if statuses[http.StatusOK]+after[http.StatusOK] > 1 {
		t.Errorf("used %d times while cut off and %d times afterwards", statuses[http.StatusOK], after[http.StatusOK])
	}
}

// followed has a browser follow a handoff eight times at once, and counts the answers.
func followed(t *testing.T, b *brokertest.Browser, address string) map[int]int {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 8 {
		tab := b.Tab()
		all.Go(func() {
			got, err := tab.Browser.Open(context.WithoutCancel(t.Context()), address)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				statuses[got.Status]++
			}
		})
	}
	all.Wait()
	return statuses
}
