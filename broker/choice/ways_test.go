package choice

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func provider(id string) Candidate {
	return Candidate{ID: id, Kind: Provider, Brand: id, ACR: ACRProvider, Verdict: Up}
}

var passkey = Candidate{ID: "passkey", Kind: Passkey, ACR: ACRPhr, Verdict: Up}

// house is the usual configuration: four providers and a passkey.
func house(verdicts ...string) []Candidate {
	all := []Candidate{provider("google"), provider("kakao"), provider("naver"), provider("apple"), passkey}
	for i := range all {
		for _, v := range verdicts {
			if id, verdict, _ := strings.Cut(v, " "); id == all[i].ID {
				all[i].Verdict = Verdict(verdict)
			}
		}
	}
	return all
}

func weighing(id string, weight float64) []Candidate {
	all := house()
	for i := range all {
		if all[i].ID == id {
			all[i].Weight = weight
		}
	}
	return all
}

// told writes ways as "id reason", with the marks that pages show.
func told(ways []Way) []string {
	var lines []string
	for _, w := range ways {
		line := w.ID + " " + string(w.Reason)
		for _, mark := range []struct {
			set  bool
			word string
		}{{w.Slow, "slow"}, {w.LastUsed, "used"}} {
			if mark.set {
				line += " " + mark.word
			}
		}
		if w.Usable() == (w.Down || w.Failed) {
			line += " contradiction"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestWays(t *testing.T) {
	tests := []struct {
		name string
		q    Question
		want []string
	}{
		{"the operator's order, then passkey", Question{Candidates: house()}, []string{
			"google configured", "kakao configured", "naver configured", "apple configured", "passkey configured",
		}},
		{"nobody gave an order: that of the language", Question{Candidates: house(), Unordered: true, Lang: "ko"}, []string{
			"kakao locale", "naver locale", "google locale", "apple locale", "passkey configured",
		}},
		{"a language without an order has the English one", Question{Candidates: house(), Unordered: true, Lang: "fr"}, []string{
			"google locale", "apple locale", "kakao locale", "naver locale", "passkey configured",
		}},
		{"the client's order wins over both, and its list is binding", Question{
			Candidates: house(), Unordered: true, Lang: "ko", Allowed: []string{"naver", "google", "gone"},
		}, []string{"naver client", "google client"}},
		{"a client that names the passkey says where it stands", Question{Candidates: house(), Allowed: []string{"passkey", "kakao"}}, []string{
			"passkey client", "kakao client",
		}},
		{"what this browser used last goes first", Question{Candidates: house(), LastUsed: "naver"}, []string{
			"naver last_used used", "google configured", "kakao configured", "apple configured", "passkey configured",
		}},
		{"the passkey too", Question{Candidates: house(), LastUsed: "passkey"}, []string{
			"passkey last_used used", "google configured", "kakao configured", "naver configured", "apple configured",
		}},
		{"a hint goes before habit", Question{Candidates: house(), LastUsed: "naver", Hint: "apple"}, []string{
			"apple hinted", "naver last_used used", "google configured", "kakao configured", "passkey configured",
		}},
		{"a hint at nothing changes nothing", Question{Candidates: house()[:2], Hint: "gone", LastUsed: "gone too"}, []string{
			"google configured", "kakao configured",
		}},
		{"a hint cannot open what the client does not allow", Question{Candidates: house(), Allowed: []string{"kakao"}, Hint: "google"}, []string{
			"kakao client",
		}},
		{"a wanted acr that only some reach goes before habit", Question{Candidates: house(), WantedACR: []string{"phrh", "phr"}, LastUsed: "kakao"}, []string{
			"passkey wanted", "kakao last_used used", "google configured", "naver configured", "apple configured",
		}},
		{"a wanted acr that all reach says nothing", Question{Candidates: house(), WantedACR: []string{"level9", ACRProvider}, LastUsed: "kakao"}, []string{
			"kakao last_used used", "google configured", "naver configured", "apple configured", "passkey configured",
		}},
		{"a required acr is binding", Question{Candidates: house(), RequiredACR: ACRPhr}, []string{"passkey configured"}},
		{"an unknown required acr is met by nobody", Question{Candidates: house(), RequiredACR: "level9"}, nil},
		{"down goes behind all that works, and the passkey moves up", Question{Candidates: house("google down")}, []string{
			"kakao configured", "passkey promoted", "naver configured", "apple configured", "google down",
		}},
		{"down goes behind even what was used last", Question{Candidates: house("kakao down"), LastUsed: "kakao"}, []string{
			"google configured", "passkey promoted", "naver configured", "apple configured", "kakao down used",
		}},
		{"down and hinted stays behind", Question{Candidates: house("kakao down"), Hint: "kakao"}, []string{
			"google configured", "passkey promoted", "naver configured", "apple configured", "kakao down",
		}},
		{"degraded and unknown stay where they are", Question{Candidates: house("google degraded", "kakao unknown", "naver nonsense")}, []string{
			"google configured slow", "kakao configured", "naver configured", "apple configured", "passkey configured",
		}},
		{"everything down stays on offer, in order", Question{
			Candidates: house("google down", "kakao down", "naver down", "apple down", "passkey down"),
		}, []string{"google down", "kakao down", "naver down", "apple down", "passkey down"}},
		{"all providers down: the passkey is first", Question{
			Candidates: house("google down", "kakao down", "naver down", "apple down"),
		}, []string{"passkey configured", "google down", "kakao down", "naver down", "apple down"}},
		{"failed in this login goes last at once, behind what is down", Question{
			Candidates: house("naver down"), Failed: []string{"kakao"}, LastUsed: "kakao",
		}, []string{"google configured", "passkey promoted", "apple configured", "naver down", "kakao failed used"}},
		{"of several failed ways the latest is last", Question{
			Candidates: house(), Failed: []string{"google", "kakao", "google"},
		}, []string{"naver configured", "passkey promoted", "apple configured", "kakao failed", "google failed"}},
		{"the only way stays on offer even when it failed", Question{Candidates: house()[:1], Failed: []string{"google"}}, []string{"google failed"}},
		{"no candidate, no way", Question{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, told(Ways(tt.q))); diff != "" {
				t.Errorf("ways (-want +got):\n%s", diff)
			}
		})
	}
}

// loginIn returns the id of a login in which the way keeps its first place with
// that weight, or does not.
func loginIn(t *testing.T, way string, weight float64, keeps bool) string {
	t.Helper()
	for i := range 1000 {
		if login := fmt.Sprint(i); share(login, way) < weight == keeps {
			return login
		}
	}
	t.Fatal("no such login")
	return ""
}

func TestWeight(t *testing.T) {
	yields, keeps := loginIn(t, "google", 0.25, false), loginIn(t, "google", 0.25, true)
	slow := house("google degraded")
	tests := []struct {
		name string
		q    Question
		want string // first and second
	}{
		{"in its share of the logins the order stands", Question{Candidates: weighing("google", 0.25), LoginID: keeps, Used: []string{"naver"}}, "google configured, kakao configured"},
		{"in the rest it yields to a way this browser has used", Question{Candidates: weighing("google", 0.25), LoginID: yields, Used: []string{"gone", "naver", "kakao"}}, "naver instead, google yielded"},
		{"even when it was used last itself", Question{Candidates: weighing("google", 0.25), LoginID: yields, LastUsed: "google", Used: []string{"google", "passkey"}}, "passkey instead, google yielded used"},
		{"to the one used last, when that was hinted away", Question{Candidates: weighing("google", 0.25), LoginID: yields, Hint: "google", LastUsed: "apple", Used: []string{"naver"}}, "apple instead used, google yielded"},
		{"nobody is sent to a provider they do not know", Question{Candidates: weighing("google", 0.25), LoginID: yields}, "google configured, kakao configured"},
		{"nor to one that is down", Question{Candidates: append(weighing("google", 0.25)[:2:2], Candidate{ID: "naver", Kind: Provider, ACR: ACRProvider, Verdict: Down}), LoginID: yields, Used: []string{"naver"}}, "google configured, kakao configured"},
		{"degraded without a weight is one half", Question{Candidates: slow, LoginID: loginIn(t, "google", 0.5, false), Used: []string{"kakao"}}, "kakao instead, google yielded slow"},
		{"degraded with full weight keeps its place", Question{Candidates: []Candidate{{ID: "google", Kind: Provider, ACR: ACRProvider, Verdict: Degraded, Weight: 1}, provider("kakao")}, LoginID: yields, Used: []string{"kakao"}}, "google configured slow, kakao configured"},
		{"a weight that is none is full", Question{Candidates: weighing("google", math.NaN()), LoginID: yields, Used: []string{"kakao"}}, "google configured, kakao configured"},
		{"only a first place can be yielded", Question{Candidates: weighing("kakao", 0.01), LoginID: loginIn(t, "kakao", 0.01, false), Used: []string{"naver"}}, "google configured, kakao configured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(told(Ways(tt.q))[:2], ", "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTheShareIsTheWeight(t *testing.T) {
	const logins = 20000
	for _, weight := range []float64{0.05, 0.25, 0.5, 0.9} {
		kept := 0
		for i := range logins {
			if share(fmt.Sprintf("login-%d", i), "kakao") < weight {
				kept++
			}
		}
		if got := float64(kept) / logins; math.Abs(got-weight) > 0.015 {
			t.Errorf("weight %.2f keeps its place in %.3f of the logins", weight, got)
		}
	}
}

func TestPermits(t *testing.T) {
	q := Question{Candidates: house("kakao down"), Allowed: []string{"kakao", "passkey"}, RequiredACR: ACRProvider, Failed: []string{"kakao"}}
	strict := q
	strict.RequiredACR = ACRPhr
	tests := []struct {
		name string
		q    Question
		id   string
		want error
	}{
		{"an allowed way, whatever its health", q, "kakao", nil},
		{"AB-57 a way the client does not allow", q, "naver", ErrNotAllowed},
		{"a way that is not configured any more", q, "line", ErrNoSuchWay},
		{"no way", q, "", ErrNoSuchWay},
		{"a way below the required acr", strict, "kakao", ErrTooWeak},
		{"a way above it", strict, "passkey", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Permits(tt.q, tt.id); !errors.Is(err, tt.want) {
				t.Errorf("Permits(%q) = %v, want %v", tt.id, err, tt.want)
			}
		})
	}
}

func anyQuestion(t *rapid.T) Question {
	ids := []string{"google", "kakao", "naver", "apple", "line", "corp", "passkey"}
	some := func(label string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, 4, rapid.ID[string]).Draw(t, label)
	}
	acrs := rapid.SampledFrom([]string{"", ACRContinued, ACREmail, ACRProvider, ACRPhr, ACRPhrh, "level9"})
	q := Question{
		Unordered: rapid.Bool().Draw(t, "unordered"), Lang: rapid.SampledFrom([]string{"ko", "ja", "en", ""}).Draw(t, "lang"),
		Hint: rapid.SampledFrom(append(ids, "")).Draw(t, "hint"), LastUsed: rapid.SampledFrom(append(ids, "")).Draw(t, "last"),
		Used: some("used"), Failed: rapid.SliceOfN(rapid.SampledFrom(ids), 0, 4).Draw(t, "failed"),
		RequiredACR: acrs.Draw(t, "required"), WantedACR: rapid.SliceOfN(acrs, 0, 2).Draw(t, "wanted"),
		LoginID: rapid.StringN(0, 5, -1).Draw(t, "login"),
	}
	if rapid.Bool().Draw(t, "narrow") {
		q.Allowed = some("allowed")
	}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, len(ids), rapid.ID[string]).Draw(t, "candidates") {
		c := Candidate{ID: id, Kind: Provider, Brand: id, ACR: acrs.Draw(t, "acr")}
		if id == "passkey" {
			c.Kind = Passkey
		} else {
			c.Via = rapid.SampledFrom([]string{"", "busan"}).Draw(t, "via")
		}
		q.Candidates = append(q.Candidates, healthy(t, c))
	}
	return q
}

func healthy(t *rapid.T, c Candidate) Candidate {
	c.Verdict = rapid.SampledFrom([]Verdict{"", Unknown, Up, Degraded, Down, Trial}).Draw(t, "verdict")
	c.Weight = rapid.SampledFrom([]float64{0, 0.25, 0.5, 1, -1, math.Inf(1), math.NaN()}).Draw(t, "weight")
	return c
}

func ids(ways []Way) []string {
	var out []string
	for _, w := range ways {
		out = append(out, w.ID)
	}
	return out
}

func TestWhatHoldsForEveryQuestion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuestion(t)
		ways := Ways(q)

		for _, c := range q.Candidates {
			if offered := slices.Contains(ids(ways), c.ID); offered != (Permits(q, c.ID) == nil) {
				t.Fatalf("%s offered %t, but Permits says %v", c.ID, offered, Permits(q, c.ID))
			}
		}
		if again := Ways(q); !slices.Equal(told(ways), told(again)) {
			t.Fatalf("the same question was answered by %v and %v", told(ways), told(again))
		}
		for i, w := range ways {
			if !Satisfies(w.ACR, q.RequiredACR) || q.Allowed != nil && !slices.Contains(q.Allowed, w.ID) {
				t.Fatalf("%s is offered against policy", w.ID)
			}
			if w.Failed != slices.Contains(q.Failed, w.ID) || w.Verdict != Trial && w.Down != (w.Verdict == Down && w.Via == "") || (w.Kind == Site) != (Via(q, w.ID) != "") || w.Kind == Site && w.Down || w.Reason == "" {
				t.Fatalf("%+v is marked wrongly", w)
			}
			for _, behind := range ways[i+1:] {
				if w.Failed && !behind.Failed || !w.Usable() && behind.Usable() {
					t.Fatalf("%s stands before %s: %v", w.ID, behind.ID, told(ways))
				}
			}
		}

		// Another health of the same world: the same ways in another order.
		other := q
		other.Candidates = slices.Clone(q.Candidates)
		for i := range other.Candidates {
			other.Candidates[i] = healthy(t, other.Candidates[i])
		}
		other.Failed = rapid.SliceOfN(rapid.SampledFrom([]string{"kakao", "google"}), 0, 2).Draw(t, "failed too")
		before, after := ids(ways), ids(Ways(other))
		slices.Sort(before)
		slices.Sort(after)
		if !slices.Equal(before, after) {
			t.Fatalf("health made %v of %v", after, before)
		}
	})
}

