package fakeidp_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	callback = "https://broker.example/callback/x?kept=1"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// world is a running server and a browser without redirects.
type world struct {
	*fakeidp.Server
	client *http.Client
}

// everyDialect has one upstream per dialect; p and q speak OpenID.
func everyDialect() []fakeidp.Spec {
	return []fakeidp.Spec{
		{Name: "kakao"},
		{Name: "naver"},
		{Name: "google"},
		{Name: "apple"},
		{Name: "p", Dialect: fakeidp.OpenID},
		{Name: "q", Dialect: fakeidp.OpenID},
		{Name: "plain", Dialect: fakeidp.OAuth2},
	}
}

func start(t *testing.T, o fakeidp.Options) *world {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	o.BaseURL = "http://" + listener.Listener.Addr().String()
	if o.Upstreams == nil {
		o.Upstreams = everyDialect()
	}
	s, err := fakeidp.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	listener.Config.Handler = s
	listener.Start()
	client := listener.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		s.Close()
		listener.Close()
	})
	return &world{Server: s, client: client}
}

func (w *world) upstream(t *testing.T, name string) *fakeidp.Upstream {
	t.Helper()
	u, ok := w.Upstream(name)
	if !ok {
		t.Fatalf("no upstream %q", name)
	}
	return u
}

// answer is a response with its body.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) document(t *testing.T) map[string]any {
	t.Helper()
	var d map[string]any
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("status %d, no JSON object: %v: %.200q", a.status, err, a.body)
	}
	return d
}

func (w *world) try(ctx context.Context, method, target string, form url.Values, edit ...func(*http.Request)) (answer, error) {
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return answer{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, e := range edit {
		e(r)
	}
	res, err := w.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text)}, errors.Join(err, res.Body.Close())
}

