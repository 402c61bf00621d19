package probe

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var every = []providers.Level{
	providers.LevelReach, providers.LevelMetadata, providers.LevelAuthorize, providers.LevelToken,
}

// upstream answers probes as the test says, and is a provider that nobody logs
// in by.
type upstream struct {
	providers.Provider

	id     string
	levels []providers.Level

	mu     sync.Mutex
	answer map[providers.Level]providers.Outcome // absent is ok
	rest   time.Duration
	takes  time.Duration
	hangs  time.Duration // what fails takes so long
	asked  []ask
}

type ask struct {
	level providers.Level
	at    time.Time
}

func newUpstream(id string) *upstream {
	return &upstream{id: id, levels: every, answer: map[providers.Level]providers.Outcome{}, takes: 50 * time.Millisecond}
}

func (u *upstream) Instance() providers.Instance { return providers.Instance{ID: u.id} }

func (u *upstream) Levels() []providers.Level { return append([]providers.Level(nil), u.levels...) }

func (u *upstream) Probe(ctx context.Context, l providers.Level) providers.Probed {
	u.mu.Lock()
	u.asked = append(u.asked, ask{l, time.Now()})
	found := providers.Probed{Provider: u.id, Level: l, Outcome: providers.OK, RetryAfter: u.rest, Took: u.takes}
	if outcome, ok := u.answer[l]; ok {
		found.Outcome = outcome
	}
	takes := u.takes
	if found.Outcome.Theirs() {
		takes = max(takes, u.hangs)
	}
	u.mu.Unlock()
	if pause(ctx, takes, nil); ctx.Err() != nil {
		found.Outcome = providers.Unknown
	}
	return found
}

func (u *upstream) set(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change()
}

// says makes the levels answer so; none is all.
func (u *upstream) says(outcome providers.Outcome, levels ...providers.Level) {
	u.set(func() {
		if len(levels) == 0 {
			levels = u.levels
		}
		for _, l := range levels {
			u.answer[l] = outcome
		}
	})
}

// since returns what was asked after a moment.
func (u *upstream) since(at time.Time) []ask {
	u.mu.Lock()
	defer u.mu.Unlock()
	var later []ask
	for _, a := range u.asked {
		if a.at.After(at) {
			later = append(later, a)
		}
	}
	return later
}

// all returns everything that was asked.
func (u *upstream) all() []ask { return u.since(time.Time{}) }

func count(asked []ask, levels ...providers.Level) int {
	n := 0
	for _, a := range asked {
		for _, l := range levels {
			if a.level == l {
				n++
			}
		}
	}
	return n
}

// board remembers what it was told.
type board struct {
	mu       sync.Mutex
	probed   []providers.Probed
	at       []time.Time
	canaries [][2]int
}

func (b *board) Probed(p providers.Probed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probed, b.at = append(b.probed, p), append(b.at, time.Now())
}

func (b *board) Canaries(reached, asked int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.canaries = append(b.canaries, [2]int{reached, asked})
}

// told returns what the board was told, and how often canaries were reached.
func (b *board) told() ([]providers.Probed, [][2]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]providers.Probed(nil), b.probed...), append([][2]int(nil), b.canaries...)
}

// probes returns the probes that the board was told of.
func (b *board) probes() []providers.Probed {
	probed, _ := b.told()
	return probed
}

// failures returns when the board was told of the first n failures of a level.
func (b *board) failures(l providers.Level, n int) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var at []time.Time
	for i, p := range b.probed {
		if p.Level == l && p.Outcome.Theirs() && len(at) < n {
			at = append(at, b.at[i])
		}
	}
	return at
}

// running runs a schedule in a bubble until do returns.
func running(t *testing.T, change func(*Options), do func(s *Schedule, u *upstream, b *board)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		u, b := newUpstream("kakao"), &board{}
		o := Options{Providers: []providers.Provider{u, silent{}}, Board: b}
		if change != nil {
			change(&o)
		}
		s, err := New(o)
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		do(s, u, b)
		cancel()
		<-done
	})
}

// silent is a provider that cannot be probed.
type silent struct{ providers.Provider }

func (silent) Instance() providers.Instance { return providers.Instance{ID: "silent"} }

