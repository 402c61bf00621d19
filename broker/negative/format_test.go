package negative

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal/sealtest"
)

func TestFormatOfTheLog(t *testing.T) {
	sealtest.Format(t, "negative_log", record{
		Kind: store.AccountEpoch, ID: "acc", Epoch: 3, Revision: 7, Lifted: true, At: noon.UnixMicro(), Until: noon.Add(time.Hour).UnixMicro(),
		Settles: true, Sent: 2, Floor: 4, Incarnation: "first", Site: "busan", Held: true, Watermark: 8,
	})
}

// A log that a program of before has written is read, and written anew means the
// same. One that is cut off anywhere, or has a bit that is another, brings nothing
// about that was not said, and lifts nothing: whatever is not sound was not there.
func TestALogOfBefore(t *testing.T) {
	written, err := os.ReadFile(filepath.Join("testdata", "negative.log"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"session_ended sid-1": true, "account_disabled acc-1": false, "account_epoch acc-2": true, "provider_disabled kakao": true,
		"grant_revoked g-1": true, "account_disabled acc-3": true, "account_disabled acc-4": false, "provider_disabled line": false,
	}
	o := seoul(3)
	o.Path = filepath.Join(t.TempDir(), "negative.log")
	read := func(text []byte) (*Set, map[string]bool) {
		if err := os.WriteFile(o.Path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]bool)
		for name := range want {
			kind, id, _ := strings.Cut(name, " ")
			got[name] = s.Has(store.FactKind(kind), id)
		}
		return s, got
	}
	s, got := read(written)
	if diff := cmp.Diff(want, got); diff != "" || s.Revision() != 12 || s.Incarnation() != "first" || s.Unsent() != 1 || s.Lent() != 4 || s.MinEpoch("acc-2") != 5 {
		t.Errorf("revision %d of %q, %d unsent, %d lent, epoch %d: %s", s.Revision(), s.Incarnation(), s.Unsent(), s.Lent(), s.MinEpoch("acc-2"), diff)
	}
	s.journal.Distrust()
	if err := s.tidy(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	anew, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range damaged(written) {
		s, got := read(text)
		for name, stands := range got {
			if stands && !want[name] && name != "account_disabled acc-1" { // whose lifting may be what is gone
				t.Errorf("of a damaged log %s stands", name)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, got = read(anew)
	if diff := cmp.Diff(want, got); diff != "" || s.Revision() != 12 || s.Lent() != 4 {
		t.Errorf("written anew: %s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// damaged are texts that were cut off, and that have one bit changed.
func damaged(text []byte) (all [][]byte) {
	for i := 0; i < len(text); i += 7 {
		flipped := append([]byte(nil), text...)
		flipped[i] ^= 1 << (i % 8)
		all = append(all, text[:i], flipped)
	}
	return all
}

// The log's lines as they were written: update by hand, and only to add.
func TestTheLogOfBeforeIsSound(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "negative.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	found, err := journal.Read(f, func(body []byte) bool { _, ok := decode(body); return ok })
	if err != nil || found.Damaged != 0 || found.Torn {
		t.Errorf("%+v, %v", found, err)
	}
}
