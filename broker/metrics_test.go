package broker_test

import (
	"cmp"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bongsu/bongsu/broker/brokertest"
)

const (
	metricsList = "../deploy/metrics.md"
	rulesFile   = "../deploy/alerts/bongsu.rules.yml"
	runbook     = "../deploy/runbook.md"
)

// listed reads the table of metrics: labels by name.
func listed(t *testing.T) map[string][]string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `(bongsu_[a-z_]+)` \\| (?:counter|gauge|histogram) \\|([^|]*)\\| [^|]+ \\|$")
	found := make(map[string][]string)
	for _, m := range row.FindAllStringSubmatch(read(t, metricsList), -1) {
		labels := []string{}
		for label := range strings.SplitSeq(strings.ReplaceAll(m[2], "`", ""), ",") {
			if label = strings.TrimSpace(label); label != "" {
				labels = append(labels, label)
			}
		}
		slices.Sort(labels)
		found[m[1]] = labels
	}
	if len(found) == 0 {
		t.Fatal("the list of metrics cannot be read")
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// written finds the metrics that the program names anywhere.
func written(t *testing.T) []string {
	t.Helper()
	name := regexp.MustCompile(`(?:Name:\s*|desc\(|\.counter\(|\.gauge\(|\.histogram\()"(bongsu_[a-z_]+)"`)
	found := make(map[string]bool)
	for _, dir := range []string{".", "../keys", "../providers"} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, m := range name.FindAllStringSubmatch(read(t, path), -1) {
				found[m[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestEveryMetricIsListed(t *testing.T) {
	list := listed(t)
	inSource := written(t)
	for _, name := range inSource {
		if _, ok := list[name]; !ok {
			t.Errorf("%s does not list %s", metricsList, name)
		}
	}
	for name := range list {
		if !slices.Contains(inSource, name) {
			t.Errorf("%s lists %s, which nothing registers", metricsList, name)
		}
	}
}

// A node's own answer has the labels that are listed, and nothing that is not.
func TestMetricsAreAsListed(t *testing.T) {
	n := brokertest.StartNode(t)
	n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.Admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := string(n.Do(r).Body)
	list, seen := listed(t), make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^(bongsu_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`).FindAllStringSubmatch(answer, -1) {
		name := m[1]
		seen[name] = true
		want, ok := list[name]
		if !ok {
			t.Errorf("%s is not listed", name)
			continue
		}
		labels := []string{}
		for _, label := range regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(m[2], -1) {
			if label[1] != "le" { // a histogram's own
				labels = append(labels, label[1])
			}
		}
		slices.Sort(labels)
		if !slices.Equal(labels, want) {
			t.Errorf("%s has the labels %v, listed are %v", name, labels, want)
		}
	}
	for _, name := range []string{
		"bongsu_logins_started_total", "bongsu_logins_completed_total", "bongsu_login_duration_seconds", "bongsu_account_match_total",
		"bongsu_logins_abandoned_total", "bongsu_jwks_requests_total", "bongsu_provider_state", "bongsu_provider_weight", "bongsu_site_isolated", "bongsu_provider_metadata_pending", "bongsu_build_info", "bongsu_upstream_step_duration_seconds",
		"bongsu_signing_key_info", "bongsu_signing_keys", "bongsu_signing_key_rotates_timestamp_seconds",
		"bongsu_negative_facts", "bongsu_negative_revision", "bongsu_negative_unsent", "bongsu_negative_doubts", "bongsu_negative_feed_read_timestamp_seconds",
	} {
		if !seen[name] {
			t.Errorf("a login leaves no trace in %s", name)
		}
	}
}

// Who leaves in the middle is counted where they left: at the menu, or at the
// provider they were sent to last. Who came through, or was refused, is not.
func TestWhoGivesUpIsCounted(t *testing.T) {
	n := brokertest.StartNode(t)
	n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request()))
	away := func(b *brokertest.Browser) *brokertest.Browser {
		b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
		b.Click("way-kakao")
		return b
	}
	away(n.NewBrowser())
	undecided := away(n.NewBrowser())
	undecided.Back()
	undecided.Click("way-naver")
	late := away(n.NewBrowser())
	late.Back()
	late.Click("way-google")
	late.Continue("vic")
	none := brokertest.RP1.Request()
	none.Set("prompt", "none")
	n.NewBrowser().Open(n.AuthorizeURL(none))
	n.Clock.Advance(40 * time.Minute)
	n.Broker.CountUnfinished()
	for provider, want := range map[string]string{"none": "1", "kakao": "1", "naver": "1", "google": "1"} {
		if got := metric(t, n, `bongsu_logins_abandoned_total{client_class="first_party",provider="`+provider+`"}`); got != want {
			t.Errorf("%s: %s were given up, want %s", provider, got, want)
		}
	}
}

func TestRequestsForTheKeySetAreCounted(t *testing.T) {
	n := brokertest.StartNode(t)
	tag := n.Ask(http.MethodGet, "/jwks").Header.Get("ETag")
	n.Ask(http.MethodGet, "/jwks")
	n.Ask(http.MethodGet, "/jwks", "If-None-Match", tag)
	for outcome, want := range map[string]string{"sent": "2", "unchanged": "1", "failed": "0"} {
		if got := metric(t, n, `bongsu_jwks_requests_total{outcome="`+outcome+`",site="seoul"}`); got != want {
			t.Errorf("%s: %s, want %s", outcome, got, want)
		}
	}
}

type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file ruleFile
	if err := yaml.Unmarshal([]byte(read(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func TestRulesNameMetricsThatExist(t *testing.T) {
	list := listed(t)
	named := regexp.MustCompile(`\bbongsu[_:][a-z0-9_:]+`)
	records := make(map[string]bool)
	for _, r := range rules(t) {
		if r.Record != "" {
			records[r.Record] = true
		}
		for _, name := range named.FindAllString(r.Expr, -1) {
			base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
			if _, ok := list[base]; !ok && list[name] == nil && !records[name] {
				t.Errorf("%s asks for %s, which does not exist", cmp.Or(r.Alert, r.Record), name)
			}
		}
	}
}

// Whoever is woken finds what to do, and whether it is a drill.
func TestEveryAlertHasItsSectionInTheRunbook(t *testing.T) {
	sections := regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(read(t, runbook), -1)
	tests := read(t, "../deploy/alerts/bongsu_test.yml")
	alerts := make(map[string]bool)
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts[r.Alert] = true
		url := "https://github.com/bongsu/bongsu/blob/main/deploy/runbook.md#" + strings.ToLower(r.Alert)
		if r.Annotations["runbook_url"] != url || r.Annotations["summary"] == "" {
			t.Errorf("%s leads to %q, want %q, and a summary", r.Alert, r.Annotations["runbook_url"], url)
		}
		if severity := r.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s has the severity %q", r.Alert, severity)
		}
		if !strings.Contains(r.Labels["drill"], "bongsu_drill_active") {
			t.Errorf("%s does not say whether a drill is running", r.Alert)
		}
		if !strings.Contains(tests, "alertname: "+r.Alert+"\n") {
			t.Errorf("%s never fires in its tests", r.Alert)
		}
	}
	for _, section := range sections {
		if !alerts[section[1]] {
			t.Errorf("the runbook has a section %s, which is no alert", section[1])
		}
		delete(alerts, section[1])
	}
	for name := range alerts {
		t.Errorf("the runbook has no section %s", name)
	}
}
