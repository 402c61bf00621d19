package dev

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/providers/catalog"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// AllProviders in [Options].Providers stands for every provider that can be
// simulated.
const AllProviders = "all"

// usual are the providers of an instance that is not told otherwise, and the
// order of its menu where the language has none.
var usual = []string{"kakao", "naver", "line", "google", "apple"}

// specs are all providers that can be simulated. Browsers find their pages at the
// switchboard's port; the broker calls them by names and over TLS, through a
// network that the switchboard breaks, as it calls real ones. Names are those of
// dialects, but for the two that name no company.
var specs = []fakeidp.Spec{
	{
		Name: "kakao", URL: "https://kauth.kakao.example",
		Elsewhere: map[fakeidp.Endpoint]string{
			fakeidp.Userinfo: "https://kapi.kakao.example", fakeidp.TokenInfo: "https://kapi.kakao.example",
		},
	},
	{
		Name: "naver", URL: "https://nid.naver.example",
		Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://openapi.naver.example"},
	},
	{
		Name: "line", URL: "https://access.line.example",
		Elsewhere: map[fakeidp.Endpoint]string{
			fakeidp.Token: "https://api.line.example", fakeidp.JWKS: "https://api.line.example", fakeidp.Userinfo: "https://api.line.example",
			fakeidp.TokenInfo: "https://api.line.example",
		},
	},
	{
		Name: "google", URL: "https://accounts.google.example",
		Elsewhere: map[fakeidp.Endpoint]string{
			fakeidp.Token: "https://oauth2.googleapis.example", fakeidp.JWKS: "https://www.googleapis.example",
			fakeidp.Userinfo: "https://openidconnect.googleapis.example",
		},
	},
	{Name: "apple", URL: "https://appleid.apple.example"},
	{
		Name: "naver-openid", URL: "https://nid-openid.naver.example",
		Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://openapi-openid.naver.example"},
	},
	{
		Name: "github", URL: "https://github.example",
		Elsewhere: map[fakeidp.Endpoint]string{
			fakeidp.Userinfo: "https://api.github.example", fakeidp.Emails: "https://api.github.example", fakeidp.TokenInfo: "https://api.github.example",
		},
	},
	{
		Name: "facebook", URL: "https://www.facebook.example",
		Elsewhere: map[fakeidp.Endpoint]string{
			fakeidp.Token: "https://graph.facebook.example", fakeidp.Userinfo: "https://graph.facebook.example",
			fakeidp.TokenInfo: "https://graph.facebook.example",
		},
	},
	{Name: "entra", URL: "https://login.microsoftonline.example"},
	{Name: "discord", URL: "https://discord.example"},
	{Name: "telegram", URL: "https://oauth.telegram.example"},
	{
		Name: "wechat", URL: "https://open.weixin.example",
		Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Token: "https://api.weixin.example", fakeidp.Userinfo: "https://api.weixin.example"},
	},
	{
		Name: "zalo", URL: "https://oauth.zaloapp.example",
		Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://graph.zalo.example"},
	},
	{Name: "company", Title: "Company", Dialect: fakeidp.OpenID, URL: "https://id.company.example"},
	{Name: "forum", Title: "Forum", Dialect: fakeidp.OAuth2, URL: "https://www.forum.example"},
}

// Providers returns the names of all providers that can be simulated.
func Providers() []string {
	names := make([]string, len(specs))
	for n, spec := range specs {
		names[n] = spec.Name
	}
	return names
}

// CheckProviders reports whether wanted can be [Options].Providers.
func CheckProviders(wanted []string) error {
	_, err := specsOf(wanted)
	return err
}

// specsOf are the specs of the providers that are wanted, in their order; none
// are the usual ones.
func specsOf(wanted []string) ([]fakeidp.Spec, error) {
	switch {
	case len(wanted) == 0:
		wanted = usual
	case slices.Contains(wanted, AllProviders):
		wanted = Providers()
	}
	var chosen []fakeidp.Spec
	for n, name := range wanted {
		i := slices.IndexFunc(specs, func(s fakeidp.Spec) bool { return s.Name == name })
		switch {
		case i < 0:
			return nil, fmt.Errorf("dev: no provider is called %q: known are %s, and %s for every one", name, strings.Join(Providers(), ", "), AllProviders)
		case slices.Contains(wanted[:n], name):
			return nil, fmt.Errorf("dev: provider %s is wanted twice", name)
		}
		spec := specs[i]
		spec.PagesBelow = true
		chosen = append(chosen, spec)
	}
	return chosen, nil
}

// endpointsOf are the URLs of an upstream, by the names that configuration has
// for them.
func endpointsOf(u *fakeidp.Upstream) map[string]string {
	names := map[string]fakeidp.Endpoint{
		"authorize": fakeidp.Authorize, "token": fakeidp.Token, "jwks": fakeidp.JWKS, "userinfo": fakeidp.Userinfo,
	}
	if slices.Contains(catalog.TellApps(), string(u.Dialect())) {
		names["tokeninfo"] = fakeidp.TokenInfo
	}
	if u.Dialect() == fakeidp.LINE {
		delete(names, "userinfo") // its ID tokens hold the profile
	}
	endpoints := map[string]string{}
	for name, e := range names {
		if address := u.URL(e); address != "" {
			endpoints[name] = address
		}
	}
	return endpoints
}
