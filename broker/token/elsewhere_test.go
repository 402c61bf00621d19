package token

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

// other is a second node on the same store, which can ask the first.
func (h *house) other(asks Elsewhere) *house {
	h.t.Helper()
	o := h.endpoint.Options
	o.Elsewhere = asks
	second, err := New(o)
	h.must(err)
	return &house{t: h.t, endpoint: second, ring: h.ring, keys: h.keys, grants: h.grants, facts: h.facts, now: h.now}
}

// asking asks one node, or fails.
type asking struct {
	*Endpoint

	fails error
}

func (a asking) Attempt(ctx context.Context, body []byte) ([]byte, error) {
	if a.fails != nil {
		return nil, a.fails
	}
	return a.AnswerAttempt(ctx, body)
}

// A website that one node told to try again, because the store did not answer, is
// not taken for a thief by another node at which it does.
func TestAnAttemptGoesOnAtAnotherNode(t *testing.T) {
	first := newHouse(t)
	second := first.other(asking{Endpoint: first.endpoint})
	shown := first.sealed(first.sample())
	first.grants.loses = errAway
	if _, err := first.redeem("shop", shown); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a claim without an answer: %v", err)
	}
	first.grants.loses = nil
	answer, err := second.redeem("shop", shown)
	if err != nil || answer["access_token"] == "" {
		t.Fatalf("the same code at another node: %v, %v", answer, err)
	}
	if len(first.facts.known) != 0 || len(first.grants.byLogin) != 1 {
		t.Errorf("facts %v, grants %v", first.facts.known, first.grants.byLogin)
	}
	for at, h := range map[string]*house{"first": first, "second": second} {
		if _, err := h.redeem("shop", shown); code(err) != oauth.CodeInvalidGrant {
			t.Errorf("once more at the %s node: %v", at, err)
		}
	}
	if len(first.facts.known) != 1 {
		t.Errorf("a replay takes nothing back: %v", first.facts.known)
	}
}

// While the node cannot be asked that may have told the website to try again,
// nobody says that the code was used, and nothing is taken back.
func TestNoReplayIsSeenWhileANodeCannotBeAsked(t *testing.T) {
	first := newHouse(t)
	second := first.other(asking{fails: errors.New("silent")})
	shown := first.sealed(first.sample())
	if _, err := first.redeem("shop", shown); err != nil {
		t.Fatal(err)
	}
	if _, err := second.redeem("shop", shown); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a used code: %v", err)
	}
	if len(first.facts.known) != 0 {
		t.Errorf("what it gave is taken back: %v", first.facts.known)
	}
}

// An attempt is given away for its own grant, while its code lives.
func TestAnAttemptIsGivenAwayForItsOwnGrant(t *testing.T) {
	var u unsettled
	now := time.Now()
	u.keep([]byte("code"), attempt{id: "grant", until: now.Add(time.Minute)}, now)
	for _, tt := range []struct {
		hash, id string
		at       time.Time
	}{{"other", "grant", now}, {"code", "other", now}, {"code", "grant", now.Add(2 * time.Minute)}} {
		if _, ok := u.give([]byte(tt.hash), tt.id, tt.at); ok {
			t.Errorf("given away for %+v", tt)
		}
	}
	if _, ok := u.give([]byte("code"), "grant", now); !ok {
		t.Error("it is not given away")
	}
	if _, ok := u.take([]byte("code")); ok {
		t.Error("it is still there")
	}
}

// losing is a store whose answers about refresh tokens get lost.
type losing struct {
	Grants
	lost bool
}

func (l *losing) RotateRefresh(ctx context.Context, r store.Rotation) (bool, error) {
	graced, err := l.Grants.RotateRefresh(ctx, r)
	if l.lost {
		return false, store.ErrUnavailable
	}
	return graced, err
}

// A website whose refresh token was used up at a node that did not hear so, and told
// it to try again, is not taken for a thief by another node at which it does, however
// late; where that node cannot be asked nobody says so either.
func TestAUseOfARefreshTokenGoesOnAtAnotherNode(t *testing.T) {
	first := newHouse(t)
	stored := &losing{Grants: storeOf(t, first)}
	first.endpoint.Grants = stored
	asks := &asking{Endpoint: first.endpoint, fails: errors.New("silent")}
	second := first.other(asks)
	known, token := newFamilyOf(t, first, false)
	use := func(h *house, text string) (string, error) {
		answer, err := h.endpoint.refresh(t.Context(), known, oauth.TokenRequest{RefreshToken: text})
		return answer.RefreshToken, err
	}
	stored.lost = true
	if _, err := use(first, token); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a use without an answer: %v", err)
	}
	stored.lost, first.now = false, first.now.Add(time.Minute)
	second.now = first.now
	if _, err := use(second, token); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("while the first node cannot be asked: %v", err)
	}
	asks.fails = nil
	next, err := use(second, token)
	if err != nil || next == "" {
		t.Fatalf("the same token at another node: %q, %v", next, err)
	}
	second.now = second.now.Add(time.Minute)
	if _, err := use(second, next); err != nil {
		t.Fatalf("its successor: %v", err)
	}
	if _, err := use(second, token); !oauth.HasCode(err, oauth.CodeInvalidGrant) {
		t.Errorf("the first one once more: %v", err)
	}
}
