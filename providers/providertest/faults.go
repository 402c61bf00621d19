package providertest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// short is the timeout of providers whose patience is tested.
const short = 300 * time.Millisecond

// elsewhere are the faults that a leg whose person is back does not meet, or
// not for certain, and those that depend on what the provider saw before.
var elsewhere = []fakeidp.Fault{
	fakeidp.ErrorPage, fakeidp.AppRouteDown, fakeidp.Throttled, fakeidp.ConsentStepDown, fakeidp.NewLoginsDown,
	fakeidp.Regional, fakeidp.UserinfoDown, fakeidp.KeyDropped, fakeidp.StolenKey, fakeidp.MovedMetadata,
}

func testFaults(t *testing.T, s Suite) {
	disguised := providers.Down
	if s.Dialect == fakeidp.OpenID || s.Dialect == fakeidp.OAuth2 {
		disguised = providers.Unknown // nobody could tell
	}
	expected := map[fakeidp.Fault]struct {
		step    providers.Step
		outcome providers.Outcome
	}{
		fakeidp.Dark:                {providers.StepToken, providers.Slow},
		fakeidp.Slow:                {providers.StepToken, providers.Slow},
		fakeidp.Error:               {providers.StepToken, providers.Down},
		fakeidp.Denied:              {providers.StepCallback, providers.User},
		fakeidp.BadSignature:        {providers.StepVerify, providers.Trust},
		fakeidp.DNS:                 {providers.StepToken, providers.Down},
		fakeidp.HalfOpen:            {providers.StepToken, providers.Slow},
		fakeidp.CoreDown:            {providers.StepToken, providers.Down},
		fakeidp.TokenDown:           {providers.StepToken, providers.Down},
		fakeidp.CredentialsRejected: {providers.StepToken, providers.Ours},
		fakeidp.Brownout:            {providers.StepToken, providers.Slow},
		fakeidp.Disguised:           {providers.StepToken, disguised},
		fakeidp.Gone:                {providers.StepToken, providers.Ours},
		fakeidp.Clock:               {providers.StepVerify, providers.Trust},
		fakeidp.Relapse:             {providers.StepToken, providers.Down},
		fakeidp.StatusFeedLies:      {providers.StepToken, providers.Down},
	}
	if s.Silent {
		expected[fakeidp.Denied] = struct {
			step    providers.Step
			outcome providers.Outcome
		}{providers.StepCallback, providers.Unknown}
	}
	w := Start(t, s.Dialect)
	for _, kind := range w.Upstream.Kinds() {
		t.Run(string(kind.Name), func(t *testing.T) {
			want, known := expected[kind.Name]
			if !known {
				if !slices.Contains(elsewhere, kind.Name) {
					t.Error("the suite does not know this fault")
				}
				return
			}
			w := Start(t, s.Dialect)
			patient := s.New(t, w)
			if want.outcome == providers.Slow {
				w.Timeout = short
			}
			p := s.New(t, w)
			w.warm(t, p)
			var k *walk
			if want.step == providers.StepCallback {
				w.fault(t, kind.Name)
				k = w.begin(t, p)
			} else { // the person was already back when it began
				k = w.begin(t, p)
				w.fault(t, kind.Name)
			}
			k.fails(t, want.step, want.outcome)
			w.Upstream.ClearFault()
			w.begin(t, patient).succeeds(t)
		})
	}
}

func (w *World) fault(t *testing.T, f fakeidp.Fault) {
	t.Helper()
	if err := w.Upstream.SetFault(f); err != nil {
		t.Fatalf("set fault: %v", err)
	}
}

// warm lets p learn what it learns once.
func (w *World) warm(t *testing.T, p providers.Provider) {
	t.Helper()
	if _, err := p.Begin(t.Context(), providers.Leg{State: "s", Nonce: "n", Verifier: "v", RedirectURI: callback}); err != nil {
		t.Fatalf("Begin: %v", err)
	}
}

// trickle answers and never ends.
func trickle(start string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, start) // a client that left is what is waited for
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-r.Context().Done()
	}
}

// AB-77: nobody is held up for longer than the timeout.
func testPatience(t *testing.T, s Suite) {
	t.Run("a token answer that does not end", func(t *testing.T) {
		w := Start(t, s.Dialect)
		w.Timeout = short
		p := s.New(t, w)
		k := w.begin(t, p)
		w.Upstream.AnswerWith(fakeidp.Token, trickle(`{"access_token":"`))
		start := time.Now()
		k.fails(t, providers.StepToken, providers.Slow)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})

	t.Run("a browser that gives up", func(t *testing.T) {
		w := Start(t, s.Dialect)
		k := w.begin(t, s.New(t, w))
		ctx, cancel := context.WithCancel(t.Context())
		w.Upstream.AnswerWith(fakeidp.Token, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		identity, err := k.finishIn(ctx, t)
		if err == nil || providers.OutcomeOf(err) != providers.Unknown {
			t.Errorf("Finish = %+v, %v, want unknown", identity, err)
		}
	})

	t.Run("a connection that breaks", func(t *testing.T) {
		w := Start(t, s.Dialect)
		k := w.begin(t, s.New(t, w))
		w.Upstream.AnswerWith(fakeidp.Token, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		k.fails(t, providers.StepToken, providers.Down)
	})

	t.Run("nobody at the other end", func(t *testing.T) {
		w := Start(t, s.Dialect)
		k := w.begin(t, s.New(t, w))
		w.server.CloseClientConnections()
		w.server.Listener.Close() //nolint:errcheck // the server closes it again
		k.fails(t, providers.StepToken, providers.Down)
	})
}
