package apple

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Kind is what configuration calls this provider.
const Kind = "apple"

const (
	issuer  = "https://appleid.apple.com"
	maxUser = 4 << 10 // bytes of the form field user
	maxName = 60      // characters of each part of a name
)

// Options are those of any OpenID Provider and what the client secret is
// signed with.
type Options struct {
	openid.Options

	TeamID     string // the developer team
	KeyID      string // of PrivateKey
	PrivateKey []byte // P-256, PKCS#8, PEM: the .p8 file
}

// New returns Sign in with Apple. O needs Instance.ID, Instance.ClientID (the
// services id), TeamID, KeyID, PrivateKey and Fetch; what it leaves empty is
// Apple's own. An Issuer that is given is the base of a simulation.
func New(o Options) (*openid.Provider, error) {
	o.Instance.Kind = Kind
	o.Instance.FormPost = true
	if o.Instance.Issuer == "" {
		o.Instance.Issuer = issuer
	}
	if o.Instance.Name == "" {
		o.Instance.Name = "Apple"
	}
	if o.Instance.Reauth == "" {
		o.Instance.Reauth = providers.ReauthNone
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"name", "email"}
	}
	base := strings.TrimSuffix(o.Instance.Issuer, "/")
	o.Endpoints = o.Endpoints.Or(openid.Endpoints{
		Authorize: base + "/auth/authorize",
		Token:     base + "/auth/token",
		Keys:      base + "/auth/keys",
	})
	if o.Endpoints.Userinfo != "" {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, errors.New("there is no userinfo endpoint at Apple"))
	}
	secret, err := newSecret(o)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, err)
	}
	o.Secret = secret.current
	o.PKCE = true
	o.AuthMethod = oauth2.SecretPost
	o.Algorithms = []string{"RS256", "ES256"}
	o.Quirks = openid.Quirks{
		Quirks: oauth2.Quirks{Authorize: authorize, Classify: classify},
		Claims: claims,
	}
	return openid.New(o.Options)
}

// authorize keeps to the parameters that Apple knows.
func authorize(_ providers.Leg, query url.Values) {
	for _, name := range []string{"prompt", "max_age", "login_hint", "ui_locales"} {
		query.Del(name)
	}
}

func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	code := a.Code()
	return providers.User, code, a.Step == providers.StepCallback && code == "user_cancelled_authorize"
}

func claims(d oauth2.Document, ret providers.Return, identity *providers.Identity) {
	openid.Standard(d, identity)
	if name := nameOf(ret.Params["user"]); name != "" {
		identity.Name = name
	}
}

// nameOf reads the name from the form field user, which comes with the first
// authorization only.
func nameOf(fields []string) string {
	if len(fields) != 1 || len(fields[0]) > maxUser {
		return ""
	}
	user, err := oauth2.ParseDocument([]byte(fields[0]))
	if err != nil {
		return ""
	}
	name := user.Object("name")
	first, last := name.Text("firstName", maxName), name.Text("lastName", maxName)
	switch {
	case first == "" || last == "":
		return first + last
	case familyFirst(first) && familyFirst(last):
		return last + first
	default:
		return first + " " + last
	}
}

// familyFirst reports whether text is written in a script whose names begin
// with the family's and have no space: 홍길동, 山田太郎.
func familyFirst(text string) bool {
	for _, r := range text {
		if !unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana) {
			return false
		}
	}
	return true
}
