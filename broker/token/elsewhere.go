package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// AskAttempt is the question that [Endpoint.AnswerAttempt] answers.
const AskAttempt = "attempt"

// Elsewhere asks the other nodes whether one of them was left without the outcome
// of an attempt and told its website to try again; the website then did so here.
// Body and answer are [Endpoint.AnswerAttempt]'s. All nodes are asked at once; the
// first that answers anything but nothing ends it. Nil: none has it, and all
// that are there were asked. An error: one that is there could not be asked.
type Elsewhere interface {
	Attempt(ctx context.Context, body []byte) ([]byte, error)
}

// nowhere is a node without others.
type nowhere struct{}

// Attempt implements [Elsewhere].
func (nowhere) Attempt(context.Context, []byte) ([]byte, error) { return nil, nil }

// attemptQuestion asks for an attempt.
type attemptQuestion struct {
	Hash []byte `json:"hash"` // of the code, or the name of the refresh token
	ID   string `json:"id"`   // of the grant that the store holds, or of the use
}

// attemptAnswer gives it away: whoever answers has forgotten it.
type attemptAnswer struct {
	Family []byte `json:"family,omitempty"` // the key of its refresh family
}

// AnswerAttempt answers another node: an attempt of this node's whose outcome was
// never known, and that gave nobody anything, or nothing. It is given away once.
func (e *Endpoint) AnswerAttempt(_ context.Context, body []byte) ([]byte, error) {
	var q attemptQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, fmt.Errorf("token: question about an attempt: %w", err)
	}
	try, ok := e.unsettled.give(q.Hash, q.ID, e.Now())
	if !ok {
		try, ok = e.unrotated.give(q.Hash, q.ID, e.Now())
	}
	if !ok {
		return nil, nil
	}
	return json.Marshal(attemptAnswer{Family: try.family})
}

// adopted is an attempt that another node began, which goes on here.
type adopted struct{ try attempt }

func (adopted) Error() string { return "the attempt was begun at another node" }

// adopt looks for the node that made the grant which a code is said to have been
// used for. If that node gave nobody anything for it, the code was not used: whoever
// shows it now was told to try again, and is not taken for a thief. It returns an
// [adopted] then, nil if nobody has it, and an error if that could not be found out.
func (e *Endpoint) adopt(ctx context.Context, hash []byte, first string, issued int64) error {
	a, found, err := e.elsewhere(ctx, hash, first)
	if err != nil {
		return fmt.Errorf("ask who made a code's grant: %w", err)
	}
	if !found {
		return nil
	}
	return adopted{attempt{id: first, family: a.Family, until: time.Unix(issued, 0).Add(CodeLife)}}
}

// elsewhere asks the other nodes for an attempt, which is given away once. An error
// matches [store.ErrUnavailable].
func (e *Endpoint) elsewhere(ctx context.Context, hash []byte, id string) (a attemptAnswer, found bool, err error) {
	body, err := json.Marshal(attemptQuestion{Hash: hash, ID: id})
	if err != nil {
		return attemptAnswer{}, false, err
	}
	said, err := e.Elsewhere.Attempt(ctx, body)
	if err == nil && len(said) > 0 {
		found, err = true, json.Unmarshal(said, &a)
	}
	if err != nil {
		return attemptAnswer{}, false, errors.Join(store.ErrUnavailable, err)
	}
	return a, found, nil
}
