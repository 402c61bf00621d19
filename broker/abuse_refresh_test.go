package broker_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
)

// inactive checks that an introspection says no more than that the token does
// not hold.
func inactive(t *testing.T, got brokertest.Response) {
	t.Helper()
	if got.Status != http.StatusOK || string(got.Body) != `{"active":false}` {
		t.Errorf("introspection answers %d %s", got.Status, got.Body)
	}
}

func active(t *testing.T, got brokertest.Response) map[string]any {
	t.Helper()
	answer := got.JSON()
	if got.Status != http.StatusOK || answer["active"] != true {
		t.Fatalf("introspection answers %d %s", got.Status, got.Body)
	}
	return answer
}

// offline logs a person in at a website that asks for refresh tokens.
func offline(t *testing.T, n *brokertest.Node, website brokertest.Website) brokertest.Response {
	t.Helper()
	got := n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", website.Request(brokertest.Offline)))
	if got.Status != http.StatusOK || got.Text("refresh_token") == "" {
		t.Fatalf("the code gave %d %s", got.Status, got.Body)
	}
	n.Secret("refresh token", got.Text("refresh_token"))
	return got
}

// refreshed uses a refresh token that must be good.
func refreshed(t *testing.T, n *brokertest.Node, website brokertest.Website, token string) brokertest.Response {
	t.Helper()
	got := n.Refresh(website, token)
	if got.Status != http.StatusOK || got.Text("refresh_token") == "" {
		t.Fatalf("the refresh token gave %d %s", got.Status, got.Body)
	}
	return got
}

func TestAB23RefreshTokenReplay(t *testing.T) { onEveryStore(t, abuse23) }

func abuse23(t *testing.T, n *brokertest.Node) {
	n.Clock.Stop()
	t.Run("a confidential website, after the grace", func(t *testing.T) {
		first := offline(t, n, brokertest.RP1)
		r1 := first.Text("refresh_token")
		second := refreshed(t, n, brokertest.RP1, r1)
		if within := refreshed(t, n, brokertest.RP1, r1); within.Text("refresh_token") != second.Text("refresh_token") {
			t.Error("within the grace another successor was given")
		}
		n.Clock.Advance(3*time.Second + time.Millisecond)
		told := len(n.Events(audit.RefreshReplayed))
		refused(t, n.Refresh(brokertest.RP1, r1), "invalid_grant")
		refused(t, n.Refresh(brokertest.RP1, second.Text("refresh_token")), "invalid_grant")
		if events := n.Events(audit.RefreshReplayed)[told:]; len(events) != 1 || events[0].Client != brokertest.RP1.ID {
			t.Errorf("%d events tell of the replay, want 1: %+v", len(events), events)
		}
		for _, access := range []string{first.Text("access_token"), second.Text("access_token")} {
			refused(t, n.Userinfo(access), "invalid_token")
			inactive(t, n.Introspect(brokertest.RP1, access))
		}
	})
	t.Run("an app, at once", func(t *testing.T) {
		r1 := offline(t, n, brokertest.RP3).Text("refresh_token")
		r2 := refreshed(t, n, brokertest.RP3, r1).Text("refresh_token")
		refused(t, n.Refresh(brokertest.RP3, r1), "invalid_grant")
		refused(t, n.Refresh(brokertest.RP3, r2), "invalid_grant")
	})
	t.Run("within the grace, once the successor was used", func(t *testing.T) {
		r1 := offline(t, n, brokertest.RP1).Text("refresh_token")
		r2 := refreshed(t, n, brokertest.RP1, r1).Text("refresh_token")
		r3 := refreshed(t, n, brokertest.RP1, r2).Text("refresh_token")
		refused(t, n.Refresh(brokertest.RP1, r1), "invalid_grant")
		refused(t, n.Refresh(brokertest.RP1, r3), "invalid_grant")
	})
	t.Run("many at once, without a grace: at most one goes on, and not for long", func(t *testing.T) {
		r1 := offline(t, n, brokertest.RP3).Text("refresh_token")
		answers := make([]brokertest.Response, 12)
		var racing sync.WaitGroup
		for i := range answers {
			racing.Go(func() { answers[i] = n.Refresh(brokertest.RP3, r1) })
		}
		racing.Wait()
		won := 0
		for _, got := range answers {
			if got.Status != http.StatusOK {
				refused(t, got, "invalid_grant")
				continue
			}
			won++
			refused(t, n.Refresh(brokertest.RP3, got.Text("refresh_token")), "invalid_grant")
		}
		if won > 1 {
			t.Errorf("%d of %d used the token, want at most 1", won, len(answers))
		}
	})
	t.Run("forged ones are nobody's, and harm nobody", func(t *testing.T) {
		r1 := offline(t, n, brokertest.RP1).Text("refresh_token")
		parts := strings.Split(r1, ".")
		for name, forged := range map[string]string{
			"another number":         strings.Join([]string{parts[0], parts[1], "2", parts[3]}, "."),
			"another family":         strings.Join([]string{parts[0], "a" + parts[1][1:], "1", parts[3]}, "."),
			"one character more":     r1 + "A",
			"one character less":     r1[:len(r1)-1],
			"another last character": r1[:len(r1)-2] + "AA",
			"a number with a zero":   strings.Join([]string{parts[0], parts[1], "01", parts[3]}, "."),
			"no MAC":                 strings.Join([]string{parts[0], parts[1], "1", ""}, "."),
			"nonsense":               "nonsense",
		} {
			refused(t, n.Refresh(brokertest.RP1, forged), "invalid_grant")
			inactive(t, n.Introspect(brokertest.RP1, forged))
			if got := n.Revoke(brokertest.RP1, forged); got.Status != http.StatusOK {
				t.Errorf("revoking %s answers %d %s", name, got.Status, got.Body)
			}
		}
		refreshed(t, n, brokertest.RP1, r1)
	})
}

