package drill

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/store"
)

// Whatever becomes of logins, at whichever nodes, told once or twice: the
// report's numbers equal the counted logins.
func TestReportsEqualTheCountedLogins(t *testing.T) {
	w := newWorld(t, "seoul/a/1", "seoul/a/2", "busan/b/1")
	rapid.Check(t, func(r *rapid.T) {
		w.pass(time.Hour) // of the drill before nothing is left
		d := w.start(request())
		want := Report{FellBack: map[string]int64{}, Final: true}
		node := rapid.IntRange(0, len(w.nodes)-1)
		for range rapid.IntRange(0, 60).Draw(r, "logins") {
			login, _ := w.drilled(w.nodes[0])
			at := w.nodes[node.Draw(r, "assigned at")]
			at.Count(Event{What: Assigned, Drill: d.ID, Login: login})
			want.Assigned++
			ends := w.nodes[node.Draw(r, "ends at")]
			ev := Event{Drill: d.ID, Login: login}
			switch fate := rapid.SampledFrom([]string{"naver", "google", "kakao", "refused", ""}).Draw(r, "fate"); fate {
			case "":
				want.Unfinished++
				continue
			case "refused":
				ev.What = Refused
				want.Refused++
			case "kakao":
				ev.What, ev.Way = Completed, fate
				want.Completed++
			default:
				ev.What, ev.Way = Completed, fate
				want.FellBack[fate]++
			}
			ends.Count(ev)
			if rapid.Bool().Draw(r, "told twice") {
				at.Count(Event{What: Assigned, Drill: d.ID, Login: login})
				ends.Count(ev)
			}
			if rapid.Bool().Draw(r, "a second passes") {
				w.pass(time.Second)
			}
		}
		w.pass(time.Second)
		got, err := w.nodes[0].Report(t.Context(), d.ID)
		if err != nil {
			r.Fatal(err)
		}
		if got.Final {
			r.Error("final while it runs")
		}
		w.pass(12*time.Minute + loginLife)
		got, err = w.nodes[1].Report(t.Context(), d.ID)
		if err != nil {
			r.Fatal(err)
		}
		got.Drill = store.Drill{}
		if diff := cmp.Diff(want, got); diff != "" {
			r.Errorf("not what was counted (-want +got):\n%s", diff)
		}
	})
}

func TestALoginThatEndsAfterTheDrillIsCounted(t *testing.T) {
	w := newWorld(t, "a")
	d := w.start(request())
	login, _ := w.drilled(w.nodes[0])
	w.nodes[0].Count(Event{What: Assigned, Drill: d.ID, Login: login})
	w.pass(15 * time.Minute)
	w.nodes[0].Count(Event{What: Completed, Drill: d.ID, Login: login, Way: "kakao"})
	got, err := w.nodes[0].Report(t.Context(), d.ID)
	if err != nil || got.Completed != 1 || got.Unfinished != 0 {
		t.Errorf("%+v %v", got, err)
	}
	w.pass(time.Hour) // nothing of it is remembered here any more
	w.nodes[0].Count(Event{What: Completed, Drill: d.ID, Login: w.login(), Way: "kakao"})
	if len(w.nodes[0].tallies) != 0 || len(w.nodes[0].known) != 0 {
		t.Error("a drill of long ago is remembered")
	}
}

func TestWhatANodeRemembersIsBounded(t *testing.T) {
	w := newWorld(t, "a")
	d := w.start(request())
	e := w.nodes[0]
	for i := range maxLogins + 10 {
		e.Count(Event{What: Assigned, Drill: d.ID, Login: string(rune('a'+i%26)) + time.Duration(i).String()})
	}
	for i := range 2 * maxNames {
		e.tallies[d.ID].add(time.Duration(i).String())
	}
	if n := len(e.tallies[d.ID].logins); n != maxLogins {
		t.Errorf("%d logins are remembered", n)
	}
	if n := len(e.tallies[d.ID].counts); n != maxNames {
		t.Errorf("%d names are counted", n)
	}
	if w.takes(e) {
		t.Error("more logins take part")
	}
}

func TestUnknownDrills(t *testing.T) {
	w := newWorld(t, "a")
	if _, err := w.nodes[0].Report(t.Context(), "nosuchdrill"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	w.nodes[0].Count(Event{What: Assigned, Drill: "nosuchdrill", Login: w.login()})
	if len(w.nodes[0].tallies) != 0 {
		t.Error("it was counted")
	}
	w.store.cut = true
	if _, err := w.nodes[0].Report(t.Context(), "nosuchdrill"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
