package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	askEvery     = time.Second // while this node goes by what is kept
	answerWithin = 2 * time.Second
)

// Started ends the start: from now on a store that does not answer is what it is.
// facts are those that are known here, now and later.
//
// [ErrBehind]: this node goes by something that was kept when more of them were
// known than its log holds now, so that what was taken back may hold again.
func (s *Snapshot) Started(facts Facts) error {
	if s == nil {
		return nil
	}
	s.starting.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = facts
	known := facts.Revision()
	for _, k := range kinds {
		if f := s.files[k]; f.served && f.watermark > known {
			return fmt.Errorf("%w: %s saw revision %d, the log holds %d; start when a database answers", ErrBehind, k, f.watermark, known)
		}
	}
	return nil
}

// sink lowers what the files say of the negative facts, when the store was set back
// to an earlier state and counts anew: nothing was forgotten here.
func (s *Snapshot) sink() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts == nil {
		return
	}
	known := s.facts.Revision()
	for _, k := range kinds {
		f := s.files[k]
		if f.served || f.watermark <= known {
			continue
		}
		if e, err := s.load(k); err == nil {
			s.write(k, file{sum: f.sum, at: f.at, watermark: known, factsRead: f.factsRead}, e.Data)
		}
	}
}

// FactsRead is when a process of this node is known to have read the negative facts
// to their end; zero: nobody knows. It is what the files say, and so a few minutes
// behind a process that still reads them.
func (s *Snapshot) FactsRead() time.Time {
	if s == nil {
		return time.Time{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var latest int64
	for _, f := range s.files {
		latest = max(latest, f.factsRead)
	}
	if latest == 0 {
		return time.Time{}
	}
	return time.UnixMicro(latest)
}

// Served names the kinds that this node took from its disk and the store has not
// confirmed since.
func (s *Snapshot) Served() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var served []string
	for _, k := range kinds {
		if s.files[k].served {
			served = append(served, string(k))
		}
	}
	return served
}

// Run has everything that came from the disk read anew as soon as the store
// answers, and asks now and then for what nobody else asks for again, until ctx
// ends. refresh has the rings read what they hold anew; it is called only while this
// node goes by what is kept.
func (s *Snapshot) Run(ctx context.Context, refresh ...func(context.Context) error) {
	if s == nil {
		return
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	asked := s.o.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.sink()
		served := s.Served()
		if len(served) > 0 && !s.renew(ctx, refresh) {
			continue
		}
		if len(served) > 0 || s.o.Now().Sub(asked) >= restampEvery {
			asked = s.o.Now()
			s.askAgain(ctx)
		}
		if len(served) > 0 && len(s.Served()) == 0 {
			s.o.Logger.LogAttrs(ctx, slog.LevelInfo, "the store answers: nothing that was kept of it is in use any more",
				slog.String("event", "snapshot.replaced"))
		}
	}
}

// renew has the rings read anew, and reports whether the store answered.
func (s *Snapshot) renew(ctx context.Context, refresh []func(context.Context) error) bool {
	for _, read := range refresh {
		bounded, cancel := context.WithTimeout(ctx, answerWithin)
		err := read(bounded)
		cancel()
		if err != nil {
			return false
		}
	}
	return true
}

// askAgain asks for what is read once in the life of a process.
func (s *Snapshot) askAgain(ctx context.Context) {
	s.mu.Lock()
	questions := make([]func(context.Context) error, 0, len(s.questions))
	for _, q := range s.questions {
		questions = append(questions, q)
	}
	s.mu.Unlock()
	for _, question := range questions {
		bounded, cancel := context.WithTimeout(ctx, answerWithin)
		err := question(bounded)
		cancel()
		if errors.Is(err, ErrContradicted) {
			s.o.Logger.LogAttrs(ctx, slog.LevelError, "the store contradicts what this node started with",
				slog.String("event", "snapshot.contradicted"), slog.Any("error", err))
		}
	}
}

// gauges tell at every scrape how old what is kept is, and what of it is in use.
type gauges struct {
	s           *Snapshot
	age, served *prometheus.Desc
}

func newGauges(s *Snapshot) *gauges {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, []string{"kind"}, nil) }
	return &gauges{
		s:      s,
		age:    desc("bongsu_snapshot_age_seconds", "How long ago the store said what is kept of it on this node's disk; absent where nothing is kept."),
		served: desc("bongsu_snapshot_served", "1 while this node goes by what it kept on its disk, because the store has not answered since it started."),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(to chan<- *prometheus.Desc) { to <- g.age; to <- g.served }

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	now, served := g.s.o.Now(), g.s.Served()
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	for _, k := range kinds {
		if at := g.s.files[k].at; !at.IsZero() {
			to <- prometheus.MustNewConstMetric(g.age, prometheus.GaugeValue, now.Sub(at).Seconds(), string(k))
		}
		var in float64
		if slices.Contains(served, string(k)) {
			in = 1
		}
		to <- prometheus.MustNewConstMetric(g.served, prometheus.GaugeValue, in, string(k))
	}
}
