package snapshot

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// house is a node's disk, and a store that may be away.
type house struct {
	t        *testing.T
	now      time.Time
	log      bytes.Buffer
	registry *prometheus.Registry
	o        Options

	away     atomic.Bool
	sealing  []seal.Record
	signing  []keys.Record
	identity []keys.IdentityRecord
	clients  []store.Client
	prints   []store.Fingerprint
	secrets  map[string][]byte
	pins     map[string]store.Pin
	words    []store.ProviderSecret
	declared []store.Outage
	revision int64
}

func wrapKey(t testing.TB, b byte) *wrap.Key {
	t.Helper()
	k, err := wrap.New(bytes.Repeat([]byte{b}, wrap.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, now: noon, secrets: map[string][]byte{}, pins: map[string]store.Pin{}}
	h.o = Options{
		Dir: filepath.Join(t.TempDir(), "snapshot"), Issuer: "https://login.example.kr", Site: "seoul", Node: "a",
		SiteKey: wrapKey(t, 1), ClusterKey: wrapKey(t, 2), MaxAge: 7 * 24 * time.Hour,
		Now: func() time.Time { return h.now }, Logger: slog.New(slog.NewTextHandler(&h.log, nil)),
	}
	h.sealing = []seal.Record{{ID: "abcdefgh", Generation: 1, Wrapped: []byte("sealing secret"), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}}
	h.signing = []keys.Record{{KeyID: "seoul-k", Site: "seoul", Algorithm: keys.ES256, Generation: 1, State: keys.Active, Wrapped: []byte("signing secret"), Manifest: []byte("m")}}
	h.identity = []keys.IdentityRecord{{Site: "seoul", State: keys.Active, Public: make([]byte, 32), Wrapped: []byte("identity")}}
	h.clients = []store.Client{{ID: "shop", Document: []byte(`{"id":"shop"}`), CreatedAt: noon, UpdatedAt: noon}}
	h.prints = []store.Fingerprint{{Provider: "kakao", Kind: "kakao", Issuer: "https://kauth.kakao.com", ClientID: "1", At: noon}}
	h.secrets["subject salt"] = []byte("wrapped salt")
	h.words = []store.ProviderSecret{{Provider: "kakao", ID: "w1", Issuer: "https://kauth.kakao.com", ClientID: "1", Wrapped: []byte("wrapped word"), Former: []byte("the one before"), By: "ops", At: noon}}
	h.declared = []store.Outage{{Provider: "kakao", DeclaredAt: noon, Until: noon.Add(time.Hour), By: "ops", Reason: "fire"}}
	h.pins["kakao"] = store.Pin{Provider: "kakao", Issuer: "https://kauth.kakao.com", ClientID: "1", Document: []byte(`{}`), At: noon}
	return h
}

// open starts a node.
func (h *house) open() *Snapshot {
	h.t.Helper()
	h.registry = prometheus.NewRegistry()
	h.o.Registerer = h.registry
	s, err := Open(h.o)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) err() error {
	if h.away.Load() {
		return store.ErrUnavailable
	}
	return nil
}

func answer[T any](h *house, v T) (T, error) {
	if err := h.err(); err != nil {
		var nothing T
		return nothing, err
	}
	return v, nil
}

// What the stores of the consumers answer.
type (
	sealStore   struct{ *house }
	keyStore    struct{ *house }
	clientStore struct{ *house }
	printStore  struct{ *house }
	smallStore  struct{ *house }
	pinStore    struct{ *house }
	wordStore   struct{ *house }
	outageStore struct{ *house }
)

func (h sealStore) SealingKeys(context.Context) ([]seal.Record, error) {
	return answer(h.house, h.sealing)
}

func (h sealStore) InsertSealingKey(context.Context, seal.Record) (bool, error) {
	return answer(h.house, true)
}
func (h sealStore) DeleteSealingKeys(context.Context, time.Time) error { return h.err() }

func (h keyStore) SigningKeys(context.Context) ([]keys.Record, error) {
	return answer(h.house, h.signing)
}

func (h keyStore) InsertSigningKey(context.Context, keys.Record) (bool, error) {
	return answer(h.house, true)
}

func (h keyStore) AdvanceSigningKey(context.Context, string, keys.State, keys.State, time.Time, []byte) error {
	return h.err()
}
func (h keyStore) ReplaceManifest(context.Context, string, []byte, []byte) error { return h.err() }
func (h keyStore) EnsureSiteIdentity(context.Context, keys.IdentityRecord) (keys.IdentityRecord, error) {
	return answer(h.house, h.identity[0])
}

func (h keyStore) SiteIdentities(context.Context, string) ([]keys.IdentityRecord, error) {
	return answer(h.house, h.identity)
}

func (h clientStore) ClientsRevision(context.Context) (int64, error) {
	return answer(h.house, h.revision)
}

func (h clientStore) Clients(context.Context) ([]store.Client, int64, error) {
	if err := h.err(); err != nil {
		return nil, 0, err
	}
	return h.clients, h.revision, nil
}
func (h clientStore) NoteSecretUses(context.Context, []store.SecretUse) error { return h.err() }

func (h printStore) KeepFingerprint(_ context.Context, f store.Fingerprint) (store.Fingerprint, error) {
	for _, known := range h.prints {
		if known.Provider == f.Provider {
			return answer(h.house, known)
		}
	}
	return answer(h.house, f)
}

func (h printStore) Fingerprints(context.Context) ([]store.Fingerprint, error) {
	return answer(h.house, h.prints)
}

func (h smallStore) EnsureSecret(_ context.Context, name string, _ []byte) ([]byte, error) {
	return answer(h.house, h.secrets[name])
}

func (h pinStore) Pin(_ context.Context, provider string) (store.Pin, error) {
	return answer(h.house, h.pins[provider])
}

func (h pinStore) KeepPin(_ context.Context, p store.Pin) (store.Pin, error) {
	return answer(h.house, p)
}
func (h pinStore) ReplacePin(context.Context, store.Pin) error { return h.err() }

func (h wordStore) ProviderSecrets(context.Context) ([]store.ProviderSecret, error) {
	return answer(h.house, h.words)
}

func (h wordStore) ReplaceProviderSecret(context.Context, store.ProviderSecret, string) error {
	return h.err()
}
func (h wordStore) DropFormerSecret(context.Context, string, string) error     { return h.err() }
func (h wordStore) ForgetProviderSecret(context.Context, string, string) error { return h.err() }

func (h outageStore) Outages(context.Context, time.Time) ([]store.Outage, error) {
	return answer(h.house, h.declared)
}

// told is everything that a node reads when it starts.
type told struct {
	Sealing  []seal.Record
	Signing  []keys.Record
	Identity keys.IdentityRecord
	Clients  []store.Client
	Print    store.Fingerprint
	Salt     []byte
	Pin      store.Pin
	Words    []store.ProviderSecret
	Outages  []store.Outage
}

// start reads what a node reads.
func (h *house) start(s *Snapshot) (told, error) {
	ctx := h.t.Context()
	var got told
	var errs [9]error
	got.Sealing, errs[0] = s.Sealing(sealStore{h}, nil).SealingKeys(ctx)
	got.Identity, errs[1] = s.Signing(keyStore{h}, nil).EnsureSiteIdentity(ctx, keys.IdentityRecord{Site: "seoul", State: keys.Active})
	got.Signing, errs[2] = s.Signing(keyStore{h}, nil).SigningKeys(ctx)
	got.Clients, _, errs[3] = s.Clients(clientStore{h}).Clients(ctx)
	if errs[3] != nil {
		got.Clients, errs[3] = s.KeptClients(errs[3])
	}
	got.Print, errs[4] = s.Fingerprints(printStore{h}).KeepFingerprint(ctx, store.Fingerprint{Provider: "kakao"})
	got.Salt, errs[5] = s.Secrets(smallStore{h}, func(string) {}).EnsureSecret(ctx, "subject salt", []byte("candidate"))
	got.Pin, errs[6] = s.Pins(pinStore{h}).Pin(ctx, "kakao")
	got.Words, errs[7] = s.Credentials(wordStore{h}).ProviderSecrets(ctx)
	got.Outages, errs[8] = s.Outages(outageStore{h}).Outages(ctx, noon)
	return got, errors.Join(errs[:]...)
}

// facts are known up to a revision.
type facts int64

func (f facts) Revision() int64 { return int64(f) }

func (f facts) ReadAt() time.Time {
	if f == 0 {
		return time.Time{}
	}
	return noon.Add(time.Duration(f) * time.Second)
}

const zero facts = 0

func TestANodeStartsFromItsDiskWithWhatTheStoreSaidLast(t *testing.T) {
	h := newHouse(t)
	want, err := h.start(h.open())
	if err != nil {
		t.Fatal(err)
	}
	h.away.Store(true)
	h.now = h.now.Add(6 * 24 * time.Hour)
	s := h.open()
	got, err := h.start(s)
	if err != nil {
		t.Fatalf("without the store: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it starts with something else (-store +disk):\n%s", diff)
	}
	if served := s.Served(); len(served) != len(kinds) || !strings.Contains(h.log.String(), "event=snapshot.served kind=sealing_keys age=144h0m0s") {
		t.Errorf("served %v, log:\n%s", served, h.log.String())
	}
	const metrics = `
# HELP bongsu_snapshot_served 1 while this node goes by what it kept on its disk, because the store has not answered since it started.
# TYPE bongsu_snapshot_served gauge
bongsu_snapshot_served{kind="clients"} 1
bongsu_snapshot_served{kind="fingerprints"} 1
bongsu_snapshot_served{kind="outages"} 1
bongsu_snapshot_served{kind="pins"} 1
bongsu_snapshot_served{kind="provider_secrets"} 1
bongsu_snapshot_served{kind="sealing_keys"} 1
bongsu_snapshot_served{kind="secrets"} 1
bongsu_snapshot_served{kind="signing_keys"} 1
bongsu_snapshot_served{kind="site_identities"} 1
`
	if err := testutil.GatherAndCompare(h.registry, strings.NewReader(metrics), "bongsu_snapshot_served"); err != nil {
		t.Error(err)
	}
	if err := s.Started(zero); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sealing(sealStore{h}, nil).SealingKeys(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after the start the store is still answered for: %v", err)
	}
	if _, err := s.Sealing(sealStore{h}, nil).InsertSealingKey(t.Context(), seal.Record{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("something is written: %v", err)
	}
}

func TestWithoutAnythingKeptANodeDoesNotStart(t *testing.T) {
	h := newHouse(t)
	h.away.Store(true)
	_, err := h.start(h.open())
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	// A provider that is new may be one that was renamed.
	h.away.Store(false)
	if _, err := h.start(h.open()); err != nil {
		t.Fatal(err)
	}
	h.away.Store(true)
	_, err = h.open().Fingerprints(printStore{h}).KeepFingerprint(t.Context(), store.Fingerprint{Provider: "naver"})
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, ErrNone) {
		t.Errorf("a new provider: %v", err)
	}
}

// What cannot be trusted is refused with its reason, and the node does not start.
func TestWhatIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(h *house, path string)
		want   error
	}{
		{"one bit of it is another", func(h *house, path string) { h.flip(path) }, ErrDamaged},
		{"it was cut off", func(h *house, path string) { h.write(path, h.read(path)[:200]) }, ErrDamaged},
		{"it is empty", func(h *house, path string) { h.write(path, nil) }, ErrDamaged},
		{"it is another kind's", func(h *house, path string) { h.write(path, h.read(filepath.Join(h.o.Dir, "clients"))) }, ErrForeign},
		{"its first line was changed", func(h *house, path string) {
			h.write(path, bytes.Replace(h.read(path), []byte(`"node":"a"`), []byte(`"node":"b"`), 1))
		}, ErrForeign},
		{"the node has another name", func(h *house, _ string) { h.o.Node = "b" }, ErrForeign},
		{"the site has another name", func(h *house, _ string) { h.o.Site = "busan" }, ErrForeign},
		{"the issuer is another", func(h *house, _ string) { h.o.Issuer = "https://other.example.kr" }, ErrForeign},
		{"the cluster key is another", func(h *house, _ string) { h.o.ClusterKey = wrapKey(h.t, 3) }, ErrDamaged},
		{"a newer program wrote it", func(h *house, path string) {
			h.write(path, bytes.Replace(h.read(path), []byte(`"bongsu_snapshot":1`), []byte(`"bongsu_snapshot":2`), 1))
		}, ErrNewer},
		{"it is older than allowed", func(h *house, _ string) { h.now = h.now.Add(h.o.MaxAge + time.Minute) }, ErrOld},
		{"the clock was set back", func(h *house, _ string) { h.now = h.now.Add(-time.Hour) }, ErrAhead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			if _, err := h.start(h.open()); err != nil {
				t.Fatal(err)
			}
			tt.change(h, filepath.Join(h.o.Dir, string(sealingKeys)))
			h.away.Store(true)
			_, err := h.open().Sealing(sealStore{h}, nil).SealingKeys(t.Context())
			if !errors.Is(err, tt.want) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !strings.Contains(h.log.String(), "event=snapshot.refused kind=sealing_keys") {
				t.Errorf("nobody is told:\n%s", h.log.String())
			}
			h.away.Store(false) // the store's word replaces it
			if _, err := h.open().Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.away.Store(true)
			if _, err := h.open().Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil {
				t.Errorf("what the store said since is refused, too: %v", err)
			}
		})
	}
}

