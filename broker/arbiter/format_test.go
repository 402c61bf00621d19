package arbiter

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal/sealtest"
)

func TestFormatOfTheLog(t *testing.T) {
	c := claimedOf(grant("login", "code", 1), noon)
	c.Shipped = true
	sealtest.Format(t, "claim_log", line{Claimed: &c, Shipped: "grant", Horizon: noon.UnixMicro()})
}

// A log that a program of before has written is read: what was claimed stays so, and
// what was not shipped is. Cut off anywhere, or with a bit that is another, it gives
// nothing away twice: a claim that is not sound leaves no code of before that is
// taken, unless it was the last, which nobody was told of.
func TestALogOfBefore(t *testing.T) {
	written, err := os.ReadFile(filepath.Join("testdata", "claims.log"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "claims.log")
	read := func(text []byte) *Log {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := OpenLog(t.Context(), LogOptions{Path: path, Now: func() time.Time { return noon.Add(time.Minute) }})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	again := func(login string) store.Grant {
		g := grant(login, "another code", 9)
		g.LoginID = login
		return g
	}
	l := read(written)
	for _, login := range []string{"l1", "l2"} {
		if _, err := l.Claim(t.Context(), again(login), noon); !errors.Is(err, store.ErrUsed) {
			t.Errorf("%s: %v", login, err)
		}
	}
	if len(l.waiting) != 1 || l.waiting[0].ID != "g2" || l.horizon != noon.Add(-time.Hour).UnixMicro() {
		t.Errorf("%d wait to be shipped, horizon %d", len(l.waiting), l.horizon)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(written); i += 5 {
		text := append([]byte(nil), written...)
		text[i] ^= 1 << (i % 8)
		l := read(text)
		// The first claim is never the last line: it is there, or nothing of then is taken.
		if _, err := l.Claim(t.Context(), again("l1"), noon); !errors.Is(err, store.ErrUsed) && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("bit %d of byte %d is another: %v", i%8, i, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
