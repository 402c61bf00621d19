package fakeidp_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// from asks for target without a network, from an address or a named place.
func from(s *fakeidp.Server, target, place string, edit ...func(*http.Request)) int {
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	r.RemoteAddr = place + ":1234"
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func place(name string) func(*http.Request) {
	return func(r *http.Request) { *r = *r.WithContext(fakeidp.WithSource(r.Context(), name)) }
}

func forwarded(address string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("X-Forwarded-For", address) }
}

func newServer(t *testing.T, o fakeidp.Options) *fakeidp.Server {
	t.Helper()
	o.BaseURL = "http://127.0.0.1:1"
	o.Upstreams = everyDialect()
	s, err := fakeidp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A fault meets those who come from its sources, by address or by name.
func TestSources(t *testing.T) {
	s := newServer(t, fakeidp.Options{})
	trusting := newServer(t, fakeidp.Options{TrustForwarded: true})
	scope := fakeidp.Scope{Sources: []string{"10.1.0.0/16", "203.0.113.7", "2001:db8:1::/48", "seoul"}, Endpoints: []fakeidp.Endpoint{fakeidp.JWKS}}
	tests := []struct {
		name   string
		server *fakeidp.Server
		from   string
		edit   func(*http.Request)
		meets  bool
	}{
		{"inside a prefix", s, "10.1.2.3", nil, true},
		{"outside", s, "10.2.2.3", nil, false},
		{"an address", s, "203.0.113.7", nil, true},
		{"its neighbour", s, "203.0.113.8", nil, false},
		{"an IPv6 prefix", s, "[2001:db8:1::5]", nil, true},
		{"a mapped address", s, "[::ffff:10.1.2.3]", nil, true},
		{"a named place", s, "192.0.2.1", place("seoul"), true},
		{"another place at an address inside", s, "10.1.2.3", place("busan"), false},
		{"a place named by its address", s, "192.0.2.1", place("10.1.9.9"), true},
		{"nowhere", s, "", nil, false},
		{"a header that nobody trusts", s, "192.0.2.1", forwarded("10.1.2.3"), false},
		{"a header that is trusted", trusting, "192.0.2.1", forwarded("10.1.2.3, 10.9.9.9"), true},
		{"a trusted header from outside", trusting, "10.1.2.3", forwarded("192.0.2.1"), false},
	}
	for _, tt := range tests {
		u, _ := tt.server.Upstream("kakao")
		failWith(t, u, fakeidp.CoreDown, scope)
		edits := []func(*http.Request){}
		if tt.edit != nil {
			edits = append(edits, tt.edit)
		}
		if got := from(tt.server, u.URL(fakeidp.JWKS), tt.from, edits...) != http.StatusOK; got != tt.meets {
			t.Errorf("%s: meets the fault: %v, want %v", tt.name, got, tt.meets)
		}
	}
}

// By source a share goes one way for a whole neighbourhood.
func TestShareBySource(t *testing.T) {
	s := newServer(t, fakeidp.Options{})
	u, _ := s.Upstream("kakao")
	failWith(t, u, fakeidp.CoreDown, fakeidp.Scope{Share: 0.5, By: fakeidp.BySource, Endpoints: []fakeidp.Endpoint{fakeidp.JWKS}})
	met := 0
	for n := range 100 {
		net := "10.0." + string(rune('0'+n/10)) + string(rune('0'+n%10)) + "."
		first := from(s, u.URL(fakeidp.JWKS), net+"1")
		for _, host := range []string{"1", "77", "200"} {
			if got := from(s, u.URL(fakeidp.JWKS), net+host); got != first {
				t.Errorf("%s%s gets %d, its neighbour %d", net, host, got, first)
			}
		}
		if first != http.StatusOK {
			met++
		}
	}
	if met < 30 || met > 70 {
		t.Errorf("%d of 100 networks meet the fault, want about half", met)
	}
}

// A cohort is met at every step where it shows who comes.
func TestCohorts(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		access := text(t, w.login(t, u, "vic"), "access_token")
		failWith(t, u, fakeidp.CoreDown, fakeidp.Scope{People: []string{"vic", "solo"}})
		if a := w.ask(t, u, "vic"); a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: vic's page has status %d", name, a.status)
		}
		if a := w.ask(t, u, "haru"); a.status != http.StatusOK {
			t.Errorf("%s: haru's page has status %d", name, a.status)
		}
		if a := w.tokenAnswer(t, u, "vic"); a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: vic's code: %d", name, a.status)
		}
		if a := w.tokenAnswer(t, u, "haru"); a.status != http.StatusOK {
			t.Errorf("%s: haru's code: %d", name, a.status)
		}
		if u.URL(fakeidp.Userinfo) != "" && w.userinfo(t, u, access).status != http.StatusServiceUnavailable {
			t.Errorf("%s: vic's profile is read", name)
		}
		// A code that nobody was given is nobody's.
		if a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), redemption(t, u, "bogus")); a.status == http.StatusServiceUnavailable {
			t.Errorf("%s: a probe's code: %d", name, a.status)
		}
		w.metadata(t, u)
		u.ClearFault()
	}
}

