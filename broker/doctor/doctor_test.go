package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// world is a broker and a website behind one server with TLS.
func world(t *testing.T, issuer string) (*httptest.Server, Doctor) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	if issuer == "" {
		issuer = server.URL
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, server.URL+"/jwks")
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[{},{}]}`)) })
	mux.HandleFunc("GET /cb", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	mux.HandleFunc("POST /careful", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	mux.HandleFunc("POST /careless", func(http.ResponseWriter, *http.Request) {})
	return server, Doctor{HTTP: server.Client(), Now: time.Now}
}

// says is what was found of one check, worst first by how it is written.
func says(found []Finding, level Level, words string) bool {
	for _, f := range found {
		if f.Level == level && strings.Contains(f.Check+" "+f.Says, words) {
			return true
		}
	}
	return false
}

func TestExamine(t *testing.T) {
	server, d := world(t, "")
	now := time.Now()
	tests := []struct {
		name, entry, url string
		secrets          []Secret
		level            Level
		want             string
	}{
		{"a website whose page answers", `{"redirect_uris":["$/cb"]}`, "", nil, OK, "redirect URI $/cb answers"},
		{"a page that is not there", `{"redirect_uris":["$/other"]}`, "", nil, Problem, "$/other answers 404"},
		{"nobody at home", `{"redirect_uris":["https://127.0.0.1:1/cb"]}`, "", nil, Problem, "https://127.0.0.1:1/cb cannot be opened"},
		{"an address that is registered", `{"redirect_uris":["$/cb"]}`, "$/cb", nil, OK, "$/cb is registered"},
		{"an address that is longer", `{"redirect_uris":["$/cb"]}`, "$/cb/x", nil, Problem, `which ends before "/x"`},
		{"an address that is shorter", `{"redirect_uris":["$/cb"]}`, "$/c", nil, Problem, `which goes on with "b"`},
		{"a logout address that refuses", `{"backchannel_logout_uri":"$/careful"}`, "", nil, OK, "refuses an empty token"},
		{"a logout address that takes anything", `{"backchannel_logout_uri":"$/careless"}`, "", nil, Problem, "takes an empty token"},
		{"a logout address that is not there", `{"backchannel_logout_uri":"$/none"}`, "", nil, Problem, "answers 404"},
		{"PKCE left out", `{"pkce":"optional"}`, "", nil, Advice, "PKCE it is optional"},
		{"one way in", `{"providers":["kakao"]}`, "", nil, Advice, "kakao is the only way in"},
		{"no way back", `{}`, "", nil, Problem, "an expired login leads nowhere"},
		{"a secret that was never used", `{}`, "", []Secret{{ID: "a", MadeAt: now}}, Advice, "it was never used"},
		{"an old secret", `{}`, "", []Secret{{ID: "a", MadeAt: now.Add(-2 * oldSecret), UsedAt: now}}, Advice, "older than a year"},
		{"a secret that was left behind", `{}`, "", []Secret{{ID: "a", UsedAt: now.Add(-2 * unusedSecret)}, {ID: "b", UsedAt: now}}, Advice, "nobody used it for 30 days"},
		{"the broker's keys", `{}`, "", nil, OK, "keys 2 are published"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := func(text string) string { return strings.ReplaceAll(text, "$", server.URL) }
			found, err := d.Examine(t.Context(), Patient{
				Issuer: server.URL, Registration: []byte(at(tt.entry)), Secrets: tt.secrets, URL: at(tt.url),
			})
			if err != nil {
				t.Fatal(err)
			}
			if !says(found, tt.level, at(tt.want)) {
				t.Errorf("found %+v, want %s: %s", found, tt.level, at(tt.want))
			}
		})
	}
}

func TestABrokerThatWebsitesCannotUse(t *testing.T) {
	server, d := world(t, "https://other.example")
	found, err := d.Examine(t.Context(), Patient{Issuer: server.URL, Registration: []byte(`{}`)})
	if err != nil || !says(found, Problem, `says that the issuer is "https://other.example"`) {
		t.Errorf("found %+v, %v", found, err)
	}
	server, d = world(t, "")
	d.Now = func() time.Time { return time.Now().Add(time.Hour) }
	found, err = d.Examine(t.Context(), Patient{Issuer: server.URL, Registration: []byte(`{}`)})
	if err != nil || !says(found, Problem, "differ by 1h0m0s") && !says(found, Problem, "differ by 1h0m1s") && !says(found, Problem, "differ by 59m59s") {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := d.Examine(t.Context(), Patient{Registration: []byte(`none`)}); !errors.Is(err, ErrRegistration) {
		t.Errorf("got %v", err)
	}
}

// What the consoles of providers must list is said of every way that the website's
// people have, and of no other.
func TestCallbacksOfEveryWay(t *testing.T) {
	_, d := world(t, "")
	callbacks := []Callback{
		{"kakao", []string{"https://login.example.kr/callback/kakao", "https://seoul.login.example.kr/callback/kakao"}},
		{"naver", []string{"https://login.example.kr/callback/naver"}},
	}
	for entry, want := range map[string]int{`{}`: 3, `{"providers":["kakao"]}`: 2, `{"grant_types":["client_credentials"]}`: 0} {
		found, err := d.Examine(t.Context(), Patient{Registration: []byte(entry), Callbacks: callbacks})
		if err != nil {
			t.Fatal(err)
		}
		notes := 0
		for _, f := range found {
			if f.Level == Note {
				notes++
			}
		}
		if notes != want {
			t.Errorf("%s has %d callbacks, want %d: %v", entry, notes, want, found)
		}
	}
}
