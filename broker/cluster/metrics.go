package cluster

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Why something that arrived, or was to be sent, went no further.
const (
	dropKey            = "key"             // not encrypted, or with a key that is not ours
	dropLabel          = "label"           // another cluster's label, or none
	dropAddress        = "address"         // from an address that is not allowed
	dropName           = "name"            // a node that is none of a configured site, or one too many
	dropConflict       = "conflict"        // a name that another address has
	dropMalformed      = "malformed"       // not a message at all
	dropUnknownChannel = "unknown_channel" // of a channel that this version does not have
	dropQueueFull      = "queue_full"      // came or was said faster than it could be taken
	dropOversize       = "oversize"        // longer than is ever carried
	dropRefused        = "refused"         // the channel's owner says that nobody should have sent it
	dropUnsent         = "unsent"          // a large message that a peer could not be given
)

var dropReasons = []string{
	dropKey, dropLabel, dropAddress, dropName, dropConflict, dropMalformed,
	dropUnknownChannel, dropQueueFull, dropOversize, dropRefused, dropUnsent,
}

// How an attempt to join a seed or a lost peer, or to catch up, ended.
const (
	rejoinJoined     = "joined"
	rejoinFailed     = "failed"
	rejoinUnresolved = "unresolved"
	rejoinCaughtUp   = "caught_up" // with a member, after others had joined
)

// metrics are this node's. Label values come from closed sets and the names of
// channels, never from the network.
type metrics struct {
	members  prometheus.Gauge
	messages *prometheus.CounterVec
	dropped  map[string]prometheus.Counter
	rejoins  map[string]prometheus.Counter

	udpBlocked prometheus.Counter
}

// newMetrics registers them, unless r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_gossip_dropped_total",
		Help: "Gossip that went no further, by reason.",
	}, []string{"reason"})
	rejoins := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_gossip_rejoins_total",
		Help: "Attempts to join seeds and lost peers that were not among the members, and to catch up after others joined, by outcome.",
	}, []string{"outcome"})
	m := &metrics{
		members: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bongsu_gossip_members",
			Help: "Nodes that gossip believes to live, this one included.",
		}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_gossip_messages_total",
			Help: "Messages received, broadcast by this node, and passed on as news, by channel.",
		}, []string{"channel", "direction"}),
		udpBlocked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_gossip_udp_blocked_total",
			Help: "Probes of a peer that TCP answered and UDP did not: a firewall lets half of gossip through.",
		}),
		dropped: make(map[string]prometheus.Counter),
		rejoins: make(map[string]prometheus.Counter),
	}
	for _, reason := range dropReasons {
		m.dropped[reason] = dropped.WithLabelValues(reason)
	}
	for _, outcome := range []string{rejoinJoined, rejoinFailed, rejoinUnresolved, rejoinCaughtUp} {
		m.rejoins[outcome] = rejoins.WithLabelValues(outcome)
	}
	if r != nil {
		r.MustRegister(m.members, m.messages, dropped, rejoins, m.udpBlocked)
	}
	return m
}

func (m *metrics) drop(reason string) { m.dropped[reason].Inc() }

type channelCounts struct{ in, out, relayed prometheus.Counter }

func (m *metrics) channel(name string) channelCounts {
	return channelCounts{
		in:      m.messages.WithLabelValues(name, "in"),
		out:     m.messages.WithLabelValues(name, "out"),
		relayed: m.messages.WithLabelValues(name, "relayed"),
	}
}
