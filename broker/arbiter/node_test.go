package arbiter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/store"
)

// wires carry questions between nodes in memory, and lose some.
type wires struct {
	mu    sync.Mutex
	nodes map[string]*Node
	lose  []string // of the next questions: "question", "answer" or "" for none
	asked int
}

var errLost = errors.New("nobody answered")

func (w *wires) Ask(ctx context.Context, node, name string, body []byte) ([]byte, error) {
	w.mu.Lock()
	w.asked++
	lost := ""
	if len(w.lose) > 0 {
		lost, w.lose = w.lose[0], w.lose[1:]
	}
	to := w.nodes[node]
	w.mu.Unlock()
	if to == nil || lost == "question" {
		return nil, errLost
	}
	answer := map[string]func(context.Context, []byte) ([]byte, error){AskClaim: to.AnswerClaim, AskGrant: to.AnswerGrant}[name]
	said, err := answer(ctx, body)
	if lost == "answer" {
		return nil, errLost
	}
	return said, err
}

// pair is two nodes; the first is the arbiter in these tests.
func pair(t *testing.T) (w *wires, a, b *Node, revoked *[]string) {
	t.Helper()
	w, revoked = &wires{nodes: make(map[string]*Node)}, new([]string)
	for _, name := range []string{"seoul/a", "busan/b"} {
		w.nodes[name] = &Node{Name: name, Log: open(t, LogOptions{}), Forward: w, Replayed: func(_ context.Context, g store.Grant) error {
			*revoked = append(*revoked, g.ID)
			return nil
		}}
	}
	return w, w.nodes["seoul/a"], w.nodes["busan/b"], revoked
}

// A code is decided by the node that it names, wherever it is redeemed.
func TestACodeIsDecidedByItsArbiter(t *testing.T) {
	_, a, b, revoked := pair(t)
	g := grant("a", "code", 1)
	if first, err := b.Claim(t.Context(), a.Name, g, noon); err != nil || first != g.ID {
		t.Fatalf("elsewhere: %q, %v", first, err)
	}
	if _, err := a.Claim(t.Context(), a.Name, g, noon); err != nil {
		t.Errorf("the same attempt at the arbiter: %v", err)
	}
	first, err := b.Claim(t.Context(), a.Name, grant("a", "code", 2), noon)
	if !errors.Is(err, store.ErrReplayed) || first != g.ID {
		t.Errorf("a replay: %q, %v", first, err)
	}
	if len(*revoked) != 1 || (*revoked)[0] != g.ID {
		t.Errorf("the arbiter revoked %q", *revoked)
	}
	if _, err := b.Claim(t.Context(), a.Name, grant("a", "other", 1), noon); !errors.Is(err, store.ErrUsed) {
		t.Errorf("another code: %v", err)
	}
	if b.Log.Len() != 0 || a.Log.Len() != 1 {
		t.Errorf("%d claims at the arbiter, %d elsewhere", a.Log.Len(), b.Log.Len())
	}
	got, err := b.Grant(t.Context(), a.Name, g.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g, got); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Grant(t.Context(), a.Name, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown grant: %v", err)
	}
}

// A question that was lost, or whose answer was, is asked again as the same attempt.
func TestAnUnknownOutcomeIsAskedAgain(t *testing.T) {
	w, a, b, revoked := pair(t)
	synctest.Test(t, func(t *testing.T) {
		w.lose = []string{"question", "answer", "answer"}
		g := grant("a", "code", 1)
		if first, err := b.Claim(t.Context(), a.Name, g, noon); err != nil || first != g.ID {
			t.Errorf("%q, %v", first, err)
		}
		if w.asked != 4 || len(*revoked) != 0 {
			t.Errorf("asked %d times, revoked %q", w.asked, *revoked)
		}
	})
}

// An arbiter that does not answer, that nobody knows, or that is none, is a
// failure and not a fact, and does not keep anybody waiting for long.
func TestNoArbiterIsNoFact(t *testing.T) {
	w, a, b, _ := pair(t)
	delete(w.nodes, a.Name)
	b.Log = nil
	for _, name := range []string{a.Name, "busan/gone", "busan/b", "seoul", "", "writer"} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if _, err := b.Claim(t.Context(), name, grant("a", "code", 1), noon); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%q: %v", name, err)
			}
			if _, err := b.Grant(t.Context(), name, "a-code-1"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%q: %v", name, err)
			}
			if took := time.Since(began); took > 2*claimWithin {
				t.Errorf("%q: took %s", name, took)
			}
		})
	}
}

// What is meant for another node, or is no question, is not answered.
func TestOnlyTheArbiterAnswers(t *testing.T) {
	_, a, b, _ := pair(t)
	for _, body := range []string{"", "{}", `{"r":"busan/b"}`, `{"r":"seoul/a"}`, `{"r":"seoul/a","c":null}`, `[1]`, "\x00"} {
		if got, err := a.AnswerClaim(t.Context(), []byte(body)); err == nil {
			t.Errorf("%q was answered %s", body, got)
		}
	}
	if got, err := a.AnswerClaim(t.Context(), []byte(`{"r":"seoul/a","c":{"g":"x"}}`)); err != nil || string(got) != `{"v":"invalid"}` {
		t.Errorf("half a grant was answered %s, %v", got, err)
	}
	b.Log = nil
	if got, err := b.AnswerGrant(t.Context(), []byte(`{"r":"busan/b","g":"x"}`)); err == nil {
		t.Errorf("a node without a log answered %s", got)
	}
	if a.Log.Len() != 0 {
		t.Errorf("%d claims are left behind", a.Log.Len())
	}
}