// What a fault does anyway, it does at the endpoints that are named.
func TestEndpointsOfScope(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "google")
	failWith(t, u, fakeidp.TokenDown, fakeidp.Scope{Endpoints: []fakeidp.Endpoint{fakeidp.Discovery, fakeidp.JWKS}})
	for e, want := range map[fakeidp.Endpoint]int{fakeidp.Discovery: 503, fakeidp.JWKS: 503, fakeidp.Status: 200} {
		if a := w.get(t, u.URL(e)); a.status != want {
			t.Errorf("%s: status %d, want %d", e, a.status, want)
		}
	}
	w.login(t, u, "haru")
	failWith(t, u, fakeidp.Denied, fakeidp.Scope{People: []string{"vic"}})
	v := request(u)
	v.Set("person", "vic")
	if back := w.press(t, u, v, "continue"); back.Get("error") == "" {
		t.Errorf("vic brings back %v", back)
	}
	w.login(t, u, "haru")
}

// Upstreams may have hosts of their own.
func TestHostsOfTheirOwn(t *testing.T) {
	s, err := fakeidp.New(fakeidp.Options{BaseURL: "https://all.example", Upstreams: []fakeidp.Spec{
		{Name: "kakao", URL: "https://kauth.kakao.example:8443", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://kapi.kakao.example"}},
		{Name: "naver"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	kakao, _ := s.Upstream("kakao")
	naver, _ := s.Upstream("naver")
	for got, want := range map[string]string{
		kakao.Issuer():              "https://kauth.kakao.example:8443",
		kakao.URL(fakeidp.Token):    "https://kauth.kakao.example:8443/oauth/token",
		kakao.URL(fakeidp.Userinfo): "https://kapi.kakao.example/v2/user/me",
		naver.URL(fakeidp.Token):    "https://all.example/naver/oauth2.0/token",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	hosts := kakao.Hosts()
	if len(hosts) != 2 || !slices.Equal(hosts["kapi.kakao.example"], []fakeidp.Endpoint{fakeidp.Userinfo}) || slices.Contains(hosts["kauth.kakao.example"], fakeidp.Userinfo) {
		t.Errorf("hosts %v", hosts)
	}
	if hosts := naver.Hosts(); len(hosts) != 0 {
		t.Errorf("hosts of naver %v", hosts)
	}
	for target, want := range map[string]int{
		"https://kauth.kakao.example:8443/status.json": 200, "https://kapi.kakao.example/v2/user/me": 401,
		"https://all.example/naver/status.json": 200, "https://all.example/kakao/status.json": 200, "https://kauth.kakao.example/naver/status.json": 404,
	} {
		if got := from(s, target, "10.0.0.1"); got != want {
			t.Errorf("%s: status %d, want %d", target, got, want)
		}
	}
	for name, spec := range map[string]fakeidp.Spec{
		"a path":                {Name: "kakao", URL: "https://kauth.example/x"},
		"no scheme":             {Name: "kakao", URL: "kauth.example"},
		"elsewhere with a path": {Name: "kakao", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Token: "https://x.example/"}},
		"somebody else's host":  {Name: "kakao", URL: "https://nid.example:1"},
	} {
		_, err := fakeidp.New(fakeidp.Options{BaseURL: "https://all.example", Upstreams: []fakeidp.Spec{{Name: "naver", URL: "https://nid.example"}, spec}})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
