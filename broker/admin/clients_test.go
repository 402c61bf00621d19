package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/client"
)

// add registers a website that must be taken.
func (h *house) add(entry string) Registered {
	h.t.Helper()
	got, err := h.client.AddClient(h.t.Context(), Registration{Client: json.RawMessage(entry), Reason: "new"})
	h.must(err)
	return got
}

const shop = `{"id":"shop","name":"Shop","redirect_uris":["https://shop.example/cb"]}`

func TestARegisteredWebsiteIsServedAtOnce(t *testing.T) {
	h := newHouse(t)
	got := h.add(shop)
	known, ok := h.directory.Client("shop")
	if !ok || !known.CheckSecret(got.Secret) || !known.RedirectAllowed("https://shop.example/cb") {
		t.Fatalf("the client is %+v", known)
	}
	if !strings.HasPrefix(got.Secret, client.SecretPrefix) || got.Client.Owner != client.OwnerStore || len(got.Client.Secrets) != 1 || got.Client.By != "ops" {
		t.Errorf("the answer is %+v", got)
	}
	if e := h.last(); e.Action != "client.add" || e.Object != "shop" || e.Why != "new" || e.Operator != "ops" || e.Reason != "done" {
		t.Errorf("audited is %+v", e)
	}
	shown, err := h.client.ShowClient(t.Context(), "shop")
	h.must(err)
	text, err := json.Marshal(shown)
	h.must(err)
	if strings.Contains(string(text), got.Secret) || shown.Secrets[0].UsedAt.IsZero() || shown.Issuer != "https://login.example.kr" {
		t.Errorf("shown is %s", text)
	}
	all, err := h.client.Clients(t.Context())
	h.must(err)
	if len(all) != 2 || all[0].ID != "filed" || all[0].Where != "bongsu.yaml:12" || all[1].ID != "shop" || !all[1].Served {
		t.Errorf("listed are %+v", all)
	}
}

// AB-04.
func TestUnsafeRegistrationsAreNotStored(t *testing.T) {
	h := newHouse(t)
	for _, uri := range []string{
		"http://rp.example/cb", "javascript:alert(1)", "data:text/html,x", "https://*.rp.example/cb", "https://rp.example/cb#x", "//rp.example/cb",
	} {
		entry, err := json.Marshal(map[string]any{"id": "rp", "name": "RP", "redirect_uris": []string{uri}})
		h.must(err)
		_, err = h.client.AddClient(t.Context(), Registration{Client: entry})
		wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
		if !strings.Contains(err.Error(), "redirect_uris[0]") {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if stored, _, err := h.store.Clients(t.Context()); err != nil || len(stored) != 0 {
		t.Errorf("stored are %+v, %v", stored, err)
	}
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	h := newHouse(t)
	_, err := h.client.AddClient(t.Context(), Registration{Client: json.RawMessage(`{"id":"a b","redirect_uris":["http://x.example"],"providers":["kakoa"]}`)})
	wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
	for _, says := range []string{"id must be", "name is missing", "redirect_uris[0] must use https", `did you mean "kakao"?`} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("does not say %q: %v", says, err)
		}
	}
	_, err = h.client.AddClient(t.Context(), Registration{Client: json.RawMessage(`{"id":"a","secret":"mine"}`)})
	wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
}

func TestTheFileOwnsItsWebsites(t *testing.T) {
	h := newHouse(t)
	entry := json.RawMessage(`{"id":"filed","name":"Other","redirect_uris":["https://evil.example/cb"]}`)
	_, err := h.client.AddClient(t.Context(), Registration{Client: entry})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	if !strings.Contains(err.Error(), "filed is registered in bongsu.yaml:12") {
		t.Error(err)
	}
	_, err = h.client.ReplaceClient(t.Context(), "filed", Registration{Client: entry})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	_, err = h.client.RemoveClient(t.Context(), "filed", ClientOrder{})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	_, err = h.client.AddClientSecret(t.Context(), "filed", ClientOrder{})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	if c, _ := h.directory.Client("filed"); c.Name != "Filed" || len(c.SecretHashes) != 1 {
		t.Errorf("the file's client is %+v", c)
	}
	if shown, err := h.client.ShowClient(t.Context(), "filed"); err != nil || string(shown.Registration) != `{"id":"filed","name":"Filed"}` {
		t.Errorf("shown is %+v, %v", shown, err)
	}
}

func TestAnIDIsTakenOnce(t *testing.T) {
	h := newHouse(t)
	h.add(shop)
	_, err := h.client.AddClient(t.Context(), Registration{Client: json.RawMessage(shop)})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	h.add(strings.Replace(shop, `"shop"`, `"c-19842"`, 1))
	_, err = h.client.AddClient(t.Context(), Registration{Client: json.RawMessage(strings.Replace(shop, `"shop"`, `"c-32432"`, 1))})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	if !strings.Contains(err.Error(), "cannot be told from") {
		t.Error(err)
	}
}

