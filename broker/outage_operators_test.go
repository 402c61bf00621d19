package broker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// P5 for operators: while the database is away or takes no writes, every order is
// answered in time, by what is known without it or by when to try again, and none
// by a mistake of ours; what only switches off works (P8, P10).
func TestOutageOfTheAdminListener(t *testing.T) {
	for name, away := range map[string]func(*pgtest.Server){
		"killed":    (*pgtest.Server).Kill,
		"read-only": func(s *pgtest.Server) { s.ReadOnly(true) },
	} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.Start(t)
			dsn := server.Database("broker", brokertest.Fill)
			n, credential := operatedOn(t, brokertest.OnDatabase(dsn), func(c *config.Config) { c.Store.Reader = dsn })
			away(server)
			ask := func(path string) brokertest.Response {
				method, to, _ := strings.Cut(path, " ")
				return n.Do(adminRequest(t, n, method, to, []string{"Authorization", "Bearer " + credential}))
			}
			if got := ask("POST /admin/providers/naver/disable"); got.Status != http.StatusOK {
				t.Errorf("switching off: %d %s", got.Status, got.Body)
			}
			if menu := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request())); menu.Has("way-naver") || !menu.Has("way-kakao") {
				t.Errorf("the menu offers %v", menu.IDs("way-"))
			}
			for _, path := range adminPaths {
				got := ask(path)
				switch {
				case got.Took > withinOutage:
					t.Errorf("%s: answered after %s", path, got.Took)
				case got.Status == http.StatusServiceUnavailable && got.Header.Get("Retry-After") == "":
					t.Errorf("%s: 503 without Retry-After: %s", path, got.Body)
				case got.Status >= 500 && got.Status != http.StatusServiceUnavailable:
					t.Errorf("%s: %d %s", path, got.Status, got.Body)
				}
			}
		})
	}
}
