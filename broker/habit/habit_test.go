package habit

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestTheLatestRequestsOfAClientAreCounted(t *testing.T) {
	now := noon
	n := New(func() time.Time { return now })
	for range maxRequests {
		n.Asked("shop", Request{RedirectURI: "https://shop.example/old", Scopes: []string{"openid"}})
	}
	now = noon.Add(time.Hour)
	n.Asked("shop", Request{PKCE: true, State: true, Nonce: true, RedirectURI: "https://shop.example/cb", Scopes: []string{"openid", "email"}})
	n.Asked("shop", Request{PKCE: true, State: true})
	n.Asked("other", Request{})
	want := Seen{
		Since: noon, At: now, Requests: maxRequests, PKCE: 2, State: 2, Nonce: 1,
		URIs: []string{"https://shop.example/cb", "https://shop.example/old"}, Scopes: []string{"email", "openid"},
	}
	if diff := cmp.Diff(want, n.Of("shop")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Seen{Since: noon, URIs: []string{}, Scopes: []string{}}, n.Of("unknown")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhetherAWebsiteTakesWordOfEndedSessions(t *testing.T) {
	now := noon
	n := New(func() time.Time { return now })
	n.Told("shop", nil)
	now = noon.Add(time.Hour)
	n.Told("shop", errors.New("it answered 500"))
	n.Told("shop", errors.New("it answered 502"))
	seen := n.Of("shop")
	if seen.Told == nil || *seen.Told != (Told{At: now, Error: "it answered 502"}) || seen.Missed != 2 || !seen.TookAt.Equal(noon) {
		t.Errorf("noted is %+v, %+v", seen, seen.Told)
	}
	n.Told("shop", nil)
	if seen := n.Of("shop"); seen.Told.Error != "" || seen.Missed != 0 || !seen.TookAt.Equal(now) {
		t.Errorf("noted is %+v, %+v", seen, seen.Told)
	}
}

func TestNotesAreBounded(t *testing.T) {
	n := New(time.Now)
	for i := range 2 * maxClients {
		n.Asked(fmt.Sprint(i), Request{})
		n.Told(fmt.Sprint(i), nil)
	}
	if len(n.notes) != maxClients {
		t.Errorf("%d clients are noted", len(n.notes))
	}
	for i := range 2 * maxNames {
		n.Asked("0", Request{RedirectURI: fmt.Sprint(i), Scopes: []string{fmt.Sprint(i)}})
	}
	if seen := n.Of("0"); len(seen.URIs) != maxNames || len(seen.Scopes) != maxNames {
		t.Errorf("%d URIs and %d scopes are noted", len(seen.URIs), len(seen.Scopes))
	}
}

func TestManyMayTakeNotesAtOnce(t *testing.T) {
	n := New(time.Now)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				n.Asked("shop", Request{PKCE: true})
				n.Told("shop", nil)
				n.Of("shop")
			}
		})
	}
	all.Wait()
	if seen := n.Of("shop"); seen.Requests != maxRequests || seen.PKCE != maxRequests {
		t.Errorf("noted is %+v", seen)
	}
}
