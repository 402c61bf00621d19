package broker_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// strict takes nothing below a passkey, demanding takes p alone.
var (
	strict    = brokertest.Website{ID: "RP-strict", Secret: "strict-secret-of-more-than-thirty-two", RedirectURI: "https://strict.example/cb"}
	demanding = brokertest.Website{ID: "RP-p", Secret: "demanding-secret-of-more-than-thirty", RedirectURI: "https://p-only.example/cb"}
)

func assured(t *testing.T) *brokertest.Node {
	t.Helper()
	registered := func(w brokertest.Website, change func(*client.Client)) *client.Client {
		c := &client.Client{
			ID: w.ID, Name: w.ID, FirstParty: true, RedirectURIs: []string{w.RedirectURI},
			SecretHashes: [][32]byte{client.HashSecret(w.Secret)},
		}
		change(c)
		return c
	}
	return brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Clients = []*client.Client{
			registered(strict, func(c *client.Client) { c.MinACR = choice.ACRPhr }),
			registered(demanding, func(c *client.Client) { c.Providers = []string{"p"} }),
		}
	})
}

// truthful checks what a token says of a login by a provider that ended just
// now: its real strength, no means that nobody configured, its real time.
func truthful(t *testing.T, n *brokertest.Node, claims map[string]any) {
	t.Helper()
	if claims["acr"] != choice.ACRProvider {
		t.Errorf("acr is %v", claims["acr"])
	}
	if amr, there := claims["amr"]; there {
		t.Errorf("amr is %v", amr)
	}
	if age := n.Clock.Now().Sub(authTime(claims)); age < -time.Second || age > 10*time.Second {
		t.Errorf("auth_time is %s ago", age)
	}
}

func authTime(claims map[string]any) time.Time {
	at, _ := claims["auth_time"].(float64)
	return time.Unix(int64(at), 0)
}

// both is a browser of Vic, who can come in by p and by q.
func both(t *testing.T, n *brokertest.Node) (*brokertest.Browser, map[string]any) {
	t.Helper()
	b := n.NewBrowser()
	claims := claimsOf(t, n, b, "p", "vic")
	linkWay(t, n, b, "q", "vic")
	return b, claims
}

// AB-55: after a fallback the token says what really happened, whatever the
// website would have liked and whatever providers say of themselves; what it
// requires it does not get by less.
func TestAB55WeakerFallbackStrongerClaim(t *testing.T) {
	n := assured(t)
	b, earlier := both(t, n)
	boast := map[string]any{"acr": choice.ACRPhrh, "amr": []string{"hwk", "user", "mfa"}}
	claiming(n.Upstream("q"), boast)
	n.Clock.Advance(10 * time.Minute)
	must(t, n.Upstream("p").SetFault(fakeidp.Error))
	for name, wish := range map[string]func(url.Values){
		"acr_values": set("acr_values", choice.ACRPhrh+" "+choice.ACRPhr),
		"claims":     set("claims", `{"id_token":{"acr":{"values":["phrh","phr"]}}}`),
	} {
		t.Run(name, func(t *testing.T) {
			r := brokertest.RP1.Request(wish, set("prompt", "login"))
			b.Open(n.AuthorizeURL(r))
			b.Click("way-p")
			if page := b.Continue("vic"); !page.Has("way-q") {
				t.Fatalf("at %s: %s", page.URL, page.Text())
			}
			b.Click("way-q")
			tokens := n.Redeem(n.Answered(b.Continue("vic"), r))
			claims := brokertest.Claims(tokens.Text("id_token"))
			truthful(t, n, claims)
			if claims["sub"] != earlier["sub"] || !authTime(claims).After(authTime(earlier)) {
				t.Errorf("%v became %v", earlier, claims)
			}
		})
	}
	t.Run("an essential claim", func(t *testing.T) {
		r := brokertest.RP1.Request(set("claims", `{"id_token":{"acr":{"essential":true,"values":["phrh","phr"]}}}`), set("prompt", "login"))
		if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != "unmet_authentication_requirements" {
			t.Errorf("the website got %q", got.Error)
		}
	})
	t.Run("an older proof", func(t *testing.T) {
		old := n.Clock.Now().Add(-time.Hour)
		claiming(n.Upstream("q"), map[string]any{"auth_time": old.Unix()})
		if claims := claimsOf(t, n, n.NewBrowser(), "q", "vic"); authTime(claims).Unix() != old.Unix() {
			t.Errorf("auth_time is %s, q said %s", authTime(claims), old)
		}
		r := brokertest.RP1.Request(set("max_age", "600"))
		fresh := n.NewBrowser()
		fresh.Open(n.AuthorizeURL(r))
		fresh.Click("way-q")
		if got := n.Answered(fresh.Continue("vic"), r); got.Error != "login_required" {
			t.Errorf("with max_age it gets %q", got.Error)
		}
	})
	t.Run("what is required", func(t *testing.T) {
		for _, way := range []string{"", "p", "q"} {
			for _, who := range []*brokertest.Browser{b, n.NewBrowser()} {
				r := strict.Request(set("idp_hint", way))
				if got := n.Answered(who.Open(n.AuthorizeURL(r)), r); got.Error != "unmet_authentication_requirements" {
					t.Errorf("hinted %q it gets %q", way, got.Error)
				}
			}
		}
	})
}

