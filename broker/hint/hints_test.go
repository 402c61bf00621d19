package hint

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/cluster/clustertest"
	"github.com/bongsu/bongsu/broker/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(clustertest.Settled(m)) }

var update = flag.Bool("update", false, "write goldens anew")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// identity is a site's key, the same for the same name.
func identity(site string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(site))
	return ed25519.NewKeyFromSeed(seed[:])
}

func signAs(site string) func([]byte) ([]byte, error) {
	return func(message []byte) ([]byte, error) { return ed25519.Sign(identity(site), message), nil }
}

// verify knows two sites.
func verify(site string, message, sig []byte) bool {
	return (site == "seoul" || site == "busan") &&
		ed25519.Verify(identity(site).Public().(ed25519.PublicKey), message, sig)
}

// doubter writes down what it is told.
type doubter struct {
	doubts  []string
	hurried int
}

func (d *doubter) Doubt(kind store.FactKind, id string, revision int64) {
	d.doubts = append(d.doubts, fmt.Sprintf("%s %s %d", kind, id, revision))
}
func (d *doubter) Hurry() { d.hurried++ }

// site is one end, at a time that a test moves.
type site struct {
	*Hints

	now  time.Time
	told doubter
	sent [][]byte
}

func newSite(t testing.TB, name string) *site {
	t.Helper()
	s := &site{now: noon}
	h, err := New(Options{
		Site: name, Sign: signAs(name), Verify: verify, Doubter: &s.told, Now: func() time.Time { return s.now },
		Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.SetBroadcast(func(message []byte) { s.sent = append(s.sent, message) })
	s.Hints = h
	return s
}

func (s *site) counted(outcome string) int { return int(testutil.ToFloat64(s.counts[outcome])) }

func ended(sid string, revision int64) store.Fact {
	return store.Fact{Kind: store.SessionEnded, ID: sid, Revision: revision}
}

func TestAHintIsNewsOnce(t *testing.T) {
	seoul, busan := newSite(t, "seoul"), newSite(t, "busan")
	seoul.Say(ended("a", 7))
	seoul.Say(ended("a", 7))
	if len(seoul.sent) != 1 {
		t.Fatalf("said %d times, want once", len(seoul.sent))
	}
	for i := range 3 {
		news, err := busan.Merge(seoul.sent[0])
		if err != nil || news != (i == 0) {
			t.Errorf("time %d: news %t, %v", i+1, news, err)
		}
	}
	if news, err := seoul.Merge(seoul.sent[0]); news || err != nil {
		t.Errorf("its own hint comes back: news %t, %v", news, err)
	}
	if diff := cmp.Diff([]string{"session_ended a 7"}, busan.told.doubts); diff != "" {
		t.Errorf("obeyed (-want +got):\n%s", diff)
	}
	if len(seoul.told.doubts) != 0 {
		t.Error("a site doubts what it said itself")
	}
	if got := busan.Messages(); len(got) != 1 || !bytes.Equal(got[0], seoul.sent[0]) {
		t.Errorf("a node that missed it is told %d messages", len(got))
	}
}

// What the store has not heard of is said again and counts again, its revision
// is news of its own, and what is lifted is never said.
func TestWhatIsSaidAgain(t *testing.T) {
	seoul, busan := newSite(t, "seoul"), newSite(t, "busan")
	seoul.Say(ended("a", 0))
	seoul.now = seoul.now.Add(repeatEach)
	seoul.Say(ended("a", 0))
	seoul.Say(ended("a", 3))
	lifted := ended("a", 4)
	lifted.Lifted = true
	seoul.Say(lifted)
	busan.now = seoul.now
	for _, message := range seoul.sent {
		if news, err := busan.Merge(message); !news || err != nil {
			t.Errorf("news %t, %v", news, err)
		}
	}
	want := []string{"session_ended a 0", "session_ended a 0", "session_ended a 3"}
	if diff := cmp.Diff(want, busan.told.doubts); diff != "" {
		t.Errorf("obeyed (-want +got):\n%s", diff)
	}
}

func TestHintsThatNobodyShouldHaveSent(t *testing.T) {
	seoul := newSite(t, "seoul")
	seoul.Say(ended("a", 7))
	good := seoul.sent[0]
	signed := func(h Hint, by string) []byte {
		b := h.signed()
		return append(b, ed25519.Sign(identity(by), b)...)
	}
	hint := Hint{Site: "busan", Said: noon, Kind: store.SessionEnded, ID: "b", Revision: 1}
	with := func(change func(*Hint)) Hint {
		h := hint
		change(&h)
		return h
	}
	tests := []struct {
		name    string
		message []byte
		want    error
	}{
		{"empty", nil, ErrMalformed},
		{"another version", append([]byte{2}, good[1:]...), ErrMalformed},
		{"no signature", good[:len(good)-ed25519.SignatureSize], ErrMalformed},
		{"a cut off signature", good[:len(good)-1], ErrForged},
		{"another id", bytes.Replace(good, []byte("\x01a"), []byte("\x01b"), 1), ErrForged},
		{"another site's signature", signed(hint, "seoul"), ErrForged},
		{"a site that is none", signed(with(func(h *Hint) { h.Site = "osaka" }), "osaka"), ErrForged},
		{"an old one, replayed", signed(with(func(h *Hint) { h.Said = noon.Add(-freshFor - time.Second) }), "busan"), ErrStale},
		{"one of tomorrow", signed(with(func(h *Hint) { h.Said = noon.Add(24 * time.Hour) }), "busan"), ErrStale},
		{"no id", signed(with(func(h *Hint) { h.ID = "" }), "busan"), ErrMalformed},
		{"no kind", signed(with(func(h *Hint) { h.Kind = "" }), "busan"), ErrMalformed},
		{"too long", append(bytes.Clone(good), make([]byte, MaxMessage)...), ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := newSite(t, "seoul")
			news, err := at.Merge(tt.message)
			if news || !errors.Is(err, tt.want) {
				t.Errorf("news %t, %v, want %v", news, err, tt.want)
			}
			if len(at.told.doubts) != 0 || at.told.hurried != 0 || len(at.Messages()) != 0 || at.counted(outcomeRefused) != 1 {
				t.Errorf("obeyed %v, hurried %d, kept %d", at.told.doubts, at.told.hurried, len(at.Messages()))
			}
		})
	}
}

// A forged hint must not keep the true one from being heard.
func TestAForgedHintSilencesNobody(t *testing.T) {
	seoul, busan := newSite(t, "seoul"), newSite(t, "busan")
	seoul.Say(ended("a", 7))
	forged := bytes.Clone(seoul.sent[0])
	forged[len(forged)-1] ^= 1
	if _, err := busan.Merge(forged); !errors.Is(err, ErrForged) {
		t.Fatal(err)
	}
	if news, err := busan.Merge(seoul.sent[0]); !news || err != nil {
		t.Errorf("news %t, %v", news, err)
	}
}

// A site that says more than sites do, or what touches everybody, makes the
// store be asked and nothing more.
func TestWhatIsNotObeyedHurriesTheStore(t *testing.T) {
	liar := func(id int) []byte {
		h := Hint{Site: "busan", Said: noon, Kind: store.SessionEnded, ID: fmt.Sprint(id), Revision: int64(id) + 1}
		b := h.signed()
		return append(b, ed25519.Sign(identity("busan"), b)...)
	}
	at := newSite(t, "seoul")
	passedOn := 0
	for i := range obeyBurst + 100 {
		if news, err := at.Merge(liar(i)); err != nil {
			t.Fatal(err)
		} else if news {
			passedOn++
		}
	}
	if len(at.told.doubts) != obeyBurst || at.told.hurried != 100 || passedOn != obeyBurst {
		t.Errorf("%d obeyed, %d hurried, %d passed on, want %d, 100, %d", len(at.told.doubts), at.told.hurried, passedOn, obeyBurst, obeyBurst)
	}
	at.now = at.now.Add(time.Second)
	for i := range 100 {
		_, _ = at.Merge(liar(10_000 + i))
	}
	if more := len(at.told.doubts) - obeyBurst; more != obeyPerSecond {
		t.Errorf("%d obeyed in the next second, want %d", more, obeyPerSecond)
	}
	other := newSite(t, "seoul")
	other.Say(ended("x", 1))
	if news, err := at.Merge(other.sent[0]); !news || err != nil {
		t.Errorf("another site is silenced too: %t, %v", news, err)
	}
	// Of accounts less is obeyed as time goes on.
	at.told = doubter{}
	for i := range 600 {
		at.now = at.now.Add(time.Second / obeyPerSecond)
		h := Hint{Site: "busan", Said: at.now.Truncate(time.Second), Kind: store.AccountDisabled, ID: fmt.Sprint(i), Revision: int64(i) + 1}
		b := h.signed()
		if news, err := at.Merge(append(b, ed25519.Sign(identity("busan"), b)...)); !news || err != nil {
			t.Fatalf("account %d: news %t, %v", i, news, err)
		}
	}
	if most := accountBurst + int(30*time.Second/accountEvery); len(at.told.doubts) > most || len(at.told.doubts)+at.told.hurried != 600 {
		t.Errorf("of accounts %d are obeyed, %d hurried", len(at.told.doubts), at.told.hurried)
	}

	for _, kind := range []store.FactKind{
		store.KeyWithdrawn, store.ProviderSessionsEnded, store.UpstreamKeyDistrusted, "of_a_later_version",
	} {
		from, to := newSite(t, "busan"), newSite(t, "seoul")
		from.Say(store.Fact{Kind: kind, ID: "everybody", Revision: 5})
		if news, err := to.Merge(from.sent[0]); !news || err != nil || len(to.told.doubts) != 0 || to.told.hurried != 1 {
			t.Errorf("%s: news %t, %v, obeyed %v, hurried %d", kind, news, err, to.told.doubts, to.told.hurried)
		}
	}
}

// What touches everybody is obeyed too, a few at a time: a site that lies does not
// get far with it.
func TestHintsThatTouchEverybody(t *testing.T) {
	from, to := newSite(t, "busan"), newSite(t, "seoul")
	kinds := []store.FactKind{store.ProviderDisabled, store.ProviderRetired, store.DrillsForbidden}
	for i, kind := range kinds {
		from.Say(store.Fact{Kind: kind, ID: "kakao", Revision: int64(i) + 5})
	}
	for i := range 5 {
		from.Say(store.Fact{Kind: store.ProviderDisabled, ID: fmt.Sprint("more", i), Revision: 50})
	}
	for _, message := range from.sent {
		if news, err := to.Merge(message); !news || err != nil {
			t.Fatalf("news %t, %v", news, err)
		}
	}
	want := []string{"provider_disabled kakao 5", "provider_retired kakao 6", "drills_forbidden kakao 7"}
	if diff := cmp.Diff(want, to.told.doubts); diff != "" || to.told.hurried != 5 {
		t.Errorf("hurried %d, obeyed (-want +got):\n%s", to.told.hurried, diff)
	}
	from.now, to.now = from.now.Add(wideEvery), to.now.Add(wideEvery)
	for i := range 2 {
		from.Say(store.Fact{Kind: store.ProviderDisabled, ID: fmt.Sprint("later", i), Revision: 60})
		_, _ = to.Merge(from.sent[len(from.sent)-1])
	}
	if len(to.told.doubts) != len(want)+1 {
		t.Errorf("%d obeyed after a minute, want one more than %d", len(to.told.doubts), len(want))
	}
}

func TestANodeSaysOnlySoMuch(t *testing.T) {
	s := newSite(t, "seoul")
	for i := range sayBurst + 50 {
		s.Say(ended(fmt.Sprint(i), int64(i)+1))
	}
	if len(s.sent) != sayBurst || s.counted(outcomeUnsaid) != 50 {
		t.Errorf("%d said and %d unsaid, want %d and 50", len(s.sent), s.counted(outcomeUnsaid), sayBurst)
	}
	s.now = s.now.Add(time.Minute)
	s.Say(store.Fact{Kind: store.SessionEnded, ID: strings.Repeat("a", store.MaxFactID+1)})
	if len(s.sent) != sayBurst {
		t.Error("what nobody can read was said")
	}
}

func TestWhatCannotBeSignedIsNotSaid(t *testing.T) {
	s := newSite(t, "seoul")
	s.options.Sign = func([]byte) ([]byte, error) { return nil, errors.New("no identity") }
	s.Say(ended("a", 1))
	if len(s.sent) != 0 || s.counted(outcomeUnsaid) != 1 || len(s.Messages()) != 0 {
		t.Errorf("%d said", len(s.sent))
	}
}

func TestWithoutPeersNothingIsSaid(t *testing.T) {
	h, err := New(Options{Site: "seoul", Sign: signAs("seoul"), Verify: verify, Doubter: new(doubter)})
	if err != nil {
		t.Fatal(err)
	}
	h.Say(ended("a", 1))
	if len(h.Messages()) != 0 {
		t.Error("said to nobody and kept")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	from, to := newSite(t, "busan"), newSite(t, "seoul")
	for i := range maxHints + 100 {
		from.now = from.now.Add(time.Second / sayPerSecond)
		to.now = from.now
		from.Say(ended(fmt.Sprint(i), int64(i)+1))
	}
	for _, message := range from.sent {
		_, _ = to.Merge(message)
	}
	if len(from.order) != maxHints || len(from.known) != maxHints || len(to.known) > maxHints {
		t.Errorf("%d and %d remembered, want %d", len(from.known), len(to.known), maxHints)
	}
	told := from.Messages()
	if len(told) != maxTold || !bytes.Equal(told[0], from.sent[len(from.sent)-1]) {
		t.Errorf("%d told, want %d, the latest first", len(told), maxTold)
	}
	from.now = from.now.Add(freshFor + time.Second)
	if n := len(from.Messages()); n != 0 {
		t.Errorf("%d old ones are told", n)
	}
}

func TestOptionsThatMakeNoHints(t *testing.T) {
	good := Options{Site: "seoul", Sign: signAs("seoul"), Verify: verify, Doubter: new(doubter)}
	for name, change := range map[string]func(*Options){
		"no site":           func(o *Options) { o.Site = "" },
		"an endless site":   func(o *Options) { o.Site = strings.Repeat("s", maxSite+1) },
		"nobody signs":      func(o *Options) { o.Sign = nil },
		"nobody verifies":   func(o *Options) { o.Verify = nil },
		"nobody to obey it": func(o *Options) { o.Doubter = nil },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s makes Hints", name)
		}
	}
}

// What the store has not heard of is said every three minutes until it has.
func TestRunSaysAgainWhatTheStoreHasNotHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		var waiting atomic.Pointer[[]store.Fact]
		waiting.Store(&[]store.Fact{ended("a", 0), ended("b", 0)})
		h, err := New(Options{
			Site: "seoul", Sign: signAs("seoul"), Verify: verify, Doubter: new(doubter),
			Waiting: func() []store.Fact { return *waiting.Load() },
		})
		if err != nil {
			t.Fatal(err)
		}
		h.SetBroadcast(func([]byte) { sent.Add(1) })
		ctx, cancel := context.WithCancel(t.Context())
		go h.Run(ctx)
		<-time.After(10 * time.Minute)
		if n := sent.Load(); n != 6 {
			t.Errorf("said %d times in ten minutes, want 2 × 3", n)
		}
		waiting.Store(&[]store.Fact{})
		<-time.After(10 * time.Minute)
		if n := sent.Load(); n != 6 {
			t.Errorf("said %d times when nothing waits", n)
		}
		cancel()
	})
}

