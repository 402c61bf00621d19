package oauth2

import (
	"context"
	"errors"
	"fmt"

	"github.com/bongsu/bongsu/providers"
)

// Provider is an upstream without ID tokens: who came is what its profile
// endpoint says about the token that was just redeemed. Without that answer
// nobody is proven, so an unreachable profile endpoint ends the leg.
type Provider struct {
	wire     *Wire
	identify func(Document) (providers.Identity, error)
}

var (
	_ providers.Provider = (*Provider)(nil)
	_ providers.Prober   = (*Provider)(nil)
)

// New returns a provider whose people are what identify reads from the answer
// of the userinfo endpoint. Identify returns an error made by [Refuse] when the
// answer is none; it need not check the subject.
func New(o Options, identify func(Document) (providers.Identity, error)) (*Provider, error) {
	if o.Endpoints.Userinfo == "" {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, errors.New("userinfo endpoint is missing"))
	}
	wire, err := NewWire(o)
	if err != nil {
		return nil, err
	}
	return &Provider{wire: wire, identify: identify}, nil
}

// Instance implements [providers.Provider].
func (p *Provider) Instance() providers.Instance { return p.wire.Instance() }

// Begin implements [providers.Provider]. It tells the leg's observer about
// [providers.StepAuthorize] and never fails.
func (p *Provider) Begin(ctx context.Context, leg providers.Leg) (string, error) {
	var target string
	err := p.wire.steps.Observe(ctx, leg, providers.StepAuthorize, func(context.Context) error {
		target = p.wire.AuthorizeURL(leg, nil)
		return nil
	})
	return target, err
}

// Finish implements [providers.Provider].
func (p *Provider) Finish(ctx context.Context, leg providers.Leg, ret providers.Return) (providers.Identity, error) {
	code, err := p.wire.Callback(ctx, leg, ret)
	if err != nil {
		return providers.Identity{}, err
	}
	token, err := p.wire.Redeem(ctx, leg, code)
	if err != nil {
		return providers.Identity{}, err
	}
	identity, err := p.identity(ctx, leg, token)
	if err != nil {
		return providers.Identity{}, err
	}
	identity.Provider = p.wire.Instance().ID
	return identity, nil
}

// identity asks who the token belongs to, and then for what More wants to know:
// who came is proven before that, so its failure costs the profile and not the
// login. Only an answer that cannot be trusted ends the leg.
func (p *Provider) identity(ctx context.Context, leg providers.Leg, token Token) (providers.Identity, error) {
	var found providers.Identity
	proven := false
	err := p.wire.userinfo(ctx, leg, token, func(ctx context.Context, d Document) error {
		read, err := p.identify(d)
		if err != nil {
			return err
		}
		if err := CheckSubject(read.Subject); err != nil {
			return &providers.Error{Outcome: providers.Trust, Err: err}
		}
		found, proven = read, true
		if p.wire.o.More == nil {
			return nil
		}
		return p.wire.o.More(ctx, p.wire, token, &found)
	})
	switch {
	case err == nil:
		return found, nil
	case !proven || errors.Is(err, providers.ErrUntrusted):
		return providers.Identity{}, err
	}
	found.ProfileMissing = true
	return found, nil
}

// Levels implements [providers.Prober]. There is no metadata to read.
func (p *Provider) Levels() []providers.Level { return p.wire.Levels() }

// Probe implements [providers.Prober].
func (p *Provider) Probe(ctx context.Context, l providers.Level) providers.Probed {
	at := p.wire.o.Endpoints
	switch {
	case l == providers.LevelReach:
		return p.wire.ProbeReach(ctx, []Place{
			{URL: at.Token, Step: providers.StepToken},
			{URL: at.Authorize, Step: providers.StepAuthorize},
			{URL: at.Userinfo, Step: providers.StepUserinfo},
			{URL: p.wire.o.tokenInfo(), Step: providers.StepUserinfo},
		})
	case l == providers.LevelAuthorize && p.wire.o.Callback != "":
		return p.wire.ProbeAuthorize(ctx, nil)
	case l == providers.LevelToken && p.wire.o.Callback != "":
		return p.wire.ProbeToken(ctx)
	default:
		return providers.Probed{Provider: p.Instance().ID, Level: l, Outcome: providers.Unknown}
	}
}
