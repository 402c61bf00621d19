package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// refreshing is the task of using a refresh token and keeping the next one, a
// family for each of n workers.
func (s *website) refreshing(ctx context.Context, n int) (task, error) {
	offline := *s
	offline.scope = "openid profile offline_access"
	c := newClient()
	defer c.CloseIdleConnections()
	held := make([]string, n)
	for i := range held {
		code, err := offline.authorize(ctx, c, fmt.Sprintf("person-%d", i), false)
		if err != nil {
			return nil, err
		}
		given, err := offline.redeem(ctx, c, code)
		if err != nil {
			return nil, err
		}
		if held[i] = given.Next; given.Next == "" {
			return nil, errors.New("no refresh token was given")
		}
	}
	return func(ctx context.Context, c *http.Client, worker, _ int) error {
		given, err := s.post(ctx, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {held[worker]}})
		if err == nil {
			held[worker] = given.Next
		}
		return err
	}, nil
}

// introspecting is the task of asking whether a token holds.
func (s *website) introspecting(token string) task {
	return func(ctx context.Context, c *http.Client, _, _ int) error {
		var answer struct{ Active bool }
		err := s.ask(ctx, c, "/introspect", url.Values{"token": {token}}, &answer)
		if err == nil && !answer.Active {
			err = errors.New("a good token is said to be none")
		}
		return err
	}
}

const (
	// strangers is how many logins give the tokens that are asked about in turn,
	// and notBefore how long after one was asked about it may be again: a broker
	// that remembers answers for a second has to check each of them anew.
	strangers = 20_000
	notBefore = 1500 * time.Millisecond
)

// pool is access tokens of as many logins, made when they are needed first.
type pool struct {
	tokens []string
	asked  []atomic.Int64 // when, in nanoseconds
	next   atomic.Int64
}

// of is the task of asking about one token after the other.
func (p *pool) of(s *website, ask func(token string) task) func(context.Context, int) (task, error) {
	return func(ctx context.Context, _ int) (task, error) {
		if err := p.fill(ctx, s); err != nil {
			return nil, err
		}
		asking := make([]task, len(p.tokens))
		for i, token := range p.tokens {
			asking[i] = ask(token)
		}
		return func(ctx context.Context, c *http.Client, worker, n int) error {
			i := int(p.next.Add(1)) % len(p.tokens)
			now := time.Now()
			if before := p.asked[i].Swap(now.UnixNano()); now.Sub(time.Unix(0, before)) < notBefore {
				return fmt.Errorf("%d tokens are too few: one comes back within %s", len(p.tokens), notBefore)
			}
			return asking[i](ctx, c, worker, n)
		}, nil
	}
}

// fill logs people in until there are enough tokens.
func (p *pool) fill(ctx context.Context, s *website) error {
	if p.tokens != nil {
		return nil
	}
	tokens := make([]string, strangers)
	var errs [8]error
	var filling sync.WaitGroup
	for worker := range errs {
		filling.Go(func() {
			c := newClient()
			defer c.CloseIdleConnections()
			for i := worker; i < len(tokens) && errs[worker] == nil; i += len(errs) {
				tokens[i], errs[worker] = s.accessToken(ctx, c, fmt.Sprintf("person-%d", i%persons))
			}
		})
	}
	filling.Wait()
	p.tokens, p.asked = tokens, make([]atomic.Int64, len(tokens))
	return errors.Join(errs[:]...)
}

func (s *website) accessToken(ctx context.Context, c *http.Client, person string) (string, error) {
	code, err := s.authorize(ctx, c, person, false)
	if err != nil {
		return "", err
	}
	given, err := s.redeem(ctx, c, code)
	return given.Access, err
}