func (w *world) do(t *testing.T, method, target string, form url.Values, edit ...func(*http.Request)) answer {
	t.Helper()
	a, err := w.try(t.Context(), method, target, form, edit...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

func (w *world) get(t *testing.T, target string, edit ...func(*http.Request)) answer {
	t.Helper()
	return w.do(t, http.MethodGet, target, nil, edit...)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func (w *world) userinfo(t *testing.T, u *fakeidp.Upstream, token string) answer {
	t.Helper()
	return w.get(t, u.URL(fakeidp.Userinfo), bearer(token))
}

// request is an authorization request that every dialect accepts.
func request(u *fakeidp.Upstream) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	v := url.Values{
		"client_id":             {u.Client().ID},
		"redirect_uri":          {callback},
		"response_type":         {"code"},
		"scope":                 {"openid profile email"},
		"state":                 {"st&te"},
		"nonce":                 {"n-0S6"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(sum[:])},
		"code_challenge_method": {"S256"},
	}
	switch u.Dialect() {
	case fakeidp.Apple:
		v.Set("response_mode", "form_post")
		v.Set("scope", "name email")
	case fakeidp.Kakao:
		v.Set("scope", "openid account_email profile_nickname")
	}
	return v
}

func (w *world) page(t *testing.T, u *fakeidp.Upstream, v url.Values) answer {
	t.Helper()
	a := w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode())
	if a.status != http.StatusOK {
		t.Fatalf("page: status %d: %s", a.status, a.body)
	}
	return a
}

var (
	links  = regexp.MustCompile(`<a id="([^"]+)"[^>]* href="([^"]+)"`)
	forms  = regexp.MustCompile(`(?s)<form method="post" action="([^"]+)">(.*?)<button id="([^"]+)"`)
	inputs = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
)

func link(t *testing.T, page, id string) string {
	t.Helper()
	for _, m := range links.FindAllStringSubmatch(page, -1) {
		if m[1] == id {
			return html.UnescapeString(m[2])
		}
	}
	t.Fatalf("no link %q in:\n%s", id, page)
	return ""
}

func form(t *testing.T, page, id string) (action string, fields url.Values) {
	t.Helper()
	for _, m := range forms.FindAllStringSubmatch(page, -1) {
		if m[3] != id {
			continue
		}
		fields = url.Values{}
		for _, f := range inputs.FindAllStringSubmatch(m[2], -1) {
			fields.Add(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
		}
		return html.UnescapeString(m[1]), fields
	}
	t.Fatalf("no form with button %q in:\n%s", id, page)
	return "", nil
}

// press uses the control id of the person's page and returns what the browser
// brings back to the broker.
func (w *world) press(t *testing.T, u *fakeidp.Upstream, v url.Values, id string) url.Values {
	t.Helper()
	page := w.page(t, u, v)
	if v.Get("response_mode") == "form_post" {
		action, fields := form(t, page.body, id)
		if action != callback {
			t.Fatalf("form goes to %q", action)
		}
		return fields
	}
	return returned(t, w.get(t, link(t, page.body, id)))
}

func returned(t *testing.T, a answer) url.Values {
	t.Helper()
	location := a.header.Get("Location")
	if a.status != http.StatusFound || !strings.HasPrefix(location, callback+"&") {
		t.Fatalf("status %d, Location %q, want a redirect to the callback: %s", a.status, location, a.body)
	}
	target, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	back := target.Query()
	back.Del("kept")
	return back
}

// redemption is a token request that every dialect accepts.
func redemption(t *testing.T, u *fakeidp.Upstream, code string) url.Values {
	t.Helper()
	v := url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {u.Client().ID},
		"client_secret": {u.Client().Secret},
		"redirect_uri":  {callback},
		"code":          {code},
		"code_verifier": {verifier},
	}
	if u.Dialect() == fakeidp.Apple {
		v.Set("client_secret", appleSecret(t, u.Client(), nil))
	}
	return v
}

// appleSecret is a good client secret, or one that edit makes bad.
func appleSecret(t *testing.T, c fakeidp.Client, edit func(*jwt.Claims)) string {
	t.Helper()
	key := jose.JSONWebKey{Key: c.Key, KeyID: c.KeyID}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	claims := jwt.Claims{
		Issuer: c.TeamID, Subject: c.ID, Audience: jwt.Audience{"https://appleid.apple.com"},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	}
	if edit != nil {
		edit(&claims)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// redeem turns a code into the token answer.
func (w *world) redeem(t *testing.T, u *fakeidp.Upstream, code string) map[string]any {
	t.Helper()
	a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), redemption(t, u, code))
	d := a.document(t)
	if a.status != http.StatusOK || d["access_token"] == nil {
		t.Fatalf("redeem: status %d: %s", a.status, a.body)
	}
	return d
}

// login walks the whole leg as person.
func (w *world) login(t *testing.T, u *fakeidp.Upstream, person string) map[string]any {
	t.Helper()
	v := request(u)
	v.Set("person", person)
	return w.redeem(t, u, w.press(t, u, v, "continue").Get("code"))
}

// verify checks an ID token against the published keys, as a broker would.
func (w *world) verify(t *testing.T, u *fakeidp.Upstream, token string) (map[string]any, error) {
	t.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.get(t, u.URL(fakeidp.JWKS)).body), &keys); err != nil {
		t.Fatalf("JWKS: %v", err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	if err := parsed.Claims(keys, &claims); err != nil {
		return nil, err
	}
	return claims, nil
}

func text(t *testing.T, d map[string]any, name string) string {
	t.Helper()
	s, ok := d[name].(string)
	if !ok {
		t.Fatalf("%s is %#v, want a string", name, d[name])
	}
	return s
}

// payload decodes a part of a compact JWS without checking anything.
func payload(t *testing.T, token string, part int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no compact JWS: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err != nil {
		t.Fatal(err)
	}
	d := map[string]any{}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// subject is who a token answer is about, by ID token or profile.
func (w *world) subject(t *testing.T, u *fakeidp.Upstream, token map[string]any) string {
	t.Helper()
	if id, ok := token["id_token"].(string); ok {
		return text(t, payload(t, id, 1), "sub")
	}
	d := w.userinfo(t, u, text(t, token, "access_token")).document(t)
	if inner, ok := d["response"].(map[string]any); ok {
		d = inner
	}
	return text(t, d, "id")
}
