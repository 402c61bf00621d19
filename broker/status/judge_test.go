package status

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/web"
)

// table builds a view: one line per provider, "id verdict cell cell …", with
// "!" behind a Down verdict of our own path alone.
func table(sites string, rows ...string) View {
	var v View
	for i, name := range strings.Fields(sites) {
		site := Site{Heard: true}
		site.Name, site.Heard = strings.TrimSuffix(name, "?"), !strings.HasSuffix(name, "?")
		site.Name, site.Isolated = strings.TrimSuffix(site.Name, "!"), strings.HasSuffix(site.Name, "!")
		if i == 0 {
			v.Site = site.Name
		}
		v.Sites = append(v.Sites, site)
	}
	for _, row := range rows {
		fields := strings.Fields(row)
		p := Provider{ID: fields[0], State: State(strings.TrimSuffix(fields[1], "!")), CutOff: strings.HasSuffix(fields[1], "!")}
		for _, cell := range fields[2:] {
			p.Seen = append(p.Seen, State(cell))
		}
		v.Providers = append(v.Providers, p)
	}
	return v
}

const three = "seoul busan tokyo"

func TestTheTableIsJudgedAndRead(t *testing.T) {
	tests := []struct {
		name    string
		view    View
		verdict web.StatusVerdict
		reading string
	}{
		{"everything works", table(three, "kakao up up up up", "naver up up up up"), web.StatusFine, "fine"},
		{"nothing is known", table(three, "kakao unknown unknown unknown unknown"), web.StatusUnknown, "unknown"},
		{"one is not known", table(three, "kakao up up up up", "naver unknown unknown unknown unknown"), web.StatusPartly, "partly naver"},
		{"one cell is not known", table(three, "kakao up up up unknown"), web.StatusFine, "fine"},
		{"a row: the provider", table(three, "kakao down down down down", "naver up up up up"), web.StatusSome, "provider kakao"},
		{"a row where it is known", table(three, "kakao down down unknown down", "naver up up up up"), web.StatusSome, "provider kakao"},
		{"two rows", table(three, "kakao down down down down", "naver down down down down", "line up up up up"), web.StatusSome, "provider kakao+naver"},
		{"a column: the site", table(three, "kakao up up down up", "naver up up down up"), web.StatusSome, "site @busan"},
		{"our own column", table(three, "kakao down! down up up", "naver down! down up up"), web.StatusSome, "site @seoul"},
		{"a row and a column", table(three, "kakao down down down down", "naver up up down up", "line up up down up"), web.StatusSome, "provider kakao; path naver @busan; path line @busan"},
		{"one cell: the path", table(three, "kakao up up down up", "naver up up up up"), web.StatusSome, "path kakao @busan"},
		{"our own path", table(three, "kakao down! down up up", "naver up up up up"), web.StatusSome, "path kakao @seoul"},
		{"a site without a network", table("seoul! busan", "kakao down! down up", "naver down! down up"), web.StatusSome, "site @seoul"},
		{"the only site without a network", table("seoul!", "kakao down! down", "naver down! down"), web.StatusHard, "site @seoul"},
		{"a silent site", table("seoul busan tokyo?", "kakao up up up down", "naver up up up up"), web.StatusPartly, "silent @tokyo"},
		{"the only site there is", table("seoul", "kakao down down", "naver up up"), web.StatusSome, "alone kakao"},
		{"the only site, where nothing works", table("seoul", "kakao down down"), web.StatusHard, "plain kakao"},
		{"slow", table(three, "kakao slow slow slow up", "naver up up up up"), web.StatusSlow, "slow kakao"},
		{"slow at one site only", table(three, "kakao up up slow up"), web.StatusFine, "fine"},
		{"nothing works", table(three, "kakao down down down down", "naver down down down down"), web.StatusHard, "provider kakao+naver"},
		{"what is known does not work", table(three, "kakao down down down down", "naver unknown unknown unknown unknown"), web.StatusHard, "provider kakao"},
		{"peers alone say so", table(three, "kakao down unknown down down", "naver up up up up"), web.StatusSome, "provider kakao"},
		{"a paused one beside one that works", table(three, "kakao paused", "naver up up up up"), web.StatusFine, "paused kakao"},
		{"nothing is left on", table(three, "kakao paused"), web.StatusHard, "paused kakao"},
		{"paused wins over everything seen", table(three, "kakao paused down down down", "naver up up up up"), web.StatusFine, "paused kakao"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.view); got != tt.verdict {
				t.Errorf("the verdict is %q, want %q", got, tt.verdict)
			}
			var got []string
			for _, reading := range read(tt.view, func(id string) web.Way { return web.Way{ID: id} }) {
				got = append(got, line(reading))
			}
			if strings.Join(got, "; ") != tt.reading {
				t.Errorf("it is read as %q, want %q", strings.Join(got, "; "), tt.reading)
			}
		})
	}
}

func line(r web.StatusReading) string {
	text := string(r.Kind)
	for i, w := range r.Ways {
		text += []string{" ", "+"}[min(i, 1)] + w.ID
	}
	for _, site := range r.Sites {
		text += " @" + site
	}
	return text
}

// Whatever the table holds, unknown is never called fine, and something is said.
func TestUnknownIsNeverFine(t *testing.T) {
	states := []State{Up, Slow, Down, Unknown, Paused, "new"}
	for _, own := range states {
		for _, here := range states {
			for _, there := range states {
				v := table("seoul busan", fmt.Sprintf("kakao %s %s %s", own, here, there))
				if verdict := judge(v); verdict == web.StatusFine && here != Up && there != Up && own != Up {
					t.Errorf("%v is %s", v.Providers, verdict)
				}
				if len(read(v, func(id string) web.Way { return web.Way{ID: id} })) == 0 {
					t.Errorf("%v is read in silence", v.Providers)
				}
			}
		}
	}
}

// Every board puts its own site first; the page is the same everywhere.
func TestColumnsStandInTheConfiguredOrder(t *testing.T) {
	names := []string{"seoul", "busan", "tokyo"}
	v := table("tokyo busan new seoul?", "kakao up down up slow").arranged(names)
	var got []string
	for i, site := range v.Sites {
		got = append(got, fmt.Sprint(site.Name, " ", site.Heard, " ", v.Providers[0].Seen[i]))
	}
	if want := "seoul false unknown, busan true up, tokyo true down, new true slow"; strings.Join(got, ", ") != want {
		t.Errorf("the columns are %v, want %s", got, want)
	}
}