func BenchmarkWays(b *testing.B) {
	q := Question{Lang: "ko", Unordered: true, LastUsed: "p3", Hint: "p7", WantedACR: []string{"phrh", "phr"}, Failed: []string{"p5"}, LoginID: "abcdefghijklmnopqrstuvwxyz"}
	for i := range 12 {
		c := provider(fmt.Sprintf("p%d", i))
		c.Weight = 0.25
		q.Candidates = append(q.Candidates, c)
	}
	q.Candidates[2].Verdict = Down
	q.Candidates[11] = passkey
	b.ReportAllocs()
	for b.Loop() {
		if len(Ways(q)) != 12 {
			b.Fatal("a way is missing")
		}
	}
}

// A provider on trial is tried by the share of the logins that its weight
// names, and looks down to all others.
func TestTrial(t *testing.T) {
	q := Question{Candidates: weighing("google", 0.01)}
	q.Candidates[0].Verdict = Trial
	tried := 0
	const logins = 20_000
	for i := range logins {
		q.LoginID = fmt.Sprint(i)
		ways := Ways(q)
		first := ways[0].ID == "google"
		if first != Direct(q, "google") {
			t.Fatalf("login %d: first is %t, direct the other", i, first)
		}
		if last := ways[len(ways)-1]; !first && (last.ID != "google" || !last.Down) {
			t.Fatalf("login %d: a provider on trial stands last and down, not as %+v", i, last)
		}
		if first {
			tried++
		}
	}
	if got := float64(tried) / logins; got < 0.007 || got > 0.013 {
		t.Errorf("%.3f of the logins try it, want 0.01", got)
	}
	q.Candidates[0].Weight = 0
	if Direct(q, "google") {
		t.Error("a trial without a share tries nobody")
	}
}

