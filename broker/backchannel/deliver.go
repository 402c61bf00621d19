package backchannel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
)

// How often, and for how long, a website is told.
const (
	lease       = time.Minute // of one attempt: longer than a batch takes
	atOnce      = 32          // taken by one node at a time
	firstPause  = 5 * time.Second
	longPause   = time.Hour
	maxAttempts = 14 // about five hours
	maxRefusals = 3  // a website that says no may have meant its own trouble
	maxAnswer   = 4 << 10
)

// tell begins an attempt for whatever is due, each website on its own so that a
// dead one holds up nobody else, and returns when all have ended.
func (n *Notifier) tell(ctx context.Context) {
	for ctx.Err() == nil {
		now := n.o.Now().UTC()
		taken, err := n.o.Store.TakeLogouts(ctx, now, now.Add(lease), atOnce)
		if err != nil {
			n.complain(ctx, "take logouts", err)
			return
		}
		byClient := make(map[string][]store.Logout)
		for _, l := range taken {
			byClient[l.ClientID] = append(byClient[l.ClientID], l)
		}
		var running sync.WaitGroup
		for _, batch := range byClient {
			running.Go(func() { n.tellOne(ctx, batch) })
		}
		running.Wait()
		if len(taken) < atOnce {
			return
		}
	}
}

// tellOne tells one website of several ends, one after another. Once it cannot
// be reached the rest of them count as tried, too.
func (n *Notifier) tellOne(ctx context.Context, batch []store.Logout) {
	var down error
	for _, l := range batch {
		err := down
		if err == nil {
			err = n.attempt(ctx, l)
		}
		if err != nil && !errors.Is(err, errRefused) {
			down = err
		}
		n.settle(ctx, l, err)
	}
}

// The ways an attempt fails.
var (
	errRefused = errors.New("backchannel: the website refused")
	errGone    = errors.New("backchannel: the website takes no word any more")
)

// attempt tells one website once. errRefused: it said no; errGone: it is
// registered no more; any other error means that it could not be told.
func (n *Notifier) attempt(ctx context.Context, l store.Logout) error {
	known, ok := n.o.Clients.Client(l.ClientID)
	if !ok || known.BackchannelLogoutURI == "" {
		return errGone
	}
	token, err := n.token(l, known)
	if err != nil {
		return err
	}
	return n.post(ctx, known, token)
}

func (n *Notifier) post(ctx context.Context, known *client.Client, token string) error {
	body := url.Values{"logout_token": {token}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, known.BackchannelLogoutURI, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := n.o.HTTP.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, which may hold what is a secret there
		}
		return fmt.Errorf("tell website: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // what it says beyond its status is not read
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	switch status := response.StatusCode; {
	case status == http.StatusOK || status == http.StatusNoContent:
		return nil
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests || status >= 500:
		return fmt.Errorf("tell website: it answered %d", status)
	default: // a redirect is not followed: it is no yes
		return fmt.Errorf("%w with %d", errRefused, status)
	}
}

// settle writes down how an attempt ended, even if nobody waits for it any more.
func (n *Notifier) settle(ctx context.Context, l store.Logout, err error) {
	l.State, l.NextAt = n.verdict(l, err)
	l.ChangedAt = n.o.Now().UTC()
	n.count(l, err)
	if !errors.Is(err, errGone) {
		n.o.Told(l.ClientID, err)
	}
	if err != nil {
		n.o.Logger.LogAttrs(ctx, slog.LevelWarn, "a website could not be told that a session ended",
			slog.String("event", "backchannel.failed"), slog.String("client", l.ClientID),
			slog.String("state", string(l.State)), slog.Int("attempt", l.Attempts), slog.Any("error", err))
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease/2)
	defer cancel()
	if err := n.o.Store.SettleLogout(writing, l); err != nil {
		n.complain(ctx, "settle logout", err) // its lease ends, and it is told again: twice is harmless
	}
}

// verdict is the state after an attempt, and when the next one begins.
func (n *Notifier) verdict(l store.Logout, err error) (store.LogoutState, time.Time) {
	switch {
	case err == nil:
		return store.LogoutDelivered, l.NextAt
	case errors.Is(err, errGone):
		return store.LogoutUnreached, l.NextAt
	case errors.Is(err, errRefused) && l.Attempts >= maxRefusals:
		return store.LogoutRefused, l.NextAt
	case l.Attempts >= maxAttempts:
		return store.LogoutUnreached, l.NextAt
	}
	return store.LogoutTrying, n.o.Now().UTC().Add(n.pause(l.Attempts))
}

// pause doubles with every attempt, up to an hour, and is spread over half of
// itself so that many that failed together do not come back together.
func (n *Notifier) pause(attempts int) time.Duration {
	pause := min(firstPause<<min(attempts-1, 16), longPause)
	var random [4]byte
	if _, err := io.ReadFull(n.o.Rand, random[:]); err != nil {
		return pause
	}
	spread := float64(binary.BigEndian.Uint32(random[:])) / (1 << 32)
	return pause*3/4 + time.Duration(spread*float64(pause/2))
}

func (n *Notifier) count(l store.Logout, err error) {
	outcome := outcomeDelivered
	switch {
	case errors.Is(err, errRefused):
		outcome = outcomeRefused
	case err != nil:
		outcome = outcomeFailed
	}
	n.metrics.attempts[outcome].Inc()
	if l.State != store.LogoutTrying {
		n.metrics.ended[State(l.State)].Inc()
	}
}

// complain logs that the store did not answer.
func (n *Notifier) complain(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	n.o.Logger.LogAttrs(ctx, slog.LevelWarn, "the queue of websites could not be read or written",
		slog.String("event", "backchannel.store_failed"), slog.String("doing", what), slog.Any("error", err))
}
