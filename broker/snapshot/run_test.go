package snapshot

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal"
)

// frozen is a store that answers nothing until its callers give up.
type frozen struct {
	sealStore

	asked *atomic.Int64
}

func (f frozen) SealingKeys(ctx context.Context) ([]seal.Record, error) {
	f.asked.Add(1)
	<-ctx.Done()
	return nil, store.ErrUnavailable
}

func TestAStartDoesNotHangOnAFrozenStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.o.Now = time.Now
		if _, err := h.open().Sealing(sealStore{h}, nil).SealingKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, began := h.open(), time.Now()
		var asked atomic.Int64
		for range 20 {
			got, err := s.Sealing(frozen{sealStore{h}, &asked}, nil).SealingKeys(t.Context())
			if err != nil || len(got) != 1 {
				t.Fatalf("got %v, %v", got, err)
			}
		}
		if took := time.Since(began); took > mostWaited || asked.Load() != 1 {
			t.Errorf("the start waited %s and asked %d times", took, asked.Load())
		}
	})
}

func TestWhatCameFromTheDiskIsReplacedAsSoonAsTheStoreAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.o.Now = time.Now
		if _, err := h.start(h.open()); err != nil {
			t.Fatal(err)
		}
		h.away.Store(true)
		s := h.open()
		if _, err := h.start(s); err != nil {
			t.Fatal(err)
		}
		if err := s.Started(zero); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx, func(ctx context.Context) error {
				_, err := s.Sealing(sealStore{h}, nil).SealingKeys(ctx)
				if err == nil {
					_, err = s.Signing(keyStore{h}, nil).SigningKeys(ctx)
				}
				if err == nil {
					_, err = s.Signing(keyStore{h}, nil).SiteIdentities(ctx, "seoul")
				}
				if err == nil {
					_, _, err = s.Clients(clientStore{h}).Clients(ctx)
				}
				if err == nil {
					_, err = s.Fingerprints(printStore{h}).Fingerprints(ctx)
				}
				if err == nil {
					_, err = s.Credentials(wordStore{h}).ProviderSecrets(ctx)
				}
				if err == nil {
					_, err = s.Outages(outageStore{h}).Outages(ctx, h.now)
				}
				return err
			})
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(s.Served()) != len(kinds) {
			t.Errorf("while the store is away this node goes by %v", s.Served())
		}
		h.away.Store(false)
		time.Sleep(askEvery + time.Millisecond)
		synctest.Wait()
		if served := s.Served(); len(served) != 0 || !strings.Contains(h.log.String(), "event=snapshot.replaced") {
			t.Errorf("a second after the store is back this node goes by %v\n%s", served, h.log.String())
		}
		stop()
		<-done
	})
}

func TestASecretThatTheStoreContradictsIsTold(t *testing.T) {
	h := newHouse(t)
	if _, err := h.start(h.open()); err != nil {
		t.Fatal(err)
	}
	h.away.Store(true)
	s := h.open()
	var told []string
	if _, err := s.Secrets(smallStore{h}, func(name string) { told = append(told, name) }).EnsureSecret(t.Context(), "subject salt", nil); err != nil {
		t.Fatal(err)
	}
	h.away.Store(false)
	h.secrets["subject salt"] = []byte("another salt")
	s.askAgain(t.Context())
	if len(told) != 1 || told[0] != "subject salt" || !strings.Contains(h.log.String(), "event=snapshot.contradicted") {
		t.Errorf("told %v\n%s", told, h.log.String())
	}
	if len(s.Served()) != 1 {
		t.Error("what the store contradicts counts as confirmed")
	}
}

// No bytes are taken for a snapshot that were not written as one, and none panic.
func FuzzUnpack(f *testing.F) {
	key := wrapKey(f, 1)
	h := header{Format: format, Kind: string(clients), Issuer: "https://login.example.kr", Site: "seoul", Node: "a"}
	good, err := pack(h, key, envelope{At: 1, Watermark: 2, Data: []byte(`[]`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"bongsu_snapshot":2}` + "\n"))
	f.Add(append([]byte{'\n'}, good...))
	f.Fuzz(func(t *testing.T, file []byte) {
		e, err := unpack(file, h, key)
		switch {
		case err == nil && (e.At != 1 || e.Watermark != 2 || string(e.Data) != `[]`): // of another process of the fuzzer
			t.Errorf("believed %+v", e)
		case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNewer):
			t.Errorf("refused without a reason: %v", err)
		}
	})
}

// FuzzDecode reads what was wrapped by somebody with the key: a program of another
// release.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"at":1,"watermark":2,"data":[]}`))
	f.Add([]byte(`{"at":1,"watermark":2,"data":[],"more":1}`))
	f.Add([]byte(`{"at":1} {}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var e envelope
		if err := decode(text, &e); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Errorf("refused without a reason: %v", err)
		}
		var r []seal.Record
		_ = decode(e.Data, &r)
	})
}
