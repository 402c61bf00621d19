package peer

import "github.com/prometheus/client_golang/prometheus"

// How a question ended.
const (
	outcomeAnswered    = "answered"
	outcomeRefused     = "refused"
	outcomeUndelivered = "undelivered"
	outcomeUnknown     = "unknown"
	outcomeUntaken     = "untaken" // of another node's: no such handler, or too many at once
)

// Why a node is not spoken with.
const (
	reasonAddress   = "address"   // from where no node may be
	reasonCrowded   = "crowded"   // more than can be served
	reasonHandshake = "handshake" // no TLS 1.3, no certificate, another protocol, or none in time
	reasonShape     = "shape"     // a certificate that is no node's
	reasonForeign   = "foreign"   // no configured site's, or not signed by its identity
	reasonExpired   = "expired"
	reasonOther     = "other"     // answered in the place of another node
	reasonMalformed = "malformed" // spoke nonsense
)

// otherName stands for questions of names that this node does not handle.
const otherName = "other"

type metrics struct {
	asked, served *prometheus.CounterVec
	refused       map[string]prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_peer_connections_refused_total",
		Help: "Connections from and to other nodes that this node gave up, by reason.",
	}, []string{"reason"})
	m := &metrics{
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_peer_asked_total",
			Help: "Questions to other nodes, by what became of them.",
		}, []string{"name", "outcome"}),
		served: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_peer_served_total",
			Help: "Questions of other nodes, by what became of them.",
		}, []string{"name", "outcome"}),
		refused: make(map[string]prometheus.Counter),
	}
	for _, reason := range []string{
		reasonAddress, reasonCrowded, reasonHandshake, reasonShape, reasonForeign, reasonExpired, reasonOther, reasonMalformed,
	} {
		m.refused[reason] = refused.WithLabelValues(reason)
	}
	if r != nil {
		r.MustRegister(m.asked, m.served, refused)
	}
	return m
}

// named has every series of a name there from the start.
func (m *metrics) named(name string) {
	for _, outcome := range []string{outcomeAnswered, outcomeRefused, outcomeUndelivered, outcomeUnknown} {
		m.asked.WithLabelValues(name, outcome)
	}
	for _, outcome := range []string{outcomeAnswered, outcomeRefused} {
		m.served.WithLabelValues(name, outcome)
	}
}
