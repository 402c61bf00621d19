package negative

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// takes fails unless all facts are taken.
func takes(t *testing.T, s *Set, site string, facts ...store.Fact) {
	t.Helper()
	if taken, err := s.Borrow(site, facts); taken != len(facts) || err != nil {
		t.Fatalf("Borrow took %d of %d, %v", taken, len(facts), err)
	}
}

func seoul(sites int) Options { return Options{Site: "seoul", Sites: sites} }

// What a node of another site was told about a person is obeyed here, over a
// restart, for as long as the store does not know it, and not a moment longer.
func TestABorrowedFactIsObeyedUntilTheFeedHasIt(t *testing.T) {
	tests := []struct {
		name string
		fact store.Fact
		then func(w *writer, f store.Fact) // what the writer makes of it
		left bool                          // what it says then
	}{
		{"a session", ended("sid"), func(w *writer, f store.Fact) { w.say(f) }, true},
		{"an account", store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 3}, func(w *writer, f store.Fact) { w.say(f) }, true},
		{"an account, enabled again before anybody looked", store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 3}, func(w *writer, f store.Fact) {
			w.say(f)
			f.Epoch, f.Lifted = 4, true
			w.say(f)
		}, false},
		{"a grant", store.Fact{Kind: store.GrantRevoked, ID: "g", Until: noon.Add(time.Hour)}, func(w *writer, f store.Fact) { w.say(f) }, true},
		{"a token", store.Fact{Kind: store.TokenRevoked, ID: "jti"}, func(w *writer, f store.Fact) { w.say(f) }, true},
		{"a consent", store.Fact{Kind: store.ConsentWithdrawn, ID: "c", Epoch: noon.UnixMicro()}, func(w *writer, f store.Fact) { w.say(f) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &writer{err: store.ErrUnavailable}
			o := seoul(3)
			o.Path, o.Store = filepath.Join(t.TempDir(), "negative.log"), w
			s := open(t, o)
			takes(t, s, "busan", tt.fact)
			for range 2 {
				if !s.Has(tt.fact.Kind, tt.fact.ID) || s.Lent() != 1 || s.Unsent() != 0 {
					t.Fatalf("obeyed %t, %d lent, %d unsent", s.Has(tt.fact.Kind, tt.fact.ID), s.Lent(), s.Unsent())
				}
				if got := s.Epoch(tt.fact.Kind, tt.fact.ID); got != tt.fact.Epoch {
					t.Errorf("epoch %d, want %d", got, tt.fact.Epoch)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, o)
			}
			w.set(func() { w.err = nil })
			if err := s.readFeed(t.Context()); err != nil || s.Lent() != 1 {
				t.Fatalf("the feed without it: %v, %d lent", err, s.Lent())
			}
			tt.then(w, tt.fact)
			for range 2 {
				if err := s.readFeed(t.Context()); err != nil || s.Lent() != 0 {
					t.Fatalf("the feed with it: %v, %d lent", err, s.Lent())
				}
				if s.Has(tt.fact.Kind, tt.fact.ID) != tt.left {
					t.Errorf("stands %t", !tt.left)
				}
				takes(t, s, "busan", tt.fact) // who still says so is behind
				if s.Lent() != 0 {
					t.Error("what the writer has answered is lent again")
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, o)
			}
			if w.recorded != 0 {
				t.Errorf("sent %d times from here", w.recorded)
			}
		})
	}
}

// A logout everywhere that is borrowed ends the sessions of before, and those that
// the person has begun since are good: the hint alone would have kept them out.
func TestABorrowedEpochSettlesItsHint(t *testing.T) {
	w := &writer{err: store.ErrUnavailable}
	o := seoul(3)
	o.Store = w
	s := open(t, o)
	s.Doubt(store.AccountEpoch, "acc", 0)
	if doubted, stored := s.EpochInDoubt("acc"); !s.Has(store.AccountEpoch, "acc") || !doubted || stored {
		t.Fatal("the hint is not obeyed")
	}
	takes(t, s, "busan", store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 5})
	s.Doubt(store.AccountEpoch, "acc", 0) // said again after three minutes
	if s.MinEpoch("acc") != 5 || s.Doubts() != 0 {
		t.Errorf("sessions from epoch %d are good, %d doubts", s.MinEpoch("acc"), s.Doubts())
	}
}