func (h *house) read(path string) []byte {
	h.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

func (h *house) write(path string, text []byte) {
	h.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) flip(path string) {
	text := h.read(path)
	text[len(text)-20] ^= 1
	h.write(path, text)
}

func TestFilesAreTheNodesAloneAndShowNothing(t *testing.T) {
	h := newHouse(t)
	if _, err := h.start(h.open()); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Stat(h.o.Dir)
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", dir.Mode(), err)
	}
	entries, err := os.ReadDir(h.o.Dir)
	if err != nil || len(entries) != len(kinds) {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
		text := string(h.read(filepath.Join(h.o.Dir, e.Name())))
		for _, secret := range []string{"secret", "salt", "shop", "kauth"} {
			if _, body, _ := strings.Cut(text, "\n"); strings.Contains(body, secret) {
				t.Errorf("%s shows %q", e.Name(), secret)
			}
		}
	}
}

// A file is written when something changed, and now and then so that its age is
// known; not with every question.
func TestAFileIsWrittenWhenThereIsSomethingToSay(t *testing.T) {
	h := newHouse(t)
	s := h.open()
	if err := s.Started(zero); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.o.Dir, string(sealingKeys))
	ask := func() []byte {
		t.Helper()
		if _, err := s.Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h.read(path)
	}
	first := ask()
	h.now = h.now.Add(time.Minute)
	if !bytes.Equal(first, ask()) {
		t.Error("it is written although the store said the same a minute ago")
	}
	h.now = h.now.Add(restampEvery)
	second := ask()
	if bytes.Equal(first, second) {
		t.Error("nobody could tell that it is of now")
	}
	h.sealing = append(h.sealing, seal.Record{ID: "bcdefghi", Generation: 2})
	if bytes.Equal(second, ask()) {
		t.Error("what is new is not kept")
	}
	h.sealing = nil // wiped, or another store
	third := h.read(path)
	if got, err := s.Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	if !bytes.Equal(third, h.read(path)) {
		t.Error("a store that shows nothing takes away what was kept")
	}
}

