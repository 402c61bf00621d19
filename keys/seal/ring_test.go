package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errStore = errors.New("store is away")

// clock is a hand-turned clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func clusterKey(t testing.TB, fill byte) *wrap.Key {
	t.Helper()
	k, err := wrap.New(bytes.Repeat([]byte{fill}, wrap.SecretSize))
	if err != nil {
		t.Fatalf("wrap.New: %v", err)
	}
	return k
}

func open(t testing.TB, store seal.Store, now func() time.Time) *seal.Ring {
	t.Helper()
	r, err := seal.Open(t.Context(), seal.Options{Store: store, Wrap: clusterKey(t, 1), Now: now})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return r
}

func mustSeal(t testing.TB, r *seal.Ring, p seal.Purpose, plaintext string) string {
	t.Helper()
	sealed, err := r.Seal(p, []byte(plaintext))
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

// keyOf returns the id of the key that a value was sealed with.
func keyOf(t testing.TB, sealed string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < 9 {
		t.Fatalf("sealed value %q: %v", sealed, err)
	}
	return string(raw[1:9])
}

// inFormat is a sealed value that says it is of another format.
func inFormat(t *testing.T, version byte, sealed string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	raw[0] = version
	return base64.RawURLEncoding.EncodeToString(raw)
}

func TestOpen(t *testing.T) {
	c := newClock()
	r := open(t, keystest.NewStore(), c.Now)
	stranger := open(t, keystest.NewStore(), c.Now)
	sealed := mustSeal(t, r, "login", "hello")
	last := sealed[len(sealed)-1]

	tests := []struct {
		name    string
		purpose seal.Purpose
		sealed  string
		want    error
	}{
		{"what was sealed for the purpose", "login", sealed, nil},
		{"a login as a code", "code", sealed, seal.ErrInvalid},
		{"a purpose that begins the same", "logi", sealed, seal.ErrInvalid},
		{"no purpose", "", sealed, seal.ErrInvalid},
		{"what another ring sealed", "login", mustSeal(t, stranger, "login", "hello"), seal.ErrInvalid},
		{"nothing", "login", "", seal.ErrInvalid},
		{"the last character cut off", "login", sealed[:len(sealed)-1], seal.ErrInvalid},
		{"a character appended", "login", sealed + "A", seal.ErrInvalid},
		{"other bits that decode to the same bytes", "login", sealed[:len(sealed)-1] + string(last+1), seal.ErrInvalid},
		{"a line end inside", "login", sealed[:9] + "\n" + sealed[9:], seal.ErrInvalid},
		{"a line end behind", "login", sealed + "\r\n", seal.ErrInvalid},
		{"padding", "login", sealed + "==", seal.ErrInvalid},
		{"the standard alphabet", "login", "+/" + sealed[2:], seal.ErrInvalid},
		{"the next format, by a key of the ring", "login", inFormat(t, 2, sealed), seal.ErrUnavailable},
		{"the next format, by a key of nobody's", "login", inFormat(t, 2, mustSeal(t, stranger, "login", "hello")), seal.ErrInvalid},
		{"a format of before the first", "login", inFormat(t, 0, sealed), seal.ErrInvalid},
		{"a format of nobody's", "login", inFormat(t, 3, sealed), seal.ErrInvalid},
		{"a key id that is none", "login", base64.RawURLEncoding.EncodeToString(append([]byte("\x01ABCDEFGH"), make([]byte, 40)...)), seal.ErrInvalid},
		{"more than can be sealed", "login", strings.Repeat("A", 100<<10), seal.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := r.Open(t.Context(), tt.purpose, tt.sealed)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && string(got) != "hello" {
				t.Errorf("opened %q", got)
			}
		})
	}
}

func TestOpenRefusesEveryChangedBit(t *testing.T) {
	r := open(t, keystest.NewStore(), newClock().Now)
	raw, err := base64.RawURLEncoding.DecodeString(mustSeal(t, r, "login", "hello"))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	for i := range len(raw) * 8 {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		_, err := r.Open(t.Context(), "login", base64.RawURLEncoding.EncodeToString(changed))
		if !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("bit %d changed: error %v, want %v", i, err, seal.ErrInvalid)
		}
	}
}

