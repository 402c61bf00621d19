package broker_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
)

const logsList = "../deploy/logs.md"

// section is what stands in a file below a heading of the second level.
func section(t *testing.T, file, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(read(t, file), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %s", file, heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

// firstColumn is every word in backquotes of the first column of tables.
func firstColumn(text string) []string {
	var words []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*)\\|").FindAllStringSubmatch(text, -1) {
		for _, word := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			words = append(words, word[1])
		}
	}
	slices.Sort(words)
	return words
}

// logged finds what the program gives its logger, in what production runs.
func logged(t *testing.T, pattern string) []string {
	t.Helper()
	find := regexp.MustCompile(pattern)
	found := make(map[string]bool)
	for _, dir := range []string{".", "../keys", "../providers", "../cmd"} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if entry != nil && entry.IsDir() && slices.Contains([]string{"dev", "simulate", "brokertest", "fakeidp", "providertest"}, entry.Name()) {
				return fs.SkipDir
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, m := range find.FindAllStringSubmatch(read(t, path), -1) {
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

func compare(t *testing.T, what string, program, list []string) {
	t.Helper()
	for _, word := range program {
		if !slices.Contains(list, word) {
			t.Errorf("%s does not list the %s %s", logsList, what, word)
		}
	}
	for _, word := range list {
		if !slices.Contains(program, word) {
			t.Errorf("%s lists the %s %s, which nothing logs", logsList, what, word)
		}
	}
}

func TestEveryLogKeyIsListed(t *testing.T) {
	keys := logged(t, `slog\.(?:String|Int|Int64|Uint64|Float64|Bool|Duration|Time|Any|Group)\("([^"]+)"`)
	for _, m := range regexp.MustCompile(`\badd\("([a-z_]+)", `).FindAllStringSubmatch(read(t, "audit/audit.go"), -1) {
		keys = append(keys, m[1])
	}
	slices.Sort(keys)
	compare(t, "key", slices.Compact(keys), firstColumn(section(t, logsList, "Keys")))
	events := slices.Concat(
		logged(t, `slog\.String\("event", "([^"]+)"`),
		logged(t, `(?m)^\t\w+\s+Name = "([^"]+)"`),
	)
	compare(t, "event", events, firstColumn(section(t, logsList, "Events")))
}

// What a node really writes has listed keys alone, and whatever was logged for a
// request carries its support code.
func TestLogLinesAreAsListed(t *testing.T) {
	n := brokertest.StartNode(t)
	n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request()))
	list := append(firstColumn(section(t, logsList, "Keys")), "time", "level", "msg")
	var audited bool
	logins := map[string]int{}
	for line := range strings.Lines(n.Log()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for key := range fields {
			if !slices.Contains(list, key) {
				t.Errorf("%s is in no list: %s", key, line)
			}
		}
		audited = audited || fields["msg"] == "audit" && fields["support"] != nil
		if login, ok := fields["login"].(string); ok {
			logins[login]++
		}
		if fields["event"] == "request" && fields["route"] != nil && fields["support"] == nil {
			t.Errorf("a request without a support code: %s", line)
		}
	}
	if !audited {
		t.Error("what was audited cannot be found by the support code")
	}
	if len(logins) != 1 {
		t.Errorf("the one login has the names %v", logins)
	}
}

// A proxy's trace is found in the log, a stranger's is not in it.
func TestTracesOfTrustedProxies(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, trusted := range []bool{true, false} {
		n := brokertest.StartNode(t, func(s *brokertest.Setup) {
			s.Configure = func(c *config.Config) {
				if trusted {
					c.TrustedProxies = c.Outbound.Allow
				}
			}
		})
		for _, parent := range []string{"00-" + trace + "-00f067aa0ba902b7-01", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", strings.Repeat("x", 55)} {
			n.Ask(http.MethodGet, "/callback/kakao?state=x", "X-Forwarded-Proto", "https", "traceparent", parent)
		}
		if got := strings.Contains(n.Log(), `"trace_id":"`+trace+`"`); got != trusted {
			t.Errorf("trusted %t: the trace is in the log: %t", trusted, got)
		}
		if n := strings.Count(n.Log(), `"trace_id"`); n > 2 {
			t.Errorf("%d lines have a trace", n)
		}
	}
}
