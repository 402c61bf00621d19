package providertest

import (
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

func testSignIn(t *testing.T, s Suite) {
	t.Run("everything is as it should be", func(t *testing.T) {
		w := Start(t, s.Dialect)
		k := w.begin(t, s.New(t, w))
		got := k.succeeds(t)
		want := s.Identity(person(""))
		want.Provider, want.Subject, want.AuthTime = ProviderID, w.Upstream.Subject(""), got.AuthTime
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("identity (-want +got):\n%s", diff)
		}
		if s.AuthTime && !got.AuthTime.Equal(w.Now()) || !s.AuthTime && !got.AuthTime.IsZero() {
			t.Errorf("AuthTime %v", got.AuthTime)
		}
		for _, step := range k.steps() {
			if !strings.HasSuffix(step, " ok") {
				t.Errorf("told %q", k.steps())
			}
		}
		if asked := w.Upstream.Count(fakeidp.Userinfo) > 0; asked != s.Userinfo {
			t.Errorf("userinfo asked: %t", asked)
		}
	})

	t.Run("people are told apart and known again", func(t *testing.T) {
		w := Start(t, s.Dialect)
		p := s.New(t, w)
		subjects := map[string]string{}
		for _, name := range []string{"minji", "solo", "", "minji"} {
			got, err := w.beginAs(t, p, name).finish(t)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want := w.Upstream.Subject(name); got.Subject != want {
				t.Errorf("%s is %q, want %q", name, got.Subject, want)
			}
			subjects[got.Subject] = name
		}
		if len(subjects) != 3 {
			t.Errorf("%d subjects of 3 people", len(subjects))
		}
	})

	t.Run("many at once", func(t *testing.T) { testManyAtOnce(t, s) })

	t.Run("another process finishes", func(t *testing.T) {
		w := Start(t, s.Dialect)
		k := w.begin(t, s.New(t, w))
		k.p = s.New(t, w)
		k.succeeds(t)
	})
}

func testManyAtOnce(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	var all sync.WaitGroup
	for range 16 {
		k := w.begin(t, p)
		all.Go(func() {
			got, err := p.Finish(t.Context(), k.leg, k.ret)
			if err != nil || got.Subject != w.Upstream.Subject("") {
				t.Errorf("Finish = %+v, %v", got, err)
			}
		})
	}
	all.Wait()
}

func testBegin(t *testing.T, s Suite) {
	w := Start(t, s.Dialect)
	p := s.New(t, w)
	var told []providers.Observation
	leg := providers.Leg{
		State: "state-1", Nonce: "nonce-1", Verifier: "verifier-1", RedirectURI: callback,
		Observe: func(o providers.Observation) { told = append(told, o) },
	}
	target, err := p.Begin(t.Context(), leg)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatalf("Begin = %q", target)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "state": leg.State, "redirect_uri": callback, s.clientParam(): w.Upstream.Client().ID,
	} {
		if got := q[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if s.IDToken && q.Get("nonce") != leg.Nonce {
		t.Errorf("nonce = %q", q.Get("nonce"))
	}
	if strings.Contains(target, leg.Verifier) || strings.Contains(target, w.Upstream.Client().Secret) {
		t.Error("a secret is in the URL")
	}
	if len(told) != 1 || told[0].Step != providers.StepAuthorize || told[0].Outcome != providers.OK {
		t.Errorf("told %+v", told)
	}
	if got := p.Instance(); got.ID != ProviderID || got.Kind == "" || got.Issuer == "" || got.ClientID != w.Upstream.Client().ID || got.Name == "" || got.Reauth == "" {
		t.Errorf("Instance = %+v", got)
	}
}
