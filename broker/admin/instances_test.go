package admin

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

func TestASecretIsStoredOnceTheProviderTookIt(t *testing.T) {
	h := newHouse(t)
	_, err := h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "bad"})
	wantRefusal(t, err, "P06", "")
	_, err = h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "bad", Untested: true})
	wantRefusal(t, err, "P06", "")
	_, err = h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "away"})
	wantRefusal(t, err, "P07", "--untested")
	if got := h.secrets.Secrets("kakao"); !slices.Equal(got, []string{"configured"}) {
		t.Fatalf("kakao is asked with %q", got)
	}
	got, err := h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "good", Reason: "yearly"})
	h.must(err)
	if !got.Secret.Stored || !got.Secret.Former || got.Secret.By != "ops" || len(got.Probes) != 1 {
		t.Errorf("answer %+v", got)
	}
	if got := h.secrets.Secrets("kakao"); !slices.Equal(got, []string{"good", "configured"}) {
		t.Errorf("kakao is asked with %q", got)
	}
	if e := h.last(); e.Action != "provider.secret.set" || e.Why != "yearly" || e.Reason != "done" {
		t.Errorf("audited %+v", e)
	}
	_, err = h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "good"})
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	_, err = h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "away", Untested: true})
	h.must(err)
	if got := h.secrets.Secrets("kakao"); !slices.Equal(got, []string{"away", "good"}) {
		t.Errorf("kakao is asked with %q", got)
	}
}

func TestSecretsAreDropped(t *testing.T) {
	h := newHouse(t)
	_, err := h.client.DropSecret(t.Context(), "kakao", SecretDrop{})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	_, err = h.client.SetSecret(t.Context(), "kakao", Secret{Secret: "good"})
	h.must(err)
	for _, step := range []struct {
		drop SecretDrop
		want []string
	}{{SecretDrop{}, []string{"good"}}, {SecretDrop{Stored: true}, []string{"configured"}}} {
		_, err := h.client.DropSecret(t.Context(), "kakao", step.drop)
		h.must(err)
		if got := h.secrets.Secrets("kakao"); !slices.Equal(got, step.want) {
			t.Errorf("kakao is asked with %q, want %q", got, step.want)
		}
	}
}

func TestSecretsThatAreNone(t *testing.T) {
	h := newHouse(t)
	for _, secret := range []string{"", "two\nlines", strings.Repeat("x", 2049)} {
		_, err := h.client.SetSecret(t.Context(), "kakao", Secret{Secret: secret})
		wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
	}
	_, err := h.client.SetSecret(t.Context(), "google", Secret{Secret: "good"}) // it signs its own
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	_, err = h.client.SetSecret(t.Context(), "line", Secret{Secret: "good"})
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	for _, e := range h.events {
		if strings.Contains(e.Object+e.Why+e.Reason, "good") {
			t.Errorf("a secret was audited: %+v", e)
		}
	}
}

func TestAProviderIsTestedInWords(t *testing.T) {
	h := newHouse(t)
	got, err := h.client.TestProvider(t.Context(), "kakao")
	h.must(err)
	if len(got.Probes) != 2 || got.Probes[1].Level != "token" || got.Probes[1].Outcome != "ok" || got.Probes[1].Says == "" {
		t.Errorf("tested %+v", got)
	}
}

// moved is what kakao is to stand for.
func moved(links string) Migration {
	return Migration{Kind: "kakao", Issuer: "https://kakao.example", ClientID: "another", Links: links, Reason: "new application"}
}

func TestAMigrationSaysWhatBecomesOfLinks(t *testing.T) {
	h := newHouse(t)
	account := store.Account{ID: "an-account", Seed: make([]byte, 32), Epoch: 1, CreatedAt: h.now, UpdatedAt: h.now}
	key := store.IdentityKey{Provider: "kakao", Subject: "1"}
	h.must(h.store.OpenAccount(t.Context(), account, key))

	_, err := h.client.Migrate(t.Context(), "kakao", moved(""))
	wantRefusal(t, err, "P08", "--links keep, or --links set-aside,")
	if !strings.Contains(err.Error(), "1 accounts") {
		t.Errorf("%v does not say how many come in by it", err)
	}
	_, err = h.client.Migrate(t.Context(), "kakao", moved("burn"))
	wantProblem(t, err, http.StatusBadRequest, CodeInvalid)
	_, err = h.client.Migrate(t.Context(), "kakao", moved(LinksSetAside))
	wantRefusal(t, err, "P09", "")

	h.order("kakao", OrderDisable, Order{})
	got, err := h.client.Migrate(t.Context(), "kakao", moved(LinksSetAside))
	h.must(err)
	if got.Links != 1 || got.Alone != 1 || got.Moved != 1 || !got.Done {
		t.Errorf("migrated %+v", got)
	}
	if e := h.last(); e.Action != "provider.migrate" || !strings.Contains(e.Object, "another") || e.Why != "new application" {
		t.Errorf("audited %+v", e)
	}
	if _, err := h.store.AccountByIdentity(t.Context(), key, 0); err == nil {
		t.Error("somebody comes in by a link that was set aside")
	}
	stands, err := h.store.Fingerprint(t.Context(), "kakao")
	h.must(err)
	if stands.ClientID != "another" {
		t.Errorf("kakao stands for %+v", stands)
	}
	_, err = h.client.Migrate(t.Context(), "kakao", moved(LinksSetAside))
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	back := moved(LinksKeep)
	back.ClientID = "ours"
	_, err = h.client.Migrate(t.Context(), "kakao", back)
	h.must(err)
}
