package arbiter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	shipBatch    = 100             // grants between two marks in the log
	shipWithin   = 2 * time.Second // one answer of the store; slower is no answer
	shipEvery    = time.Second     // how often it is looked whether something waits
	maxShipPause = 8 * time.Second // between attempts while the store does not answer
	partWithin   = time.Second     // what may still be shipped when the process ends
	sweepEvery   = time.Minute
)

// Writer is the store that grants are shipped to.
type Writer interface {
	// ClaimCode is that of [store.Grants].
	ClaimCode(ctx context.Context, g store.Grant) (grantID string, err error)
}

// ShipOptions says where grants go. Log and Writer are required.
type ShipOptions struct {
	Log    *Log
	Writer Writer
	// Taken is told of every grant that the store has now. It must be quick. Nil
	// tells nobody.
	Taken func(ctx context.Context, g store.Grant)
	// Refused is told of a grant that the store will not take, because it knows
	// another of the same login, or cannot read it. It revokes what was given; after
	// an error it is told again. Required.
	Refused func(ctx context.Context, g store.Grant, why error) error
	Logger  *slog.Logger // nil discards
	// Registerer takes the metrics; nil: there are none.
	Registerer prometheus.Registerer
}

// Shipper sends the grants of a log to the store once it answers.
type Shipper struct {
	o       ShipOptions
	results *prometheus.CounterVec
}

// NewShipper returns a shipper.
func NewShipper(o ShipOptions) (*Shipper, error) {
	if o.Log == nil || o.Writer == nil || o.Refused == nil {
		return nil, errors.New("arbiter: log, writer and what is told of refusals are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Taken == nil {
		o.Taken = func(context.Context, store.Grant) {}
	}
	s := &Shipper{o: o, results: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_arbiter_shipped_total", Help: "Grants claimed at this node and sent to the store, by what it said.",
	}, []string{"result"})}
	for _, result := range []string{"taken", "refused"} {
		s.results.WithLabelValues(result)
	}
	if o.Registerer != nil {
		waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bongsu_arbiter_unshipped", Help: "Grants claimed at this node that the store has not heard of.",
		}, func() float64 { return float64(o.Log.Waiting()) })
		for _, c := range []prometheus.Collector{s.results, waiting} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("register metrics: %w", err)
			}
		}
	}
	return s, nil
}

// Run ships what waits, with growing pauses while the store does not answer, and
// keeps the log small. It returns when ctx has ended and a last attempt was made;
// what is left then is shipped by the next run.
func (s *Shipper) Run(ctx context.Context) {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for pause := shipEvery; ; {
		next := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			next.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), partWithin)
			defer cancel()
			s.note(last, "sending grants to the store", s.ship(last))
			return
		case <-sweep.C:
			next.Stop()
			s.note(ctx, "keeping the claim log small", s.o.Log.sweep())
			continue
		case <-next.C:
		}
		switch err := s.ship(ctx); {
		case err == nil:
			pause = shipEvery
		case pause == shipEvery: // the first failure of a row
			s.note(ctx, "sending grants to the store", err)
			fallthrough
		default:
			pause = min(2*pause, maxShipPause)
		}
	}
}

func (s *Shipper) note(ctx context.Context, doing string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	s.o.Logger.LogAttrs(ctx, slog.LevelWarn, "claim log", slog.String("doing", doing), slog.Any("error", err))
}

// ship sends what waits, oldest first, until nothing does or the store stops
// answering.
func (s *Shipper) ship(ctx context.Context) error {
	for {
		some := s.o.Log.oldest(shipBatch)
		if len(some) == 0 {
			return nil
		}
		sent, failed := 0, error(nil)
		for _, c := range some {
			if failed = s.one(ctx, c.grant()); failed != nil {
				break
			}
			sent++
		}
		if err := errors.Join(failed, s.o.Log.shipped(some[:sent])); err != nil {
			return err
		}
	}
}

// one sends a grant. It returns nil when the store has said what becomes of it.
// A kill before that is marked in the log sends it again, which is the same claim.
func (s *Shipper) one(ctx context.Context, g store.Grant) error {
	within, cancel := context.WithTimeout(ctx, shipWithin)
	defer cancel()
	_, err := s.o.Writer.ClaimCode(within, g)
	switch {
	case err == nil:
		s.results.WithLabelValues("taken").Inc()
		s.o.Taken(ctx, g)
		return nil
	case errors.Is(err, store.ErrReplayed), errors.Is(err, store.ErrUsed), errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrInvalid):
		if err := s.o.Refused(ctx, g, err); err != nil {
			return fmt.Errorf("revoke a grant that the store refused: %w", err)
		}
		s.results.WithLabelValues("refused").Inc()
		return nil
	}
	return fmt.Errorf("send grant: %w", err)
}
