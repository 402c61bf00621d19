package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/apple"
	"github.com/bongsu/bongsu/providers/discord"
	"github.com/bongsu/bongsu/providers/entra"
	"github.com/bongsu/bongsu/providers/facebook"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/github"
	"github.com/bongsu/bongsu/providers/google"
	"github.com/bongsu/bongsu/providers/kakao"
	"github.com/bongsu/bongsu/providers/line"
	"github.com/bongsu/bongsu/providers/naver"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/telegram"
	"github.com/bongsu/bongsu/providers/wechat"
	"github.com/bongsu/bongsu/providers/zalo"
)

// ErrUnknownKind is returned for a kind that the catalog does not list.
var ErrUnknownKind = errors.New("catalog: unknown kind of provider")

// Runner is a provider with work in the background: metadata and keys kept
// young. Run returns when ctx ends.
type Runner interface {
	Run(ctx context.Context)
}

// Options are one configured provider. What is empty is the kind's own.
type Options struct {
	ID           string // instance id: lower-case letters, digits and hyphens, at most 32
	Kind         string // one of [Kinds]
	Name         string // what people read
	ClientID     string
	ClientSecret string
	Secrets      func() []string   // in place of ClientSecret where it changes: the newest first; nil: it does not
	Issuer       string            // kind openid: required; others: base of a simulation
	Endpoints    map[string]string // of [Endpoints]: set one by one
	Scopes       []string
	Timeout      time.Duration // of each step, at most 20 s; 0 is 4 s
	Reauth       string        // forced, asked or none

	Audiences []string // further audiences an ID token may name

	// Of the kinds that nobody knows by name, openid and oauth2.
	Algorithms []string          // openid: what may sign ID tokens, empty is RS256 and ES256; line: ES256, HS256 or both
	AuthMethod string            // client_secret_post or client_secret_basic; empty: what discovery allows, or post
	NoPKCE     bool              // for a provider that chokes on a challenge
	Claims     map[string]string // where the profile holds what ([oauth2.Mapping]); oauth2: also ClaimApp

	// Of oauth2, where Endpoints hold a tokeninfo: how it is asked which app a
	// token was issued to, and how it calls ours.
	TokenInfo string // one of [TokenInfos]; empty is introspection
	AppID     string // empty is ClientID

	// Of facebook: the version of its API and when that ends. Empty is what the
	// package speaks; a date alone is of no use.
	APIVersion     string
	APIVersionEnds time.Time

	// Apple signs its client secret.
	TeamID     string
	KeyID      string
	PrivateKey []byte // PKCS#8, PEM, P-256

	Callback   string                // our registered callback URL, shown by probes; empty: none does
	Pins       openid.Pins           // keeps the last good metadata; nil keeps it in memory alone
	Distrusted func(kid string) bool // keys that an operator distrusts; nil is none

	Fetch  *fetch.Client
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil is silence
}

var constructors = map[string]func(Options) (providers.Provider, error){
	kakao.Kind:  func(o Options) (providers.Provider, error) { return built(kakao.New(o.openid())) },
	google.Kind: func(o Options) (providers.Provider, error) { return built(google.New(o.openid())) },
	apple.Kind: func(o Options) (providers.Provider, error) {
		return built(apple.New(apple.Options{Options: o.openid(), TeamID: o.TeamID, KeyID: o.KeyID, PrivateKey: o.PrivateKey}))
	},
	naver.Kind:       func(o Options) (providers.Provider, error) { return built(naver.New(o.oauth2())) },
	naver.KindOpenID: func(o Options) (providers.Provider, error) { return built(naver.NewOpenID(o.openid())) },
	line.Kind: func(o Options) (providers.Provider, error) {
		l := o.openid()
		l.Algorithms = o.Algorithms
		return built(line.New(l))
	},
	github.Kind: func(o Options) (providers.Provider, error) {
		return built(github.New(github.Options{Options: o.oauth2(), TokenInfo: o.Endpoints["tokeninfo"]}))
	},
	facebook.Kind: func(o Options) (providers.Provider, error) {
		return built(facebook.New(facebook.Options{
			Options: o.oauth2(), TokenInfo: o.Endpoints["tokeninfo"], Version: o.APIVersion, VersionEnds: o.APIVersionEnds,
		}))
	},
	entra.Kind:   func(o Options) (providers.Provider, error) { return built(entra.New(o.openid())) },
	discord.Kind: func(o Options) (providers.Provider, error) { return built(discord.New(o.openid())) },
	telegram.Kind: func(o Options) (providers.Provider, error) {
		t := o.openid()
		t.Algorithms = o.Algorithms
		return built(telegram.New(t))
	},
	wechat.Kind: func(o Options) (providers.Provider, error) { return built(wechat.New(o.oauth2())) },
	zalo.Kind:   func(o Options) (providers.Provider, error) { return built(zalo.New(o.oauth2())) },

	"openid": newOpenID,
	"oauth2": newOAuth2,
}

