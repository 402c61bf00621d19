package entra

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "entra"

const (
	host    = "https://login.microsoftonline.com"
	common  = host + "/common/v2.0"
	maxName = 120

	// personal is the tenant of every personal account.
	personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

// The classes of accounts that an issuer may stand for instead of one tenant.
const (
	everybody     = "common"
	organizations = "organizations"
	consumers     = "consumers"
)

var tenantID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// New returns Microsoft Entra ID. O needs Instance.ID, Instance.ClientID,
// ClientSecret and Fetch. Instance.Issuer is that of a tenant, by its id
// (https://login.microsoftonline.com/TENANT/v2.0), or of a class of accounts:
// organizations, consumers or common, which is the default. An Issuer elsewhere is
// the base of a simulation.
func New(o openid.Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = common
	}
	authority, tenant, err := split(o.Instance.Issuer)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, err)
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Microsoft"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthAsked
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile", "email"}
	}
	base := strings.TrimSuffix(strings.TrimSuffix(o.Instance.Issuer, "/"), "/v2.0")
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: base + "/oauth2/v2.0/authorize",
		Token:     base + "/oauth2/v2.0/token",
		Keys:      base + "/discovery/v2.0/keys",
	})
	o.Template = authority + "/{tenantid}/v2.0"
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Algorithms = []string{"RS256"}
	o.Quirks = openid.Quirks{
		Quirks: oauth2.Quirks{Classify: classify},
		Claims: claims,
		Issuer: func(d oauth2.Document) string { return issuerOf(authority, tenant, d.Raw("tid")) },
	}
	return openid.New(o)
}

// split returns where all tenants stand, and which of them may log in.
func split(issuer string) (authority, tenant string, err error) {
	rest, real := strings.CutPrefix(issuer, host+"/")
	if !real {
		return strings.TrimSuffix(issuer, "/"), everybody, nil // a simulation
	}
	tenant, version := strings.CutSuffix(rest, "/v2.0")
	switch {
	case !version:
		return "", "", errors.New("issuer must end with /v2.0")
	case tenant == everybody, tenant == organizations, tenant == consumers, tenantID.MatchString(tenant):
		return host, tenant, nil
	}
	return "", "", errors.New("issuer must name a tenant by its id, not its domain, or organizations, consumers or common")
}

// issuerOf is the issuer that a token of the tenant tid must name; "" where people
// of that tenant may not come in.
func issuerOf(authority, tenant, tid string) string {
	allowed := tenantID.MatchString(tid)
	switch tenant {
	case everybody:
	case organizations:
		allowed = allowed && tid != personal
	case consumers:
		allowed = tid == personal
	default:
		allowed = tid == tenant
	}
	if !allowed {
		return ""
	}
	return authority + "/" + url.PathEscape(tid) + "/v2.0"
}

// claims takes the profile, and makes the subject one among all tenants: sub is
// unique within its issuer only.
func claims(d oauth2.Document, _ providers.Return, identity *providers.Identity) {
	identity.Subject = d.Raw("tid") + "." + d.Raw("sub")
	identity.Name = d.Text("name", maxName)
	identity.Email = oauth2.Email(d.Raw("email"))
	identity.EmailVerified = identity.Email != "" && owned(d)
}

// owned reports whether the domain of the address is known to be the tenant's: a
// boolean, or 1 as a string or number, depending on the tenant's age.
func owned(d oauth2.Document) bool { return d.Bool("xms_edov") || d.ID("xms_edov") == "1" }
