package switchboard_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// realBoard is a switchboard of simulated upstreams as dev mode has them, on a
// clock that the test moves.
func realBoard(t *testing.T, now func() time.Time) (*board, *fakeidp.Server) {
	t.Helper()
	log := switchboard.NewLog(now)
	s, err := fakeidp.New(fakeidp.Options{
		BaseURL: "http://127.0.0.1:8419", Now: now, Upstreams: []fakeidp.Spec{{Name: "kakao"}, {Name: "naver"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	kakao, _ := s.Upstream("kakao")
	naver, _ := s.Upstream("naver")
	handler, err := switchboard.New(switchboard.Options{
		URL: "http://localhost:8419", Providers: []switchboard.Provider{{ID: "kakao", Upstream: kakao}, {ID: "naver", Upstream: naver}},
		Upstreams: s, Events: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b := &board{t: t, url: server.URL, log: log, Browser: browser.New(browser.Options{})}
	t.Cleanup(b.Close)
	return b, s
}

// What narrows a fault is written beside it and read back as it was written.
func TestScriptsNarrowFaults(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 44, 0, 0, time.UTC)
	b, _ := realBoard(t, func() time.Time { return now })
	steps := []struct {
		name   string
		body   string
		status int
		want   string // the whole answer, or how it begins where it ends in …
	}{
		{"nothing narrows it", `{"fault":"dns"}`, 200, `{"provider":"kakao","fault":"dns"}`},
		{"a variant", `{"fault":"dns","variant":"nxdomain"}`, 200, `{"provider":"kakao","fault":"dns","variant":"nxdomain"}`},
		{
			"everything at once",
			`{"fault":"slow","endpoints":["token"],"share":0.25,"by":"person","people":["minji"],"new":true,"devices":["mobile","app"],"sources":["10.1.0.0/16","seoul"],"for":"90s","until":"2026-11-22T16:00:00Z"}`,
			200,
			`{"provider":"kakao","fault":"slow","endpoints":["token"],"share":0.25,"by":"person","people":["minji"],"new":true,"devices":["mobile","app"],"sources":["10.1.0.0/16","seoul"],"for":"1m30s","until":"2026-11-22T16:00:00Z"}`,
		},
		{"a variant that it has not", `{"fault":"dark","variant":"pink"}`, 400, `{"error":"bad_scope",…`},
		{"a share of more than all", `{"fault":"dark","share":2}`, 400, `{"error":"bad_scope",…`},
		{"no such endpoint", `{"fault":"dark","endpoints":["kitchen"]}`, 400, `{"error":"bad_scope",…`},
		{"no such device", `{"fault":"dark","devices":["toaster"]}`, 400, `{"error":"bad_scope",…`},
		{"endpoints of its own", `{"fault":"clock","endpoints":["jwks"]}`, 400, `{"error":"bad_scope",…`},
		{"a script out of order", `{"script":[{"after":"9s","fault":"dark"},{"after":"1s","fault":"slow"}]}`, 400, `{"error":"bad_scope",…`},
		{"a script with an unknown fault", `{"script":[{"after":"0s","fault":"haunted"}]}`, 400, `{"error":"unknown_fault",…`},
		{"a script that cannot be here", `{"script":[{"after":"0s","fault":"wrong-certificate"}]}`, 409, `{"error":"not_applicable",…`},
		{"health that is narrowed", `{"script":[{"after":"0s","share":0.5}]}`, 400, `{"error":"bad_scope",…`},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			status, _, answer := b.call("PUT", "/faults/kakao", s.body)
			begin, cut := strings.CutSuffix(s.want, "…")
			if status != s.status || answer != s.want && (!cut || !strings.HasPrefix(answer, begin)) {
				t.Errorf("answered %d %s, want %d %s", status, answer, s.status, s.want)
			}
		})
	}
	if _, _, answer := b.call("GET", "/faults", ""); answer != `{"faults":{"kakao":"slow","naver":null},"notes":{"kakao":"25 % · token · mobile · app · minji · 10.1.0.0/16 · seoul · new · 1m30s · → `+
		time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC).Local().Format("15:04:05")+`"}}` {
		t.Errorf("listed as %s", answer)
	}
}

// A script plays by the clock, and what it does is told as it happens.
func TestScriptsPlayScripts(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 44, 0, 0, time.UTC)
	b, s := realBoard(t, func() time.Time { return now })
	const script = `{"script":[{"after":"0s","fault":"dark"},{"after":"1m","fault":"core-down","share":0.85},{"after":"5m"}]}`
	status, _, answer := b.call("PUT", "/faults/kakao", script)
	if want := `{"provider":"kakao","fault":"dark",` + strings.TrimPrefix(script, "{"); status != http.StatusOK || answer != want {
		t.Fatalf("answered %d %s, want %s", status, answer, want)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{59 * time.Second, `{"faults":{"kakao":"dark","naver":null},"notes":{"kakao":"script · 3"}}`},
		{time.Second, `{"faults":{"kakao":"core-down","naver":null},"notes":{"kakao":"script · 3"}}`},
		{4 * time.Minute, `{"faults":{"kakao":null,"naver":null}}`},
	} {
		now = now.Add(step.after)
		if _, _, answer := b.call("GET", "/faults", ""); answer != step.want {
			t.Errorf("at %s: %s, want %s", now.Format("15:04:05"), answer, step.want)
		}
	}
	b.call("PUT", "/faults/kakao", script)
	if _, _, answer := b.call("DELETE", "/faults/kakao", ""); answer != `{"provider":"kakao","fault":null}` {
		t.Errorf("healed: %s", answer)
	}
	now = now.Add(2 * time.Minute)
	if kakao, _ := s.Upstream("kakao"); kakao.Fault() != "" {
		t.Errorf("a healed script goes on: %s", kakao.Fault())
	}
}

// The list of faults says where each belongs and what it can be.
func TestKindsSayTheirGroups(t *testing.T) {
	b, _ := realBoard(t, time.Now)
	_, _, answer := b.call("GET", "/faults/kinds", "")
	var kinds struct {
		Kinds    []string
		Groups   map[string][]string
		Numbers  map[string]string
		Variants map[string][]string
	}
	if err := json.Unmarshal([]byte(answer), &kinds); err != nil {
		t.Fatal(err)
	}
	grouped := 0
	for _, names := range kinds.Groups {
		grouped += len(names)
	}
	if grouped != len(kinds.Kinds) || len(kinds.Groups["main"]) == 0 || len(kinds.Groups["main"]) > 6 {
		t.Errorf("%d faults, grouped %v", len(kinds.Kinds), kinds.Groups)
	}
	if kinds.Numbers["gone"] != "F25" || kinds.Variants["dns"][0] != "servfail" {
		t.Errorf("numbers %v, variants %v", kinds.Numbers, kinds.Variants)
	}
}

// The page shows every fault once: the main ones first, the others by group,
// and how the one that holds is narrowed.
func TestPageGroupsFaults(t *testing.T) {
	b, s := realBoard(t, time.Now)
	kakao, _ := s.Upstream("kakao")
	if err := kakao.SetFaultWith(fakeidp.Regional, fakeidp.Scope{Share: 0.4, Sources: []string{"seoul"}}); err != nil {
		t.Fatal(err)
	}
	p := b.open("/?lang=en")
	body := string(p.Body)
	from := strings.Index(body, `id="fault-kakao"`)
	list := body[from : from+strings.Index(body[from:], "</select>")]
	for _, k := range kakao.Kinds() {
		if got := strings.Count(list, `value="`+string(k.Name)+`"`); got != 1 {
			t.Errorf("%s is offered %d times", k.Name, got)
		}
	}
	if groups := strings.Count(list, "<optgroup"); groups != 5 {
		t.Errorf("%d groups", groups)
	}
	if main, _, _ := strings.Cut(list, "<optgroup"); strings.Count(main, "<option") != 6 {
		t.Errorf("before the groups: %s", main)
	}
	if got := p.TextOf("note-kakao"); got != "40 % · seoul" {
		t.Errorf("the note reads %q", got)
	}
	if !strings.Contains(list, `value="regional" selected`) {
		t.Error("the fault that holds is not chosen")
	}
}
