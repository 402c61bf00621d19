package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/bongsu/bongsu/broker/credential"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

const (
	askWithin = 25 * time.Second // what all questions of a test may take together
	batch     = 1000             // links set aside in one statement
)

// testProvider asks a provider everything that a probe may ask, and tells in
// words how it went.
func (h *Handler) testProvider(c *call) (any, error) {
	p, _, err := h.order(c)
	if err != nil {
		return nil, err
	}
	if err := notForeign(p); err != nil {
		return nil, err
	}
	if p.Trial.Prober == nil {
		return nil, notFound(p.ID + " cannot be asked without a person")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), askWithin)
	defer cancel()
	tested := Tested{Provider: p.ID}
	if p.Trial.With != nil {
		tested.Secret = h.secretOf(p.ID)
	}
	for _, level := range p.Trial.Prober.Levels() {
		tested.Probes = append(tested.Probes, probe(p.Trial.Prober.Probe(ctx, level)))
	}
	return tested, nil
}

func probe(found providers.Probed) Probe {
	return Probe{
		Level: string(found.Level), Outcome: string(found.Outcome), Code: found.Code, Millis: found.Took.Milliseconds(),
		Says: inWords(found),
	}
}

// inWords says what a probe proved, or who has to do something.
func inWords(p providers.Probed) string {
	switch p.Outcome {
	case providers.OK:
		return map[providers.Level]string{
			providers.LevelReach:     "a connection opens and the certificate is right",
			providers.LevelMetadata:  "what it publishes reads as it should",
			providers.LevelAuthorize: "the login page of our client is shown",
			providers.LevelToken:     "our client and secret are accepted: it refused a code that nobody gave, as it should",
		}[p.Level]
	case providers.Ours:
		if p.Level == providers.LevelToken {
			return "it refuses our client or secret: look at client id, secret and callback in its console"
		}
		return "it does not take what we ask: look at client id, scopes and callback in its console"
	case providers.Slow:
		return "it did not answer in time"
	case providers.Trust:
		return "what it says does not hold: certificate, issuer or metadata"
	case providers.Partial:
		return "a part of it does not answer; logins work without"
	case providers.Down:
		return "it does not answer, or says that it cannot"
	default:
		return "its answer is none that is known: nothing is proven either way"
	}
}

func (h *Handler) secretOf(provider string) SecretState {
	s := h.o.Credentials.Standing(provider)
	return SecretState{Stored: s.Stored, Former: s.Former, By: s.By, At: s.At}
}

// setSecret stores a secret for a provider once the provider took it.
func (h *Handler) setSecret(c *call) (any, error) {
	p, err := h.provider(c)
	if err != nil {
		return nil, err
	}
	var s Secret
	if err := c.body(&s); err != nil {
		return nil, err
	}
	if err := c.because(s.Reason); err != nil {
		return nil, err
	}
	if s.Secret == "" || len(s.Secret) > credential.MaxSecret || strings.ContainsFunc(s.Secret, unicode.IsControl) {
		return nil, invalid("A secret is one line of at most 2048 bytes.")
	}
	if err := notForeign(p); err != nil {
		return nil, err
	}
	if p.Trial.With == nil {
		return nil, credentialProblem(p.ID, credential.ErrNoSecret)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), askWithin)
	defer cancel()
	found, err := h.trySecret(ctx, p, s)
	if err != nil {
		return nil, err
	}
	if err := h.o.Credentials.Replace(ctx, p.ID, s.Secret, c.operator); err != nil {
		return nil, credentialProblem(p.ID, err)
	}
	return Tested{Provider: p.ID, Probes: found, Secret: h.secretOf(p.ID)}, nil
}

// trySecret shows a code that nobody gave to the provider, with the new secret.
// Checks P06 and P07: what it refuses is never stored, what could not be tested
// only when an operator says so.
func (h *Handler) trySecret(ctx context.Context, p Provider, s Secret) ([]Probe, error) {
	prober, err := p.Trial.With(s.Secret)
	if err != nil {
		return nil, fmt.Errorf("prepare the test: %w", err)
	}
	found := probe(prober.Probe(ctx, providers.LevelToken))
	switch providers.Outcome(found.Outcome) {
	case providers.OK:
	case providers.Ours:
		return nil, refusedBy("P06", p.ID+" refuses this secret ("+dashed(found.Code)+"); the one in use stays", "")
	default:
		if !s.Untested {
			return nil, refusedBy("P07", "the secret could not be tested: "+found.Says+" ("+dashed(found.Code)+")", "--untested")
		}
	}
	return []Probe{found}, nil
}

func dashed(code string) string {
	if code == "" {
		return "no code"
	}
	return code
}

