package fingerprint

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func of(provider, clientID string) store.Fingerprint {
	return store.Fingerprint{Provider: provider, Kind: "kakao", Issuer: "https://kauth.example", ClientID: clientID}
}

// kept is a store of which one answer is known.
type kept struct {
	all []store.Fingerprint
	err error
}

// Fingerprints implements [Store].
func (k *kept) Fingerprints(context.Context) ([]store.Fingerprint, error) { return k.all, k.err }

func watch(t *testing.T, k *kept, log *bytes.Buffer) *Watch {
	t.Helper()
	w, err := New(Options{Store: k, Own: []store.Fingerprint{of("kakao", "one"), of("naver", "ours")}, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// An id that was migrated is foreign until it stands for this node's settings
// again; a store that does not answer changes nothing.
func TestForeign(t *testing.T) {
	var log bytes.Buffer
	k := &kept{}
	w := watch(t, k, &log)
	for _, tt := range []struct {
		name    string
		all     []store.Fingerprint
		err     error
		foreign bool
	}{
		{"nothing is kept", nil, nil, false},
		{"what it was built with", []store.Fingerprint{of("kakao", "one"), of("naver", "ours")}, nil, false},
		{"another client", []store.Fingerprint{of("kakao", "two"), of("naver", "ours")}, nil, true},
		{"no answer", nil, store.ErrUnavailable, true},
		{"another client, said again", []store.Fingerprint{of("kakao", "two"), of("naver", "ours")}, nil, true},
		{"what it was built with, again", []store.Fingerprint{of("kakao", "one"), of("naver", "ours")}, nil, false},
	} {
		k.all, k.err = tt.all, tt.err
		if err := w.Read(t.Context()); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		stands, foreign := w.Foreign("kakao")
		if foreign != tt.foreign || foreign && stands.ClientID != "two" {
			t.Errorf("%s: kakao stands for %+v, %t", tt.name, stands, foreign)
		}
		if _, foreign := w.Foreign("naver"); foreign {
			t.Errorf("%s: naver is foreign", tt.name)
		}
	}
	if said := log.String(); strings.Count(said, "provider.settings_stale") != 1 || strings.Count(said, "provider.settings_current") != 1 {
		t.Errorf("the log says %s", said)
	}
}

// Whatever changes, a node knows it a second later.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		k := &kept{}
		w := watch(t, k, &log)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		synctest.Wait()
		k.all = []store.Fingerprint{of("kakao", "two")}
		<-time.After(poll)
		synctest.Wait()
		if _, foreign := w.Foreign("kakao"); !foreign {
			t.Error("the migration is not known")
		}
		stop()
		<-ended
	})
}

func TestCheck(t *testing.T) {
	var log bytes.Buffer
	k := &kept{all: []store.Fingerprint{of("kakao", "one"), of("naver", "ours")}}
	w := watch(t, k, &log)
	for _, tt := range []struct {
		name string
		next store.Fingerprint
		says string
	}{
		{"the same", of("kakao", "one"), ""},
		{"a new one", of("kakao-shop", "shop"), ""},
		{"another client", of("kakao", "two"), "bongsu provider migrate kakao"},
		{"another id", of("kakao-new", "one"), "kakao is the same client"},
	} {
		err := w.Check(t.Context(), []store.Fingerprint{tt.next})
		if (err == nil) != (tt.says == "") || err != nil && (!errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	k.err = store.ErrUnavailable
	if err := w.Check(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrForeign) {
		t.Errorf("without the store: %v", err)
	}
}

func TestNewWithoutStore(t *testing.T) {
	if w, err := New(Options{}); err == nil {
		t.Errorf("New = %v", w)
	}
}
