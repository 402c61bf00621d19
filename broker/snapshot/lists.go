package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/bongsu/bongsu/broker/store"
)

// readSome is read of what can never be empty once it was not: a store that
// shows none of it was wiped or is another one, and takes nothing away here.
func readSome[T any](ctx context.Context, s *Snapshot, k kind, ask func(context.Context) ([]T, error)) ([]T, error) {
	if !s.holds(k) {
		return read(ctx, s, k, ask)
	}
	var empty bool
	answer, err := read(ctx, s, k, func(ctx context.Context) ([]T, error) {
		all, err := ask(ctx)
		if empty = err == nil && len(all) == 0; empty {
			return nil, errEmpty
		}
		return all, err
	})
	if empty {
		return nil, nil
	}
	return answer, err
}

var errEmpty = errors.New("snapshot: the store shows nothing")

// readOne asks the store for one element of a list and keeps it there, in place of
// the one that same knows. While the node starts, and the store does not answer, it
// returns the one that is kept.
func readOne[T any](ctx context.Context, s *Snapshot, k kind, ask func(context.Context) (T, error), same func(T) bool) (T, error) {
	var answer T
	err := s.ask(ctx, k, func(ctx context.Context) (err error) {
		answer, err = ask(ctx)
		return err
	})
	switch {
	case err == nil:
		add(s, k, answer, same)
	case s.starting.Load() && errors.Is(err, store.ErrUnavailable):
		return recallOne(s, k, same, err)
	}
	return answer, err
}

// recallOne reads one element of a list that is kept. The error is cause, with the
// reason why nothing kept takes its place.
func recallOne[T any](s *Snapshot, k kind, same func(T) bool, cause error) (T, error) {
	var kept []T
	var nothing T
	if err := s.recall(k, &kept, cause); err != nil {
		return nothing, err
	}
	i := slices.IndexFunc(kept, same)
	if i < 0 {
		return nothing, fmt.Errorf("%w (%w: not this one of %s)", cause, ErrNone, k)
	}
	return kept[i], nil
}

// add keeps one element of a list, in place of the one that same knows.
func add[T any](s *Snapshot, k kind, element T, same func(T) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []T
	if e, err := s.load(k); err == nil && decode(e.Data, &kept) != nil {
		kept = nil // refused when it was opened
	}
	if i := slices.IndexFunc(kept, same); i >= 0 {
		kept[i] = element
	} else {
		kept = append(kept, element)
	}
	data, err := json.Marshal(kept)
	if err != nil {
		s.o.Logger.Error("what the store said cannot be kept", slog.String("kind", string(k)), slog.Any("error", err))
		return
	}
	s.put(k, data)
}

// again has question asked of the store now and then, because nobody else does.
func (s *Snapshot) again(name string, question func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions[name] = question
}