// AB-56: a session answers no request that asks for more than it is.
func TestAB56OldSessionForAStrongerRequest(t *testing.T) {
	n := assured(t)
	b, _ := both(t, n)
	earlier := claimsOf(t, n, b, "q", "vic")
	n.Clock.Advance(30 * time.Second)
	quiet := func(w brokertest.Website, changes ...func(url.Values)) brokertest.Answer {
		r := w.Request(append(changes, set("prompt", "none"))...)
		return n.Answered(b.Open(n.AuthorizeURL(r)), r)
	}
	asked := []string{"login_required", "interaction_required"}
	for name, got := range map[string]brokertest.Answer{
		"max_age=0":               quiet(brokertest.RP1, set("max_age", "0")),
		"an age that is over":     quiet(brokertest.RP1, set("max_age", "29")),
		"a provider it is not of": quiet(demanding),
	} {
		if !slices.Contains(asked, got.Error) {
			t.Errorf("%s gets %q", name, got.Error)
		}
	}
	// Nobody here could ever be strong enough: a person could not help.
	if got := quiet(strict); got.Error != "unmet_authentication_requirements" {
		t.Errorf("a stronger acr gets %q", got.Error)
	}
	// What the session is good for it still gets, with its own age and strength.
	answer := quiet(brokertest.RP1, set("max_age", "3600"), set("acr_values", choice.ACRPhrh))
	same := brokertest.Claims(n.Redeem(answer).Text("id_token"))
	if authTime(same) != authTime(earlier) || same["acr"] != choice.ACRProvider {
		t.Errorf("the session of %v tells %v", earlier, same)
	}
	if page := b.Open(n.AuthorizeURL(demanding.Request())); !page.Has("way-p") || page.Has("way-q") {
		t.Errorf("who takes p alone gets %s: %s", page.URL, page.Text())
	}
	t.Run("a new proof", func(t *testing.T) {
		r := brokertest.RP1.Request(set("max_age", "0"))
		if page := b.Open(n.AuthorizeURL(r)); !page.Has("way-q") {
			t.Fatalf("max_age=0 ends at %s: %s", page.URL, page.Text())
		}
		b.Click("way-q")
		claims := brokertest.Claims(n.Redeem(n.Answered(b.Continue("vic"), r)).Text("id_token"))
		truthful(t, n, claims)
		if !authTime(claims).After(authTime(earlier)) || claims["sub"] != earlier["sub"] {
			t.Errorf("%v became %v", earlier, claims)
		}
	})
	t.Run("a provider that proves nothing new", func(t *testing.T) {
		claiming(n.Upstream("q"), map[string]any{"auth_time": n.Clock.Now().Add(-10 * time.Minute).Unix()})
		r := brokertest.RP1.Request(set("max_age", "0"))
		b.Open(n.AuthorizeURL(r))
		if page := b.Click("way-q"); !strings.Contains(page.URL.RawQuery, "max_age=0") {
			t.Errorf("q is not asked for a new proof: %s", page.URL)
		}
		if got := n.Answered(b.Continue("vic"), r); got.Error != "login_required" {
			t.Errorf("max_age=0 gets %q", got.Error)
		}
	})
}