// After the first minute, a healthy provider is asked for a connection and its
// metadata every 30 s, and for more every 2 minutes.
func TestHealthyProviderIsMetRarely(t *testing.T) {
	running(t, nil, func(_ *Schedule, u *upstream, b *board) {
		began := time.Now()
		time.Sleep(5 * time.Second)
		for i, l := range every {
			if got := count(u.since(began.Add(-1)), l); got != 1 {
				t.Errorf("%s was asked %d times at the start, want once", l, got)
			}
			if got := u.all()[i].level; got != l { // nothing that the metadata must be known for comes before it
				t.Errorf("question %d at the start is %s, want %s", i, got, l)
			}
		}
		time.Sleep(5 * time.Minute)
		from := time.Now()
		time.Sleep(time.Hour)
		asked := u.since(from)
		for l, want := range map[providers.Level]int{
			providers.LevelReach: 120, providers.LevelMetadata: 120, providers.LevelAuthorize: 30, providers.LevelToken: 30,
		} {
			if got := count(asked, l); got < want*9/10 || got > want*11/10 {
				t.Errorf("%s was asked %d times in an hour, want about %d", l, got, want)
			}
		}
		synctest.Wait() // who is asked at this moment has been told of, too
		if len(b.probes()) != len(u.all()) {
			t.Errorf("asked %d times, told %d times", len(u.all()), len(b.probes()))
		}
	})
}

// A provider without metadata is met at its login page: a connection alone does
// not show that nobody answers.
func TestProviderWithoutMetadata(t *testing.T) {
	naver := newUpstream("naver")
	naver.levels = []providers.Level{providers.LevelReach, providers.LevelAuthorize, providers.LevelToken}
	running(t, func(o *Options) { o.Providers = []providers.Provider{naver} }, func(*Schedule, *upstream, *board) {
		time.Sleep(10 * time.Minute)
		from := time.Now()
		time.Sleep(time.Hour)
		asked := naver.since(from)
		if page, token := count(asked, providers.LevelAuthorize), count(asked, providers.LevelToken); page < 108 || page > 132 || token > 33 {
			t.Errorf("the login page was asked %d times in an hour, the token endpoint %d times", page, token)
		}
	})
}

// A node that does not lead asks nothing of a healthy provider.
func TestOneNodeOfTheSiteAsks(t *testing.T) {
	var lead atomic.Bool
	running(t, func(o *Options) { o.Lead = lead.Load }, func(_ *Schedule, u *upstream, _ *board) {
		from := time.Now()
		time.Sleep(10 * time.Minute)
		if got := u.since(from); len(got) != 0 {
			t.Errorf("asked %d times", len(got))
		}
		lead.Store(true)
		time.Sleep(10 * time.Minute)
		if got := count(u.since(from), providers.LevelReach); got < 17 {
			t.Errorf("asked %d times after it took the lead", got)
		}
	})
}

func TestSitesTakeTurns(t *testing.T) {
	sites := []string{"tokyo", "seoul", "busan"}
	turns := map[string]func(string, time.Time) bool{}
	for _, site := range sites {
		turns[site] = InTurn(site, func() []string { return sites })
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	taken := map[string]int{}
	for i := range 30 {
		for _, provider := range []string{"kakao", "naver"} {
			at := now.Add(time.Duration(i) * DeepEvery)
			who := ""
			for _, site := range sites {
				if turns[site](provider, at) != turns[site](provider, at.Add(DeepEvery-1)) {
					t.Fatalf("%s changes its mind within one interval", site)
				}
				if turns[site](provider, at) {
					who += site
				}
			}
			taken[who]++
		}
	}
	for _, site := range sites {
		if taken[site] != 20 {
			t.Errorf("turns %v, want 20 of 60 for each", taken)
		}
	}
	if !InTurn("alone", func() []string { return nil })("kakao", now) {
		t.Error("a site that knows no other has no turn")
	}
	if InTurn("stranger", func() []string { return sites })("kakao", now) {
		t.Error("a site that takes no part has a turn")
	}
}

// From the first hurry on, three failures of the level that fails come within
// 15 seconds, whichever it is.
func TestSuspicionIsSettledQuickly(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail []providers.Level
		want providers.Level
	}{
		{"F01: everything is dark", every, providers.LevelToken},
		{"F05: the token endpoint alone", every[3:], providers.LevelToken},
		{"the login page alone", every[2:3], providers.LevelAuthorize},
		{"keys alone", every[1:2], providers.LevelMetadata},
	} {
		t.Run(tt.name, func(t *testing.T) {
			running(t, nil, func(s *Schedule, u *upstream, b *board) {
				time.Sleep(10 * time.Minute)
				for len(u.since(time.Now().Add(-time.Second))) > 0 {
					time.Sleep(time.Second) // a hurry waits for the end of a round that is under way
				}
				u.set(func() { u.hangs = 4 * time.Second })
				u.says(providers.Down, tt.fail...)
				from := time.Now()
				s.Hurry("kakao")
				time.Sleep(20 * time.Second)
				at := b.failures(tt.want, 3)
				if len(at) < 3 || at[2].Sub(from) > 15*time.Second+500*time.Millisecond {
					t.Fatalf("told of failures at %v after %v", at, from)
				}
				for i := 1; i < 3; i++ {
					if gap := at[i].Sub(at[i-1]); gap < 4*time.Second {
						t.Errorf("failures %v apart", gap)
					}
				}
			})
		})
	}
}

