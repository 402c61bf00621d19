//go:build nightly

package simulate

import (
	"testing"
	"time"
)

// Every outage that ships with the program, with all nodes and several seeds.
func TestEveryOutage(t *testing.T) {
	for _, name := range Shipped() {
		for seed := range uint64(3) {
			s, err := Open(name)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(t.Context(), s, seed+1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.WriteTo(t.Output()); err != nil {
				t.Fatal(err)
			}
			provider := s.Phases[0].Provider
			limit := 15 * time.Second
			if s.Phases[0].Token == 1 {
				limit = 45 * time.Second // only people who do not come back tell
			}
			if len(r.Detections) < len(s.Sites) || r.Detected(provider) > limit {
				t.Errorf("%s, seed %d: found out %+v", name, seed+1, r.Detections)
			}
			if r.FalseTrips != 0 || r.WronglyMoved > r.Logins/100 {
				t.Errorf("%s, seed %d: %d false trips, %d moved wrongly of %d", name, seed+1, r.FalseTrips, r.WronglyMoved, r.Logins)
			}
		}
	}
}
