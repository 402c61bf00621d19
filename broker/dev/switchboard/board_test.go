package switchboard_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream is a switch that tells the log, as dev mode wires it.
type upstream struct {
	id     string
	cannot []fakeidp.Fault
	log    *switchboard.Log

	mu     sync.Mutex
	fault  fakeidp.Fault
	script []fakeidp.Phase
}

func (u *upstream) Fault() fakeidp.Fault {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.fault
}

func (u *upstream) SetFault(f fakeidp.Fault) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	known := slices.ContainsFunc(fakeidp.Kinds(), func(k fakeidp.Kind) bool { return k.Name == f })
	switch {
	case f == "":
		u.log.Add(switchboard.Event{Kind: switchboard.FaultCleared, Provider: u.id, Detail: string(u.fault)})
	case !known:
		return fakeidp.ErrUnknownFault
	case slices.Contains(u.cannot, f):
		return fakeidp.ErrNotApplicable
	default:
		u.log.Add(switchboard.Event{Kind: switchboard.FaultSet, Provider: u.id, Detail: string(f)})
	}
	u.fault, u.script = f, []fakeidp.Phase{{Fault: f}}
	return nil
}

func (u *upstream) Play(script []fakeidp.Phase) error {
	if err := u.SetFault(script[0].Fault); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.script = script
	return nil
}

func (u *upstream) Script() []fakeidp.Phase {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.script
}

func (u *upstream) Kinds() []fakeidp.Kind {
	return slices.DeleteFunc(fakeidp.Kinds(), func(k fakeidp.Kind) bool { return slices.Contains(u.cannot, k.Name) })
}

// board is a running switchboard with three providers, one of which issues no
// ID tokens.
type board struct {
	*browser.Browser
	t     *testing.T
	url   string
	log   *switchboard.Log
	kakao *upstream
	naver *upstream
}

func newBoard(t *testing.T) *board {
	t.Helper()
	now := time.Date(2026, 11, 22, 15, 44, 0, 0, time.UTC)
	log := switchboard.NewLog(func() time.Time { return now })
	b := &board{
		t: t, log: log, kakao: &upstream{id: "kakao", log: log},
		naver: &upstream{id: "naver", log: log, cannot: []fakeidp.Fault{fakeidp.BadSignature}},
	}
	handler, err := switchboard.New(switchboard.Options{
		URL: "http://localhost:8419", Issuer: "http://localhost:8417", Demo: "http://localhost:8418",
		Providers: []switchboard.Provider{{ID: "kakao", Upstream: b.kakao}, {ID: "naver", Upstream: b.naver}},
		Upstreams: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, "upstream ", r.URL.Path) }),
		Events:    log,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b.url = server.URL
	b.Browser = browser.New(browser.Options{})
	t.Cleanup(b.Close)
	return b
}

// call is one request of a script.
func (b *board) call(method, path, body string, headers ...string) (int, http.Header, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, response.Header, strings.TrimSpace(string(answer))
}

