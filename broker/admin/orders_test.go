package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/store"
)

func TestAProviderIsSwitchedOffAndOn(t *testing.T) {
	h := newHouse(t)
	want := Done{Provider: "kakao", Standing: Disabled, Recorded: true}
	for range 2 { // saying it again changes nothing
		if got := h.order("kakao", OrderDisable, Order{}); got != want {
			t.Errorf("got %+v", got)
		}
	}
	if h.facts.Epoch(store.ProviderSessionsEnded, "kakao") != 0 {
		t.Error("its sessions ended")
	}
	states, err := h.client.Providers(t.Context())
	h.must(err)
	if states[0].Standing != Disabled || states[1].Standing != InUse {
		t.Errorf("states %+v", states)
	}
	h.now = h.now.Add(time.Second)
	want.Standing = InUse
	if got := h.order("kakao", OrderEnable, Order{}); got != want || h.facts.Has(store.ProviderDisabled, "kakao") {
		t.Errorf("got %+v", got)
	}
	want.Standing = Disabled
	if got := h.order("kakao", OrderDisable, Order{EndSessions: true}); got != want {
		t.Errorf("got %+v", got)
	}
	if got := h.facts.Epoch(store.ProviderSessionsEnded, "kakao"); got != h.now.Add(spread).Unix() {
		t.Errorf("sessions up to %d ended", got)
	}
}

// A node that has heard of nothing yet says something new: it is not taken for
// what was undone before, even by a clock that is ahead.
func TestADisablingOutlivesALiftingThatThisNodeHasNotHeardOf(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Millisecond, 0, 30 * time.Second} {
		h := newHouse(t)
		_, err := h.store.LiftFact(t.Context(), store.ProviderDisabled, "kakao", h.now.Add(ahead))
		h.must(err)
		if got := h.order("kakao", OrderDisable, Order{}); got.Standing != Disabled || !got.Recorded {
			t.Errorf("undone %s ahead: the answer is %+v", ahead, got)
		}
		facts, err := h.store.FactsSince(t.Context(), 0, 10)
		h.must(err)
		if len(facts) != 1 || facts[0].Lifted {
			t.Errorf("undone %s ahead: the store holds %+v", ahead, facts)
		}
		if !h.facts.Has(store.ProviderDisabled, "kakao") {
			t.Errorf("undone %s ahead: this node does not obey", ahead)
		}
	}
}

func TestARetiredProviderStaysRetired(t *testing.T) {
	h := newHouse(t)
	if got := h.order("kakao", OrderRetire, Order{}); got.Standing != Retired {
		t.Errorf("got %+v", got)
	}
	_, err := h.client.Order(t.Context(), "kakao", OrderEnable, Order{})
	wantRefusal(t, err, "P03", "--retired")
	h.now = h.now.Add(time.Second)
	if got := h.order("kakao", OrderEnable, Order{Retired: true}); got.Standing != InUse {
		t.Errorf("got %+v", got)
	}
}

func TestTheLastProviderIsNotSwitchedOffByMistake(t *testing.T) {
	h := newHouse(t)
	h.order("kakao", OrderDisable, Order{})
	h.order("naver", OrderRetire, Order{})
	for _, order := range []string{OrderDisable, OrderRetire} {
		_, err := h.client.Order(t.Context(), "google", order, Order{})
		wantRefusal(t, err, "P02", "--force")
		if e := h.last(); e.Reason != "refused" {
			t.Errorf("audited %+v", e)
		}
	}
	if got := h.order("google", OrderDisable, Order{Force: true}); got.Standing != Disabled {
		t.Errorf("got %+v", got)
	}
}

