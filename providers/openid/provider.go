package openid

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// discoveryFailure is how long a failed discovery stands for those who ask.
const discoveryFailure = 5 * time.Second

// Provider is an OpenID Provider. It is safe for concurrent use.
type Provider struct {
	o     Options
	steps oauth2.Steps
	known atomic.Pointer[metadata] // nil until discovered

	mu      sync.Mutex // one discovery at a time
	trusted trusted
	tried   time.Time // when discovery last failed
	failed  error
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Prober   = (*Provider)(nil)
)

// New returns a provider. It makes no request: where endpoints are not
// configured they are discovered by [Provider.Run] or at first need. The error
// names every problem of o.
func New(o Options) (*Provider, error) {
	o.defaults()
	p := &Provider{o: o, steps: oauth2.Steps{Provider: o.Instance.ID, Timeout: o.Timeout, Now: o.Now}}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, err)
	}
	// Whatever else is wrong with the options shows when a wire is made of them;
	// the issuer stands in for the endpoints that are not known yet.
	at := o.Endpoints.Or(Endpoints{Authorize: o.Instance.Issuer, Token: o.Instance.Issuer, Keys: o.Instance.Issuer})
	first, err := p.assemble(at, Pin{}, nil)
	if err != nil {
		return nil, err
	}
	if o.Endpoints.complete() {
		p.known.Store(first)
	}
	return p, nil
}

// Instance implements [providers.Provider].
func (p *Provider) Instance() providers.Instance { return p.o.Instance }

// Begin implements [providers.Provider]. It tells the leg's observer about
// [providers.StepAuthorize]. Only a provider that was never discovered and is
// not pinned is asked now, for as long as its timeout; the error then wraps
// [providers.ErrUnavailable], or [providers.ErrUntrusted] if what it says about
// itself does not hold.
func (p *Provider) Begin(ctx context.Context, leg providers.Leg) (string, error) {
	var target string
	err := p.steps.Observe(ctx, leg, providers.StepAuthorize, func(ctx context.Context) error {
		m, err := p.metadata(ctx)
		if err != nil {
			return err
		}
		target = m.wire.AuthorizeURL(leg, p.parameters(leg))
		return nil
	})
	return target, err
}

// parameters are those of OpenID Connect Core 3.1.2.1.
func (p *Provider) parameters(leg providers.Leg) url.Values {
	extra := url.Values{"nonce": {leg.Nonce}}
	if p.o.Instance.FormPost {
		extra.Set("response_mode", "form_post")
	}
	if p.o.Instance.Reauth != providers.ReauthNone {
		if leg.Fresh {
			extra.Set("prompt", "login")
		}
		if leg.MaxAge != nil {
			extra.Set("max_age", strconv.FormatInt(int64(max(0, *leg.MaxAge)/time.Second), 10))
		}
	}
	if leg.LoginHint != "" {
		extra.Set("login_hint", leg.LoginHint)
	}
	if len(leg.Locales) > 0 {
		extra.Set("ui_locales", strings.Join(leg.Locales, " "))
	}
	return extra
}

// Finish implements [providers.Provider]. Steps that were not reached, keys
// that were at hand and a userinfo endpoint that does not exist are not told
// about.
func (p *Provider) Finish(ctx context.Context, leg providers.Leg, ret providers.Return) (providers.Identity, error) {
	m, err := p.metadata(ctx) // at hand, unless this process has not discovered yet what another began
	if err != nil {
		return providers.Identity{}, p.steps.Observe(ctx, leg, providers.StepCallback, func(context.Context) error { return err })
	}
	code, err := m.wire.Callback(ctx, leg, ret)
	if err != nil {
		return providers.Identity{}, err
	}
	token, err := m.wire.Redeem(ctx, leg, code)
	if err != nil {
		return providers.Identity{}, err
	}
	claims, err := p.prove(ctx, leg, m, token)
	if err != nil {
		return providers.Identity{}, err
	}
	identity := providers.Identity{
		Provider: p.o.Instance.ID,
		Subject:  claims.Raw("sub"),
		AuthTime: authTime(claims, p.o.Now()),
		ACR:      acr(claims),
		AMR:      amr(claims),
	}
	p.o.Quirks.Claims(claims, ret, &identity)
	return p.addProfile(ctx, leg, m, token, identity)
}

// addProfile asks the userinfo endpoint, if there is one. The identity is
// proven without it, so its absence costs the profile and not the login; only
// an answer about someone else ends the leg.
func (p *Provider) addProfile(ctx context.Context, leg providers.Leg, m *metadata, token oauth2.Token, identity providers.Identity) (providers.Identity, error) {
	if m.at.Userinfo == "" {
		return identity, nil
	}
	full := identity
	err := m.wire.Profile(ctx, leg, token, func(answer oauth2.Document) error {
		return p.o.Quirks.Profile(answer, &full)
	})
	switch {
	case err == nil:
		return full, nil
	case errors.Is(err, providers.ErrUntrusted):
		return providers.Identity{}, err
	default:
		identity.ProfileMissing = true
		return identity, nil
	}
}
