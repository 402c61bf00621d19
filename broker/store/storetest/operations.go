package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// minute is noon and n minutes.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func testLifting(t *testing.T, o Options) {
	s := o.New(t)
	lift := func(t *testing.T, kind store.FactKind, id string, at time.Time) store.Fact {
		t.Helper()
		return must[store.Fact](t)(s.LiftFact(t.Context(), kind, id, at))
	}
	tests := []struct {
		name string
		run  func(t *testing.T, said store.Fact)
	}{
		{"a fact is undone with a higher epoch", func(t *testing.T, said store.Fact) {
			first := record(t, s, said)
			lifted := lift(t, said.Kind, said.ID, minute(1))
			wantSame(t, lifted, store.Fact{
				Kind: said.Kind, ID: said.ID, Epoch: minute(1).UnixMicro() + 1, Revision: first.Revision + 1, Lifted: true, At: minute(1),
			})
			wantSame(t, must[[]store.Fact](t)(s.FactsSince(t.Context(), first.Revision, 10)), []store.Fact{lifted})
		}},
		{"undoing it twice at the same time changes nothing", func(t *testing.T, said store.Fact) {
			record(t, s, said)
			first := lift(t, said.Kind, said.ID, minute(1))
			wantSame(t, lift(t, said.Kind, said.ID, minute(1)), first)
			wantNothingSince(t, s, first.Revision)
		}},
		{"what was said before it, and comes after it, has lost", func(t *testing.T, said store.Fact) {
			lifted := lift(t, said.Kind, said.ID, minute(1))
			wantSame(t, record(t, s, said), lifted)
			wantNothingSince(t, s, lifted.Revision)
		}},
		{"undoing it again, later, undoes what was said between", func(t *testing.T, said store.Fact) {
			lift(t, said.Kind, said.ID, minute(1))
			lifted := lift(t, said.Kind, said.ID, minute(3))
			said.Epoch = minute(2).UnixMicro()
			wantSame(t, record(t, s, said), lifted)
		}},
		{"what is said after it stands again", func(t *testing.T, said store.Fact) {
			lifted := lift(t, said.Kind, said.ID, minute(1))
			said.Epoch = minute(2).UnixMicro()
			if again := record(t, s, said); again.Lifted || again.Revision != lifted.Revision+1 {
				t.Errorf("got %+v", again)
			}
		}},
		{"an epoch of a clock that was ahead is outdone all the same", func(t *testing.T, said store.Fact) {
			said.Epoch = minute(90).UnixMicro()
			record(t, s, said)
			if lifted := lift(t, said.Kind, said.ID, minute(1)); !lifted.Lifted || lifted.Epoch != said.Epoch+1 {
				t.Errorf("got %+v", lifted)
			}
		}},
	}
	for _, kind := range []store.FactKind{
		store.ProviderDisabled, store.ProviderRetired, store.UpstreamKeyDistrusted, store.DrillsForbidden, "another_kind",
	} {
		for _, tt := range tests {
			t.Run(string(kind)+": "+tt.name, func(t *testing.T) {
				tt.run(t, store.Fact{Kind: kind, ID: newID(t), Epoch: noon.UnixMicro(), At: noon})
			})
		}
	}
	for _, kind := range []store.FactKind{
		store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked, store.KeyWithdrawn, store.ProviderSessionsEnded,
		store.ConsentWithdrawn,
	} {
		t.Run(string(kind)+" is not undone so", func(t *testing.T) {
			said := record(t, s, store.Fact{Kind: kind, ID: newID(t), Epoch: 1, At: noon})
			_, err := s.LiftFact(t.Context(), kind, said.ID, minute(1))
			wantInvalid(t, err)
			wantNothingSince(t, s, said.Revision)
		})
	}
	t.Run("of racing callers that undo it at one time one makes news", func(t *testing.T) {
		said := record(t, s, store.Fact{Kind: store.ProviderDisabled, ID: newID(t), At: noon})
		wantOneRevision(t, s, func(ctx context.Context) (store.Fact, error) {
			return s.LiftFact(ctx, said.Kind, said.ID, minute(1))
		})
	})
	t.Run("the sessions of a provider end for good, up to a time that only grows", func(t *testing.T) {
		f := store.Fact{Kind: store.ProviderSessionsEnded, ID: newID(t), Epoch: noon.Unix(), At: noon}
		first := record(t, s, f)
		f.Epoch--
		wantSame(t, record(t, s, f), first)
		f.Epoch += 2
		if second := record(t, s, f); second.Epoch != f.Epoch {
			t.Errorf("got %+v", second)
		}
	})
}

func testOpenedDuring(t *testing.T, o Options) {
	s := o.New(t)
	a := newAccount(t)
	a.OpenedDuring = "kakao naver"
	key := newKey(t)
	if err := s.OpenAccount(t.Context(), a, key); err != nil {
		t.Fatal(err)
	}
	wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), a)
	a.ID, a.OpenedDuring = newID(t), strings.Repeat("a", store.MaxAttribute+1)
	wantInvalid(t, s.OpenAccount(t.Context(), a, newKey(t)))
}