func (b *board) open(path string) *browser.Page {
	b.t.Helper()
	p, err := b.Open(b.t.Context(), b.url+path)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// The documents are what scripts in other languages rely on, to the letter.
func TestScriptsSwitchFaults(t *testing.T) {
	const list = `{"kinds":["dark","slow","error","denied","bad-signature","dns",`
	steps := []struct {
		name   string
		method string
		path   string
		body   string
		status int
		want   string // the whole answer, or how it begins where it ends in …
	}{
		{"all is well at first", "GET", "/faults", "", 200, `{"faults":{"kakao":null,"naver":null}}`},
		{"a fault is set", "PUT", "/faults/kakao", `{"fault":"dark"}`, 200, `{"provider":"kakao","fault":"dark"}`},
		{"it is there", "GET", "/faults", "", 200, `{"faults":{"kakao":"dark","naver":null}}`},
		{"setting it again changes nothing", "PUT", "/faults/kakao", ` {"fault":"dark"} `, 200, `{"provider":"kakao","fault":"dark"}`},
		{"another takes its place", "PUT", "/faults/kakao", `{"fault":"slow"}`, 200, `{"provider":"kakao","fault":"slow"}`},
		{"one is asked for alone", "GET", "/faults/kakao", "", 200, `{"provider":"kakao","fault":"slow"}`},
		{"it is healed", "DELETE", "/faults/kakao", "", 200, `{"provider":"kakao","fault":null}`},
		{"healing again changes nothing", "DELETE", "/faults/kakao", "", 200, `{"provider":"kakao","fault":null}`},
		{"the kinds", "GET", "/faults/kinds", "", 200, list + `…`},
		{"an unknown provider", "PUT", "/faults/myspace", `{"fault":"dark"}`, 404, `{"error":"unknown_provider",…`},
		{"healing an unknown provider", "DELETE", "/faults/myspace", "", 404, `{"error":"unknown_provider",…`},
		{"asking for an unknown provider", "GET", "/faults/myspace", "", 404, `{"error":"unknown_provider",…`},
		{"an unknown fault", "PUT", "/faults/kakao", `{"fault":"haunted"}`, 400, `{"error":"unknown_fault",…`},
		{"no fault", "PUT", "/faults/kakao", `{}`, 400, `{"error":"unknown_fault",…`},
		{"an empty fault", "PUT", "/faults/kakao", `{"fault":""}`, 400, `{"error":"unknown_fault",…`},
		{"a fault that cannot be", "PUT", "/faults/naver", `{"fault":"bad-signature"}`, 409, `{"error":"not_applicable",…`},
		{"no JSON", "PUT", "/faults/kakao", `fault=dark`, 400, `{"error":"bad_json",…`},
		{"no body", "PUT", "/faults/kakao", "", 400, `{"error":"bad_json",…`},
		{"null", "PUT", "/faults/kakao", "null", 400, `{"error":"bad_json",…`},
		{"a list", "PUT", "/faults/kakao", `["dark"]`, 400, `{"error":"bad_json",…`},
		{"an unknown member", "PUT", "/faults/kakao", `{"fault":"dark","color":"red"}`, 400, `{"error":"bad_json",…`},
		{"two objects", "PUT", "/faults/kakao", `{"fault":"dark"}{"fault":"slow"}`, 400, `{"error":"bad_json",…`},
		{"an endless body", "PUT", "/faults/kakao", `{"fault":"` + strings.Repeat("x", 40000) + `"}`, 413, `{"error":"too_large",…`},
		{"no duration", "PUT", "/faults/kakao", `{"fault":"dark","for":"soon"}`, 400, `{"error":"bad_json",…`},
		{"a fault and a script", "PUT", "/faults/kakao", `{"fault":"dark","script":[{"fault":"slow"}]}`, 400, `{"error":"bad_scope",…`},
		{"an empty script", "PUT", "/faults/kakao", `{"script":[]}`, 400, `{"error":"unknown_fault",…`},
		{"none of the refused changed anything", "GET", "/faults", "", 200, `{"faults":{"kakao":null,"naver":null}}`},
	}
	b := newBoard(t)
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			status, header, answer := b.call(s.method, s.path, s.body)
			begin, cut := strings.CutSuffix(s.want, "…")
			if status != s.status || answer != s.want && (!cut || !strings.HasPrefix(answer, begin)) {
				t.Errorf("answered %d %s, want %d %s", status, answer, s.status, s.want)
			}
			if got := header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type %q", got)
			}
		})
	}
}

