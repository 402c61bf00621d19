package contact

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Who was asked.
const (
	writer  = "writer"
	replica = "replica"
)

// metrics are read from the watch when they are collected, but for the counts.
type metrics struct {
	watch *Watch
	beats *prometheus.CounterVec
	times *prometheus.HistogramVec

	mode, stale, age *prometheus.Desc
}

func newMetrics(w *Watch) (*metrics, error) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	m := &metrics{
		watch: w,
		beats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_contact_beats_total", Help: "Beats asked for, of the database's writer and of this site's replica.",
		}, []string{"of", "result"}),
		times: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bongsu_contact_beat_seconds", Help: "How long a beat took that came.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
		}, []string{"of"}),
		mode:  desc("bongsu_contact_mode", "1 for the mode that this node is in, 0 for the others.", "mode"),
		stale: desc("bongsu_contact_stale", "1 while this site is cut off for longer than contact.stale_after."),
		age:   desc("bongsu_contact_beat_age_seconds", "How long ago the writer took this node's beat, and the replica's beat changed; absent before the first.", "of"),
	}
	for _, of := range []string{writer, replica} {
		for _, result := range []string{"ok", "failed"} {
			m.beats.WithLabelValues(of, result)
		}
	}
	if w.o.Registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.beats, m.times, m} {
		if err := w.o.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// asked counts a question and its answer.
func (m *metrics) asked(of string, err error, took time.Duration) {
	if err != nil {
		m.beats.WithLabelValues(of, "failed").Inc()
		return
	}
	m.beats.WithLabelValues(of, "ok").Inc()
	m.times.WithLabelValues(of).Observe(took.Seconds())
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.mode, m.stale, m.age} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	state := m.watch.State()
	for _, mode := range Modes {
		tell(m.mode, one(state.Mode == mode), mode.String())
	}
	tell(m.stale, one(state.Stale))
	seen, now := m.watch.seen.Load(), m.watch.o.Now()
	for of, at := range map[string]time.Time{writer: seen.Wrote, replica: seen.Changed} {
		if !at.IsZero() {
			tell(m.age, now.Sub(at).Seconds(), of)
		}
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Interface guards.
var _ prometheus.Collector = (*metrics)(nil)
