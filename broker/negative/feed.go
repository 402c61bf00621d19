package negative

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	pageSize     = 500             // facts asked for at a time
	answerWithin = 2 * time.Second // one question to the store; slower is no answer
	sentAtOnce   = 8               // facts
	partWithin   = time.Second     // what may still be sent when the process ends
	sweepEvery   = time.Minute
	hurryGap     = 100 * time.Millisecond // between readings that hints ask for
)

var errFeed = errors.New("negative: the store's feed makes no sense")

// Run reads the feed, sends what the store has not heard of and keeps the log
// small. It returns when ctx has ended and a last attempt to send was made.
func (s *Set) Run(ctx context.Context) {
	var sending sync.WaitGroup
	sending.Go(func() { s.sendAll(ctx) })
	defer sending.Wait()

	poll, sweep := time.NewTicker(s.poll), time.NewTicker(sweepEvery)
	defer poll.Stop()
	defer sweep.Stop()
	feed := trouble{set: s, with: "reading the feed"}
	log := trouble{set: s, with: "writing the log"}
	hurried, rested := (<-chan struct{})(s.hurry), (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hurried:
			feed.note(ctx, s.readFeed(ctx))
			hurried, rested = nil, time.After(hurryGap)
		case <-rested:
			hurried, rested = s.hurry, nil
		case <-poll.C:
			feed.note(ctx, s.readFeed(ctx))
			log.note(ctx, s.tidy())
		case <-sweep.C:
			s.sweep()
		}
	}
}

// sendAll sends what is said here as soon as it is said, and again with every
// poll until the store has it.
func (s *Set) sendAll(ctx context.Context) {
	again := time.NewTicker(s.poll)
	defer again.Stop()
	store := trouble{set: s, with: "sending to the store"}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), partWithin)
			defer cancel()
			store.note(last, s.send(last))
			return
		case <-s.wake:
		case <-again.C:
		}
		err := s.send(ctx)
		if err == nil {
			err = s.vouch(ctx)
		}
		store.note(ctx, err)
	}
}

// readFeed reads the feed to its end.
func (s *Set) readFeed(ctx context.Context) error {
	if s.store == nil {
		return nil
	}
	for {
		began := s.now()
		if err := s.checkStore(ctx); err != nil {
			return err
		}
		page, err := s.page(ctx, s.Revision(), pageSize)
		if err != nil {
			s.checked.Store(false)
			return err
		}
		if err := s.take(page); err != nil {
			return err
		}
		if len(page) < pageSize {
			s.read.Store(began.UnixMicro())
			return s.disproveDoubts(ctx)
		}
	}
}

func (s *Set) page(ctx context.Context, after int64, limit int) ([]store.Fact, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	page, err := s.store.FactsSince(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	return page, nil
}

// take keeps a page and how far it reaches. What the log refuses is obeyed all
// the same: the log is then written anew from memory.
func (s *Set) take(page []store.Fact) error {
	if len(page) == 0 {
		return nil
	}
	reached := s.Revision()
	records := make([]record, 0, len(page)+1)
	for _, f := range page {
		if f.Revision <= reached {
			return fmt.Errorf("%w: revision %d after %d", errFeed, f.Revision, reached)
		}
		reached = f.Revision
		// What is shaped like nothing of ours can be about nothing of ours.
		if wellFormed(f) {
			records = append(records, recordOf(f))
		}
	}
	err := s.keep(append(records, record{Watermark: reached})...)
	s.settleDoubts()
	return err
}

// send tells the store what it has not heard of, until it stops answering.
func (s *Set) send(ctx context.Context) error {
	if s.store == nil {
		return nil
	}
	return s.sendEach(ctx, s.waitingRecords())
}

// sendEach sends records, a few at a time, until the store stops answering: after
// hours without a writer there may be thousands, and each waits for a disk.
func (s *Set) sendEach(ctx context.Context, records []record) error {
	var sending sync.WaitGroup
	var mu sync.Mutex
	var failed error
	free := make(chan struct{}, sentAtOnce)
	gone := false
	for _, r := range records {
		free <- struct{}{}
		mu.Lock()
		stop := gone || ctx.Err() != nil
		mu.Unlock()
		if stop {
			break
		}
		sending.Go(func() {
			defer func() { <-free }()
			err := s.sendOne(ctx, r)
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			failed = err
			gone = gone || errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
		})
	}
	sending.Wait()
	return failed
}

func (s *Set) sendOne(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	stands, err := s.store.RecordFact(ctx, r.fact())
	if err != nil {
		return fmt.Errorf("record %s: %w", r.Kind, err)
	}
	if stands.Kind != r.Kind || stands.ID != r.ID || stands.Revision <= 0 {
		return fmt.Errorf("record %s: %w", r.Kind, errFeed)
	}
	answer := recordOf(stands)
	answer.Settles, answer.Sent = true, r.Epoch
	defer s.tell(stands)
	known, _ := s.load(key{r.Kind, r.ID})
	if stands.Revision <= s.Revision() && known.revision < stands.Revision {
		// The feed was read past this revision and it was not there: the store
		// has been set back to an earlier state and counts anew.
		return s.keep(record{Watermark: -1}, answer)
	}
	return s.keep(answer)
}

// Waiting returns the facts that the store has not heard of yet.
func (s *Set) Waiting() []store.Fact {
	records := s.waitingRecords()
	facts := make([]store.Fact, len(records))
	for i, r := range records {
		facts[i] = r.fact()
	}
	return facts
}

// tell tells OnSaid of a fact that was said here.
func (s *Set) tell(f store.Fact) {
	if s.onSaid != nil && !f.Lifted {
		s.onSaid(f)
	}
}

func (s *Set) waitingRecords() []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make([]record, 0, len(s.unsent))
	for _, r := range s.unsent {
		records = append(records, r)
	}
	return records
}

// trouble logs when something begins to fail and when it works again, not
// every time in between.
type trouble struct {
	set   *Set
	with  string
	lasts bool
}

func (t *trouble) note(ctx context.Context, err error) {
	switch {
	case err != nil && !t.lasts && ctx.Err() == nil:
		t.lasts = true
		t.set.logger.LogAttrs(ctx, slog.LevelWarn, "negative facts: fails, retrying", slog.String("what", t.with), slog.Any("error", err))
	case err == nil && t.lasts:
		t.lasts = false
		t.set.logger.LogAttrs(ctx, slog.LevelInfo, "negative facts: works again", slog.String("what", t.with))
	}
}
