package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