func TestDirect(t *testing.T) {
	tests := []struct {
		name string
		q    Question
		want bool
	}{
		{"nothing speaks against it", Question{Candidates: house()}, true},
		{"degraded, and this browser knows no other way", Question{Candidates: weighing("kakao", 1e-12), LastUsed: "kakao"}, true},
		{"it yields to another way of this browser", Question{Candidates: weighing("kakao", 1e-12), LastUsed: "naver"}, false},
		{"the other way is down too", Question{Candidates: func() []Candidate {
			all := weighing("kakao", 1e-12)
			all[2].Verdict = Down
			return all
		}(), LastUsed: "naver"}, true},
		{"the other way failed in this login", Question{Candidates: weighing("kakao", 1e-12), Used: []string{"naver"}, Failed: []string{"naver"}}, true},
		{"down", Question{Candidates: house("kakao down")}, false},
		{"failed in this login", Question{Candidates: house(), Failed: []string{"kakao"}}, false},
		{"not the client's", Question{Candidates: house(), Allowed: []string{"naver"}}, false},
		{"too weak", Question{Candidates: house(), RequiredACR: ACRPhr}, false},
		{"not configured", Question{Candidates: house()[2:]}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.q.LoginID = "a login"
			if got := Direct(tt.q, "kakao"); got != tt.want {
				t.Errorf("Direct = %t", got)
			}
		})
	}
}

