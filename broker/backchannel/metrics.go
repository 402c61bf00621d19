package backchannel

import "github.com/prometheus/client_golang/prometheus"

// How an attempt ended.
const (
	outcomeDelivered = "delivered"
	outcomeRefused   = "refused" // the website said no
	outcomeFailed    = "failed"  // it could not be reached, or said that it is in trouble
)

// metrics are this node's. No label says who: which website is down stands in
// the log, and which person is nobody's business.
type metrics struct {
	attempts map[string]prometheus.Counter
	ended    map[State]prometheus.Counter
}

// newMetrics registers them, unless r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_backchannel_logout_attempts_total",
		Help: "Attempts of this node to tell a website that a session ended, by outcome.",
	}, []string{"outcome"})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_backchannel_logouts_total",
		Help: "Websites told that a session ended, by what became of it in the end.",
	}, []string{"result"})
	m := &metrics{attempts: map[string]prometheus.Counter{}, ended: map[State]prometheus.Counter{}}
	for _, outcome := range []string{outcomeDelivered, outcomeRefused, outcomeFailed} {
		m.attempts[outcome] = attempts.WithLabelValues(outcome)
	}
	for _, state := range []State{Delivered, Refused, Unreached} {
		m.ended[state] = ended.WithLabelValues(string(state))
	}
	if r != nil {
		r.MustRegister(attempts, ended)
	}
	return m
}
