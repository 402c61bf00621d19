package fakeidp_test

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 6, 19, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// An outage is played phase by phase, and what happens is told.
func TestScript(t *testing.T) {
	c := newClock()
	var mu sync.Mutex
	var told []string
	w := start(t, fakeidp.Options{Now: c.Now, OnEvent: func(e fakeidp.Event) {
		if e.What == fakeidp.FaultSet || e.What == fakeidp.FaultCleared {
			mu.Lock()
			told = append(told, string(e.What)+" "+e.Detail)
			mu.Unlock()
		}
	}})
	u := w.upstream(t, "kakao")
	script := []fakeidp.Phase{
		{After: 10 * time.Second, Fault: fakeidp.TokenDown},
		{After: time.Minute, Fault: fakeidp.ErrorPage, Scope: fakeidp.Scope{For: 30 * time.Second}},
		{After: 2 * time.Minute},
		{After: 3 * time.Minute, Fault: fakeidp.CoreDown, Scope: fakeidp.Scope{Share: 0.25}},
		{After: 4 * time.Minute, Fault: fakeidp.UserinfoDown, Scope: fakeidp.Scope{Until: c.Now().Add(270 * time.Second)}},
	}
	fail(t, u, fakeidp.Dark)
	if err := u.Play(script); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   time.Duration
		want fakeidp.Fault
	}{
		{0, ""},
		{9999 * time.Millisecond, ""},
		{10 * time.Second, fakeidp.TokenDown},
		{59 * time.Second, fakeidp.TokenDown},
		{60 * time.Second, fakeidp.ErrorPage},
		{90 * time.Second, ""},
		{179 * time.Second, ""},
		{180 * time.Second, fakeidp.CoreDown},
		{240 * time.Second, fakeidp.UserinfoDown},
		{270 * time.Second, ""},
		{24 * time.Hour, ""},
	} {
		c.advance(step.at - c.Now().Sub(newClock().now))
		if got := u.Fault(); got != step.want {
			t.Errorf("after %v: %q, want %q", step.at, got, step.want)
		}
	}
	want := []string{
		"fault set dark", "fault cleared dark", "fault set token-down", "fault set error-page", "fault cleared error-page",
		"fault set core-down 25 %", "fault set userinfo-down", "fault cleared userinfo-down",
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// Phases that passed while nobody asked are told, and only the last one holds.
func TestScriptCatchesUp(t *testing.T) {
	c := newClock()
	w := start(t, fakeidp.Options{Now: c.Now})
	u := w.upstream(t, "p")
	err := u.Play([]fakeidp.Phase{{Fault: fakeidp.Dark}, {After: time.Second, Fault: fakeidp.ErrorPage}, {After: 2 * time.Second, Fault: fakeidp.TokenDown}})
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	if a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), nil); a.status != http.StatusServiceUnavailable {
		t.Errorf("token: status %d", a.status)
	}
	if got := u.Script(); len(got) != 3 || got[1].Fault != fakeidp.ErrorPage {
		t.Errorf("the script reads %+v", got)
	}
	u.ClearFault()
	if got := u.Script(); len(got) != 0 {
		t.Errorf("healed, the script reads %+v", got)
	}
}

// F16: a few get in, half do, nobody does, a few do, everybody does.
func TestRelapse(t *testing.T) {
	c := newClock()
	w := start(t, fakeidp.Options{Now: c.Now})
	u := w.upstream(t, "naver")
	fail(t, u, fakeidp.Relapse)
	const step = fakeidp.DefaultRelapseStep
	at := time.Duration(0)
	for _, phase := range []struct {
		from        time.Duration
		least, most int // of 60
		fault       fakeidp.Fault
	}{
		{0, 0, 0, fakeidp.Relapse},
		{2 * step, 1, 22, fakeidp.Relapse},
		{5 * step, 15, 45, fakeidp.Relapse},
		{6 * step, 0, 0, fakeidp.Relapse},
		{8 * step, 5, 33, fakeidp.Relapse},
		{10 * step, 60, 60, ""},
	} {
		c.advance(phase.from - at)
		at = phase.from
		if got := u.Fault(); got != phase.fault {
			t.Errorf("after %v the fault is %q, want %q", at, got, phase.fault)
		}
		in := 0
		for n := range 60 {
			v := request(u)
			v.Set("state", at.String()+string(rune('A'+n)))
			page := w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode())
			if page.status != http.StatusOK {
				continue
			}
			// What let the page pass lets the whole login pass.
			back := w.get(t, link(t, page.body, "continue"))
			code := returned(t, back).Get("code")
			a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), redemption(t, u, code))
			tokens := a.document(t)
			if a.status != http.StatusOK || w.userinfo(t, u, text(t, tokens, "access_token")).status != http.StatusOK {
				t.Fatalf("after %v a login that began fails: %s", at, a.body)
			}
			in++
		}
		if in < phase.least || in > phase.most {
			t.Errorf("after %v %d of 60 get in, want %d to %d", at, in, phase.least, phase.most)
		}
	}
	fail(t, u, fakeidp.Relapse) // it plays again
	if a := w.ask(t, u, "haru"); a.status != http.StatusServiceUnavailable {
		t.Errorf("again: status %d", a.status)
	}
	// Inside a script it gives way to what comes after it.
	err := u.Play([]fakeidp.Phase{{Fault: fakeidp.Relapse}, {After: 3 * step, Fault: fakeidp.ErrorPage}})
	if err != nil {
		t.Fatal(err)
	}
	c.advance(20 * step)
	if got := u.Fault(); got != fakeidp.ErrorPage {
		t.Errorf("after a relapse in a script: %q", got)
	}
}

