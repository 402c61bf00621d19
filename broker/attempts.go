package broker

import (
	"context"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/broker/token"
)

// attemptWithin bounds how long other nodes are asked about an attempt, while a
// website waits.
const attemptWithin = time.Second

// attempts asks the other nodes about attempts, if there is a wire.
type attempts struct{ b *Broker }

// Attempt implements [token.Elsewhere].
func (a attempts) Attempt(ctx context.Context, body []byte) ([]byte, error) {
	if a.b.wire == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, attemptWithin)
	defer cancel()
	type said struct {
		answer []byte
		err    error
	}
	nodes := a.b.others()
	answers := make(chan said, len(nodes))
	for _, n := range nodes {
		go func() {
			answer, err := a.b.wire.Ask(ctx, n.Name, token.AskAttempt, body)
			if errors.Is(err, peer.ErrRefused) { // it is older than the question
				err = nil
			}
			answers <- said{answer, err}
		}()
	}
	var failed error
	for range nodes {
		s := <-answers
		if len(s.answer) > 0 && s.err == nil {
			return s.answer, nil
		}
		failed = errors.Join(failed, s.err)
	}
	return nil, failed
}

// answerAttempts has other nodes ask this one about attempts.
func (b *Broker) answerAttempts() {
	if b.wire == nil {
		return
	}
	b.wire.Handle(token.AskAttempt, func(ctx context.Context, _ peer.Node, body []byte) ([]byte, error) {
		return b.token.AnswerAttempt(ctx, body)
	})
}
