package status

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

var update = flag.Bool("update", false, "write testdata anew")

// desk is a status whose board and clock a test moves.
type desk struct {
	*Status

	now     time.Time
	view    View
	paused  map[string]bool
	retired map[string]bool
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{now: began, paused: make(map[string]bool), retired: make(map[string]bool)}
	pages, err := web.New(web.Options{Now: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	d.Status, err = New(Options{
		Look:   func() View { v := d.view; v.At = d.now; return v },
		Ways:   []Way{{ID: "kakao", Kind: "kakao"}, {ID: "naver", Kind: "naver"}, {ID: "hanbit-kakao", Kind: "kakao"}, {ID: "corp", Kind: "openid", Name: "Hanbit ID"}},
		Paused: func(id string) bool { return d.paused[id] }, Retired: func(id string) bool { return d.retired[id] },
		Pages: pages, Now: func() time.Time { return d.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) shows(rows ...string) { d.view = table("seoul busan tokyo?", rows...) }

func (d *desk) get(t *testing.T, handle func(http.ResponseWriter, *http.Request) error, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/status", nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	if err := handle(w, r); err != nil {
		t.Fatal(err)
	}
	return w
}

func (d *desk) report(t *testing.T) Report {
	t.Helper()
	var r Report
	if err := json.Unmarshal(d.get(t, d.JSON, nil).Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// What websites read keeps its shape: a change is a reviewed line here.
func TestReportIsTheGoldenOne(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao up up down down", "naver up up up up", "corp slow slow slow up")
	d.Look()
	d.now = began.Add(5 * time.Minute)
	d.shows("kakao down down down down", "naver up up up up", "corp slow slow slow up")
	d.paused["naver"] = true
	d.Look()
	d.now = began.Add(13*time.Minute + 20*time.Second)
	got := d.get(t, d.JSON, nil).Body.Bytes()
	const file = "testdata/status.golden.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the report changed (-want +got)\n%s", diff)
	}
}

// Whom an operator retired is gone: no row says that it is switched off.
func TestARetiredProviderHasNoRow(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao down down down down", "naver up up up up", "corp up up up up")
	d.retired["kakao"] = true
	r := d.report(t)
	if len(r.Providers) != 2 || r.Providers[0].ID != "naver" || r.State != "partly" {
		t.Errorf("the report is %q with %+v", r.State, r.Providers)
	}
	if page := d.get(t, d.Page, nil).Body.String(); strings.Contains(page, "카카오") || strings.Contains(page, "Kakao") {
		t.Error("the page has a row of it")
	}
}

func TestBothDocumentsAreCacheableAndTheSameForEverybody(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao up up up up", "naver up up up up", "corp up up up up")
	for name, handle := range map[string]func(http.ResponseWriter, *http.Request) error{"page": d.Page, "report": d.JSON} {
		w := d.get(t, handle, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "bongsu_lang", Value: "ja"}) })
		header := w.Header()
		if got := header.Get("Cache-Control"); got != "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400" {
			t.Errorf("%s: Cache-Control is %q", name, got)
		}
		if len(header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s sets a cookie", name)
		}
		tag := header.Get("ETag")
		if again := d.get(t, handle, func(r *http.Request) { r.Header.Set("If-None-Match", `"other", W/`+tag) }); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: %d with %d bytes for who has it, want 304", name, again.Code, again.Body.Len())
		}
		if got := d.get(t, handle, func(r *http.Request) { r.Method = http.MethodHead }); got.Code != http.StatusOK || got.Body.Len() != 0 || got.Header().Get("Content-Length") == "" {
			t.Errorf("%s: HEAD gives %d, %d bytes", name, got.Code, got.Body.Len())
		}
	}
	if got := d.get(t, d.JSON, nil).Header(); got.Get("Access-Control-Allow-Origin") != "*" || got.Get("Content-Type") != "application/json" {
		t.Errorf("the report's headers are %v", got)
	}
}

func TestTheReportOfAQuietMinuteIsTheSame(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao up up up up", "naver up up up up", "corp up up up up")
	first := d.get(t, d.JSON, nil).Header().Get("ETag")
	d.now = began.Add(50 * time.Second)
	if got := d.get(t, d.JSON, nil).Header().Get("ETag"); got != first {
		t.Error("another report within the minute, though nothing happened")
	}
	d.shows("kakao down down down up", "naver up up up up", "corp up up up up")
	d.now = began.Add(55 * time.Second)
	if got := d.get(t, d.JSON, nil).Header().Get("ETag"); got == first {
		t.Error("the same report, though something happened")
	}
}