func TestSealBounds(t *testing.T) {
	r := open(t, keystest.NewStore(), newClock().Now)
	if _, err := r.Seal("login", make([]byte, seal.MaxPlaintext+1)); !errors.Is(err, seal.ErrTooLarge) {
		t.Errorf("one byte too many: error %v, want %v", err, seal.ErrTooLarge)
	}
	if _, err := r.Seal("", []byte("x")); err == nil {
		t.Error("sealed for no purpose")
	}
	for _, size := range []int{0, 1, 2, 3, seal.MaxPlaintext} {
		sealed, err := r.Seal("login", make([]byte, size))
		if err != nil {
			t.Fatalf("Seal %d bytes: %v", size, err)
		}
		if want := base64.RawURLEncoding.EncodedLen(37 + size); len(sealed) != want {
			t.Errorf("%d bytes take %d characters, want %d", size, len(sealed), want)
		}
		got, err := r.Open(t.Context(), "login", sealed)
		if err != nil || len(got) != size {
			t.Errorf("Open %d bytes: %d bytes, error %v", size, len(got), err)
		}
	}
}

func TestSealNeverRepeats(t *testing.T) {
	// Even a source of randomness that repeats must not repeat a nonce.
	r, err := seal.Open(t.Context(), seal.Options{Store: keystest.NewStore(), Wrap: clusterKey(t, 1), Rand: zeros{}})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	seen := map[string]bool{}
	for range 100 {
		sealed := mustSeal(t, r, "login", "the same")
		if seen[sealed] {
			t.Fatal("the same text twice")
		}
		seen[sealed] = true
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestCheckTag(t *testing.T) {
	r := open(t, keystest.NewStore(), newClock().Now)
	keyID, mac := r.Tag("state", []byte("message"))
	if len(mac) != 16 || len(keyID) != 8 {
		t.Fatalf("key id of %d, mac of %d", len(keyID), len(mac))
	}
	changed := bytes.Clone(mac)
	changed[15] ^= 1
	tests := []struct {
		name    string
		purpose seal.Purpose
		keyID   string
		message string
		mac     []byte
		want    error
	}{
		{"what was tagged", "state", keyID, "message", mac, nil},
		{"another purpose", "form", keyID, "message", mac, seal.ErrInvalid},
		{"another split of the same bytes", "statem", keyID, "essage", mac, seal.ErrInvalid},
		{"another message", "state", keyID, "massage", mac, seal.ErrInvalid},
		{"a changed tag", "state", keyID, "message", changed, seal.ErrInvalid},
		{"half a tag", "state", keyID, "message", mac[:8], seal.ErrInvalid},
		{"no tag", "state", keyID, "message", nil, seal.ErrInvalid},
		{"an unknown key", "state", "aaaaaaaa", "message", mac, seal.ErrInvalid},
		{"no key", "state", "", "message", mac, seal.ErrInvalid},
		{"a key id that is none", "state", "ABCDEFGH", "message", mac, seal.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := r.CheckTag(t.Context(), tt.purpose, tt.keyID, []byte(tt.message), tt.mac); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestNodesStartingTogetherShareOneKey(t *testing.T) {
	store := keystest.NewStore()
	c := newClock()
	const nodes = 8
	rings := make([]*seal.Ring, nodes)
	var starting sync.WaitGroup
	for i := range rings {
		starting.Go(func() {
			r, err := seal.Open(context.WithoutCancel(t.Context()), seal.Options{Store: store, Wrap: clusterKey(t, 1), Now: c.Now})
			if err != nil {
				t.Errorf("Open: %v", err)
			}
			rings[i] = r
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	sealed := mustSeal(t, rings[0], "login", "hello")
	for i, r := range rings {
		if _, err := r.Open(t.Context(), "login", sealed); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
		if id := keyOf(t, mustSeal(t, r, "login", "x")); id != keyOf(t, sealed) {
			t.Errorf("node %d seals with key %s, node 0 with %s", i, id, keyOf(t, sealed))
		}
	}
	records, err := store.SealingKeys(t.Context())
	if err != nil || len(records) != 1 {
		t.Errorf("%d keys stored, error %v; want 1", len(records), err)
	}
}

// A failure is not a fact: only a ring that was read may call a key unknown.
func TestUnknownKey(t *testing.T) {
	store := keystest.NewStore()
	c := newClock()
	r := open(t, store, c.Now)
	unknown := base64.RawURLEncoding.EncodeToString(append([]byte("\x01aaaaaaaa"), make([]byte, 40)...))
	away := func(context.Context, string) error { return errStore }
	tests := []struct {
		name  string
		pass  time.Duration
		store func(context.Context, string) error
		want  error
		reads int // more than before
	}{
		{"the ring is read, the key is not in it", 0, nil, seal.ErrInvalid, 1},
		{"read a moment ago, it is not read again", 9 * time.Second, away, seal.ErrInvalid, 0},
		{"the store is away: nothing can be said", time.Second, away, seal.ErrUnavailable, 1},
		{"away a moment ago, nothing can be said still", 5 * time.Second, nil, seal.ErrUnavailable, 0},
		{"the store is back", 5 * time.Second, nil, seal.ErrInvalid, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.pass(tt.pass)
			store.Intercept(tt.store)
			before := store.Calls("SealingKeys")
			if _, err := r.Open(t.Context(), "login", unknown); !errors.Is(err, tt.want) {
				t.Errorf("Open: error %v, want %v", err, tt.want)
			}
			if err := r.CheckTag(t.Context(), "login", "aaaaaaaa", nil, make([]byte, 16)); !errors.Is(err, tt.want) {
				t.Errorf("CheckTag: error %v, want %v", err, tt.want)
			}
			if reads := store.Calls("SealingKeys") - before; reads != tt.reads {
				t.Errorf("%d reads, want %d", reads, tt.reads)
			}
		})
	}
}

func TestOpenRefusesAStoreItCannotUse(t *testing.T) {
	c := newClock()
	tests := []struct {
		name    string
		prepare func(t *testing.T, s *keystest.Store)
		want    string
	}{
		{"the store is away", func(_ *testing.T, s *keystest.Store) {
			s.Intercept(func(context.Context, string) error { return errStore })
		}, "read sealing keys: store is away"},
		{"the first key cannot be stored", func(_ *testing.T, s *keystest.Store) {
			s.Intercept(func(_ context.Context, verb string) error {
				if verb == "InsertSealingKey" {
					return errStore
				}
				return nil
			})
		}, "store sealing key: store is away"},
		{"the ring belongs to another cluster key", func(t *testing.T, s *keystest.Store) {
			if _, err := seal.Open(t.Context(), seal.Options{Store: s, Wrap: clusterKey(t, 2), Now: c.Now}); err != nil {
				t.Fatalf("Open: %v", err)
			}
		}, "another cluster key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := keystest.NewStore()
			tt.prepare(t, store)
			_, err := seal.Open(t.Context(), seal.Options{Store: store, Wrap: clusterKey(t, 1), Now: c.Now})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one saying %q", err, tt.want)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	w := clusterKey(t, 1)
	tests := []struct {
		name    string
		options seal.Options
	}{
		{"no store", seal.Options{Wrap: w}},
		{"no wrapping key", seal.Options{Store: keystest.NewStore()}},
		{"values that hardly live", seal.Options{Store: keystest.NewStore(), Wrap: w, OpensFor: time.Minute}},
		{"values that live for ever", seal.Options{Store: keystest.NewStore(), Wrap: w, OpensFor: 1000 * 24 * time.Hour}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := seal.Open(t.Context(), tt.options); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestChangedRecordsAreOfNoUse(t *testing.T) {
	tests := []struct {
		name   string
		change func(*seal.Record)
		want   error
	}{
		{"a longer life", func(r *seal.Record) { r.ExpiresAt = r.ExpiresAt.Add(time.Hour) }, seal.ErrUnavailable},
		{"an earlier birth", func(r *seal.Record) { r.CreatedAt = r.CreatedAt.Add(-time.Hour) }, seal.ErrUnavailable},
		{"another generation", func(r *seal.Record) { r.Generation = 7 }, seal.ErrUnavailable},
		{"a damaged secret", func(r *seal.Record) { r.Wrapped[20] ^= 1 }, seal.ErrUnavailable},
		{"another id", func(r *seal.Record) { r.ID = "zzzzzzzz" }, seal.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, c := keystest.NewStore(), newClock()
			first := open(t, store, c.Now)
			sealed := mustSeal(t, first, "login", "hello")
			rotate(t, first, c, 2)
			store.ChangeSealingKey(1, tt.change)

			r := open(t, store, c.Now)
			if _, err := r.Open(t.Context(), "login", sealed); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if _, err := r.Open(t.Context(), "login", mustSeal(t, r, "login", "x")); err != nil {
				t.Errorf("the other key is of no use either: %v", err)
			}
		})
	}
}
