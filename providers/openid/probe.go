package openid

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

var (
	errGone        = errors.New("the metadata is gone")
	errMissing     = errors.New("a key that signs logins is no longer published")
	errAllDistrust = errors.New("every published key is distrusted")
)

// Levels implements [providers.Prober].
func (p *Provider) Levels() []providers.Level {
	levels := []providers.Level{providers.LevelReach, providers.LevelMetadata}
	if p.o.Callback != "" {
		levels = append(levels, providers.LevelAuthorize, providers.LevelToken)
	}
	return levels
}

// Probe implements [providers.Prober]. What a provider says about itself is
// read at [providers.LevelMetadata], and as a by-product serves the logins: the
// first good document is pinned, keys are renewed. The other levels are
// [providers.Unknown] as long as the endpoints are.
func (p *Provider) Probe(ctx context.Context, l providers.Level) providers.Probed {
	if l == providers.LevelMetadata {
		return p.probeMetadata(ctx)
	}
	m, err := p.at(ctx)
	switch {
	case err != nil:
	case l == providers.LevelReach:
		return m.wire.ProbeReach(ctx, []oauth2.Place{
			{URL: m.at.Token, Step: providers.StepToken},
			{URL: m.at.Authorize, Step: providers.StepAuthorize},
			{URL: m.at.Keys, Step: providers.StepKeys},
			{URL: m.at.Userinfo, Step: providers.StepUserinfo, Spare: true},
		})
	case l == providers.LevelAuthorize && p.o.Callback != "":
		return m.wire.ProbeAuthorize(ctx, p.parameters(oauth2.ProbeLeg(p.o.Callback)))
	case l == providers.LevelToken && p.o.Callback != "":
		return m.wire.ProbeToken(ctx)
	}
	return providers.Probed{Provider: p.o.Instance.ID, Level: l, Step: stepOf(l), Outcome: providers.Unknown}
}

func stepOf(l providers.Level) providers.Step {
	switch l {
	case providers.LevelAuthorize:
		return providers.StepAuthorize
	case providers.LevelToken:
		return providers.StepToken
	default:
		return providers.StepReach
	}
}

// at returns what is known of the provider without asking it.
func (p *Provider) at(ctx context.Context) (*metadata, error) {
	if m := p.known.Load(); m != nil {
		return m, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.recall(ctx); err != nil {
		return nil, err
	}
	if m := p.known.Load(); m != nil {
		return m, nil
	}
	return nil, errGone
}

// probeMetadata reads the document and the keys, at the same time where it is
// known where the keys are, and reports the worse.
func (p *Provider) probeMetadata(ctx context.Context) providers.Probed {
	return p.steps.Probe(ctx, providers.LevelMetadata, providers.StepMetadata, func(ctx context.Context, found *providers.Probed) error {
		var document, keys error
		var documentRest, keysRest heard
		if m, _ := p.at(ctx); m != nil {
			var both sync.WaitGroup
			both.Go(func() { keysRest, keys = p.probeKeys(ctx, m) })
			documentRest, document = p.probeDocument(ctx)
			both.Wait()
		} else if documentRest, document = p.probeDocument(ctx); document == nil {
			keysRest, keys = p.probeKeys(ctx, p.known.Load())
		}
		found.RetryAfter = max(documentRest.rest, keysRest.rest)
		if gravity(keys) > gravity(document) {
			found.Step = providers.StepKeys
			return keys
		}
		return document
	})
}

// gravity orders what two questions found.
func gravity(err error) int {
	switch outcome := providers.OutcomeOf(err); {
	case outcome == providers.OK:
		return 0
	case outcome == providers.Trust:
		return 5
	case outcome == providers.Partial:
		return 2
	case outcome.Theirs():
		return 4
	case outcome == providers.Ours:
		return 3
	default:
		return 1
	}
}

// probeDocument reads the metadata and compares it with the pin. That there is
// none is no fact about a provider that is known without it: such documents
// have come and gone.
func (p *Provider) probeDocument(ctx context.Context) (heard, error) {
	d, how, err := p.read(ctx, oauth2.Agent(p.o.Callback))
	switch {
	case refusesProbes(how.status):
		return how, refusal(how.status, err)
	case how.status == http.StatusNotFound && p.known.Load() != nil:
		return how, refusal(how.status, errGone)
	case err != nil:
		return how, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.recall(ctx); err != nil {
		return how, err
	}
	return how, p.take(ctx, d)
}

// probeKeys wants one key at least that may sign, and the one that does sign.
func (p *Provider) probeKeys(ctx context.Context, m *metadata) (heard, error) {
	found, how, err := m.keys.probe(ctx, oauth2.Agent(p.o.Callback))
	switch {
	case refusesProbes(how.status):
		return how, refusal(how.status, err)
	case err != nil:
		return how, err
	case p.allDistrusted(found):
		return how, &providers.Error{Outcome: providers.Trust, Code: "key_distrusted", Err: errAllDistrust}
	}
	if _, _, missing := p.Missing(); missing {
		return how, &providers.Error{Outcome: providers.Partial, Code: "key_missing", Err: errMissing}
	}
	return how, nil
}

func (p *Provider) allDistrusted(s *snapshot) bool {
	for kid := range s.keys {
		if !p.o.Distrusted(kid) {
			return false
		}
	}
	return true
}

// refusesProbes reports whether a probe was turned away, which says nothing
// about people.
func refusesProbes(status int) bool {
	return status == http.StatusForbidden || status == http.StatusTooManyRequests
}

func refusal(status int, err error) error {
	return &providers.Error{Outcome: providers.Unknown, Code: oauth2.StatusCode(status), Err: err}
}