// A request that one phase holds is let go when the next begins.
func TestHoldEndsWithPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := fakeidp.New(fakeidp.Options{BaseURL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		u, _ := s.Upstream("kakao")
		failWith(t, u, fakeidp.Dark, fakeidp.Scope{For: 5 * time.Second})
		if took, answered := serve(s, u.URL(fakeidp.Token)); took != 5*time.Second || answered {
			t.Errorf("held for %v, answered %v", took, answered)
		}
		if took, answered := serve(s, u.URL(fakeidp.Token)); took != 0 || !answered {
			t.Errorf("healed: %v, answered %v", took, answered)
		}
	})
}

// What makes no sense is refused, and what held before goes on.
func TestScriptsAreChecked(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	fail(t, u, fakeidp.Slow)
	hour := fakeidp.Scope{For: time.Hour}
	long := make([]fakeidp.Phase, 300)
	for i := range long {
		long[i] = fakeidp.Phase{After: time.Duration(i) * time.Second, Fault: fakeidp.Dark}
	}
	for name, tt := range map[string]struct {
		script []fakeidp.Phase
		want   error
	}{
		"nothing":                   {nil, fakeidp.ErrScope},
		"time that runs backwards":  {[]fakeidp.Phase{{After: 2, Fault: fakeidp.Dark}, {After: 1}}, fakeidp.ErrScope},
		"two at one time":           {[]fakeidp.Phase{{Fault: fakeidp.Dark}, {}}, fakeidp.ErrScope},
		"before it was set":         {[]fakeidp.Phase{{After: -1, Fault: fakeidp.Dark}}, fakeidp.ErrScope},
		"health that ends":          {[]fakeidp.Phase{{Scope: hour}}, fakeidp.ErrScope},
		"too much":                  {long, fakeidp.ErrScope},
		"an unknown fault later":    {[]fakeidp.Phase{{Fault: fakeidp.Dark}, {After: 1, Fault: "haunted"}}, fakeidp.ErrUnknownFault},
		"what cannot be here":       {[]fakeidp.Phase{{Fault: fakeidp.WrongCertificate}}, fakeidp.ErrNotApplicable},
		"a variant of another":      {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{Variant: "nxdomain"}}}, fakeidp.ErrScope},
		"a share below nothing":     {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{Share: -0.1}}}, fakeidp.ErrScope},
		"a share of everything":     {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{Share: 1.1}}}, fakeidp.ErrScope},
		"a share by the weather":    {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{Share: 0.5, By: "weather"}}}, fakeidp.ErrScope},
		"a past that has no length": {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{For: -1}}}, fakeidp.ErrScope},
		"a narrowed script":         {[]fakeidp.Phase{{Fault: fakeidp.Relapse, Scope: fakeidp.Scope{Share: 0.5}}}, fakeidp.ErrScope},
		"endpoints of signatures":   {[]fakeidp.Phase{{Fault: fakeidp.BadSignature, Scope: fakeidp.Scope{Endpoints: []fakeidp.Endpoint{fakeidp.JWKS}}}}, fakeidp.ErrScope},
		"an endpoint there is not":  {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{Endpoints: []fakeidp.Endpoint{"kitchen"}}}}, fakeidp.ErrScope},
		"a device there is not":     {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{Devices: []fakeidp.Device{"toaster"}}}}, fakeidp.ErrScope},
		"a crowd":                   {[]fakeidp.Phase{{Fault: fakeidp.Dark, Scope: fakeidp.Scope{People: make([]string, 65)}}}, fakeidp.ErrScope},
	} {
		if err := u.Play(tt.script); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if u.Fault() != fakeidp.Slow {
			t.Fatalf("%s: the fault is %q", name, u.Fault())
		}
	}
	if err := u.SetFaultWith("", hour); !errors.Is(err, fakeidp.ErrScope) {
		t.Errorf("health with a scope: %v", err)
	}
}

// Scripts may be set, read and met by many at once.
func TestScriptsConcurrently(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 20 {
				script := []fakeidp.Phase{{Fault: fakeidp.TokenDown}, {After: time.Duration(i+1) * time.Millisecond, Fault: fakeidp.KeyDropped}, {After: time.Second}}
				if err := u.Play(script[:1+(i+n)%3]); err != nil {
					t.Error(err)
				}
				_, _ = u.Fault(), u.Script()
				if n == 0 {
					u.ClearFault()
				}
			}
		})
		all.Go(func() {
			for range 20 {
				_, err := w.try(t.Context(), http.MethodGet, u.URL(fakeidp.JWKS), nil)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