// Nobody has to hurry: the first failed probe is a suspicion.
func TestFailedProbeIsASuspicion(t *testing.T) {
	running(t, nil, func(_ *Schedule, u *upstream, b *board) {
		time.Sleep(10 * time.Minute)
		u.says(providers.Down)
		from := time.Now()
		time.Sleep(ShallowEvery*11/10 + 15*time.Second)
		total := 0
		for _, p := range b.probes() {
			if p.Outcome.Theirs() {
				total++
			}
		}
		if total < 3 {
			t.Errorf("%d failures told within %v", total, time.Since(from))
		}
	})
}

// A front door that fails is no reason to lose sight of what lies behind it: that
// is asked at once, and again and again.
func TestShallowFailureIsHeldAgainstTheDeep(t *testing.T) {
	running(t, nil, func(_ *Schedule, u *upstream, b *board) {
		time.Sleep(10 * time.Minute)
		u.says(providers.Trust, providers.LevelMetadata)
		from := time.Now()
		time.Sleep(40 * time.Second)
		first := b.failures(providers.LevelMetadata, 1)[0]
		asked := u.since(from)
		if i := slices.IndexFunc(asked, func(a ask) bool { return a.level == providers.LevelToken }); i < 0 || asked[i].at.Sub(first) > 100*time.Millisecond {
			t.Fatalf("after the failure at %v asked %v", first, asked)
		}
		for range 10 {
			from = time.Now()
			time.Sleep(deepAtLeast + SettledEvery*11/10 + time.Second)
			asked = u.since(from)
			if count(asked, providers.LevelToken) == 0 || count(asked, providers.LevelMetadata) == 0 {
				t.Errorf("in %v asked %v", time.Since(from), asked)
			}
		}
		u.says(providers.Down, providers.LevelToken)
		from = time.Now()
		time.Sleep(deepAtLeast + 3*SettledEvery*11/10)
		if got := count(u.since(from), providers.LevelToken); got < 2 {
			t.Errorf("the core fails too, asked %d times", got)
		}
	})
}

// wrapped decorates logins.
type wrapped struct{ providers.Provider }

func (w wrapped) Unwrap() providers.Provider { return w.Provider }

func TestWrappedProviderIsProbed(t *testing.T) {
	u := newUpstream("naver")
	running(t, func(o *Options) { o.Providers = []providers.Provider{wrapped{wrapped{u}}, wrapped{silent{}}} }, func(*Schedule, *upstream, *board) {
		time.Sleep(time.Minute)
		if len(u.all()) < 4 {
			t.Errorf("asked %d times", len(u.all()))
		}
	})
}

// Whatever happens: never more than 12 in a minute.
func TestNeverMoreThanTwelveAMinute(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, _ *board) {
		stop := time.Now().Add(30 * time.Minute)
		for i := 0; time.Now().Before(stop); i++ {
			s.Hurry("kakao")
			time.Sleep(700 * time.Millisecond)
			switch i % 300 {
			case 0:
				u.says(providers.Down)
			case 100:
				u.says(providers.OK)
			case 150:
				u.says(providers.Unknown)
			case 200:
				u.says(providers.Ours, providers.LevelToken)
			}
		}
		most, asked := 0, u.all()
		for i := range asked {
			n := 0
			for _, other := range asked[i:] {
				if other.at.Sub(asked[i].at) < time.Minute {
					n++
				}
			}
			most = max(most, n)
		}
		if most > PerMinute {
			t.Errorf("%d probes in a minute", most)
		}
		if most < PerMinute-2 {
			t.Errorf("at most %d probes in a minute: too few to tell", most)
		}
	})
}

