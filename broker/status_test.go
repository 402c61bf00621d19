package broker_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// The status can be read while every provider and the database are gone: that is
// when people look for it.
func TestStatusIsReadWithoutProvidersAndDatabase(t *testing.T) {
	n := brokertest.StartNode(t)
	for _, name := range []string{"kakao", "naver", "line", "google", "apple", "p", "q"} {
		if upstream, ok := n.Upstreams.Upstream(name); ok {
			if err := upstream.SetFault(fakeidp.Error); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := n.Broker.Close(); err != nil {
		t.Fatal(err)
	}
	page := n.Ask(http.MethodGet, "/status", "Accept-Language", "en")
	if page.Status != http.StatusOK || !strings.Contains(string(page.Body), "<h1") {
		t.Fatalf("/status answers %d", page.Status)
	}
	if got := page.Header.Get("Cache-Control"); !strings.HasPrefix(got, "public, max-age=15,") {
		t.Errorf("Cache-Control is %q", got)
	}
	answer := n.Ask(http.MethodGet, "/status.json", "Origin", "https://anybody.example")
	var report status.Report
	if err := json.Unmarshal(answer.Body, &report); err != nil {
		t.Fatalf("/status.json: %d, %v", answer.Status, err)
	}
	if report.Schema != status.Schema || len(report.Providers) == 0 || answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the report is %+v with %v", report, answer.Header)
	}
	again := n.Ask(http.MethodGet, "/status.json", "If-None-Match", answer.Header.Get("ETag"))
	if again.Status != http.StatusNotModified && again.Header.Get("ETag") == answer.Header.Get("ETag") {
		t.Errorf("whoever has the report is sent it again: %d", again.Status)
	}
	if got := n.Ask(http.MethodOptions, "/status.json", "Origin", "https://anybody.example").Status; got != http.StatusNoContent {
		t.Errorf("a preflight is answered with %d", got)
	}
}

// Pages of a login lead to the status in their own language.
func TestPagesLeadToTheStatus(t *testing.T) {
	n := brokertest.StartNode(t)
	page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request()))
	if !strings.Contains(string(page.Body), `href="/status?lang=en"`) {
		t.Error("the menu does not lead to the status")
	}
}
