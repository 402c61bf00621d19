package broker_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
)

// wire lies between a node and every database. It can be cut, and it can be silent.
type wire struct{ cut, silent atomic.Bool }

func (w *wire) pass(ctx context.Context) error {
	if w.silent.Load() {
		<-ctx.Done()
	}
	if w.cut.Load() || w.silent.Load() {
		return errors.Join(errors.New("no database answers"), store.ErrUnavailable)
	}
	return nil
}

// between is how a node sees a database that is its own replica.
func (w *wire) between(s *sqlstore.Store) sqlstore.Between {
	return sqlstore.Between{Writer: w.pass, Replica: func(ctx context.Context) (*sqlstore.Store, error) { return s, w.pass(ctx) }}
}

// readyWithin bounds how long a node takes to serve from its disk alone, on a busy
// machine: one that waits for every question to the database takes longer.
const readyWithin = 15 * time.Second

func stored(id string) store.Client {
	hash := client.HashSecret("a secret of more than thirty-two characters")
	return store.Client{
		ID: id, Document: []byte(`{"id":"` + id + `","name":"` + id + `","redirect_uris":["https://` + id + `.example/cb"]}`), By: "ops",
		CreatedAt: time.Now(), UpdatedAt: time.Now(), Secrets: []store.ClientSecret{{Hash: hash[:], By: "ops", CreatedAt: time.Now()}},
	}
}

// Every database is gone, and nodes that start serve what they can: the same keys
// and settings as before, and no word that only a database could say. When one
// answers again, nothing of the disk is left.
func TestANodeStartsFromItsDiskAlone(t *testing.T) {
	for _, how := range []string{"refused", "silent"} {
		t.Run(how, func(t *testing.T) {
			n := brokertest.StartNode(t)
			b := n.NewBrowser()
			tokens := n.Redeem(n.Login(b, "p", "vic", brokertest.RP1.Request()))
			var w wire
			database := n.Behind(w.between)
			n.Restart(func(*config.Config) {})
			if err := database.AddClient(t.Context(), stored("later")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a client of the store is known", func() bool {
				return n.Ask(http.MethodGet, authorize("later")).Status == http.StatusSeeOther
			})

			nextKeys(t, n)
			keySet, began := n.Ask(http.MethodGet, "/jwks").Body, time.Now()
			n.Restart(func(*config.Config) {
				w.cut.Store(how == "refused")
				w.silent.Store(how == "silent")
				began = time.Now()
			})
			if took := time.Since(began); took > readyWithin {
				t.Errorf("it takes %s to start", took)
			} else {
				t.Logf("ready from the disk alone after %s", took.Round(time.Millisecond))
			}
			if got := n.Ask(http.MethodGet, "/jwks").Body; !bytes.Equal(got, keySet) {
				t.Errorf("another key set: %s", got)
			}
			if got := n.Ask(http.MethodGet, authorize("later")); got.Status != http.StatusSeeOther {
				t.Errorf("a client of the store: %d", got.Status)
			}
			if got := n.Ask(http.MethodGet, authorize("nobody")); got.Status != http.StatusServiceUnavailable {
				t.Errorf("a client that nobody could look up: %d", got.Status)
			}
			couldNotCheck(t, "userinfo", n.Userinfo(tokens.Text("access_token")))
			r := brokertest.RP1.Request(set("prompt", "none"))
			if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != "temporarily_unavailable" {
				t.Errorf("prompt=none answers %q", got.Error)
			}
			for _, kind := range []string{"sealing_keys", "signing_keys", "site_identities", "clients", "secrets", "fingerprints"} {
				if !strings.Contains(n.Log(), `"event":"snapshot.served","kind":"`+kind+`"`) {
					t.Errorf("nobody is told that %s came from the disk", kind)
				}
			}

			if err := database.RemoveClient(t.Context(), "later"); err != nil {
				t.Fatal(err)
			}
			w.cut.Store(false)
			w.silent.Store(false)
			back := time.Now()
			eventually(t, "a client that was removed meanwhile is unknown", func() bool {
				return n.Ask(http.MethodGet, authorize("later")).Status == http.StatusBadRequest
			})
			if took := time.Since(back); took > obeyedWithin {
				t.Errorf("that took %s", took)
			}
			eventually(t, "nothing of the disk is in use", func() bool { return strings.Contains(n.Log(), `"event":"snapshot.replaced"`) })
			if got := n.Userinfo(tokens.Text("access_token")); got.Status != http.StatusOK {
				t.Errorf("userinfo with the database back: %d %s", got.Status, got.Body)
			}
			n.Redeem(n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request()))
		})
	}
}