// A suspicion ends after three good answers, and the provider is left in peace.
func TestSuspicionEnds(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, b *board) {
		time.Sleep(10 * time.Minute)
		u.says(providers.Down, providers.LevelToken)
		s.Hurry("kakao")
		time.Sleep(2 * time.Minute)
		u.says(providers.OK)
		good := time.Now()
		time.Sleep(25 * time.Second)
		if got := count(u.since(good), providers.LevelToken); got < 3 || got > 4 {
			t.Errorf("the level that had failed was asked %d times", got)
		}
		quiet := time.Now()
		time.Sleep(time.Minute)
		if got := len(u.since(quiet)); got > 6 {
			t.Errorf("asked %d times in the minute after", got)
		}
		if len(b.probes()) == 0 {
			t.Error("nothing told")
		}
	})
}

// A board that goes on to suspect is served steadily, by the level that proves most.
func TestSteadyHurry(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, _ *board) {
		time.Sleep(10 * time.Minute)
		from := time.Now()
		for range 24 {
			s.Hurry("kakao")
			time.Sleep(5 * time.Second)
		}
		asked := u.since(from)
		if got := count(asked, providers.LevelToken); got < 11 {
			t.Errorf("the deepest level was asked %d times in two minutes", got)
		}
		if got := count(asked, providers.LevelAuthorize, providers.LevelToken); got < 16 {
			t.Errorf("deep levels were asked %d times in two minutes", got)
		}
		if got := count(asked, providers.LevelReach); got > 6 {
			t.Errorf("the cheapest level was asked %d times", got)
		}
	})
}

// However steadily it is hurried, a login page that fails while everything else is
// good is found out in time: no level is forgotten for the deepest.
func TestSteadyHurryForgetsNoLevel(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, b *board) {
		time.Sleep(10 * time.Minute)
		hurry := func(d time.Duration) {
			for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(5 * time.Second) {
				s.Hurry("kakao")
			}
		}
		hurry(time.Minute)
		from := time.Now()
		u.says(providers.Down, providers.LevelAuthorize)
		hurry(40 * time.Second)
		if got := b.failures(providers.LevelAuthorize, 3); len(got) < 3 {
			t.Errorf("in 40 s the login page failed %d times: %v", len(got), u.since(from))
		}
		u.says(providers.OK, providers.LevelAuthorize)
		hurry(time.Minute)
		for _, l := range u.Levels() {
			from := time.Now()
			if hurry(75 * time.Second); count(u.since(from), l) == 0 {
				t.Errorf("%s was not asked in 75 s", l)
			}
		}
	})
}

// One that cannot be told anything about is not suspected for ever.
func TestWhatCannotBeToldIsNotSuspectedForEver(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, _ *board) {
		time.Sleep(10 * time.Minute)
		u.says(providers.Unknown)
		s.Hurry("kakao")
		time.Sleep(2 * time.Minute)
		from := time.Now()
		time.Sleep(10 * time.Minute)
		if got := len(u.since(from)); got > 10*6 {
			t.Errorf("asked %d times in ten minutes", got)
		}
	})
}

// A provider that refuses probes is left alone for as long as it wants, and
// then met half as often.
func TestRefusedProbes(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, _ *board) {
		time.Sleep(10 * time.Minute)
		u.set(func() { u.rest = 7 * time.Minute })
		u.says(providers.Unknown)
		from := time.Now()
		s.Hurry("kakao")
		time.Sleep(time.Second)
		u.set(func() { u.rest = 0 })
		u.says(providers.OK)
		refused := len(u.since(from))
		for range 6 * 6 {
			time.Sleep(11 * time.Second)
			s.Hurry("kakao")
		}
		if got := len(u.since(from)); got != refused {
			t.Errorf("asked %d times more while it wants to be left alone", got-refused)
		}
		time.Sleep(time.Minute)
		from = time.Now()
		time.Sleep(time.Minute)
		if got := len(u.since(from)); got > PerMinute/2 {
			t.Errorf("asked %d times a minute after a refusal", got)
		}
		time.Sleep(time.Hour)
		from = time.Now()
		time.Sleep(time.Hour)
		if got := count(u.since(from), providers.LevelReach); got < 100 {
			t.Errorf("asked %d times an hour, long after the refusal", got)
		}
	})
}

