package providertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// foreign stands in answers that an upstream wrote freely. It never reaches a log.
const foreign = "F0REIGN-TEXT"

// order is how the steps of a Finish follow one another.
var order = []providers.Step{
	providers.StepCallback, providers.StepToken, providers.StepKeys, providers.StepVerify, providers.StepUserinfo,
}

// walk is one leg: begun, walked by a browser, not finished.
type walk struct {
	w    *World
	p    providers.Provider
	leg  providers.Leg
	ret  providers.Return
	mu   sync.Mutex
	seen []providers.Observation
}

// begin walks a browser as the default person and comes back.
func (w *World) begin(t *testing.T, p providers.Provider) *walk {
	t.Helper()
	return w.beginAs(t, p, "")
}

func (w *World) beginAs(t *testing.T, p providers.Provider, name string) *walk {
	t.Helper()
	k := &walk{w: w, p: p, leg: providers.Leg{
		State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURI: callback,
	}}
	target, err := p.Begin(t.Context(), k.leg)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	k.ret = w.visit(t, target, name)
	k.leg.Observe = func(o providers.Observation) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.seen = append(k.seen, o)
	}
	return k
}

// finish ends the leg and checks what holds of every one.
func (k *walk) finish(t *testing.T) (providers.Identity, error) {
	t.Helper()
	return k.finishIn(t.Context(), t)
}

func (k *walk) finishIn(ctx context.Context, t *testing.T) (providers.Identity, error) {
	t.Helper()
	before := k.w.Upstream.Count(fakeidp.Token)
	identity, err := k.p.Finish(ctx, k.leg, k.ret)
	if sent := k.w.Upstream.Count(fakeidp.Token) - before; sent > max(1, len(k.w.Secrets)) {
		t.Errorf("the code was sent %d times", sent)
	}
	k.checkSteps(t, err)
	if err != nil {
		k.checkError(t, identity, err)
		return identity, err
	}
	if identity.Provider != k.p.Instance().ID || identity.Subject == "" || len(identity.Subject) > 255 {
		t.Errorf("identity of %q at %q", identity.Subject, identity.Provider)
	}
	return identity, nil
}

// steps are what the leg's observer was told.
func (k *walk) steps() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	told := make([]string, len(k.seen))
	for i, o := range k.seen {
		told[i] = fmt.Sprintf("%s %s", o.Step, o.Outcome)
	}
	return told
}

// checkSteps: each step once, in order; the last one is the failed one. Only
// userinfo may fail without ending the leg.
func (k *walk) checkSteps(t *testing.T, err error) {
	t.Helper()
	last := -1
	for _, o := range k.seen {
		at := slices.Index(order, o.Step)
		if at <= last {
			t.Errorf("steps out of order or told twice: %q", k.steps())
		}
		last = at
		if o.Provider != k.p.Instance().ID {
			t.Errorf("step of provider %q", o.Provider)
		}
		if o.Code != providers.CleanCode(o.Code) {
			t.Errorf("code %q is not clean", o.Code)
		}
	}
	if failed, ok := errors.AsType[*providers.Error](err); ok {
		end := k.seen[len(k.seen)-1]
		if end.Step != failed.Step || end.Outcome != failed.Outcome || end.Code != failed.Code {
			t.Errorf("told %q last, but failed with %v", k.steps(), err)
		}
	}
	for i, o := range k.seen {
		if o.Outcome != providers.OK && i < len(k.seen)-1 {
			t.Errorf("went on after a failed step: %q", k.steps())
		}
	}
}

func (k *walk) checkError(t *testing.T, identity providers.Identity, err error) {
	t.Helper()
	if identity.Subject != "" || identity.Email != "" || identity.Name != "" {
		t.Errorf("an identity beside the error %v", err)
	}
	if _, ok := err.(*providers.Error); !ok { //nolint:errorlint // the contract is the type itself, not something around it
		t.Errorf("error is a %T", err)
	}
	kinds := 0
	for _, kind := range []error{
		providers.ErrDenied, providers.ErrUnavailable, providers.ErrRejected, providers.ErrUntrusted, providers.ErrUnknown,
	} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if kinds != 1 {
		t.Errorf("error of %d kinds: %v", kinds, err)
	}
	for what, secret := range k.secrets() {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds the %s: %v", what, err)
		}
	}
	if strings.ContainsAny(err.Error(), "<>\r\n") {
		t.Errorf("the error holds foreign text: %q", err)
	}
}

func (k *walk) secrets() map[string]string {
	who := person("")
	all := map[string]string{
		"state": k.leg.State, "nonce": k.leg.Nonce, "verifier": k.leg.Verifier,
		"code": k.ret.Params.Get("code"), "client secret": k.w.Upstream.Client().Secret,
		"foreign text": foreign, "subject": k.w.Upstream.Subject(""), "e-mail": who.Email, "name": who.FullName,
	}
	for i, token := range k.w.given() {
		all[fmt.Sprintf("token %d", i)] = token
	}
	return all
}

// fails finishes the leg and wants it to fail in step with outcome.
func (k *walk) fails(t *testing.T, step providers.Step, outcome providers.Outcome) {
	t.Helper()
	identity, err := k.finish(t)
	var failed *providers.Error
	if !errors.As(err, &failed) {
		t.Fatalf("Finish = %+v, %v, want a failed %s", identity, err, step)
	}
	if failed.Step != step || failed.Outcome != outcome {
		t.Errorf("Finish: %v, want %s: %s", err, step, outcome)
	}
}

// succeeds finishes the leg and wants it to be about the default person.
func (k *walk) succeeds(t *testing.T) providers.Identity {
	t.Helper()
	identity, err := k.finish(t)
	if err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if want := k.w.Upstream.Subject(""); identity.Subject != want {
		t.Errorf("subject %q, want %q", identity.Subject, want)
	}
	return identity
}

// Outcome is how one whole leg ended.
type Outcome struct {
	Identity providers.Identity
	Err      error
	Steps    []string // as the observer was told: "token ok"
	Codes    []string // beside them, mostly empty
}

// SignIn lets person (empty: the default one) sign in by p and applies to the
// leg what holds of every one. Change, which may be nil, edits what the browser
// brings back.
func (w *World) SignIn(t *testing.T, p providers.Provider, person string, change func(url.Values)) Outcome {
	t.Helper()
	k := w.beginAs(t, p, person)
	if change != nil {
		change(k.ret.Params)
	}
	identity, err := k.finish(t)
	ended := Outcome{Identity: identity, Err: err, Steps: k.steps()}
	for _, o := range k.seen {
		ended.Codes = append(ended.Codes, o.Code)
	}
	return ended
}