func TestKindsSayWhatEachProviderCan(t *testing.T) {
	b := newBoard(t)
	_, _, answer := b.call("GET", "/faults/kinds", "")
	var kinds struct {
		Kinds     []string
		About     map[string]string
		Providers map[string][]string
	}
	if err := json.Unmarshal([]byte(answer), &kinds); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds.Kinds {
		if kinds.About[k] == "" {
			t.Errorf("%s is not described", k)
		}
	}
	if !slices.Equal(kinds.Providers["kakao"], kinds.Kinds) {
		t.Errorf("kakao can %v", kinds.Providers["kakao"])
	}
	if slices.Contains(kinds.Providers["naver"], "bad-signature") {
		t.Errorf("naver can %v", kinds.Providers["naver"])
	}
}

func TestWhatIsNotThere(t *testing.T) {
	b := newBoard(t)
	for request, want := range map[string]int{
		"PUT /sites/seoul":  http.StatusNotFound,
		"GET /missing":      http.StatusNotFound,
		"POST /faults":      http.StatusMethodNotAllowed,
		"PATCH /events":     http.StatusMethodNotAllowed,
		"POST /switch/else": http.StatusNotFound,
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, _, _ := b.call(method, path, ""); status != want {
			t.Errorf("%s: status %d, want %d", request, status, want)
		}
	}
}

// A website that a developer has open cannot throw the switches.
func TestOtherWebsitesAreRefused(t *testing.T) {
	b := newBoard(t)
	for _, request := range []string{"PUT /faults/kakao", "DELETE /faults/kakao", "POST /switch/kakao", "POST /heal"} {
		method, path, _ := strings.Cut(request, " ")
		status, _, _ := b.call(method, path, `{"fault":"dark"}`, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		if status != http.StatusForbidden {
			t.Errorf("%s: status %d, want 403", request, status)
		}
	}
	if f := b.kakao.Fault(); f != "" {
		t.Errorf("the fault is %q", f)
	}
	if _, header, _ := b.call("GET", "/faults", "", "Origin", "https://evil.example"); header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin may read the faults")
	}
}

// Without scripts the same is done by forms.
func TestSwitchesWithoutScripts(t *testing.T) {
	b := newBoard(t)
	p := b.open("/?lang=en")
	if got := p.IDs("switch-"); !slices.Equal(got, []string{"switch-kakao", "switch-naver"}) {
		t.Fatalf("switches %v", got)
	}
	act := func(do func() (*browser.Page, error), fault, state, checked string) {
		t.Helper()
		p, err := do()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b.kakao.Fault()); got != fault {
			t.Errorf("the fault is %q, want %q", got, fault)
		}
		if got := p.TextOf("state-kakao"); got != state {
			t.Errorf("the state reads %q, want %q", got, state)
		}
		if got, _ := p.Attribute("switch-kakao", "aria-checked"); got != checked {
			t.Errorf("the switch is %q, want %q", got, checked)
		}
		if p.URL.Path != "/" {
			t.Errorf("at %s", p.URL)
		}
	}
	ctx := t.Context()
	act(func() (*browser.Page, error) { return b.Click(ctx, "switch-kakao") }, "dark", "Off", "false")
	act(func() (*browser.Page, error) { return b.Click(ctx, "switch-kakao") }, "", "On", "true")
	act(func() (*browser.Page, error) {
		return b.Submit(ctx, "set-kakao", map[string][]string{"fault": {"slow"}})
	}, "slow", "Faulty", "true")
	act(func() (*browser.Page, error) { return b.Click(ctx, "switch-kakao") }, "dark", "Off", "false")
	act(func() (*browser.Page, error) { return b.Click(ctx, "heal-all") }, "", "On", "true")
}

func TestFormsThatMakeNoSense(t *testing.T) {
	b := newBoard(t)
	for body, want := range map[string]int{
		"":                              http.StatusBadRequest,
		"do=dance":                      http.StatusBadRequest,
		"do=set&fault=haunted":          http.StatusBadRequest,
		"do=set&fault=bad-signature":    http.StatusConflict,
		"%zz":                           http.StatusBadRequest,
		strings.Repeat("do=on&", 10000): http.StatusBadRequest,
	} {
		status, _, _ := b.call("POST", "/switch/naver", body, "Content-Type", "application/x-www-form-urlencoded")
		if status != want {
			t.Errorf("%.20q: status %d, want %d", body, status, want)
		}
	}
}

