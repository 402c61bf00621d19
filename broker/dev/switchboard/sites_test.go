package switchboard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
)

// site is one that does as it is told, or as the test says.
type site struct {
	name string

	mu     sync.Mutex
	state  switchboard.State
	writes bool
	refuse error
}

func (s *site) Name() string { return s.name }
func (s *site) URL() string  { return "http://localhost:8427" }

func (s *site) State() switchboard.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *site) Writes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes && s.state == switchboard.SiteOK
}

func (s *site) Turn(_ context.Context, to switchboard.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == nil {
		s.state = to
	}
	return s.refuse
}

func newSitesBoard(t *testing.T) (*board, *site) {
	t.Helper()
	seoul := &site{name: "seoul", state: switchboard.SiteOK, writes: true}
	handler, err := switchboard.New(switchboard.Options{
		URL: "http://localhost:8419", Issuer: "http://localhost:8417", Demo: "http://localhost:8418",
		Sites:     []switchboard.Site{seoul, &site{name: "busan", state: switchboard.SiteOK}},
		Upstreams: http.NotFoundHandler(), Events: switchboard.NewLog(time.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b := &board{t: t, url: server.URL, Browser: browser.New(browser.Options{})}
	t.Cleanup(b.Close)
	return b, seoul
}

// Scripts read how sites fare and where is written, and have them fare otherwise.
func TestSitesForScripts(t *testing.T) {
	b, _ := newSitesBoard(t)
	const busan = `{"site":"busan","url":"http://localhost:8427","state":"ok","writer":false}`
	seoul := func(state string, writer bool) string {
		return fmt.Sprintf(`{"site":"seoul","url":"http://localhost:8427","state":%q,"writer":%t}`, state, writer)
	}
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/sites", "", `{"sites":[` + seoul("ok", true) + `,` + busan + `],"writer":"seoul"}`},
		{"GET", "/sites/seoul", "", seoul("ok", true)},
		{"PUT", "/sites/seoul", `{"state":"dead"}`, seoul("dead", false)},
		{"GET", "/sites", "", `{"sites":[` + seoul("dead", false) + `,` + busan + `],"writer":null}`},
		{"PUT", "/sites/seoul", `{"state":"frozen"}`, seoul("frozen", false)},
		{"PUT", "/sites/seoul", `{"state":"cut"}`, seoul("cut", false)},
		{"PUT", "/sites/seoul", `{"state":"ok"}`, seoul("ok", true)},
	} {
		if status, _, body := b.call(tt.method, tt.path, tt.body); status != http.StatusOK || body != tt.want {
			t.Errorf("%s %s %s: %d %s, want %s", tt.method, tt.path, tt.body, status, body, tt.want)
		}
	}
}

// What cannot be is refused with words, for scripts and for people.
func TestSitesThatDoNotTurn(t *testing.T) {
	b, seoul := newSitesBoard(t)
	why := errors.New("port 8427 is taken")
	tests := []struct {
		name       string
		path, body string
		refuse     error
		status     int
		says       string
	}{
		{"no such site", "/sites/jeju", `{"state":"ok"}`, nil, http.StatusNotFound, `"unknown_site"`},
		{"no such state", "/sites/seoul", `{"state":"gone"}`, nil, http.StatusBadRequest, `"unknown_state"`},
		{"two bodies", "/sites/seoul", `{"state":"ok"}{"state":"dead"}`, nil, http.StatusBadRequest, `"bad_json"`},
		{"no object", "/sites/seoul", `null`, nil, http.StatusBadRequest, `"bad_json"`},
		{"too much", "/sites/seoul", `{"state":"` + strings.Repeat("x", 40<<10) + `"}`, nil, http.StatusRequestEntityTooLarge, `"too_large"`},
		{"cannot", "/sites/seoul", `{"state":"cut"}`, fmt.Errorf("%w: there is one site", switchboard.ErrState), http.StatusConflict, `"There is one site."`},
		{"did not start", "/sites/seoul", `{"state":"ok"}`, fmt.Errorf("%w: %w", switchboard.ErrNotNow, why), http.StatusServiceUnavailable, `"Port 8427 is taken."`},
		{"failed", "/sites/seoul", `{"state":"ok"}`, why, http.StatusInternalServerError, `"internal"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seoul.refuse = tt.refuse
			status, header, body := b.call(http.MethodPut, tt.path, tt.body)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("answered %d %s", status, body)
			}
			if again := header.Get("Retry-After"); (again != "") != (status == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After is %q", again)
			}
			form := url.Values{"state": {"ok"}}.Encode()
			if tt.refuse != nil {
				status, _, body = b.call(http.MethodPost, tt.path, form, "Content-Type", "application/x-www-form-urlencoded")
				if status != tt.status {
					t.Errorf("a form is answered %d %s", status, body)
				}
			}
		})
	}
	if status, _, _ := b.call(http.MethodGet, "/sites/jeju", ""); status != http.StatusNotFound {
		t.Errorf("a site that is none is answered %d", status)
	}
	if status, _, body := b.call(http.MethodPost, "/sites/seoul", "state=gone", "Content-Type", "application/x-www-form-urlencoded"); status != http.StatusBadRequest {
		t.Errorf("a form with another state is answered %d %s", status, body)
	}
}

// People press a button, without scripts as well.
func TestSitesForPeople(t *testing.T) {
	b, seoul := newSitesBoard(t)
	for lang, words := range map[string][2]string{"ko": {"여기서 써요", "꺼짐"}, "en": {"writes here", "Dead"}, "ja": {"ここで書き込み", "停止"}} {
		seoul.state = switchboard.SiteOK
		page := b.open("/?lang=" + lang)
		if !strings.Contains(page.Text(), words[0]) || !page.Has("dead-seoul") || !page.Has("cut-busan") {
			t.Errorf("%s: %s", lang, page.Text())
		}
		page, err := b.Click(t.Context(), "dead-seoul")
		if err != nil {
			t.Fatal(err)
		}
		if page.TextOf("fares-seoul") != words[1] || seoul.state != switchboard.SiteDead {
			t.Errorf("%s: it is %s and reads %q", lang, seoul.state, page.TextOf("fares-seoul"))
		}
	}
	status, _, _ := b.call(http.MethodPost, "/sites/seoul", "state=ok", "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded")
	if status != http.StatusForbidden || seoul.state != switchboard.SiteDead {
		t.Errorf("another website's form is answered %d", status)
	}
}
