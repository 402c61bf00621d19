package broker

import (
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/login"
)

// metrics are this node's, in a registry of its own. Label values come from
// the table of routes, the configuration and closed sets, never from requests.
// deploy/metrics.md lists all of them, and those that other packages register.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	steps       *prometheus.CounterVec
	stepTimes   *prometheus.HistogramVec
	started     *prometheus.CounterVec
	completed   *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	turnedAway  *prometheus.CounterVec
	refused     *prometheus.CounterVec
	matches     *prometheus.CounterVec
	carried     *prometheus.CounterVec
	transitions *prometheus.CounterVec
	limited     *prometheus.CounterVec
	oldSecrets  *prometheus.CounterVec
	keySets     *prometheus.CounterVec
	unfinished  *unfinished
	reloadWell  prometheus.Gauge
	reloadAt    prometheus.Gauge
}

func newMetrics(cfg *config.Config, now func() time.Time) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = m.counter("bongsu_http_requests_total", "Requests answered, by route and class of status.", "route", "status")
	m.steps = m.counter("bongsu_upstream_steps_total", "Steps of legs to providers, by outcome.", "provider", "step", "outcome")
	m.stepTimes = m.histogram("bongsu_upstream_step_duration_seconds", "How long our own calls to providers took, in legs.",
		[]float64{.05, .1, .25, .5, 1, 2, 4, 8}, "provider", "step")
	m.started = m.counter("bongsu_logins_started_total", "Browsers sent to a provider.", "provider", "path", "client_class")
	m.completed = m.counter("bongsu_logins_completed_total", "Logins for which the website got a code.", "provider", "path", "client_class")
	m.durations = m.histogram("bongsu_login_duration_seconds", "From the website's request to its code.",
		[]float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800}, "path")
	m.turnedAway = m.counter("bongsu_logins_turned_away_total", "Legs not begun because the provider's ceiling was reached.", "provider")
	m.refused = m.counter("bongsu_logins_refused_total", "Logins that ended with an error for the website.", "error")
	m.matches = m.counter("bongsu_account_match_total", "What became of identities that nobody has.", "result")
	m.carried = m.counter("bongsu_handoffs_total", "Logins that went on at another site, by what became of that.", "result")
	m.transitions = m.counter("bongsu_provider_state_transitions_total", "Changes of a provider's state at this node, by the new one.", "provider", "state")
	m.limited = m.counter("bongsu_requests_limited_total", "Requests made to wait, by the limit that they met.", "limit")
	m.oldSecrets = m.counter("bongsu_client_secret_old_used_total", "Client secrets that were right and have a newer one beside them.", "client")
	m.keySets = m.counter("bongsu_jwks_requests_total", "Requests for the key set, by what was answered.", "site", "outcome")
	m.reloadWell = m.gauge("bongsu_config_last_reload_successful", "1 if the configuration was taken over when it was read last.")
	m.reloadAt = m.gauge("bongsu_config_last_reload_success_timestamp_seconds", "When a configuration was taken over last.")
	m.unfinished = newUnfinished(cfg.Providers, now)
	m.registry.MustRegister(buildInfo(), m.unfinished.given,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, which := range []string{limitStarts, limitStartsOfClient, limitFailures, limitGuesses, limitTokens, limitTokensOfClient} {
		m.limited.WithLabelValues(which)
	}
	for _, result := range login.Carryings() {
		m.carried.WithLabelValues(string(result))
	}
	for _, result := range login.Matches() {
		m.matches.WithLabelValues(string(result))
	}
	return m
}

func (m *metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *metrics) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	m.registry.MustRegister(g)
	return g
}

func (m *metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// buildInfo is 1, with the version this program was built from.
func buildInfo() prometheus.Collector {
	version, goVersion := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bongsu_build_info", Help: "1, with the version of the program.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": goVersion},
	}, func() float64 { return 1 })
}

// route returns the counter of one route: prepared, so that a request only
// adds to a number.
func (m *metrics) route(pattern string) func(status int) {
	classes := [6]prometheus.Counter{}
	for class, label := range map[int]string{1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"} {
		classes[class] = m.requests.WithLabelValues(pattern, label)
	}
	return func(status int) {
		if class := status / 100; class >= 1 && class <= 5 {
			classes[class].Inc()
		}
	}
}

// keySet counts what becomes of requests for the key set that serve answers.
func (m *metrics) keySet(site string, serve func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	sent, unchanged, failed := m.keySets.WithLabelValues(site, "sent"), m.keySets.WithLabelValues(site, "unchanged"), m.keySets.WithLabelValues(site, "failed")
	return func(w http.ResponseWriter, r *http.Request) error {
		err := serve(w, r)
		answer, ok := w.(*answer)
		switch {
		case err != nil:
			failed.Inc()
		case ok && answer.status() == http.StatusNotModified:
			unchanged.Inc()
		default:
			sent.Inc()
		}
		return err
	}
}

// step counts one step of a leg, and how long it took where that was our call.
func (m *metrics) step(provider, step, outcome string, took time.Duration) {
	m.steps.WithLabelValues(provider, step, outcome).Inc()
	if took > 0 {
		m.stepTimes.WithLabelValues(provider, step).Observe(took.Seconds())
	}
}

// changed counts a change of a provider's state.
func (m *metrics) changed(t health.Transition) {
	m.transitions.WithLabelValues(t.Provider, t.To.String()).Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// clientClass tells our own websites from other people's.
func clientClass(firstParty bool) string {
	if firstParty {
		return "first_party"
	}
	return "third_party"
}

// Started implements [login.Counts].
func (m *metrics) Started(provider string, path login.Path, firstParty bool) {
	m.started.WithLabelValues(provider, string(path), clientClass(firstParty)).Inc()
}

// TurnedAway implements [login.Counts].
func (m *metrics) TurnedAway(provider string) { m.turnedAway.WithLabelValues(provider).Inc() }

// Completed implements [login.Counts].
func (m *metrics) Completed(provider string, path login.Path, firstParty bool, took time.Duration) {
	m.completed.WithLabelValues(provider, string(path), clientClass(firstParty)).Inc()
	m.durations.WithLabelValues(string(path)).Observe(took.Seconds())
}

// Stood implements [login.Counts].
func (m *metrics) Stood(loginID, before, after string, firstParty bool) {
	m.unfinished.stood(loginID, before, after, clientClass(firstParty))
}

// Carried implements [login.Counts].
func (m *metrics) Carried(result login.Carrying) { m.carried.WithLabelValues(string(result)).Inc() }

// Matched implements [login.Counts].
func (m *metrics) Matched(result login.Match) { m.matches.WithLabelValues(string(result)).Inc() }

var _ login.Counts = (*metrics)(nil)