// Negative facts win: a log of them that has seen less than what is kept is not
// enough to go by it.
func TestALogOfNegativeFactsThatIsBehind(t *testing.T) {
	h := newHouse(t)
	s := h.open()
	if err := s.Started(facts(7)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.start(s); err != nil {
		t.Fatal(err)
	}
	h.away.Store(true)
	for known, want := range map[facts]error{6: ErrBehind, 7: nil, 8: nil} {
		again := h.open()
		if _, err := h.start(again); err != nil {
			t.Fatal(err)
		}
		if got := again.FactsRead(); !got.Equal(noon.Add(7 * time.Second)) {
			t.Errorf("the facts were read at %s", got)
		}
		if err := again.Started(known); !errors.Is(err, want) {
			t.Errorf("the log holds revision %d: %v, want %v", known, err, want)
		}
	}
	// A store that was set back counts anew, and nothing was forgotten here.
	h.away.Store(false)
	back := h.open()
	if err := back.Started(facts(2)); err != nil {
		t.Fatal(err)
	}
	back.sink()
	h.away.Store(true)
	last := h.open()
	if _, err := h.start(last); err != nil {
		t.Fatal(err)
	}
	if err := last.Started(facts(2)); err != nil {
		t.Errorf("after the store was set back: %v", err)
	}
}

func TestADiskThatIsFullCostsNobodyTheAnswer(t *testing.T) {
	h := newHouse(t)
	s := h.open()
	if err := os.RemoveAll(h.o.Dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := s.Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if n := strings.Count(h.log.String(), "event=snapshot.not_kept"); n != 1 {
		t.Errorf("said %d times:\n%s", n, h.log.String())
	}
	if err := os.MkdirAll(h.o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil || !s.holds(sealingKeys) {
		t.Errorf("it is not kept when there is room again: %v", err)
	}
}

func TestNothingIsKeptWithoutASnapshot(t *testing.T) {
	h := newHouse(t)
	var s *Snapshot
	if got, err := h.start(s); err != nil || len(got.Sealing) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.Started(zero); err != nil || s.Served() != nil {
		t.Error(err)
	}
	s.Run(t.Context())
}