// A way that belongs to single websites is no way of any other, however it is
// asked for; our own account page takes it.
func TestWaysOfSingleClients(t *testing.T) {
	all := house()
	all[1].OnlyFor = []string{"shop"}
	for client, want := range map[string]error{"shop": nil, "mall": ErrNotAllowed, "": nil} {
		q := Question{Candidates: all, Client: client, Hint: "kakao", LastUsed: "kakao", Allowed: []string{"kakao", "naver"}}
		if err := Permits(q, "kakao"); !errors.Is(err, want) {
			t.Errorf("%q: Permits = %v, want %v", client, err, want)
		}
		offered := slices.ContainsFunc(Ways(q), func(w Way) bool { return w.ID == "kakao" })
		if offered != (want == nil) || Direct(q, "kakao") != (want == nil) {
			t.Errorf("%q: offered %t, direct %t", client, offered, Direct(q, "kakao"))
		}
		if err := Permits(q, "naver"); err != nil {
			t.Errorf("%q: naver: %v", client, err)
		}
	}
}

// A provider that another site reaches is as good as any: the login is carried
// there. What it must prove is the same.
func TestAWayByAnotherSite(t *testing.T) {
	by := func(verdict Verdict) []Candidate {
		all := house()
		all[1].Verdict, all[1].Via = verdict, "busan"
		return all
	}
	for _, tt := range []struct {
		name   string
		q      Question
		via    string
		direct bool
		want   string // first and last
	}{
		{"down here", Question{Candidates: by(Down)}, "busan", true, "google configured, passkey configured"},
		{"down here and used last", Question{Candidates: by(Down), LastUsed: "kakao"}, "busan", true, "kakao last_used used, passkey configured"},
		{"down here and hinted", Question{Candidates: by(Down), Hint: "kakao"}, "busan", true, "kakao hinted, passkey configured"},
		{"up here", Question{Candidates: by(Up)}, "", true, "google configured, passkey configured"},
		{"degraded here", Question{Candidates: by(Degraded)}, "", true, "google configured, passkey configured"},
		{"on trial, which is not this login's", Question{Candidates: by(Trial), LastUsed: "kakao", Used: []string{"naver"}}, "busan", true, "kakao last_used used, passkey configured"},
		{"failed in this login", Question{Candidates: by(Down), Failed: []string{"kakao"}}, "busan", false, "google configured, kakao failed"},
		{"not the client's", Question{Candidates: by(Down), Allowed: []string{"naver", "google"}}, "busan", false, "naver client, google client"},
		{"too weak", Question{Candidates: by(Down), RequiredACR: ACRPhr}, "busan", false, "passkey configured, passkey configured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ways := Ways(tt.q)
			lines := told(ways)
			if got := lines[0] + ", " + lines[len(lines)-1]; got != tt.want {
				t.Errorf("ways are %v, want %s", lines, tt.want)
			}
			if got := Via(tt.q, "kakao"); got != tt.via || Direct(tt.q, "kakao") != tt.direct {
				t.Errorf("by %q, direct %t", got, Direct(tt.q, "kakao"))
			}
			for _, w := range ways {
				if site := w.ID == "kakao" && tt.via != ""; (w.Kind == Site) != site || site && w.Down {
					t.Errorf("%s is of kind %s, down %t", w.ID, w.Kind, w.Down)
				}
			}
		})
	}
}
