package arbiter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

// The questions between nodes, by the names under which they are handled.
const (
	AskClaim = "arbiter.claim"
	AskGrant = "arbiter.grant"
)

const (
	// claimWithin bounds how long a claim waits for another node.
	claimWithin = 3 * time.Second
	askPause    = 200 * time.Millisecond // between two attempts within it
)

// Forwarder asks another node, which has proved that it is one of ours.
type Forwarder interface {
	// Ask returns the answer of a node, "site/node", to a question. After an error
	// the question may have been heard or not.
	Ask(ctx context.Context, node, name string, body []byte) ([]byte, error)
}

// Node decides about codes and grants that name nodes: its own by its log, those
// of others by asking them. It is safe for concurrent use.
type Node struct {
	Name    string    // of this node, "site/node"
	Log     *Log      // nil: this node keeps none and is no arbiter
	Forward Forwarder // nil: it speaks with no other
	// Replayed is told of a grant of this node's log whose code somebody redeemed
	// once more, wherever that was. It revokes what the grant gave. Required with Log.
	Replayed func(ctx context.Context, g store.Grant) error
}

// question and reply are what nodes say to each other.
type question struct {
	Arbiter string   `json:"r"` // whom it is meant for
	Claim   *claimed `json:"c,omitempty"`
	Grant   string   `json:"g,omitempty"`
}

type reply struct {
	Verdict string   `json:"v"`
	Grant   string   `json:"g,omitempty"` // of the first claim
	Found   *claimed `json:"f,omitempty"`
}

// verdicts are the answers that are facts, as they travel.
var verdicts = map[string]error{
	"claimed":  nil,
	"replayed": store.ErrReplayed,
	"used":     store.ErrUsed,
	"conflict": store.ErrConflict,
	"invalid":  store.ErrInvalid,
	"unknown":  store.ErrNotFound,
}

func verdictOf(err error) string {
	for name, fact := range verdicts {
		if fact != nil && errors.Is(err, fact) {
			return name
		}
	}
	if err == nil {
		return "claimed"
	}
	return "unavailable"
}

// Claim makes a code used that names an arbiter, as [Log.Claim] does. Whatever
// keeps the arbiter from answering is store.ErrUnavailable, an arbiter that
// nobody knows too; a call with the same g.ID settles it.
func (n *Node) Claim(ctx context.Context, arbiter string, g store.Grant, issued time.Time) (grantID string, err error) {
	if arbiter == n.Name && n.Log != nil {
		return n.Log.Claim(ctx, g, issued)
	}
	sent := claimedOf(g, issued)
	answer, err := n.ask(ctx, arbiter, AskClaim, question{Arbiter: arbiter, Claim: &sent})
	if err != nil {
		return "", err
	}
	return answer.Grant, answer.fact()
}

// Grant returns a grant that an arbiter's log has. store.ErrNotFound: it has
// none, or the store has it for long. Anything else is store.ErrUnavailable.
func (n *Node) Grant(ctx context.Context, arbiter, grantID string) (store.Grant, error) {
	if arbiter == n.Name && n.Log != nil {
		return n.Log.Grant(grantID)
	}
	answer, err := n.ask(ctx, arbiter, AskGrant, question{Arbiter: arbiter, Grant: grantID})
	switch {
	case err != nil:
		return store.Grant{}, err
	case answer.fact() != nil:
		return store.Grant{}, answer.fact()
	case answer.Found == nil || answer.Found.ID != grantID:
		return store.Grant{}, fmt.Errorf("%w: node %s answered about another grant", store.ErrUnavailable, arbiter)
	}
	return answer.Found.grant(), nil
}

// fact is what a reply says.
func (r reply) fact() error {
	if fact, known := verdicts[r.Verdict]; known {
		return fact
	}
	return fmt.Errorf("%w: the arbiter could not decide", store.ErrUnavailable)
}

// ask asks another node until it has answered or the time is up: a question that
// was heard and one that was not are asked again alike, for the same attempt has
// one answer.
func (n *Node) ask(ctx context.Context, arbiter, name string, q question) (reply, error) {
	if n.Forward == nil || arbiter == n.Name || !strings.Contains(arbiter, "/") {
		return reply{}, fmt.Errorf("%w: there is no way to the arbiter %q", store.ErrUnavailable, arbiter)
	}
	body, err := json.Marshal(q)
	if err != nil {
		return reply{}, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, claimWithin)
	defer cancel()
	for {
		var answer reply
		said, err := n.Forward.Ask(ctx, arbiter, name, body)
		if err == nil {
			err = json.Unmarshal(said, &answer)
		}
		if err == nil {
			return answer, nil
		}
		again := time.NewTimer(askPause)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return reply{}, fmt.Errorf("%w: ask node %s: %w", store.ErrUnavailable, arbiter, err)
		}
	}
}

// errQuestion means that a question is none for this node.
var errQuestion = errors.New("arbiter: not a question for this node")

func (n *Node) heard(body []byte) (question, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return q, fmt.Errorf("%w: %w", errQuestion, err)
	}
	if q.Arbiter != n.Name || n.Log == nil {
		return q, errQuestion
	}
	return q, nil
}

// AnswerClaim answers another node's [AskClaim] by the log. A replay is revoked
// here too, before it is told.
func (n *Node) AnswerClaim(ctx context.Context, body []byte) ([]byte, error) {
	q, err := n.heard(body)
	if err != nil {
		return nil, err
	}
	if q.Claim == nil {
		return nil, errQuestion
	}
	first, err := n.Log.Claim(ctx, q.Claim.grant(), journal.Time(q.Claim.Issued))
	if errors.Is(err, store.ErrReplayed) {
		if err := n.revoke(ctx, first); err != nil {
			return nil, err
		}
	}
	return json.Marshal(reply{Verdict: verdictOf(err), Grant: first})
}

func (n *Node) revoke(ctx context.Context, grantID string) error {
	g, err := n.Log.Grant(grantID)
	if err != nil {
		return err
	}
	return n.Replayed(ctx, g)
}

// AnswerGrant answers another node's [AskGrant] from the log.
func (n *Node) AnswerGrant(_ context.Context, body []byte) ([]byte, error) {
	q, err := n.heard(body)
	if err != nil {
		return nil, err
	}
	g, err := n.Log.Grant(q.Grant)
	answer := reply{Verdict: verdictOf(err)}
	if err == nil {
		found := claimedOf(g, time.Time{})
		answer.Found = &found
	}
	return json.Marshal(answer)
}