// What needs no writer works without one; what does is 503 and changes nothing.
func TestOrdersWithoutTheStore(t *testing.T) {
	h := newHouse(t)
	h.order("naver", OrderDisable, Order{})
	h.store.cut = true
	for order, o := range map[string]Order{OrderDisable: {}, OrderRetire: {}, OrderDistrust: {KeyID: "key-1"}} {
		if got := h.order("kakao", order, o); got.Recorded {
			t.Errorf("%s is recorded", order)
		}
	}
	if !h.facts.Has(store.ProviderRetired, "kakao") || !h.facts.Has(store.UpstreamKeyDistrusted, store.DistrustedKey("kakao", "key-1")) {
		t.Error("it is not obeyed here")
	}
	lever, err := h.client.PullLever(t.Context(), Lever{Engaged: true})
	if err != nil || !lever.Engaged {
		t.Errorf("the lever: %+v %v", lever, err)
	}
	if _, err := h.client.Providers(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := h.client.Health(t.Context()); err != nil {
		t.Error(err)
	}
	undecided := map[string]func() error{
		"enable": func() error { _, err := h.client.Order(t.Context(), "naver", OrderEnable, Order{}); return err },
		"trust": func() error {
			_, err := h.client.Order(t.Context(), "kakao", OrderDistrust, Order{KeyID: "key-1", Undo: true})
			return err
		},
		"declare": func() error {
			_, err := h.client.DeclareOutage(t.Context(), "naver", Declaration{Seconds: 60})
			return err
		},
		"coverage": func() error { _, err := h.client.Coverage(t.Context(), "shop", ""); return err },
		"release":  func() error { _, err := h.client.PullLever(t.Context(), Lever{}); return err },
	}
	for name, order := range undecided {
		wantProblem(t, order(), http.StatusServiceUnavailable, CodeUnavailable)
		if e := h.last(); name != "coverage" && e.Reason != "unavailable" {
			t.Errorf("%s is audited as %+v", name, e)
		}
	}
	if !h.facts.Has(store.ProviderDisabled, "naver") {
		t.Error("naver is back")
	}
}

func TestTrustInAKeyIsTakenAway(t *testing.T) {
	h := newHouse(t)
	h.order("kakao", OrderDistrust, Order{KeyID: "stolen key\t", Reason: "AADSTS"})
	id := store.DistrustedKey("kakao", "stolen key\t")
	if !h.facts.Has(store.UpstreamKeyDistrusted, id) || h.facts.Has(store.UpstreamKeyDistrusted, store.DistrustedKey("naver", "stolen key\t")) {
		t.Error("the wrong key is distrusted")
	}
	if got := h.facts.Epoch(store.ProviderSessionsEnded, "kakao"); got != h.now.Add(spread).Unix() {
		t.Errorf("sessions up to %d ended", got)
	}
	if e := h.last(); e.Object != "kakao stolen key" || e.Why != "AADSTS" {
		t.Errorf("audited %+v", e)
	}
	h.now = h.now.Add(time.Second)
	h.order("kakao", OrderDistrust, Order{KeyID: "stolen key\t", Undo: true})
	if h.facts.Has(store.UpstreamKeyDistrusted, id) || h.facts.Epoch(store.ProviderSessionsEnded, "kakao") == 0 {
		t.Error("the key is still distrusted, or sessions came back")
	}
}

func TestChangedMetadataWaitsForAnOperator(t *testing.T) {
	h := newHouse(t)
	h.metadata.waits = true
	states, err := h.client.Providers(t.Context())
	h.must(err)
	if states[0].Pending != nil || states[2].Pending == nil {
		t.Errorf("states %+v", states)
	}
	h.order("google", OrderAdopt, Order{})
	if h.metadata.adopted != 1 {
		t.Error("it was not adopted")
	}
	h.metadata.fails = errors.New("disk full")
	_, err = h.client.Order(t.Context(), "google", OrderAdopt, Order{})
	wantProblem(t, err, http.StatusInternalServerError, CodeInternal)
}

func TestOutagesAreDeclared(t *testing.T) {
	h := newHouse(t)
	got, err := h.client.DeclareOutage(t.Context(), "kakao", Declaration{Seconds: 3600, Reason: "판교 화재"})
	h.must(err)
	want := Outage{Provider: "kakao", DeclaredAt: h.now, Until: h.now.Add(time.Hour), By: "ops", Reason: "판교 화재"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := h.outages.Declared("kakao"); !ok {
		t.Error("this node does not obey at once")
	}
	states, err := h.client.Providers(t.Context())
	h.must(err)
	if diff := cmp.Diff(&want, states[0].Outage); diff != "" || states[1].Outage != nil {
		t.Errorf("states %+v\n%s", states, diff)
	}
	_, err = h.client.EndOutage(t.Context(), "kakao")
	h.must(err)
	if _, ok := h.outages.Declared("kakao"); ok {
		t.Error("this node goes on")
	}
	_, err = h.client.EndOutage(t.Context(), "kakao")
	if err != nil { // the same moment: it has ended already
		t.Error(err)
	}
	h.now = h.now.Add(time.Second)
	_, err = h.client.EndOutage(t.Context(), "kakao")
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
}

func TestHealthIsShownAndExplained(t *testing.T) {
	h := newHouse(t)
	got, err := h.client.Health(t.Context())
	h.must(err)
	if got.Site != "seoul" || got.Node != "a" || len(got.Standing) != 3 {
		t.Errorf("got %+v", got)
	}
	_, err = h.client.Explain(t.Context(), "daum")
	wantProblem(t, err, http.StatusNotFound, CodeNotFound)
}

func TestCoverageIsCounted(t *testing.T) {
	h := newHouse(t)
	key := store.IdentityKey{Provider: "kakao", Subject: "1"}
	h.must(h.store.OpenAccount(t.Context(), store.Account{ID: "account", Seed: make([]byte, 32), Epoch: 1}, key))
	h.must(h.store.NoteActivity(t.Context(), []store.Activity{{Client: "shop", Account: "account", Day: h.now.Unix() / 86400}}))
	all, zero := 1.0, 0.0
	got, err := h.client.Coverage(t.Context(), "shop", "")
	h.must(err)
	want := []Coverage{
		{"shop", "kakao", 1, 0, &zero}, {"shop", "naver", 1, 1, &all}, {"shop", "google", 1, 1, &all},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = h.client.Coverage(t.Context(), "", "kakao")
	h.must(err)
	want = []Coverage{{"", "kakao", 1, 0, &zero}, {"shop", "kakao", 1, 0, &zero}, {"narrow", "kakao", 0, 0, nil}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, names := range [][2]string{{"nosuchshop", ""}, {"shop", "daum"}} {
		_, err := h.client.Coverage(t.Context(), names[0], names[1])
		wantProblem(t, err, http.StatusNotFound, CodeNotFound)
	}
}

func TestDrillsAreStartedReportedAndStopped(t *testing.T) {
	h := newHouse(t)
	asked := DrillRequest{Provider: "kakao", Kind: "down", Share: 50, Seconds: 600, Reason: "정기 훈련"}
	started, err := h.client.StartDrill(t.Context(), asked)
	h.must(err)
	want := Drill{
		ID: started.ID, Provider: "kakao", Kind: "down", Share: 50, By: "ops", Reason: "정기 훈련",
		StartedAt: h.now, EndsAt: h.now.Add(10 * time.Minute), Running: true,
	}
	if diff := cmp.Diff(want, started); diff != "" {
		t.Error(diff)
	}
	_, err = h.client.StartDrill(t.Context(), asked)
	wantProblem(t, err, http.StatusConflict, CodeConflict)
	listed, err := h.client.Drills(t.Context(), 5)
	h.must(err)
	if diff := cmp.Diff([]Drill{want}, listed); diff != "" {
		t.Error(diff)
	}
	h.now = h.now.Add(time.Minute)
	report, err := h.client.StopDrill(t.Context(), "")
	h.must(err)
	if report.Drill.Stop != "operator" || report.Drill.Running || report.Assigned != 0 {
		t.Errorf("report %+v", report)
	}
	again, err := h.client.DrillReport(t.Context(), "")
	h.must(err)
	if diff := cmp.Diff(report, again); diff != "" {
		t.Error(diff)
	}
	h.healthy["naver"] = false
	_, err = h.client.StartDrill(t.Context(), asked)
	wantRefusal(t, err, "D03", "")
}

func TestTheLeverForbidsDrills(t *testing.T) {
	h := newHouse(t)
	asked := DrillRequest{Provider: "kakao", Kind: "slow", Share: 50, Seconds: 600}
	_, err := h.client.PullLever(t.Context(), Lever{Engaged: true, Reason: "release day"})
	h.must(err)
	if e := h.last(); e.Action != "drill.lever" || e.Object != "engage" || e.Why != "release day" {
		t.Errorf("audited %+v", e)
	}
	_, err = h.client.StartDrill(t.Context(), asked)
	wantRefusal(t, err, "D01", "")
	h.now = h.now.Add(time.Second)
	_, err = h.client.PullLever(t.Context(), Lever{})
	h.must(err)
	if lever, err := h.client.Lever(t.Context()); err != nil || lever.Engaged {
		t.Errorf("%+v %v", lever, err)
	}
	if _, err := h.client.StartDrill(t.Context(), asked); err != nil {
		t.Error(err)
	}
}

// Whatever stands at the address, it is not taken for an answer of a broker.
func TestWhatIsNoBroker(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"a page":        func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
		"an error page": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"a redirect":    func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(http.StatusFound) },
		"a problem of nobody": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			_, _ = w.Write([]byte("{}"))
		},
		"half an answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"site"`))
		},
	}
	for name, answer := range answers {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
		base, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewClient(base, "credential")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Health(t.Context()); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
		if _, err := c.Health(t.Context()); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s, closed: %v", name, err)
		}
	}
	for _, base := range []string{"ftp://localhost", "http://", "http://localhost/admin"} {
		at, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewClient(at, "credential"); err == nil {
			t.Errorf("%s is an address", base)
		}
	}
	if _, err := NewClient(&url.URL{Scheme: "http", Host: "localhost"}, ""); err == nil {
		t.Error("no credential is one")
	}
}
