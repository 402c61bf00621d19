package web

import (
	"strings"
	"testing"
	"time"
)

// statusViews are the states of the public status page.
func statusViews(lang string) map[string]View {
	kakao, naver, line := Way{ID: "kakao", Kind: "kakao"}, Way{ID: "naver", Kind: "naver"}, Way{ID: "line", Kind: "line"}
	page := func(verdict StatusVerdict, readings ...StatusReading) Status {
		return Status{
			Frame:   Frame{Lang: lang, LangPath: "/status"},
			Verdict: verdict, Made: checkedAt, Site: "busan", Sites: []string{"seoul", "busan", "tokyo"},
			Rows: []StatusRow{
				{kakao, []string{"up", "up", "up"}},
				{naver, []string{"up", "up", "up"}},
				{line, []string{"up", "slow", "up"}},
				{Way{ID: "google", Kind: "google"}, []string{"up", "up", "unknown"}},
				{Way{ID: "apple", Kind: "apple"}, []string{"up", "up", "up"}},
			},
			Readings: readings, JSONHref: "/status.json",
		}
	}
	down := page(StatusSome, StatusReading{Kind: ReadingProvider, Ways: []Way{kakao}})
	down.Rows[0].States = []string{"down", "down", "down"}
	down.Incidents = []StatusIncident{
		{Way: kakao, Detected: checkedAt.Add(-11 * time.Minute), Confirmed: checkedAt.Add(-6 * time.Minute), Sites: down.Sites},
		{Way: line, Slow: true, Detected: checkedAt.Add(-50 * time.Hour), Confirmed: checkedAt.Add(-50 * time.Hour), Recovered: checkedAt.Add(-49 * time.Hour)},
	}
	silent := page(StatusPartly, StatusReading{Kind: ReadingSilent, Sites: []string{"tokyo"}})
	silent.Silent = []string{"tokyo"}
	slow := page(StatusSlow, StatusReading{Kind: ReadingSlow, Ways: []Way{line}})
	slow.Incidents = []StatusIncident{{Way: line, Slow: true, Detected: checkedAt}}
	stale := page(StatusStale)
	stale.Age = 3 * time.Minute
	limited, closed := page(StatusFine, StatusReading{Kind: ReadingFine}), page(StatusFine, StatusReading{Kind: ReadingFine})
	limited.Limits, closed.Limits = LimitAccounts, LimitWebsites
	hard := page(StatusHard, StatusReading{Kind: ReadingProvider, Ways: []Way{kakao, naver}}, StatusReading{Kind: ReadingPaused, Ways: []Way{line}})
	return map[string]View{
		"status":         page(StatusFine, StatusReading{Kind: ReadingFine}),
		"status down":    down,
		"status silent":  silent,
		"status slow":    slow,
		"status stale":   stale,
		"status hard":    hard,
		"status site":    page(StatusSome, StatusReading{Kind: ReadingSite, Sites: []string{"seoul"}}),
		"status path":    page(StatusSome, StatusReading{Kind: ReadingPath, Ways: []Way{kakao}, Sites: []string{"seoul", "jeju"}}),
		"status alone":   page(StatusSome, StatusReading{Kind: ReadingAlone, Ways: []Way{kakao}}),
		"status plain":   page(StatusHard, StatusReading{Kind: ReadingPlain, Ways: []Way{kakao}}),
		"status limited": limited,
		"status closed":  closed,
		"status unknown": page(StatusUnknown, StatusReading{Kind: ReadingUnknown}),
	}
}

func TestStatusSaysItInOneSentence(t *testing.T) {
	tests := []struct{ name, lang, heading, reading string }{
		{"status", "ko", "모든 로그인 방법이 정상이에요", "모든 로그인 방법이 정상이에요."},
		{"status", "en", "All sign-in methods are working", "Every sign-in method works."},
		{"status down", "ko", "일부 로그인 방법이 원활하지 않아요", "확인한 모든 사이트에서 카카오 로그인이 안 돼요. 사이트 쪽 문제는 아니에요."},
		{"status down", "en", "Some sign-in methods have problems", "Kakao Login isn’t working at any site that could check. The sites themselves aren’t the problem."},
		{"status silent", "ko", "확인한 로그인 방법은 모두 정상이에요", "도쿄 사이트의 소식이 끊겨서 그곳의 상태는 알 수 없어요."},
		{"status stale", "ko", "정보가 오래됐어요 (3분 전)", ""},
		{"status stale", "en", "This information is old (3 minutes ago)", ""},
		{"status hard", "ko", "지금은 로그인이 어려워요", "확인한 모든 사이트에서 카카오·네이버 로그인이 안 돼요. 사이트 쪽 문제는 아니에요. 관리자가 LINE 로그인을 잠시 멈췄어요."},
		{"status hard", "en", "Signing in is difficult right now", "Signing in with Kakao and NAVER isn’t working at any site that could check. The sites themselves aren’t the problem. LINE Login has been switched off for a while."},
		{"status site", "ko", "일부 로그인 방법이 원활하지 않아요", "서울 사이트 쪽 문제예요. 로그인 제공자의 문제는 아니에요."},
		{"status path", "ja", "一部のログイン方法がつながりにくくなっています", "カカオログインが利用できないのはソウル・jejuだけです。ほかのサイトではログインできます。"},
		{"status unknown", "ko", "로그인 상태를 확인하고 있어요", "아직 확인한 것이 없어요."},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.lang, func(t *testing.T) {
			doc := draw(t, statusViews(tt.lang)[tt.name])
			if got := text(elements(doc, "h1")[0]); got != tt.heading {
				t.Errorf("the heading is %q, want %q", got, tt.heading)
			}
			if got := text(byID(doc, "reading")); got != tt.reading {
				t.Errorf("the table is read as\n%q, want\n%q", got, tt.reading)
			}
		})
	}
}