func newOutage(provider string) store.Outage {
	return store.Outage{Provider: provider, DeclaredAt: noon, Until: minute(60), By: "ops", Reason: "판교 화재"}
}

func outages(t testing.TB, s Store, at time.Time) []store.Outage {
	t.Helper()
	return must[[]store.Outage](t)(s.Outages(t.Context(), at))
}

func declare(t testing.TB, s Store, o store.Outage) {
	t.Helper()
	if err := s.DeclareOutage(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func testOutages(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"what was declared comes back, by provider, until it ends", func(t *testing.T, s Store) {
			kakao, naver := newOutage("kakao"), newOutage("naver")
			naver.Until = minute(30)
			declare(t, s, naver)
			declare(t, s, kakao)
			wantSame(t, outages(t, s, noon), []store.Outage{kakao, naver})
			wantSame(t, outages(t, s, minute(30)), []store.Outage{kakao})
			wantSame(t, outages(t, s, minute(60)), []store.Outage(nil))
		}},
		{"the latest word about a provider replaces the one before", func(t *testing.T, s Store) {
			first := newOutage("kakao")
			declare(t, s, first)
			second := store.Outage{Provider: "kakao", DeclaredAt: minute(5), Until: minute(10), By: "night shift"}
			declare(t, s, second)
			wantSame(t, outages(t, s, minute(5)), []store.Outage{second})
		}},
		{"an outage that is ended is over, and ending it again at the same time is no error", func(t *testing.T, s Store) {
			declare(t, s, newOutage("kakao"))
			for range 2 {
				if err := s.EndOutage(t.Context(), "kakao", minute(5)); err != nil {
					t.Fatal(err)
				}
			}
			wantSame(t, outages(t, s, minute(5)), []store.Outage(nil))
			wantIs(t, s.EndOutage(t.Context(), "kakao", minute(6)), store.ErrNotFound)
		}},
		{"what was never declared is not found", func(t *testing.T, s Store) {
			wantIs(t, s.EndOutage(t.Context(), "kakao", noon), store.ErrNotFound)
		}},
		{"bounds", func(t *testing.T, s Store) {
			for _, spoil := range []func(o *store.Outage){
				func(o *store.Outage) { o.Provider = "" },
				func(o *store.Outage) { o.Provider = strings.Repeat("a", store.MaxProvider+1) },
				func(o *store.Outage) { o.By = "" },
				func(o *store.Outage) { o.Reason = strings.Repeat("a", store.MaxReason+1) },
				func(o *store.Outage) { o.Reason = "a\x00" },
				func(o *store.Outage) { o.Until = time.Time{} },
			} {
				bad := newOutage("kakao")
				spoil(&bad)
				wantInvalid(t, s.DeclareOutage(t.Context(), bad))
			}
			wantInvalid(t, s.EndOutage(t.Context(), "", noon))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

func newPin(document string) store.Pin {
	return store.Pin{Provider: "google", Issuer: "https://accounts.example", ClientID: "ours", Document: []byte(document), At: noon}
}

func testPins(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"the first pin stays until it is replaced", func(t *testing.T, s Store) {
			first, second := newPin(`{"a":1}`), newPin(`{"a":2}`)
			second.At = minute(1)
			wantSame(t, must[store.Pin](t)(s.KeepPin(t.Context(), first)), first)
			wantSame(t, must[store.Pin](t)(s.KeepPin(t.Context(), second)), first)
			wantSame(t, must[store.Pin](t)(s.Pin(t.Context(), "google")), first)
			if err := s.ReplacePin(t.Context(), second); err != nil {
				t.Fatal(err)
			}
			wantSame(t, must[store.Pin](t)(s.Pin(t.Context(), "google")), second)
		}},
		{"replacing what is not there keeps it", func(t *testing.T, s Store) {
			if err := s.ReplacePin(t.Context(), newPin(`{}`)); err != nil {
				t.Fatal(err)
			}
			wantSame(t, must[store.Pin](t)(s.Pin(t.Context(), "google")), newPin(`{}`))
		}},
		{"a provider without a pin is not found", func(t *testing.T, s Store) {
			_, err := s.Pin(t.Context(), "google")
			wantIs(t, err, store.ErrNotFound)
		}},
		{"of racing pins all learn the same", func(t *testing.T, s Store) {
			kept := make([]store.Pin, racers)
			winners(t, race(t.Context(), racers, func(ctx context.Context, i int) (err error) {
				kept[i], err = s.KeepPin(ctx, newPin(strings.Repeat(" ", i)+"{}"))
				return err
			}), nil)
			for _, k := range kept {
				wantSame(t, k, kept[0])
			}
		}},
		{"bounds", func(t *testing.T, s Store) {
			for _, spoil := range []func(p *store.Pin){
				func(p *store.Pin) { p.Provider = "" },
				func(p *store.Pin) { p.Issuer = "" },
				func(p *store.Pin) { p.ClientID = "" },
				func(p *store.Pin) { p.Document = nil },
				func(p *store.Pin) { p.Document = make([]byte, store.MaxDocument+1) },
			} {
				bad := newPin("{}")
				spoil(&bad)
				_, err := s.KeepPin(t.Context(), bad)
				wantInvalid(t, err)
				wantInvalid(t, s.ReplacePin(t.Context(), bad))
			}
			_, err := s.Pin(t.Context(), "")
			wantInvalid(t, err)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

// testReplicaOperations proves whose word operators' verbs take.
func testReplicaOperations(t *testing.T, r Replica) {
	a := open(t, r.Store, newKey(t))
	declare(t, r.Store, newOutage("kakao"))
	first := newPin("{}")
	must[store.Pin](t)(r.Store.KeepPin(t.Context(), first))
	note(t, r.Store, store.Activity{Client: "demo", Account: a.ID, Day: today})
	r.CatchUp()
	declare(t, r.Store, newOutage("naver"))
	second := newPin("{ }")
	if err := r.Store.ReplacePin(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	b := open(t, r.Store, newKey(t))
	note(t, r.Store, store.Activity{Client: "demo", Account: b.ID, Day: today})
	if got := outages(t, r.Store, noon); len(got) != 2 {
		t.Errorf("the writer was not asked: %+v", got)
	}
	wantSame(t, must[store.Pin](t)(r.Store.Pin(t.Context(), "google")), second)
	q := store.CoverageQuery{Client: "demo", Surviving: []string{"kakao"}}
	wantCoverage(t, r.Store, q, 1, 1) // the replica's numbers
	r.LoseWriter()
	wantSame(t, outages(t, r.Store, noon), []store.Outage{newOutage("kakao")})
	wantSame(t, must[store.Pin](t)(r.Store.Pin(t.Context(), "google")), first)
	_, err := r.Store.Pin(t.Context(), "apple")
	wantUnavailable(t, err)
	wantCoverage(t, r.Store, q, 1, 1)
	_, err = r.Store.Drills(t.Context(), 1)
	wantUnavailable(t, err)
}

// prepareOperations stores what the verbs of operations are about.
func prepareOperations(t testing.TB, s Store) {
	t.Helper()
	declare(t, s, newOutage("kakao"))
	must[store.Pin](t)(s.KeepPin(t.Context(), newPin("{}")))
	prepareInstances(t, s)
}

// operations calls every verb of operators in a way that would succeed, in
// this order, after prepareOperations.
func operations(t testing.TB, s Store, a store.Account) []verb {
	t.Helper()
	drill, pin := newDrill(t), newPin("{}")
	active := []store.Activity{{Client: "demo", Account: a.ID, Day: today}}
	return append([]verb{
		{"LiftFact", func(ctx context.Context) error {
			_, err := s.LiftFact(ctx, store.ProviderDisabled, "kakao", noon)
			return err
		}},
		{"DeclareOutage", func(ctx context.Context) error { return s.DeclareOutage(ctx, newOutage("naver")) }},
		{"EndOutage", func(ctx context.Context) error { return s.EndOutage(ctx, "kakao", noon) }},
		{"Outages", func(ctx context.Context) error { _, err := s.Outages(ctx, noon); return err }},
		{"StartDrill", func(ctx context.Context) error { return s.StartDrill(ctx, drill) }},
		{"CountDrill", func(ctx context.Context) error {
			return s.CountDrill(ctx, drill.ID, "seoul/a/1", map[string]int64{"assigned": 1})
		}},
		{"StopDrill", func(ctx context.Context) error { return s.StopDrill(ctx, drill.ID, "operator", noon) }},
		{"Drills", func(ctx context.Context) error { _, err := s.Drills(ctx, 1); return err }},
		{"DrillCounts", func(ctx context.Context) error { _, err := s.DrillCounts(ctx, drill.ID); return err }},
		{"Pin", func(ctx context.Context) error { _, err := s.Pin(ctx, pin.Provider); return err }},
		{"KeepPin", func(ctx context.Context) error { _, err := s.KeepPin(ctx, pin); return err }},
		{"ReplacePin", func(ctx context.Context) error { return s.ReplacePin(ctx, pin) }},
		{"NoteActivity", func(ctx context.Context) error { return s.NoteActivity(ctx, active) }},
		{"Coverage", func(ctx context.Context) error { _, _, err := s.Coverage(ctx, store.CoverageQuery{}); return err }},
		{"WaysIn", func(ctx context.Context) error { _, err := s.WaysIn(ctx, store.WaysQuery{}); return err }},
		{"PurgeActivity", func(ctx context.Context) error { _, err := s.PurgeActivity(ctx, 0, 1); return err }},
	}, instanceVerbs(s)...)
}