func TestPage(t *testing.T) {
	tests := []struct {
		lang string
		says []string
	}{
		{"ko", []string{"배전반", "카카오", "고장 없음", "dark · 아무 응답이 없어요", "카카오 고장 냄 slow", "모두 고치기"}},
		{"en", []string{"Switchboard", "Kakao", "No fault", "Kakao broken slow", "Heal all", `curl -X PUT localhost:8419/faults/kakao -d '{"fault":"dark"}'`}},
		{"ja", []string{"配電盤", "カカオ", "故障なし", "カカオを故障に slow", "すべて直す"}},
	}
	for _, tt := range tests {
		t.Run(tt.lang, func(t *testing.T) {
			b := newBoard(t)
			if err := b.kakao.SetFault(fakeidp.Slow); err != nil {
				t.Fatal(err)
			}
			p := b.open("/?lang=" + tt.lang)
			if p.Language() != tt.lang {
				t.Errorf("language %q", p.Language())
			}
			for _, want := range tt.says {
				if !strings.Contains(p.Text(), want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if body := string(p.Body); !strings.Contains(body, `data-up="`+p.TextOf("state-naver")+`"`) {
				t.Error("the script has no word for a switch that is on")
			}
			policy := p.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
		})
	}
}

func TestAssets(t *testing.T) {
	b := newBoard(t)
	for path, kind := range map[string]string{
		"/assets/board.css": "text/css; charset=utf-8",
		"/assets/live.js":   "text/javascript; charset=utf-8",
		"/assets/copy.js":   "text/javascript; charset=utf-8",
	} {
		status, header, body := b.call("GET", path, "")
		if status != http.StatusOK || header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: status %d, type %q, %d bytes", path, status, header.Get("Content-Type"), len(body))
		}
		if status, _, _ = b.call("GET", path, "", "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
			t.Errorf("%s again: status %d, want 304", path, status)
		}
	}
}

func TestProvidersPagesStandBelowTheirNames(t *testing.T) {
	b := newBoard(t)
	status, _, body := b.call("POST", "/kakao/oauth/token", "x=1", "Sec-Fetch-Site", "cross-site", "Origin", "http://localhost:8417")
	if status != http.StatusOK || body != "upstream /kakao/oauth/token" {
		t.Errorf("answered %d %q", status, body)
	}
}

func TestDownIsWhatDoesNotAnswer(t *testing.T) {
	log := switchboard.NewLog(time.Now)
	kakao, naver := &upstream{id: "kakao", log: log}, &upstream{id: "naver", log: log}
	b, err := switchboard.New(switchboard.Options{
		Providers: []switchboard.Provider{{ID: "kakao", Upstream: kakao}, {ID: "naver", Upstream: naver}},
		Upstreams: http.NotFoundHandler(), Events: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	for u, f := range map[*upstream]fakeidp.Fault{kakao: fakeidp.Dark, naver: fakeidp.Slow} {
		if err := u.SetFault(f); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Down(); !slices.Equal(got, []string{"kakao"}) {
		t.Errorf("down are %v", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	log := switchboard.NewLog(time.Now)
	pages := http.NotFoundHandler()
	tests := []struct {
		name    string
		options switchboard.Options
	}{
		{"no upstreams", switchboard.Options{Events: log}},
		{"no events", switchboard.Options{Upstreams: pages}},
		{"a provider that nothing stands behind", switchboard.Options{Events: log, Upstreams: pages, Providers: []switchboard.Provider{{ID: "kakao"}}}},
		{"a provider in the board's own way", switchboard.Options{Events: log, Upstreams: pages, Providers: []switchboard.Provider{{ID: "faults", Upstream: &upstream{}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := switchboard.New(tt.options); err == nil {
				t.Error("accepted")
			}
		})
	}
}
