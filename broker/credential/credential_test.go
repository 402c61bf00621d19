package credential

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys/wrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type room struct {
	*testing.T

	store *sqlstore.Store
	log   bytes.Buffer
}

func newRoom(t *testing.T) *room {
	t.Helper()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return &room{T: t, store: opened}
}

// node is a set as one node has it.
func (r *room) node(clientID string, key byte) *Set {
	r.Helper()
	cluster, err := wrap.New(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		r.Fatal(err)
	}
	s, err := New(Options{Store: r.store, Wrap: cluster, Logger: slog.New(slog.NewTextHandler(&r.log, nil))})
	if err != nil {
		r.Fatal(err)
	}
	s.Add(Instance{ID: "kakao", Issuer: "https://kauth.example", ClientID: clientID, Configured: "configured"})
	r.read(s)
	return s
}

func (r *room) read(s *Set) {
	r.Helper()
	if err := s.Read(r.Context()); err != nil {
		r.Fatal(err)
	}
}

func (r *room) want(s *Set, secrets ...string) {
	r.Helper()
	if got := s.Secrets("kakao"); !slices.Equal(got, secrets) {
		r.Errorf("kakao is asked with %q, want %q", got, secrets)
	}
}

func (r *room) replace(s *Set, secret string) {
	r.Helper()
	if err := s.Replace(r.Context(), "kakao", secret, "ops"); err != nil {
		r.Fatal(err)
	}
}

// The new one first, then the one before, until that is dropped; every node
// learns it from the store.
func TestANewSecretTheOneBeforeAndNoOther(t *testing.T) {
	r := newRoom(t)
	here, there := r.node("ours", 1), r.node("ours", 1)
	r.want(here, "configured")
	r.replace(here, "first")
	r.want(here, "first", "configured")
	r.want(there, "configured")
	r.read(there)
	r.want(there, "first", "configured")
	r.replace(there, "second")
	r.want(there, "second", "first")
	if err := there.Drop(t.Context(), "kakao"); err != nil {
		t.Fatal(err)
	}
	r.want(there, "second")
	r.read(here)
	r.want(here, "second")
	if s := here.Standing("kakao"); !s.Stored || s.Former || s.By != "ops" || s.At.IsZero() {
		t.Errorf("standing %+v", s)
	}
	if err := here.Forget(t.Context(), "kakao"); err != nil {
		t.Fatal(err)
	}
	r.want(here, "configured")
}

func TestASecretIsForOneInstanceAndOneKey(t *testing.T) {
	r := newRoom(t)
	r.replace(r.node("ours", 1), "first")
	moved := r.node("another client", 1)
	r.want(moved, "configured")
	r.want(r.node("ours", 2), "configured")
	if !strings.Contains(r.log.String(), "does not open") || strings.Contains(r.log.String(), "first") {
		t.Errorf("the log says %s", r.log.String())
	}
	r.replace(moved, "of the other client")
	r.want(moved, "of the other client", "configured")
}

func TestNothingIsStoredInTheClear(t *testing.T) {
	r := newRoom(t)
	r.replace(r.node("ours", 1), "first")
	kept, err := r.store.ProviderSecrets(t.Context())
	if err != nil || len(kept) != 1 {
		t.Fatalf("%d secrets, %v", len(kept), err)
	}
	for _, wrapped := range [][]byte{kept[0].Wrapped, kept[0].Former} {
		if bytes.Contains(wrapped, []byte("first")) || bytes.Contains(wrapped, []byte("configured")) || len(wrapped) == 0 {
			t.Errorf("stored %q", wrapped)
		}
	}
}

func TestWhatCannotBeOrdered(t *testing.T) {
	r := newRoom(t)
	s := r.node("ours", 1)
	for _, tt := range []struct {
		name string
		do   func() error
		want error
	}{
		{"a provider that takes none", func() error { return s.Replace(t.Context(), "apple", "x", "ops") }, ErrNoSecret},
		{"the same again", func() error { return s.Replace(t.Context(), "kakao", "configured", "ops") }, ErrSame},
		{"dropping what was never set", func() error { return s.Drop(t.Context(), "kakao") }, ErrNotSet},
		{"forgetting what was never set", func() error { return s.Forget(t.Context(), "kakao") }, ErrNotSet},
		{"dropping of a provider that takes none", func() error { return s.Drop(t.Context(), "apple") }, ErrNoSecret},
	} {
		if err := tt.do(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if got := s.Secrets("apple"); got != nil {
		t.Errorf("apple is asked with %q", got)
	}
}

// What was known stands while the store does not answer.
func TestWhileTheStoreIsAwayWhatWasKnownStands(t *testing.T) {
	r := newRoom(t)
	s := r.node("ours", 1)
	r.replace(s, "first")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Read(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Read: %v", err)
	}
	r.want(s, "first", "configured")
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	<-done
	r.want(s, "first", "configured")
}