func TestDocumentsAreSentCompressedToWhoeverTakesThem(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao up up up up", "naver up up up up", "corp up up up up")
	plain := d.get(t, d.Page, nil)
	w := d.get(t, d.Page, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, br") })
	if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("ETag") == plain.Header().Get("ETag") {
		t.Errorf("the compressed page has encoding %q and tag %s", w.Header().Get("Content-Encoding"), w.Header().Get("ETag"))
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != plain.Body.String() {
		t.Error("the compressed page is another")
	}
	if got := plain.Header().Values("Vary"); strings.Join(got, ", ") != "Accept-Language, Accept-Encoding" {
		t.Errorf("Vary is %q", got)
	}
}

func TestThePageSpeaksTheReadersLanguage(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao down down down down", "naver up up up up", "corp up up up up")
	tests := []struct{ query, accept, want string }{
		{"", "", `lang="ko"`},
		{"", "ja,en;q=0.5", `lang="ja"`},
		{"?lang=en", "ja", "Kakao Login isn’t working at any site that could check."},
	}
	for _, tt := range tests {
		w := d.get(t, d.Page, func(r *http.Request) {
			*r = *httptest.NewRequest(http.MethodGet, "/status"+tt.query, nil)
			r.Header.Set("Accept-Language", tt.accept)
		})
		if !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s with %q: the page has no %q", tt.query, tt.accept, tt.want)
		}
	}
}

// A board that stopped looking says nothing about now.
func TestOldNewsIsCalledOld(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao up up up up", "naver up up up up", "corp up up up up")
	frozen := began
	d.o.Look = func() View { v := d.view; v.At = frozen; return v }
	d.now = began.Add(3 * time.Minute)
	r := d.report(t)
	if r.State != "stale" || r.Providers[0].State != Unknown || r.Providers[0].Sites["seoul"] != Unknown || r.Sites[0].Heard {
		t.Errorf("the report is %+v", r)
	}
	body := d.get(t, d.Page, nil).Body.String()
	if !strings.Contains(body, "정보가 오래됐어요 (3분 전)") || strings.Contains(body, `class="state up"`) {
		t.Error("the page does not say that it is old, or shows something as working")
	}
}

// Instances behind the first of their brand belong to single websites.
func TestNoWebsitesNameIsShown(t *testing.T) {
	d := newDesk(t)
	d.shows("kakao up up up up", "hanbit-kakao down down down down", "naver up up up up", "corp up up up up")
	d.Look()
	if got := d.get(t, d.JSON, nil).Body.String(); strings.Contains(got, "hanbit-kakao") {
		t.Error("the report names a website's own instance")
	}
	if got := d.report(t); got.State != "partly" { // tokyo is silent
		t.Errorf("the state is %q", got.State)
	}
}

func TestAScriptMayAskWhetherAnythingChanged(t *testing.T) {
	d := newDesk(t)
	w := d.get(t, d.Preflight, nil)
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Headers") != "If-None-Match" {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := New(Options{}); !errors.Is(err, ErrOptions) {
		t.Errorf("New: %v, want ErrOptions", err)
	}
}

// What a real board holds arrives: unknown at first, and every site in its column.
func TestABoardsSnapshotBecomesAView(t *testing.T) {
	now := began
	board, err := health.New(health.Options{
		Site: "seoul", Node: "seoul-1", Sites: []string{"busan", "seoul"}, Now: func() time.Time { return now },
		Providers: []health.ProviderInfo{{ID: "kakao"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for second := range 120 {
		if second%5 == 0 {
			board.Probed(providers.Probed{Provider: "kakao", Level: providers.LevelAuthorize, Step: providers.StepAuthorize, Outcome: providers.OK})
		}
		now = now.Add(time.Second)
		board.Tick()
	}
	v := FromBoard(board.Snapshot())
	if v.Site != "seoul" || len(v.Sites) != 2 || v.Sites[0].Name != "seoul" || !v.Sites[0].Heard || v.Sites[1].Heard {
		t.Errorf("the sites are %+v", v.Sites)
	}
	if len(v.Providers) != 1 || v.Providers[0].ID != "kakao" || v.Providers[0].State != Up || v.seen(v.Providers[0], 1) != Unknown {
		t.Errorf("the providers are %+v", v.Providers)
	}
}
