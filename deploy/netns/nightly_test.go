//go:build linux && nightly

package netns

import (
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
)

const (
	// backWithin is how long sites may take to give a provider all its logins
	// back: its hold has grown with every fault before.
	backWithin = 15 * time.Minute

	perFault = 15 // logins at each site
)

// TestNamespacesFaults breaks one provider in every way that simulated upstreams
// know, below people who log in all the time at three real sites. Between two
// faults the sites have to trust it again.
func TestNamespacesFaults(t *testing.T) {
	w := newWorld(t)
	s := &story{crowd: newCrowd(newFleet(w))}
	s.goodDay()
	defer s.finish()
	kakao, ok := w.providers.Upstream("kakao")
	if !ok {
		t.Fatal("there is no Kakao")
	}
	for _, kind := range kakao.Kinds() {
		t.Run(string(kind.Name), func(t *testing.T) {
			if err := kakao.SetFault(kind.Name); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			elsewhere := 0
			for _, site := range sites {
				for _, l := range s.logins(perFault, began, shop, site) {
					if last := len(l.choices) - 1; last >= 0 && l.choices[last] != "kakao" {
						elsewhere++
					}
				}
			}
			s.check()
			t.Logf("%d came in another way", elsewhere)
			kakao.ClearFault()
			s.await("Kakao is trusted again", time.Now(), backWithin, sites, func(_ string, h admin.Health) bool {
				v := verdict(h, "kakao")
				return v.State == health.Up && v.Weight == 1
			})
		})
	}
}