// Shape, word and colour each say the state; unknown and what a silent site
// last said are never shown as working.
func TestStatusTable(t *testing.T) {
	doc := draw(t, statusViews("ko")["status silent"])
	var got []string
	for _, row := range elements(doc, "tr") {
		got = append(got, spaced(row))
	}
	want := []string{
		"로그인 방법 서울 부산 도쿄 소식 없음", "카카오 정상 정상 모름", "네이버 정상 정상 모름", "LINE 정상 느림 모름", "Google 정상 정상 모름", "Apple 정상 정상 모름",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	shapes := make(map[string]string)
	for _, cell := range byClass(doc, "state") {
		class, shape := strings.TrimPrefix(attr(cell, "class"), "state "), elements(cell, "svg")
		if len(shape) != 1 || text(cell) == "" {
			t.Fatalf("a cell of %s has %d shapes and says %q", class, len(shape), text(cell))
		}
		shapes[class] += text(cell)
		if class == "up" && text(cell) != "정상" {
			t.Errorf("%q is green", text(cell))
		}
	}
	if len(shapes) != 3 {
		t.Errorf("the classes are %v, want up, slow and unknown", shapes)
	}
	for _, head := range elements(doc, "th") {
		if attr(head, "scope") == "" {
			t.Errorf("the heading %q says not what it heads", text(head))
		}
	}
}

func TestAStateNobodyKnowsIsUnknown(t *testing.T) {
	for _, lang := range languages {
		if got := testPages(t).locales[lang].state("fine"); got.Class != "unknown" || got.Shape != shapes["unknown"] {
			t.Errorf("%s: something new is shown as %+v", lang, got)
		}
	}
}

func TestStatusTellsIncidentsWithoutACause(t *testing.T) {
	doc := draw(t, statusViews("ko")["status down"])
	cards := byClass(doc, "incident")
	if len(cards) != 2 {
		t.Fatalf("%d incidents, want 2", len(cards))
	}
	want := "카카오 로그인이 안 돼요 진행 중 15:36 확인 서울·부산·도쿄에서 확인했어요. 15:31 감지 카카오 로그인이 안 돼요. 확인하고 있어요. " +
		"지금 할 수 있는 일 전에 연결한 다른 방법으로 로그인해 주세요. 이미 로그인된 화면은 계속 쓸 수 있어요."
	if got := spaced(cards[0]); got != want {
		t.Errorf("the incident says\n%s\nwant\n%s", got, want)
	}
	if got := spaced(cards[1]); !strings.HasPrefix(got, "LINE 로그인이 느려요 복구됨 11.21 14:42 복구 LINE 로그인이 다시 잘 돼요.") {
		t.Errorf("the earlier incident says %q", got)
	}
}

func TestStatusSaysWhereAndWhenItWasMade(t *testing.T) {
	doc := draw(t, statusViews("en")["status down"])
	if got := spaced(byClass(doc, "made")[0]); got != "Made at Busan · 15:42:00 Get updates JSON" {
		t.Errorf("the foot says %q", got)
	}
	if got := attr(byID(doc, "made"), "datetime"); got != "2026-11-23T06:42:00Z" {
		t.Errorf("the script hears of %q", got)
	}
	if got := text(byClass(doc, "bar")[0]); got != "Login service status 2026-11-23 15:42 KST" {
		t.Errorf("the bar says %q", got)
	}
}

// A page drawn once is the page, with the headers of a page and its own policy.
func TestPreparedPagesAreWholePages(t *testing.T) {
	view := statusViews("ja")["status"]
	prepared, err := testPages(t).Prepare(view)
	if err != nil {
		t.Fatal(err)
	}
	sent := write(t, testPages(t), view)
	if sent.Body.String() != string(prepared.Body) {
		t.Error("the prepared page is another")
	}
	for name := range prepared.Header {
		if sent.Header().Get(name) != prepared.Header.Get(name) {
			t.Errorf("%s is %q, want %q", name, prepared.Header.Get(name), sent.Header().Get(name))
		}
	}
	if prepared.Header.Get("Content-Security-Policy") == write(t, testPages(t), menuView("ja")).Header().Get("Content-Security-Policy") {
		t.Error("the status page has the policy of a page with another style sheet")
	}
}
