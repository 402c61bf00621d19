package arbiter

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return noon
	}
	return c.at
}

func (c *clock) move(d time.Duration) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = now.Add(d)
}

func open(t *testing.T, o LogOptions) *Log {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "claims.log")
	}
	if o.Now == nil {
		o.Now = new(clock).now
	}
	l, err := OpenLog(t.Context(), o)
	if err != nil {
		t.Fatalf("OpenLog: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// grant is attempt n to redeem code c of a login.
func grant(login, code string, n int) store.Grant {
	hash := sha256.Sum256([]byte(login + code))
	return store.Grant{
		ID: fmt.Sprintf("%s-%s-%d", login, code, n), LoginID: login, CodeHash: hash[:], AccountID: "acc", ClientID: "shop",
		SID: "sid", Scope: []string{"openid", "email"}, Claims: []string{"phone"}, Provider: "kakao", ACR: "urn:x", AMR: []string{"otp"},
		AuthTime: noon, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour), Epoch: 3, Resources: []string{"https://api.example"},
	}
}

// claims fails unless the claim of g ends with want, nil being the first.
func claims(t *testing.T, l *Log, g store.Grant, want error) string {
	t.Helper()
	first, err := l.Claim(t.Context(), g, noon)
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Fatalf("Claim(%s): %q, %v, want %v", g.ID, first, err, want)
	}
	if want == nil && first != g.ID || errors.Is(want, store.ErrUsed) && first != "" {
		t.Fatalf("Claim(%s) gave grant %q", g.ID, first)
	}
	return first
}

// writer is a store in memory that can be away.
type writer struct {
	mu     sync.Mutex
	grants map[string]store.Grant // by login
	asked  int
	err    error
	after  int // so many claims are answered before err
}

func (w *writer) ClaimCode(_ context.Context, g store.Grant) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.err != nil && w.asked > w.after {
		return "", w.err
	}
	known, ok := w.grants[g.LoginID]
	switch {
	case !ok:
		if w.grants == nil {
			w.grants = make(map[string]store.Grant)
		}
		w.grants[g.LoginID] = g
		return g.ID, nil
	case known.ID == g.ID:
		return g.ID, nil
	case string(known.CodeHash) == string(g.CodeHash):
		return known.ID, store.ErrReplayed
	}
	return "", store.ErrUsed
}

func (w *writer) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}