func TestAB24RefreshTokenOfAnotherClientOrWiderScope(t *testing.T) { onEveryStore(t, abuse24) }

func abuse24(t *testing.T, n *brokertest.Node) {
	got := n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request(set("scope", "openid profile offline_access"))))
	r1 := got.Text("refresh_token")
	for _, other := range []brokertest.Website{brokertest.RP2, brokertest.RP3} {
		refused(t, n.Refresh(other, r1), "invalid_grant")
		refused(t, n.Revoke(other, r1), "invalid_grant")
		refused(t, n.Revoke(other, got.Text("access_token")), "invalid_grant")
	}
	if events := n.Events(audit.RefreshMisused); len(events) != 4 {
		t.Errorf("%d events tell of it, want 4", len(events))
	}
	inactive(t, n.Introspect(brokertest.RP2, r1))
	inactive(t, n.Introspect(brokertest.RP2, got.Text("access_token")))
	for _, wider := range []string{"openid email", "openid profile offline_access orders.read", "admin"} {
		refused(t, n.Refresh(brokertest.RP1, r1, set("scope", wider)), "invalid_scope")
	}
	refused(t, n.Refresh(brokertest.RP1, r1, set("resource", brokertest.API)), "invalid_target")

	less := n.Refresh(brokertest.RP1, r1, set("scope", "openid"))
	if less.Status != http.StatusOK || less.Text("scope") != "openid" {
		t.Fatalf("asking for less gives %d %s", less.Status, less.Body)
	}
	if profile := n.Userinfo(less.Text("access_token")); profile.Status != http.StatusOK || profile.Text("name") != "" {
		t.Errorf("userinfo shows a token of less scope %s", profile.Body)
	}
	all := refreshed(t, n, brokertest.RP1, less.Text("refresh_token")) // what was granted stays granted
	if all.Text("scope") != "openid profile offline_access" || n.Userinfo(all.Text("access_token")).Text("name") == "" {
		t.Errorf("the next one gives %s", all.Body)
	}
}

