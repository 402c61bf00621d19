package entra_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/entra"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := entra.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Entra,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, EmailVerified: true}
		},
		IDToken: true,
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, openid.Options{Instance: providers.Instance{ID: "entra", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "entra", Kind: "entra", Issuer: "https://login.microsoftonline.com/common/v2.0", ClientID: "client-1", Name: "Microsoft", Reauth: providers.ReauthAsked,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	target, err := p.Begin(t.Context(), providers.Leg{Locales: []string{"ko"}, Fresh: true, LoginHint: "minji"})
	if err != nil || !strings.HasPrefix(target, "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?") {
		t.Fatalf("Begin = %q, %v", target, err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"scope": "openid profile email", "code_challenge_method": "S256", "prompt": "login", "login_hint": "minji"} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Only the refusal that is known to be a healthy one is taken for it.
func TestTokenProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Entra)
	p := made(t, w.OpenID())
	for _, tt := range []struct {
		body   string
		status int
		want   providers.Outcome
	}{
		{`{"error":"invalid_grant","error_description":"AADSTS9002313: Invalid request."}`, 400, providers.OK},
		{`{"error":"invalid_grant","error_description":"AADSTS70000: The code is invalid."}`, 400, providers.OK},
		{`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`, 401, providers.Ours},
		{`{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}`, 401, providers.Ours},
		{`{"error":"unauthorized_client","error_description":"AADSTS700016: Application was not found."}`, 400, providers.Ours},
		{`{"error":"invalid_request","error_description":"AADSTS90033: A transient error has occurred."}`, 400, providers.Down},
		{`{"error":"invalid_request","error_description":"AADSTS900144: The request body must contain a parameter."}`, 400, providers.Unknown},
		{`{"error":"invalid_request","error_description":"see AADSTS90033"}`, 400, providers.Unknown},
	} {
		w.Upstream.AnswerWith(fakeidp.Token, fakeidp.Reply(tt.status, "application/json", tt.body))
		if got := p.Probe(t.Context(), providers.LevelToken); got.Outcome != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.body, got.Outcome, got.Code, tt.want)
		}
	}
}

// D4: a token names the issuer that its own tenant makes, and the tenant must be
// of the class that was configured.
func TestIssuerOfTheTenant(t *testing.T) {
	const stranger, personal = "11111111-2222-3333-4444-555555555555", "9188040d-6c67-4c5b-b112-36a304b66dad"
	w := providertest.Start(t, fakeidp.Entra)
	p := made(t, w.OpenID())
	at := func(tid string) string { return w.Upstream.Issuer() + "/" + tid + "/v2.0" }
	for _, tt := range []struct {
		name     string
		iss, tid any
		ok       bool
	}{
		{"the tenant's own", at(fakeidp.EntraTenant), fakeidp.EntraTenant, true},
		{"another tenant's", at(stranger), stranger, true},
		{"one tenant's issuer with another's id", at(fakeidp.EntraTenant), stranger, false},
		{"the template itself", at("{tenantid}"), "{tenantid}", false},
		{"the base", w.Upstream.Issuer(), fakeidp.EntraTenant, false},
		{"no tenant", at(fakeidp.EntraTenant), nil, false},
		{"a tenant that is a path", at("../" + stranger), "../" + stranger, false},
	} {
		w.Upstream.EditClaims(func(claims map[string]any) { claims["iss"], claims["tid"] = tt.iss, tt.tid })
		got := w.SignIn(t, p, "", nil)
		if (got.Err == nil) != tt.ok || !tt.ok && !errors.Is(got.Err, providers.ErrUntrusted) {
			t.Errorf("%s: %v, want ok %t", tt.name, got.Err, tt.ok)
		}
	}
	for tenant, admits := range map[string]map[string]bool{
		"common":            {stranger: true, personal: true},
		"organizations":     {stranger: true, personal: false},
		"consumers":         {stranger: false, personal: true},
		stranger:            {stranger: true, personal: false, fakeidp.EntraTenant: false},
		fakeidp.EntraTenant: {stranger: false, fakeidp.EntraTenant: true},
	} {
		for tid, want := range admits {
			if got := entra.IssuerOf("https://login.microsoftonline.com", tenant, tid); (got == "https://login.microsoftonline.com/"+tid+"/v2.0") != want {
				t.Errorf("%s admits %s: %q, want %t", tenant, tid, got, want)
			}
		}
	}
}

func TestIssuersThatAreNone(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"https://login.microsoftonline.com/organizations/v2.0":                                true,
		"https://login.microsoftonline.com/" + fakeidp.EntraTenant + "/v2.0":                  true,
		"https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0":                      false,
		"https://login.microsoftonline.com/" + fakeidp.EntraTenant:                            false,
		"https://login.microsoftonline.com/" + fakeidp.EntraTenant + "/extra/v2.0":            false,
		"https://login.microsoftonline.com/" + strings.ToUpper(fakeidp.EntraTenant) + "/v2.0": false,
	} {
		_, err := entra.New(openid.Options{
			Instance: providers.Instance{ID: "entra", ClientID: "client-1", Issuer: issuer}, Fetch: fetch.New(fetch.Options{}),
		})
		if (err == nil) != ok {
			t.Errorf("%s: %v, want ok %t", issuer, err, ok)
		}
	}
}

// The same sub in two tenants is two people.
func TestSubjectsAreOfTheTenant(t *testing.T) {
	w := providertest.Start(t, fakeidp.Entra)
	p := made(t, w.OpenID())
	seen := map[string]bool{}
	for _, tid := range []string{fakeidp.EntraTenant, "11111111-2222-3333-4444-555555555555"} {
		w.Upstream.EditClaims(func(claims map[string]any) {
			claims["tid"], claims["iss"], claims["sub"] = tid, w.Upstream.Issuer()+"/"+tid+"/v2.0", "same"
		})
		got := w.SignIn(t, p, "", nil)
		if got.Err != nil || got.Identity.Subject != tid+".same" {
			t.Fatalf("subject %q, %v", got.Identity.Subject, got.Err)
		}
		seen[got.Identity.Subject] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d people", len(seen))
	}
}

// nOAuth: an address is what an administrator typed, unless its domain is the tenant's.
func TestAnAddressIsVerifiedByItsDomainAlone(t *testing.T) {
	w := providertest.Start(t, fakeidp.Entra)
	p := made(t, w.OpenID())
	for edov, want := range map[any]bool{true: true, "1": true, 1: true, "true": true, false: false, "0": false, 0: false, nil: false, "yes": false} {
		w.Upstream.EditClaims(func(claims map[string]any) { claims["xms_edov"], claims["email_verified"] = edov, true })
		if got := w.SignIn(t, p, "", nil); got.Err != nil || got.Identity.EmailVerified != want || got.Identity.Email == "" {
			t.Errorf("xms_edov %v: %+v, %v", edov, got.Identity, got.Err)
		}
	}
}

func TestDeclinedByNumber(t *testing.T) {
	w := providertest.Start(t, fakeidp.Entra)
	got := w.SignIn(t, made(t, w.OpenID()), "", func(params url.Values) {
		params.Del("code")
		params.Set("error", "consent_required")
		params.Set("error_description", "AADSTS65004: User declined to consent to access the app.")
	})
	if !errors.Is(got.Err, providers.ErrDenied) {
		t.Errorf("Finish: %v, want ErrDenied", got.Err)
	}
}
