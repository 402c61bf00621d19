package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func noticeText(t *testing.T, menu Menu) string {
	t.Helper()
	boxes := byClass(draw(t, menu), "notice")
	if len(boxes) != 1 {
		t.Fatalf("the page has %d notices, want one", len(boxes))
	}
	if attr(boxes[0], "role") != "status" {
		t.Error("the notice is no status")
	}
	return text(boxes[0])
}

func TestNoticesSayWhyInThePersonsWords(t *testing.T) {
	tests := []struct {
		reason Reason
		lang   string
		want   string
	}{
		{ReasonDown, "ko", "지금 카카오 로그인이 원활하지 않아요. 아래 방법으로 바로 로그인할 수 있어요. 오후 3:42에 확인했어요."},
		{ReasonDown, "en", "Kakao Login isn’t working well right now. You can sign in another way below. Last checked 3:42 PM KST."},
		{ReasonDown, "ja", "現在、カカオログインがつながりにくくなっています。 下のほかの方法ですぐにログインできます。 15:42 確認"},
		{ReasonUnfinished, "ko", "카카오 로그인이 끝나지 않았나요? 다시 시도하거나 다른 방법을 골라 주세요. 진행 중이던 로그인은 그대로예요."},
		{ReasonUnfinished, "en", "Didn’t finish signing in with Kakao? Try again or choose another way. Your sign-in is still open."},
		{ReasonUnavailable, "ko", "카카오에서 응답이 없어요. 문제는 회원님 쪽이 아니에요. 다른 방법으로 이어서 로그인할 수 있어요."},
		{ReasonUnavailable, "en", "Kakao didn’t respond. It’s nothing you did. You can continue with another way."},
		{ReasonUnavailable, "ja", "カカオから応答がありません。 お客様側の問題ではありません。 ほかの方法で続けられます。"},
		{ReasonDenied, "ko", "카카오 로그인을 취소했어요. 다시 고를 수 있어요."},
		{ReasonDenied, "en", "You cancelled Kakao Login. You can choose again."},
		{ReasonSetup, "ko", "카카오 로그인 설정에 문제가 있어 관리자에게 알렸어요. 다른 방법을 이용해 주세요."},
		{ReasonSetup, "en", "There’s a setup problem with Kakao Login on our side. We’ve been alerted. Please use another way."},
		{ReasonInvalid, "ko", "카카오에서 온 응답을 확인하지 못했어요. 안전을 위해 이 응답은 쓰지 않았어요. 다시 시도하거나 다른 방법을 골라 주세요."},
		{ReasonExisting, "ko", "원래 쓰던 방법으로 로그인해 주세요. 기존 계정을 그대로 이용할 수 있어요."},
		{ReasonStore, "ko", "죄송해요. 지금은 계정을 확인할 수 없어요. 회원님 쪽 문제가 아니에요. 잠시 뒤 다시 시도해 주세요."},
		{"new-reason", "en", "Kakao didn’t respond. It’s nothing you did. You can continue with another way."},
	}
	for _, tt := range tests {
		t.Run(string(tt.reason)+" "+tt.lang, func(t *testing.T) {
			menu := menuView(tt.lang)
			menu.Notice = &Notice{Reason: tt.reason, Way: menu.Ways[0]}
			if tt.reason == ReasonDown {
				menu.Notice.Checked = checkedAt
				menu.Ways[0].Down = true
			}
			if got := noticeText(t, menu); got != tt.want {
				t.Errorf("the notice says\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestNoticesPromiseNoOtherWayWhereThereIsNone(t *testing.T) {
	only := []Way{{ID: "kakao", Kind: "kakao", Href: "/k"}}
	menu := Menu{Frame: frame("en"), Ways: only, Notice: &Notice{Reason: ReasonUnavailable, Way: only[0]}}
	if got := noticeText(t, menu); got != "Kakao didn’t respond. It’s nothing you did. Please try again in a little while." {
		t.Errorf("the notice says %q", got)
	}
}

func TestNoticeOfAllProvidersDown(t *testing.T) {
	menu := menuView("ko")
	for i := range menu.Ways {
		menu.Ways[i].Down = true
	}
	menu.Ways = append(menu.Ways, Way{ID: "passkey", Kind: "passkey", Href: "/p"})
	menu.Notice = &Notice{Reason: ReasonDown}
	if got := noticeText(t, menu); got != "외부 로그인이 모두 원활하지 않아요. 패스키로 로그인할 수 있어요." {
		t.Errorf("the notice says %q", got)
	}
}

func TestTimesAreToldInThePersonsWay(t *testing.T) {
	morning := checkedAt.Add(-6*time.Hour - 37*time.Minute) // 09:05 in Korea
	tests := []struct {
		lang string
		at   time.Time
		zone *time.Location
		want string
	}{
		{"ko", checkedAt, nil, "오후 3:42에 확인했어요."},
		{"ko", morning, nil, "오전 9:05에 확인했어요."},
		{"en", morning, nil, "Last checked 9:05 AM KST."},
		{"ja", morning, nil, "09:05 確認"},
		{"en", checkedAt, time.UTC, "Last checked 6:42 AM UTC."},
		{"en", checkedAt.Add(-13 * time.Hour), nil, ""},
		{"en", checkedAt.Add(time.Hour), nil, ""},
		{"en", time.Time{}, nil, ""},
	}
	for _, tt := range tests {
		menu := menuView(tt.lang)
		menu.Zone = tt.zone
		menu.Notice = &Notice{Reason: ReasonUnavailable, Way: menu.Ways[0], Checked: tt.at}
		var got string
		if small := elements(draw(t, menu), "small"); len(small) > 0 {
			got = text(small[0])
		}
		if got != tt.want {
			t.Errorf("%s %s: says %q, want %q", tt.lang, tt.at, got, tt.want)
		}
	}
}

// At most one chip, and it belongs to the button's name.
func TestChips(t *testing.T) {
	tests := []struct {
		name string
		mark func(ways []Way)
		want string
	}{
		{"nothing is known", func([]Way) {}, ""},
		{"used last time", func(w []Way) { w[1].LastUsed = true }, "네이버 로그인 지난번에 사용"},
		{"in progress", func(w []Way) { w[2].Open = true }, "Google 계정으로 로그인 진행 중"},
		{"in progress is the news", func(w []Way) { w[0].LastUsed, w[2].Open = true, true }, "Google 계정으로 로그인 진행 중"},
		{"two marked by mistake", func(w []Way) { w[0].LastUsed, w[1].LastUsed = true, true }, "카카오 로그인 지난번에 사용"},
		{"a way that is down has none", func(w []Way) { w[0].LastUsed, w[0].Down = true, true }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			menu := Menu{Frame: frame("ko"), Ways: ways()}
			tt.mark(menu.Ways)
			chips := byClass(draw(t, menu), "chip")
			if tt.want == "" && len(chips) == 0 {
				return
			}
			if len(chips) != 1 || text(chips[0].Parent) != tt.want {
				t.Fatalf("%d chips, want one on %q", len(chips), tt.want)
			}
		})
	}
}

// A brand button is correct or absent: a way that is down is a text link.
func TestWaysThatAreDownAreText(t *testing.T) {
	menu := menuView("ko")
	menu.Ways[0].Down = true
	doc := draw(t, menu)
	link := byID(doc, "way-kakao")
	if attr(link, "class") != "" || text(link) != "그래도 카카오 로그인 시도하기" || attr(link, "href") != "/login/abc/go/kakao" {
		t.Errorf("the link is %q with class %q to %q", text(link), attr(link, "class"), attr(link, "href"))
	}
	if len(byClass(doc, "kakao")) != 0 {
		t.Error("something is still Kakao yellow")
	}
	if got := text(elements(doc, "h2")[0]); got != "카카오만 연결했나요?" {
		t.Errorf("the heading is %q", got)
	}
}

func TestOrderIsTheCallers(t *testing.T) {
	menu := Menu{Frame: frame("en"), Ways: []Way{
		{ID: "apple", Kind: "apple", Href: "/a"},
		{ID: "kakao", Kind: "kakao", Href: "/k", Down: true},
		{ID: "corp", Kind: "oauth2", Name: "Hanbit ID", Href: "/c"},
		{ID: "passkey", Kind: "passkey", Href: "/p"},
		{ID: "line", Kind: "line", Href: "/l", Slow: true},
		{ID: "nameless", Kind: "openid", Href: "/n", Unsteady: true},
	}}
	doc := draw(t, menu)
	var got []string
	for _, way := range byClass(doc, "way") {
		got = append(got, text(way))
	}
	want := []string{
		"Sign in with Apple", "Sign in with Hanbit ID", "Sign in with a passkey", "Log in with LINE", "Sign in with nameless",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the buttons are %q, want %q", got, want)
	}
	if len(byClass(doc, "or")) != 1 {
		t.Error("the passkey is not set apart once")
	}
	for way, want := range map[string]string{
		"line": "LINE Login may be slower than usual.", "nameless": "nameless sign-in may be unsteady right now.",
	} {
		if got := text(byID(doc, attr(byID(doc, "way-"+way), "aria-describedby"))); got != want {
			t.Errorf("the way %s is described by %q, want %q", way, got, want)
		}
	}
}

func TestBrandLabels(t *testing.T) {
	want := map[string][]string{
		"ko": {"카카오 로그인", "네이버 로그인", "LINE 로그인", "Google 계정으로 로그인", "Apple로 로그인", "패스키로 로그인"},
		"en": {"Login with Kakao", "Log in with NAVER", "Log in with LINE", "Sign in with Google", "Sign in with Apple", "Sign in with a passkey"},
		"ja": {"カカオログイン", "NAVERでログイン", "LINEでログイン", "Googleでログイン", "Appleでサインイン", "パスキーでログイン"},
	}
	for _, lang := range languages {
		menu := Menu{Frame: Frame{Lang: lang}}
		for _, kind := range []string{"kakao", "naver", "line", "google", "apple", "passkey"} {
			menu.Ways = append(menu.Ways, Way{ID: kind, Kind: kind, Href: "/x"})
		}
		var got []string
		for i, way := range byClass(draw(t, menu), "way") {
			got = append(got, text(way))
			if !hasClass(way, menu.Ways[i].Kind) {
				t.Errorf("%s does not wear its colours", menu.Ways[i].Kind)
			}
		}
		if !slices.Equal(got, want[lang]) {
			t.Errorf("%s: %q, want %q", lang, got, want[lang])
		}
	}
}

// The page without any way left still leads on: status, website, trying anyway.
func TestNothingLeft(t *testing.T) {
	pages, err := New(Options{StatusHref: "/status", Now: testPages(t).options.Now})
	if err != nil {
		t.Fatal(err)
	}
	doc := parse(t, write(t, pages, allViews("ko")["nothing left"]).Body)
	if got := text(elements(doc, "h1")[0]); got != "지금은 로그인할 수 없어요" {
		t.Errorf("the heading is %q", got)
	}
	if got := text(byClass(doc, "primary")[0]); got != "서비스 상태 보기" {
		t.Errorf("the main button is %q", got)
	}
	if got := text(byID(doc, "cancel")); got != "한빛상점으로 돌아가기" {
		t.Errorf("the way back is %q", got)
	}
	body := text(doc)
	for _, want := range []string{
		"한빛상점에 이미 로그인된 화면은 계속 쓸 수 있어요.", "오후 3:42에 확인했어요.", "카카오 안됨", "그래도 Apple 로그인 시도하기",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestMatchAsksWithTheEvidenceItHas(t *testing.T) {
	kakao, naver := Way{ID: "kakao", Kind: "kakao"}, Way{ID: "naver", Kind: "naver"}
	tests := []struct {
		name    string
		hint    Way
		down    []Way
		lead    string
		warning string
		primary bool
	}{
		{"nothing is known", Way{}, nil, "원래 다른 방법으로 로그인하셨나요?", "", false},
		{"this browser used another way", kakao, nil, "원래 카카오로 로그인하셨나요?", "", true},
		{"that way is down", kakao, []Way{kakao}, "원래 카카오로 로그인하셨나요?", "지금 카카오 로그인이 원활하지 않아 기존 계정을 바로 확인할 수 없어요.", true},
		{"one way is down", Way{}, []Way{naver}, "원래 네이버로 로그인하셨나요?", "지금 네이버 로그인이 원활하지 않아 기존 계정을 바로 확인할 수 없어요.", true},
		{"two ways are down", Way{}, []Way{kakao, naver}, "원래 다른 방법으로 로그인하셨나요?", "지금 카카오·네이버 로그인이 원활하지 않아 기존 계정을 바로 확인할 수 없어요.", true},
		{"a way without translation", Way{ID: "corp", Name: "한빛"}, nil, "원래 한빛 계정으로 로그인하셨나요?", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			view := matchView("ko")
			view.EarlierWayHint, view.OtherWaysDown = tt.hint, tt.down
			doc := draw(t, view)
			if got := text(elements(doc, "h1")[0]); got != "이 Google 계정은 처음이에요" {
				t.Errorf("the heading is %q", got)
			}
			if got := text(byClass(doc, "lead")[0]); got != tt.lead {
				t.Errorf("the question is %q, want %q", got, tt.lead)
			}
			if got := hasClass(byID(doc, "existing-account"), "primary"); got != tt.primary {
				t.Errorf("the earlier account is the main button: %v, want %v", got, tt.primary)
			}
			if hasClass(byID(doc, "new-account"), "primary") {
				t.Error("a new account is the main button")
			}
			body := text(doc)
			if !strings.Contains(body, tt.warning) || !strings.Contains(body, "새로 시작하면 이전 주문이나 기록이 보이지 않을 수 있어요.") {
				t.Error("the page does not say what starting anew means")
			}
			if !strings.Contains(body, "haneul.kim@gmail.com") {
				t.Error("the page does not show who was proven")
			}
		})
	}
}

// 돌아가기 takes 로 or 으로 by the last sound of the name.
func TestKoreanParticleBehindTheWebsite(t *testing.T) {
	tests := []struct{ name, want string }{
		{"한빛상점", "한빛상점으로 돌아가기"},
		{"하나로", "하나로로 돌아가기"},
		{"서울", "서울로 돌아가기"},
		{"Hanbit", "Hanbit 사이트로 돌아가기"},
		{"마켓 24", "마켓 24 사이트로 돌아가기"},
		{"", "이용하던 서비스로 돌아가기"},
	}
	for _, tt := range tests {
		view := LoggedOut{Frame: Frame{Lang: "ko", Client: Client{Name: tt.name, Home: "https://shop.example/"}}}
		if got := text(byClass(draw(t, view), "primary")[0]); got != tt.want {
			t.Errorf("%q: the button says %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestProblemsLeadOn(t *testing.T) {
	tests := []struct {
		kind         ProblemKind
		home, retry  string
		label, leads string
	}{
		{ProblemExpired, "https://shop.example/", "", "한빛상점에서 다시 로그인", "https://shop.example/"},
		{ProblemDone, "https://shop.example/", "", "한빛상점으로 돌아가기", "https://shop.example/"},
		{ProblemCallback, "https://shop.example/", "", "한빛상점에서 다시 로그인", "https://shop.example/"},
		{ProblemUnavailable, "https://shop.example/", "/login/abc", "다시 시도", "/login/abc"},
		{ProblemCookies, "", "/login/abc", "다시 시도", "/login/abc"},
		{"new-kind", "https://shop.example/", "", "한빛상점으로 돌아가기", "https://shop.example/"},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			view := Problem{Frame: frame("ko"), Kind: tt.kind, RetryHref: tt.retry}
			view.Client.Home = tt.home
			main := byClass(draw(t, view), "primary")
			if len(main) != 1 || text(main[0]) != tt.label || attr(main[0], "href") != tt.leads {
				t.Errorf("the main button is %q to %q", text(main[0]), attr(main[0], "href"))
			}
		})
	}
}

func TestLogoutCarriesItsFields(t *testing.T) {
	doc := draw(t, Logout{
		Frame: frame("ko"), Action: "/logout/confirm", StepToken: "fresh",
		Hidden: map[string]string{"step_token": "stale", "state": `a"b<c`, "client_id": "demo"},
	})
	got := make(map[string]string)
	for _, input := range elements(doc, "input") {
		got[attr(input, "name")] += attr(input, "value")
	}
	if len(got) != 3 || got["step_token"] != "fresh" || got["state"] != `a"b<c` || got["client_id"] != "demo" {
		t.Errorf("the form carries %v", got)
	}
}

// manyWays are as many providers as nobody wants to see at once, Apple and Google
// at the end, and a passkey behind them.
func manyWays() []Way {
	kinds := []string{"kakao", "naver", "line", "github", "facebook", "entra", "discord", "google", "apple", "passkey"}
	many := make([]Way, len(kinds))
	for i, kind := range kinds {
		many[i] = Way{ID: kind, Kind: kind, Name: strings.ToUpper(kind), Href: "/login/abc/go/" + kind}
	}
	return many
}

func idsIn(n *html.Node, class string) []string {
	var ids []string
	for _, way := range byClass(n, class) {
		ids = append(ids, attr(way, "id"))
	}
	return ids
}

// Five buttons of providers are shown; the others are one press away, without
// scripts. Apple, Google and what somebody used last are never folded.
func TestManyWaysAreFolded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func([]Way) []Way
		folded []string
	}{
		{"many", func(w []Way) []Way { return w }, []string{"way-github", "way-facebook", "way-entra", "way-discord"}},
		{"one was used last", func(w []Way) []Way { w[5].LastUsed = true; return w }, []string{"way-line", "way-github", "way-facebook", "way-discord"}},
		{"one is down", func(w []Way) []Way { w[0].Down = true; return w }, []string{"way-facebook", "way-entra", "way-discord"}},
		{"six", func(w []Way) []Way { return slices.Delete(w, 3, 6) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			menu := Menu{Frame: frame("ko"), Ways: tt.change(manyWays())}
			doc := draw(t, menu)
			fold := byID(doc, "more-ways")
			if (fold == nil) != (tt.folded == nil) {
				t.Fatalf("there is a fold: %t", fold != nil)
			}
			if fold == nil {
				return
			}
			if got := idsIn(fold, "way"); !slices.Equal(got, tt.folded) || text(elements(fold, "summary")[0]) != "다른 방법" || attr(fold, "open") != "" {
				t.Errorf("folded are %q", got)
			}
			all := idsIn(doc, "way")
			if last := all[len(all)-1]; last != "way-passkey" || len(byClass(doc, "or")) != 1 {
				t.Errorf("the last way is %s", last)
			}
			rows := byClass(doc, "only")
			if down := menu.Ways[0].Down; down == slices.Contains(all, "way-kakao") || down != (len(rows) == 1 && strings.Contains(text(rows[0]), "카카오")) {
				t.Errorf("a way that is down: %t, ways %q", down, all)
			}
		})
	}
}