// What was registered for no refresh tokens, or did not ask for them, has none.
func TestRefreshTokensAreGivenForOfflineAccessAlone(t *testing.T) {
	n := brokertest.StartNode(t)
	for _, request := range []brokertest.Request{brokertest.RP1.Request(), brokertest.ES256.Request(brokertest.Offline)} {
		got := n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", request))
		if got.Status != http.StatusOK || got.Text("refresh_token") != "" || strings.Contains(got.Text("scope"), "offline") {
			t.Errorf("%s: %s", request.Website.ID, got.Body)
		}
	}
	refused(t, n.Refresh(brokertest.ES256, "anything"), "unauthorized_client")
	refused(t, n.Refresh(brokertest.RP1, ""), "invalid_request")
}

// A refreshed ID token tells of the same login (OpenID Connect Core 12.2).
func TestARefreshedIDTokenIsAboutTheSameLogin(t *testing.T) {
	n := brokertest.StartNode(t)
	first := offline(t, n, brokertest.RP1)
	n.Clock.Advance(time.Hour)
	second := refreshed(t, n, brokertest.RP1, first.Text("refresh_token"))
	before, after := brokertest.Claims(first.Text("id_token")), brokertest.Claims(second.Text("id_token"))
	for _, same := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid", "name"} {
		if before[same] != after[same] {
			t.Errorf("%s was %v and is %v", same, before[same], after[same])
		}
	}
	if _, has := after["nonce"]; has || after["iat"] == before["iat"] || after["at_hash"] == before["at_hash"] {
		t.Errorf("the new one says %v", after)
	}
	answer := active(t, n.Introspect(brokertest.RP1, second.Text("refresh_token")))
	if answer["sub"] != after["sub"] || answer["client_id"] != brokertest.RP1.ID {
		t.Errorf("introspection says %v", answer)
	}
	inactive(t, n.Introspect(brokertest.RP1, first.Text("refresh_token")))
}

// A family ends a week after its last use, and with its grant whatever is done.
func TestRefreshTokensEnd(t *testing.T) {
	n := brokertest.StartNode(t)
	n.Clock.Stop()
	busy, idle := offline(t, n, brokertest.RP1).Text("refresh_token"), offline(t, n, brokertest.RP3).Text("refresh_token")
	const day = 24 * time.Hour
	for _, wait := range []time.Duration{7*day - time.Second, 7*day - time.Second, 7*day - time.Second, 7*day - time.Second, 2*day + 3*time.Second} {
		n.Clock.Advance(wait)
		active(t, n.Introspect(brokertest.RP1, busy))
		busy = refreshed(t, n, brokertest.RP1, busy).Text("refresh_token")
	}
	n.Clock.Advance(time.Second) // thirty days
	inactive(t, n.Introspect(brokertest.RP1, busy))
	refused(t, n.Refresh(brokertest.RP1, busy), "invalid_grant")
	refused(t, n.Refresh(brokertest.RP3, idle), "invalid_grant")
	if events := n.Events(audit.RefreshReplayed); len(events) != 0 {
		t.Errorf("somebody is accused: %+v", events)
	}
}

// Whoever is disabled, or ended all sessions, has no refresh tokens; the end of
// one session leaves them, for they are for when the person is away.
func TestRefreshTokensObeyTheAccount(t *testing.T) {
	n := brokertest.StartNode(t)
	found := n.Events(audit.AccountOpened)
	token := offline(t, n, brokertest.RP1).Text("refresh_token")
	found = n.Events(audit.AccountOpened)[len(found):]
	if len(found) != 1 {
		t.Fatalf("%d accounts were opened", len(found))
	}
	id := found[0].Account
	if _, err := n.Broker.Accounts().EndSessions(t.Context(), id, n.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	refused(t, n.Refresh(brokertest.RP1, token), "invalid_grant")
	inactive(t, n.Introspect(brokertest.RP1, token))
	fresh := offline(t, n, brokertest.RP1)
	if _, err := n.Broker.Accounts().DisableAccount(t.Context(), id, n.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	refused(t, n.Refresh(brokertest.RP1, fresh.Text("refresh_token")), "invalid_grant")
	inactive(t, n.Introspect(brokertest.RP1, fresh.Text("refresh_token")))
	inactive(t, n.Introspect(brokertest.RP1, fresh.Text("access_token")))
}
