package broker

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are this node's, in a registry of its own. Label values come from
// the table of routes, the configuration and closed sets, never from requests.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	steps    *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_http_requests_total",
			Help: "Requests answered, by route and class of status.",
		}, []string{"route", "status"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_upstream_steps_total",
			Help: "Steps of legs to providers, by outcome.",
		}, []string{"provider", "step", "outcome"}),
	}
	m.registry.MustRegister(m.requests, m.steps,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
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

func (m *metrics) step(provider, step, outcome string) {
	m.steps.WithLabelValues(provider, step, outcome).Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