// dropSecret forgets the secret before the one in use, or all that was set.
func (h *Handler) dropSecret(c *call) (any, error) {
	p, err := h.provider(c)
	if err != nil {
		return nil, err
	}
	var d SecretDrop
	if err := c.body(&d); err != nil {
		return nil, err
	}
	if err := c.because(d.Reason); err != nil {
		return nil, err
	}
	if err := notForeign(p); err != nil {
		return nil, err
	}
	drop := h.o.Credentials.Drop
	if d.Stored {
		drop = h.o.Credentials.Forget
	}
	if err := drop(c.ctx, p.ID); err != nil {
		return nil, credentialProblem(p.ID, err)
	}
	return Tested{Provider: p.ID, Secret: h.secretOf(p.ID)}, nil
}

func credentialProblem(provider string, err error) error {
	switch {
	case errors.Is(err, credential.ErrNoSecret):
		return &Problem{
			Title: "There is no such thing.", Status: http.StatusNotFound, Code: CodeNotFound,
			Detail: provider + " takes no secret: its key of the configuration signs one for each use",
		}
	case errors.Is(err, credential.ErrNotSet):
		return notFound("no secret was set for " + provider + ": the configuration's is in use")
	case errors.Is(err, credential.ErrSame):
		return &Problem{
			Title: "It is so already, or something else is in the way.", Status: http.StatusConflict, Code: CodeConflict,
			Detail: "this secret of " + provider + " is in use already",
		}
	}
	return err
}

// migrate makes an id stand for another client or issuer. While links are being
// set aside the answer is not done, and the order is given again.
func (h *Handler) migrate(c *call) (any, error) {
	p, err := h.provider(c)
	if err != nil {
		return nil, err
	}
	var m Migration
	if err := c.body(&m); err != nil {
		return nil, err
	}
	if err := c.because(m.Reason); err != nil {
		return nil, err
	}
	to := store.Fingerprint{Provider: p.ID, Kind: m.Kind, Issuer: m.Issuer, ClientID: m.ClientID, At: h.o.Now().UTC()}
	from, err := h.o.Instances.Fingerprint(c.ctx, p.ID)
	if err != nil {
		return nil, err
	}
	c.object = fmt.Sprintf("%s: %s %s %s to %s %s %s", p.ID, from.Kind, from.ClientID, from.Issuer, to.Kind, to.ClientID, to.Issuer)
	if from.Same(to) {
		return nil, &Problem{
			Title: "It is so already, or something else is in the way.", Status: http.StatusConflict, Code: CodeConflict,
			Detail: p.ID + " stands for that already; restart the nodes that have the earlier settings",
		}
	}
	links, alone, err := h.o.Instances.CountLinks(c.ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if err := h.mayMigrate(p, m, links, alone); err != nil {
		return nil, err
	}
	answer := Migrated{Provider: p.ID, Links: links, Alone: alone, Done: true}
	if m.Links == LinksSetAside {
		answer.Moved, answer.Done, err = h.setAside(c.ctx, p.ID)
		if err != nil || !answer.Done {
			return answer, err
		}
	}
	return answer, h.o.Instances.MigrateFingerprint(c.ctx, from, to)
}

// mayMigrate is checks P08 and P09: somebody must say what becomes of the links,
// and nobody may log in by the provider meanwhile.
func (h *Handler) mayMigrate(p Provider, m Migration, links, alone int64) error {
	switch m.Links {
	case LinksKeep, LinksSetAside:
	case "":
		return refusedBy("P08", fmt.Sprintf("%d accounts come in by %s, %d of them have no other way; subjects belong to one app, "+
			"so say what becomes of the links: keep, if the provider's documents say that the subjects stay the same, or set-aside, "+
			"so that nobody comes in by one again", links, p.ID, alone), "--links keep, or --links set-aside,")
	default:
		return invalid("links is keep or set-aside.")
	}
	if h.standing(p.ID) != Disabled {
		return refusedBy("P09", p.ID+" is in use: disable it first, and enable it once every node runs with the new settings", "")
	}
	return nil
}

// setAside moves links for as long as an order may take.
func (h *Handler) setAside(ctx context.Context, provider string) (moved int, done bool, err error) {
	as := fmt.Sprintf("%s~%d", provider, h.o.Now().Unix())
	for until := time.Now().Add(actWithin / 2); time.Now().Before(until); {
		n, err := h.o.Instances.SetLinksAside(ctx, provider, as, batch)
		if err != nil {
			return moved, false, err
		}
		moved += n
		if n < batch {
			return moved, true, nil
		}
	}
	return moved, false, nil
}