// A provider that has failed for long is asked less often, and its return seen
// soon.
func TestLongOutage(t *testing.T) {
	running(t, nil, func(s *Schedule, u *upstream, b *board) {
		time.Sleep(10 * time.Minute)
		u.says(providers.Down)
		s.Hurry("kakao")
		time.Sleep(5 * time.Minute)
		from := time.Now()
		time.Sleep(time.Hour)
		if got := len(u.since(from)); got < 300 || got > 400 {
			t.Errorf("asked %d times in an hour of an outage", got)
		}
		u.says(providers.OK)
		back := time.Now()
		time.Sleep(12 * time.Second)
		if last := b.probes()[len(b.probes())-1]; last.Outcome != providers.OK {
			t.Errorf("%v after its return the board knows %+v", time.Since(back), last)
		}
	})
}

// Another node's suspicion is looked into once; the rest is the leader's.
func TestHurryAtANodeThatDoesNotLead(t *testing.T) {
	running(t, func(o *Options) { o.Lead = func() bool { return false } }, func(s *Schedule, u *upstream, _ *board) {
		time.Sleep(time.Minute)
		from := time.Now()
		u.says(providers.Down)
		for range 60 {
			time.Sleep(time.Second)
			s.Hurry("kakao")
		}
		time.Sleep(time.Second)
		if got := len(u.since(from)); got != len(every) {
			t.Errorf("asked %d times, want every level once", got)
		}
	})
}

func TestLevelsCanBeRestricted(t *testing.T) {
	only := map[string][]providers.Level{"kakao": {providers.LevelReach, "nonsense"}}
	running(t, func(o *Options) { o.Levels = only }, func(s *Schedule, u *upstream, _ *board) {
		s.Hurry("kakao")
		time.Sleep(10 * time.Minute)
		if all, reach := len(u.all()), count(u.all(), providers.LevelReach); all != reach || all < 20 {
			t.Errorf("asked %d times, %d of them for a connection", all, reach)
		}
	})
	none := map[string][]providers.Level{"kakao": {}}
	running(t, func(o *Options) { o.Levels = none }, func(s *Schedule, u *upstream, _ *board) {
		s.Hurry("kakao")
		s.Hurry("silent")
		s.Hurry("nobody")
		time.Sleep(10 * time.Minute)
		if len(u.all()) != 0 {
			t.Errorf("asked %d times", len(u.all()))
		}
	})
}

// What was not answered when the process ends is not told.
func TestEndIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, b := newUpstream("kakao"), &board{}
		u.takes = time.Hour
		s, err := New(Options{Providers: []providers.Provider{u}, Board: b})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s.Run(ctx)
		if len(u.all()) == 0 || len(b.probes()) != 0 {
			t.Errorf("asked %d times, told %+v", len(u.all()), b.probes())
		}
	})
}

// A provider that is gone for good is not asked for ever how it is, whatever
// logins say, and is met again when that is taken back.
func TestRetiredProviderIsLeftAlone(t *testing.T) {
	var retired atomic.Bool
	change := func(o *Options) {
		o.Retired = func(provider string) bool { return provider == "kakao" && retired.Load() }
	}
	running(t, change, func(s *Schedule, u *upstream, _ *board) {
		u.says(providers.Ours, every...)
		s.Hurry("kakao")
		time.Sleep(10 * time.Second)
		if len(u.all()) < len(every) {
			t.Fatalf("asked %d times before", len(u.all()))
		}
		retired.Store(true)
		time.Sleep(HurriedEvery + time.Second) // one question may have been under way
		from := time.Now()
		for range 60 {
			s.Hurry("kakao")
			time.Sleep(time.Minute)
		}
		if asked := u.since(from); len(asked) > 0 {
			t.Errorf("asked %d times in an hour", len(asked))
		}
		retired.Store(false)
		from = time.Now()
		time.Sleep(2 * time.Minute)
		if asked := u.since(from); count(asked, providers.LevelReach) == 0 {
			t.Error("not asked since it is back")
		}
	})
}

// A provider that fails and asks for an hour is known to be down first: three
// failures, as far apart as a verdict wants them, and then it has its hour.
func TestFailureThatAsksForTime(t *testing.T) {
	running(t, nil, func(_ *Schedule, u *upstream, b *board) {
		time.Sleep(time.Minute)
		u.says(providers.Down, every...)
		u.set(func() { u.rest = 30 * time.Minute })
		from := time.Now()
		time.Sleep(ShallowEvery + 20*time.Second)
		if got := count(u.since(from), providers.LevelToken); got < 3 {
			t.Errorf("the token endpoint was asked %d times, want 3 to be sure", got)
		}
		silent := time.Now()
		time.Sleep(29 * time.Minute)
		if asked := u.since(silent); len(asked) > 1 {
			t.Errorf("asked %d times in the time it wanted", len(asked))
		}
	})
}
