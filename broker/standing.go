package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

// standing tells at every scrape which keys sign and what no longer holds.
type standing struct {
	b *Broker

	key, count, rotates           *prometheus.Desc
	facts, revision, unsent, lent *prometheus.Desc
	doubted, read                 *prometheus.Desc
}

// registerStanding adds what is read of the keys and of the negative facts to
// the metrics.
func (b *Broker) registerStanding(context.Context) error {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	err := b.metrics.registry.Register(&standing{
		b:        b,
		key:      desc("bongsu_signing_key_info", "1 for each signing key that this node knows and that has not ended.", "kid", "site", "algorithm", "state"),
		count:    desc("bongsu_signing_keys", "Signing keys of this node's own site, by state.", "algorithm", "state"),
		rotates:  desc("bongsu_signing_key_rotates_timestamp_seconds", "When the next key is to sign instead of the one that does; absent while none does.", "algorithm"),
		facts:    desc("bongsu_negative_facts", "Negative facts known here, lifted ones included."),
		revision: desc("bongsu_negative_revision", "The store's revision up to which every negative fact is known here."),
		unsent:   desc("bongsu_negative_unsent", "Negative facts said here that the store has not heard of yet."),
		lent:     desc("bongsu_negative_lent", "Negative facts of other nodes that the store's feed has not brought yet."),
		doubted:  desc("bongsu_negative_doubts", "Hints of peers that are obeyed until the store says more."),
		read:     desc("bongsu_negative_feed_read_timestamp_seconds", "When the store's negative facts were last read to their end; 0 if never."),
	})
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// Describe implements [prometheus.Collector].
func (s *standing) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.key, s.count, s.rotates, s.facts, s.revision, s.unsent, s.lent, s.doubted, s.read} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (s *standing) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	s.keys(tell)
	facts := s.b.negative
	tell(s.facts, float64(facts.Len()))
	tell(s.revision, float64(facts.Revision()))
	tell(s.unsent, float64(facts.Unsent()))
	tell(s.lent, float64(facts.Lent()))
	tell(s.doubted, float64(facts.Doubts()))
	var read float64
	if at := facts.ReadAt(); !at.IsZero() {
		read = seconds(at)
	}
	tell(s.read, read)
}

func (s *standing) keys(tell func(*prometheus.Desc, float64, ...string)) {
	counts := make(map[keys.Algorithm]map[keys.State]int)
	for _, a := range s.b.config.Keys.Algorithms {
		counts[a] = make(map[keys.State]int)
	}
	signing := make(map[keys.Algorithm]time.Time) // since when the youngest one does
	for _, k := range s.b.signing.Keys() {
		tell(s.key, 1, k.KeyID, k.Site, string(k.Algorithm), string(k.State))
		if k.Site != s.b.config.Site {
			continue
		}
		if counts[k.Algorithm] == nil {
			counts[k.Algorithm] = make(map[keys.State]int)
		}
		counts[k.Algorithm][k.State]++
		if k.State == keys.Active && k.ActivatedAt.After(signing[k.Algorithm]) {
			signing[k.Algorithm] = k.ActivatedAt
		}
	}
	for a, states := range counts {
		for _, state := range []keys.State{keys.Staged, keys.Published, keys.Active, keys.Retiring} {
			tell(s.count, float64(states[state]), string(a), string(state))
		}
	}
	for _, a := range s.b.config.Keys.Algorithms { // of others the key is not rotated
		if since, ok := signing[a]; ok {
			tell(s.rotates, seconds(since.Add(s.b.config.Keys.ActiveFor)), string(a))
		}
	}
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1e3 }

// secretUsed notes that a client's secret was right, and counts those that have
// a newer one beside them: of the store's clients any but the youngest, of the
// file's any but the one that is written first.
func (b *Broker) secretUsed(id string, hash [32]byte) {
	b.roster.Used(id, hash)
	known, ok := b.clients.Client(id)
	if !ok || len(known.SecretHashes) < 2 {
		return
	}
	newest := known.SecretHashes[0]
	if owner, _ := b.clients.Owner(id); owner == client.OwnerStore {
		newest = known.SecretHashes[len(known.SecretHashes)-1]
	}
	if hash != newest {
		b.metrics.oldSecrets.WithLabelValues(id).Inc()
	}
}