// The layout is what nodes of different versions share.
func TestMessagesStayAsTheyAre(t *testing.T) {
	longest := Hint{
		Site: strings.Repeat("s", maxSite), Said: noon, Kind: store.FactKind(strings.Repeat("k", store.MaxFactKind)),
		ID: strings.Repeat("i", store.MaxFactID), Revision: 1<<63 - 1,
	}
	got := fmt.Sprintf("signed  %s\nlongest %d bytes with a signature of Ed25519\n",
		hex.EncodeToString(Hint{Site: "seoul", Said: noon, Kind: store.SessionEnded, ID: "sid", Revision: 300}.signed()),
		len(longest.signed())+ed25519.SignatureSize)
	golden := filepath.Join("testdata", "message.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if MaxMessage > 1000 {
		t.Errorf("a message may take %d bytes: more than is gossiped", MaxMessage)
	}
}

func FuzzHint(f *testing.F) {
	s := newSite(f, "seoul")
	s.Say(ended("a", 7))
	s.Say(ended("b", 0))
	for _, message := range s.sent {
		f.Add(message)
	}
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x00, 1, 's', 1, 'k', 1, 'i', 9})
	f.Fuzz(func(t *testing.T, message []byte) {
		h, signed, sig, err := parse(message)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again := append(h.signed(), sig...); !bytes.Equal(again, message) || !bytes.Equal(h.signed(), signed) {
			t.Errorf("%x was read as %+v, which is written %x", message, h, again)
		}
		if !h.fits() || len(sig) == 0 {
			t.Errorf("out of bounds: %+v", h)
		}
	})
}