// One site moves nobody: what touches everybody is believed of this site's own
// nodes, of more than half of the sites, and of the one whose thing it is.
func TestWhatTouchesEverybodyTakesMoreThanOneSite(t *testing.T) {
	wideKinds := []store.FactKind{
		store.ProviderDisabled, store.ProviderRetired, store.DrillsForbidden, store.KeyWithdrawn, store.UpstreamKeyDistrusted,
		store.ProviderSessionsEnded, "kind_of_a_later_version",
	}
	tests := []struct {
		name  string
		sites int
		owner string
		here  bool // said here too
		say   []string
		want  bool
	}{
		{"another site of three", 3, "", false, []string{"busan"}, false},
		{"another site of three, many times", 3, "", false, []string{"busan", "busan", "busan"}, false},
		{"two other sites of three", 3, "", false, []string{"busan", "jeju"}, true},
		{"two other sites of four", 4, "", false, []string{"busan", "jeju"}, false},
		{"three other sites of four", 4, "", false, []string{"busan", "jeju", "daegu"}, true},
		{"the other site of two", 2, "", false, []string{"busan"}, false},
		{"a node of this site", 3, "", false, []string{"seoul"}, true},
		{"another node of the only site", 1, "", false, []string{"seoul"}, true},
		{"the site whose it is", 3, "busan", false, []string{"busan"}, true},
		{"another one than whose it is", 3, "jeju", false, []string{"busan"}, false},
		{"said here", 3, "", true, []string{"busan"}, true},
	}
	for _, tt := range tests {
		for _, kind := range wideKinds {
			o := seoul(tt.sites)
			o.Owner = func(store.FactKind, string) string { return tt.owner }
			o.Path = filepath.Join(t.TempDir(), "negative.log")
			s := open(t, o)
			if tt.here {
				apply(t, s, store.Fact{Kind: kind, ID: "x", Epoch: 1})
			}
			for _, site := range tt.say {
				takes(t, s, site, store.Fact{Kind: kind, ID: "x", Epoch: 1})
			}
			offers := len(s.Offers(Mark{}, 10))
			if got := s.Has(kind, "x"); got != tt.want || (offers == 1) != tt.want {
				t.Errorf("%s, %s: obeyed %t, offered %d", tt.name, kind, got, offers)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if again := open(t, o); again.Has(kind, "x") != tt.want {
				t.Errorf("%s, %s: otherwise after a restart", tt.name, kind)
			}
		}
	}
}

// Of the epochs that sites say the highest counts that more than half of them say
// at least: one alone does not end the sessions of a provider that began since.
func TestAMajorityAgreesOnTheLowerEpoch(t *testing.T) {
	s := open(t, seoul(5))
	said := noon.Unix()
	for i, site := range []string{"busan", "jeju", "daegu", "daejeon"} {
		takes(t, s, site, store.Fact{Kind: store.ProviderSessionsEnded, ID: "kakao", Epoch: said + int64(i)})
	}
	if got := s.Epoch(store.ProviderSessionsEnded, "kakao"); got != said+1 {
		t.Errorf("sessions of before %d are void, want %d", got-said, 1)
	}
}

// The owner of a thing may become known later.
func TestAnOwnerThatIsNotKnownYet(t *testing.T) {
	owner := ""
	o := seoul(3)
	o.Owner = func(store.FactKind, string) string { return owner }
	var heard []store.Fact
	o.OnFact = func(f store.Fact) { heard = append(heard, f) }
	s := open(t, o)
	takes(t, s, "busan", store.Fact{Kind: store.KeyWithdrawn, ID: "kid"})
	s.sweep()
	if len(heard) != 0 {
		t.Fatalf("told of %v", heard)
	}
	owner = "busan"
	s.sweep()
	if len(heard) != 1 || heard[0].ID != "kid" || heard[0].Lifted {
		t.Errorf("told of %v", heard)
	}
}

// What ends one thing is taken of a site as much as it can honestly say, and no
// more at a time: what is left over comes with the next question. This site's own
// nodes are taken all of.
func TestASiteThatSaysTooMuch(t *testing.T) {
	now := noon
	o := seoul(3)
	o.Now = func() time.Time { return now }
	s := open(t, o)
	var many []store.Fact
	for i := range thingsBurst + 100 {
		many = append(many, ended(numbered(i)))
	}
	taken, err := s.Borrow("busan", many)
	if taken != thingsBurst || err != nil {
		t.Fatalf("took %d, %v", taken, err)
	}
	if again, _ := s.Borrow("busan", many); again != thingsBurst {
		t.Errorf("what is known is taken %d times again", again)
	}
	takes(t, s, "jeju", many[:10]...)
	takes(t, s, "seoul", many[taken:]...)
	if s.Lent() != len(many) {
		t.Errorf("%d are lent", s.Lent())
	}
	now = now.Add(time.Second)
	for i := range many[:1000] {
		many[i].ID = numbered(50_000 + i)
	}
	if taken, _ = s.Borrow("busan", many[:1000]); taken != thingsPerSecond {
		t.Errorf("took %d a second later", taken)
	}
}

// disabled is an account that one of the sites shuts out.
func disabled(i int) store.Fact {
	return store.Fact{Kind: store.AccountDisabled, ID: fmt.Sprintf("acc-%05d", i), Epoch: 1, At: noon}
}

// AB-63, of accounts: one site shuts a thousand people out by its word alone, and
// not the next. Those it takes a second site for, of three; who was shut out stays
// so over a restart, and who was not does too.
func TestOneSiteDoesNotShutEverybodyOut(t *testing.T) {
	o := seoul(3)
	now := noon
	o.Now = func() time.Time { now = now.Add(10 * time.Millisecond); return now }
	o.Path = filepath.Join(t.TempDir(), "negative.log")
	s := open(t, o)
	out := func() (count int) {
		for i := range 3000 {
			if s.Has(store.AccountDisabled, disabled(i).ID) {
				count++
			}
		}
		return count
	}
	var many []store.Fact
	for i := range 1500 {
		many = append(many, disabled(i))
	}
	takes(t, s, "busan", many...)
	takes(t, s, "busan", many...) // again, it is the same word
	for range 2 {
		if out() != maxAccounts || s.Lent() != 1500 || len(s.Offers(Mark{}, 3000)) != maxAccounts {
			t.Fatalf("%d are out, %d lent, %d offered", out(), s.Lent(), len(s.Offers(Mark{}, 3000)))
		}
		if !s.Has(store.AccountDisabled, disabled(0).ID) || s.Has(store.AccountDisabled, disabled(1499).ID) {
			t.Error("others are out than were said first")
		}
		takes(t, s, "busan", ended("somebody's")) // what ends one thing is not held up by it
		stands(t, s, map[string]bool{"somebody's": true})
		s.loansEnd(t, ended("somebody's"))
		s.journal.Distrust()
		if err := errors.Join(s.tidy(), s.Close()); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
	}
	takes(t, s, "jeju", many[1400:]...)
	if out() != maxAccounts+100 {
		t.Errorf("with a second site's word %d are out", out())
	}
	takes(t, s, "seoul", many[1200:1400]...) // a node of this site
	if out() != maxAccounts+300 {
		t.Errorf("with this site's word %d are out", out())
	}
	s.loansEnd(t, many...) // the writer is back and has them all: there is room again
	takes(t, s, "busan", disabled(2999))
	if out() != 1501 || s.Lent() != 1 {
		t.Errorf("later %d are out, %d lent", out(), s.Lent())
	}
}

// loansEnd has the feed bring what was lent.
func (s *Set) loansEnd(t *testing.T, facts ...store.Fact) {
	t.Helper()
	page := make([]store.Fact, len(facts))
	for i, f := range facts {
		f.Revision = s.Revision() + int64(i) + 1
		page[i] = f
	}
	if err := s.take(page); err != nil {
		t.Fatal(err)
	}
}

// What cannot have come about is passed over: it would void what is yet to come.
func TestNonsenseIsNotBorrowed(t *testing.T) {
	s := open(t, seoul(1))
	for _, f := range []store.Fact{
		{Kind: store.AccountEpoch, ID: "acc", Epoch: 1 << 62},
		{Kind: store.AccountDisabled, ID: "acc", Epoch: -1},
		{Kind: store.ConsentWithdrawn, ID: "c", Epoch: noon.AddDate(0, 0, 2).UnixMicro()},
		{Kind: store.ProviderSessionsEnded, ID: "kakao", Epoch: noon.AddDate(0, 0, 2).Unix()},
		{Kind: store.ProviderDisabled, ID: "kakao", Epoch: noon.AddDate(0, 0, 2).UnixMicro()},
		{Kind: store.SessionEnded, ID: "sid", Lifted: true},
		{Kind: store.SessionEnded, ID: "s\nid"},
		{Kind: "", ID: "sid"},
		{Kind: store.SessionEnded, ID: ""},
		{Kind: store.SessionEnded, ID: "sid", Until: noon.Add(-time.Second)},
	} {
		takes(t, s, "seoul", f)
		if s.Lent() != 0 || s.Len() != 0 {
			t.Fatalf("%v is borrowed", f)
		}
	}
	if taken, err := s.Borrow("", []store.Fact{ended("a")}); taken != 0 || err == nil {
		t.Errorf("of no site: %d, %v", taken, err)
	}
}

// What nobody needs any more is forgotten, here and in the log.
func TestBorrowedFactsEnd(t *testing.T) {
	now := noon
	o := seoul(3)
	o.Now, o.Path = func() time.Time { return now }, filepath.Join(t.TempDir(), "negative.log")
	s := open(t, o)
	short, long := ended("a"), ended("b")
	short.Until, long.Until = noon.Add(time.Minute), noon.Add(time.Hour)
	takes(t, s, "busan", short, long)
	wide := store.Fact{Kind: store.ProviderDisabled, ID: "kakao", Epoch: 1, Until: noon.Add(time.Minute)}
	takes(t, s, "busan", wide)
	now = noon.Add(10 * time.Minute)
	s.sweep()
	s.sweep()
	stands(t, s, map[string]bool{"a": false, "b": true})
	if s.Lent() != 1 || s.Len() != 1 || len(s.Offers(Mark{}, 10)) != 1 {
		t.Errorf("%d lent, %d known", s.Lent(), s.Len())
	}
	s.journal.Distrust()
	if err := s.tidy(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, o)
	stands(t, again, map[string]bool{"a": false, "b": true})
	if again.Lent() != 1 {
		t.Errorf("%d lent after a restart", again.Lent())
	}
}

// Everything that is obeyed and not in the store is offered, once to who listens
// on, and again to who asks from the start; what the store has is not.
func TestOffers(t *testing.T) {
	w := &writer{err: store.ErrUnavailable}
	o := seoul(3)
	o.Store = w
	s := open(t, o)
	apply(t, s, ended("a"))
	takes(t, s, "busan", ended("b"))
	first := s.Offers(Mark{}, 10)
	if len(first) != 2 || first[0].Fact.ID != "a" || first[1].Fact.ID != "b" {
		t.Fatalf("offers %v", first)
	}
	if page := s.Offers(Mark{}, 1); len(page) != 1 || page[0].Mark != first[0].Mark {
		t.Errorf("the first page is %v", page)
	}
	mark := first[1].Mark
	if again := s.Offers(mark, 10); len(again) != 0 {
		t.Errorf("offered again: %v", again)
	}
	apply(t, s, store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 2})
	takes(t, s, "busan", store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
	more := s.Offers(mark, 10)
	if len(more) != 1 || more[0].Fact.Epoch != 4 {
		t.Errorf("offers %v", more)
	}
	if all := s.Offers(Mark{Run: mark.Run + 1, Count: mark.Count}, 10); len(all) != 3 {
		t.Errorf("to who has heard another run: %v", all)
	}
	w.set(func() { w.err = nil })
	if err := s.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.say(ended("b"))
	w.say(store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
	if err := s.readFeed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := s.Offers(Mark{}, 10); len(left) != 0 {
		t.Errorf("offers %v, which the store has", left)
	}
}
