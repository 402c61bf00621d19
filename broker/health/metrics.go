package health

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// What may become of a record that arrives.
const (
	recordNews = iota
	recordOld
	recordMalformed
	recordForeign
	recordUnsigned
	recordLate
	recordFull
	recordOwn
	recordResults
)

var recordTexts = [recordResults]string{"news", "old", "malformed", "unknown_site", "signature", "late", "full", "own_name"}

// metrics counts by plain atomics, so that a board without a registry counts
// all the same.
type metrics struct {
	records [recordResults]atomic.Uint64
	differs atomic.Int64 // nodes that have disagreed with their site for long
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := new(metrics)
	if r == nil {
		return m
	}
	for i, text := range recordTexts {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "bongsu_health_records_total",
			Help:        "Health records that arrived from other nodes, by what became of them.",
			ConstLabels: prometheus.Labels{"result": text},
		}, func() float64 { return float64(m.records[i].Load()) }))
	}
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bongsu_health_differing_nodes",
		Help: "Nodes that for two minutes have held another state of a provider than most of their site.",
	}, func() float64 { return float64(m.differs.Load()) }))
	return m
}

// provider registers what is counted for one provider.
func (m *metrics) provider(r prometheus.Registerer, w *watch) {
	if r == nil {
		return
	}
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name:        "bongsu_health_ours_total",
		Help:        "Answers by which a provider refused our own credentials, settings or quota: page the operator.",
		ConstLabels: prometheus.Labels{"provider": w.info.ID},
	}, func() float64 { return float64(w.ours.Load()) }))
}