func authorize(id string) string {
	return "/authorize?response_type=code&scope=openid&redirect_uri=https://" + id + ".example/cb&client_id=" + id +
		"&code_challenge_method=S256&code_challenge=" + brokertest.Challenge("0123456789012345678901234567890123456789012")
}

// A key that was withdrawn is not used again by a node that starts from what it
// kept before: the log of negative facts wins.
func TestAKeyWithdrawnIsNotUsedFromTheDisk(t *testing.T) {
	n := brokertest.StartNode(t)
	var w wire
	n.Behind(w.between)
	n.Restart(func(*config.Config) {})
	stolen := signer(t, n)
	nextKeys(t, n)
	w.cut.Store(true) // what is kept says that it signs
	fact := store.Fact{Kind: store.KeyWithdrawn, ID: stolen, At: time.Now().UTC()}
	if err := n.Broker.Negative().Apply(t.Context(), fact); err != nil {
		t.Fatal(err)
	}
	n.Restart(func(*config.Config) {})
	if keySet := n.Ask(http.MethodGet, "/jwks").Body; bytes.Contains(keySet, []byte(stolen)) {
		t.Errorf("the key set has %s: %s", stolen, keySet)
	}
	w.cut.Store(false)
	if got := signer(t, n); got == stolen {
		t.Error("it signs again")
	}
}

// A node that was off while a key was withdrawn starts while the writer is lost: its
// replica shows what its disk does not know, and of both the later word counts.
func TestAReplicaShowsWhatTheDiskDoesNotKnow(t *testing.T) {
	n := brokertest.StartNode(t)
	var lost atomic.Bool
	database := n.Behind(func(s *sqlstore.Store) sqlstore.Between {
		return sqlstore.Between{
			Writer: func(context.Context) error {
				if lost.Load() {
					return store.ErrUnavailable
				}
				return nil
			},
			Replica: func(context.Context) (*sqlstore.Store, error) { return s, nil },
		}
	})
	n.Restart(func(*config.Config) {})
	stolen := signer(t, n)
	nextKeys(t, n)
	n.Restart(func(cfg *config.Config) {
		ring, err := keys.Open(t.Context(), keys.Options{ // another node of the site
			Issuer: cfg.Issuer.String(), Site: cfg.Site, Algorithms: cfg.Keys.Algorithms, Store: database, Wrap: cfg.SiteKey, Now: n.Clock.Now,
		})
		must(t, err)
		ring.Withdraw(stolen)
		must(t, ring.Keep(t.Context()))
		lost.Store(true)
	})
	if keySet := n.Ask(http.MethodGet, "/jwks").Body; bytes.Contains(keySet, []byte(stolen)) {
		t.Errorf("the key set has %s: %s", stolen, keySet)
	}
	if !strings.Contains(n.Log(), `"event":"snapshot.replica","kind":"signing_keys"`) {
		t.Error("nobody is told")
	}
	if got := signer(t, n); got == stolen {
		t.Error("it signs")
	}
	lost.Store(false)
	eventually(t, "nothing of the disk is in use", func() bool { return strings.Contains(n.Log(), `"event":"snapshot.replaced"`) })
}

// nextKeys waits until the key that follows is published of each algorithm.
func nextKeys(t *testing.T, n *brokertest.Node) {
	t.Helper()
	eventually(t, "a next key of each algorithm is published", func() bool {
		return bytes.Count(n.Ask(http.MethodGet, "/jwks").Body, []byte(`"kid"`)) == 6
	})
}

// signer is the kid that signs ID tokens.
func signer(t *testing.T, n *brokertest.Node) string {
	t.Helper()
	got := n.Redeem(n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request()))
	first, _, _ := strings.Cut(got.Text("id_token"), ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	var header struct {
		KeyID string `json:"kid"`
	}
	if err == nil {
		err = json.Unmarshal(text, &header)
	}
	if err != nil || header.KeyID == "" {
		t.Fatalf("no ID token: %d %s, %v", got.Status, got.Body, err)
	}
	return header.KeyID
}