// Kinds returns the names of all kinds, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(constructors)) }

// New returns the provider that o configures. It makes no request. Errors wrap
// [ErrUnknownKind], or name every problem of o. The provider may be a [Runner].
func New(o Options) (providers.Provider, error) {
	construct, ok := constructors[o.Kind]
	if !ok {
		return nil, fmt.Errorf("provider %q: %w %q; known are %s", o.ID, ErrUnknownKind, o.Kind, strings.Join(Kinds(), ", "))
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.ID, err)
	}
	return construct(o)
}

// built keeps a failed constructor's nil from becoming a provider.
func built[P providers.Provider](p P, err error) (providers.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Endpoints returns the names that [Options].Endpoints may hold.
func Endpoints() []string { return []string{"authorize", "token", "userinfo", "jwks", "tokeninfo"} }

// TellApps returns the kinds whose tokeninfo endpoint is asked which app a token
// was issued to, sorted.
func TellApps() []string { return []string{facebook.Kind, github.Kind, "oauth2"} }

func (o Options) validate() error {
	var problems []error
	if o.Endpoints["tokeninfo"] != "" && !slices.Contains(TellApps(), o.Kind) {
		problems = append(problems, fmt.Errorf("the kind %q has no tokeninfo endpoint", o.Kind))
	}
	if o.APIVersion == "" && !o.APIVersionEnds.IsZero() {
		problems = append(problems, errors.New("the end of an API version is given without the version"))
	}
	for name := range o.Endpoints {
		if !slices.Contains(Endpoints(), name) {
			problems = append(problems, fmt.Errorf("no endpoint is called %q; known are %s", name, strings.Join(Endpoints(), ", ")))
		}
	}
	switch providers.Reauth(o.Reauth) {
	case "", providers.ReauthForced, providers.ReauthAsked, providers.ReauthNone:
	default:
		problems = append(problems, fmt.Errorf("reauth is %q; known are forced, asked, none", o.Reauth))
	}
	return errors.Join(problems...)
}

func (o Options) instance() providers.Instance {
	return providers.Instance{
		ID:       o.ID,
		Kind:     o.Kind,
		Issuer:   o.Issuer,
		ClientID: o.ClientID,
		Name:     o.Name,
		Reauth:   providers.Reauth(o.Reauth),
	}
}

func (o Options) openid() openid.Options {
	return openid.Options{
		Instance: o.instance(),
		Endpoints: openid.Endpoints{
			Authorize: o.Endpoints["authorize"],
			Token:     o.Endpoints["token"],
			Keys:      o.Endpoints["jwks"],
			Userinfo:  o.Endpoints["userinfo"],
		},
		Scopes:       o.Scopes,
		ClientSecret: o.ClientSecret,
		Secrets:      o.Secrets,
		Audiences:    o.Audiences,
		Callback:     o.Callback,
		Pins:         o.Pins,
		Distrusted:   o.Distrusted,
		Fetch:        o.Fetch,
		Timeout:      o.Timeout,
		Now:          o.Now,
		Logger:       o.Logger,
	}
}

func (o Options) oauth2() oauth2.Options {
	return oauth2.Options{
		Instance: o.instance(),
		Endpoints: oauth2.Endpoints{
			Authorize: o.Endpoints["authorize"],
			Token:     o.Endpoints["token"],
			Userinfo:  o.Endpoints["userinfo"],
		},
		Scopes:       o.Scopes,
		ClientSecret: o.ClientSecret,
		Secrets:      o.Secrets,
		Callback:     o.Callback,
		Fetch:        o.Fetch,
		Timeout:      o.Timeout,
		Now:          o.Now,
	}
}