func TestASecretChangesWithoutAGap(t *testing.T) {
	h := newHouse(t)
	first := h.add(shop)
	_, err := h.client.DropClientSecret(t.Context(), "shop", first.Client.Secrets[0].ID, ClientOrder{})
	wantRefusal(t, err, "C02", "")
	h.now = h.now.Add(time.Minute)
	second, err := h.client.AddClientSecret(t.Context(), "shop", ClientOrder{})
	h.must(err)
	if len(second.Client.Secrets) != 2 || second.Client.Secrets[0].ID != first.Client.Secrets[0].ID {
		t.Fatalf("the answer is %+v", second)
	}
	known, _ := h.directory.Client("shop")
	if !known.CheckSecret(first.Secret) || !known.CheckSecret(second.Secret) {
		t.Error("not both are taken")
	}
	_, err = h.client.AddClientSecret(t.Context(), "shop", ClientOrder{})
	wantProblem(t, err, http.StatusConflict, CodeConflict)

	old := first.Client.Secrets[0].ID
	_, err = h.client.DropClientSecret(t.Context(), "shop", old, ClientOrder{})
	wantRefusal(t, err, "C01", "--force")
	h.now = h.now.Add(26 * time.Hour)
	if _, err = h.client.DropClientSecret(t.Context(), "shop", old, ClientOrder{UnusedHours: 48}); err == nil {
		t.Error("a secret that was used within 48 hours is dropped")
	}
	got, err := h.client.DropClientSecret(t.Context(), "shop", old, ClientOrder{})
	h.must(err)
	known, _ = h.directory.Client("shop")
	if len(got.Client.Secrets) != 1 || known.CheckSecret(first.Secret) || !known.CheckSecret(second.Secret) {
		t.Errorf("after the old one was dropped: %+v", got)
	}
	_, err = h.client.DropClientSecret(t.Context(), "shop", old, ClientOrder{})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
}

func TestAnAppHasNoSecret(t *testing.T) {
	h := newHouse(t)
	got := h.add(`{"id":"app","name":"App","public":true,"redirect_uris":["https://app.example/cb"]}`)
	if got.Secret != "" || len(got.Client.Secrets) != 0 {
		t.Errorf("the answer is %+v", got)
	}
	_, err := h.client.AddClientSecret(t.Context(), "app", ClientOrder{})
	wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
}

func TestARegistrationIsReplacedAndRemoved(t *testing.T) {
	h := newHouse(t)
	got := h.add(shop)
	h.now = h.now.Add(time.Minute)
	next := json.RawMessage(strings.Replace(shop, "/cb", "/callback", 1))
	_, err := h.client.ReplaceClient(t.Context(), "shop", Registration{Client: next, UpdatedAt: h.now.Add(-time.Hour)})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	_, err = h.client.ReplaceClient(t.Context(), "shop", Registration{Client: next, UpdatedAt: got.Client.UpdatedAt})
	h.must(err)
	known, _ := h.directory.Client("shop")
	if !known.RedirectAllowed("https://shop.example/callback") || known.RedirectAllowed("https://shop.example/cb") || !known.CheckSecret(got.Secret) {
		t.Errorf("the client is %+v", known)
	}
	_, err = h.client.ReplaceClient(t.Context(), "other", Registration{Client: next})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	_, err = h.client.RemoveClient(t.Context(), "shop", ClientOrder{Reason: "closed"})
	h.must(err)
	if _, ok := h.directory.Client("shop"); ok {
		t.Error("a client that was removed is served")
	}
	_, err = h.client.RemoveClient(t.Context(), "shop", ClientOrder{})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	_, err = h.client.ShowClient(t.Context(), "shop")
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
}

func TestWithoutTheStoreNothingIsRegistered(t *testing.T) {
	h := newHouse(t)
	h.add(shop)
	h.store.cut = true
	_, err := h.client.AddClient(t.Context(), Registration{Client: json.RawMessage(strings.Replace(shop, `"shop"`, `"other"`, 1))})
	wantProblem(t, err, http.StatusServiceUnavailable, CodeUnavailable)
	_, err = h.client.RemoveClient(t.Context(), "nobody", ClientOrder{})
	wantProblem(t, err, http.StatusServiceUnavailable, CodeUnavailable)
	_, err = h.client.ShowClient(t.Context(), "shop")
	wantProblem(t, err, http.StatusServiceUnavailable, CodeUnavailable)
	if all, err := h.client.Clients(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("listed are %+v, %v", all, err)
	}
}

func TestARegistrationHasABound(t *testing.T) {
	h := newHouse(t)
	_, err := h.client.AddClient(t.Context(), Registration{Client: json.RawMessage(`{"id":"` + strings.Repeat("a", maxClientBody) + `"}`)})
	if p, ok := errors.AsType[*Problem](err); !ok || p.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %v", err)
	}
}
