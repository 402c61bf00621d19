package web

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Each trouble has its own words: whose trouble it is, and what works instead.
func TestNoticesOfTheFallbackSayWhoseTroubleItIs(t *testing.T) {
	tests := []struct {
		name   string
		lang   string
		notice Notice
		want   string
	}{
		{"slow", "ko", Notice{Reason: ReasonSlow}, "카카오 로그인이 평소보다 느릴 수 있어요. 오래 걸리면 다른 방법을 골라 주세요."},
		{"slow", "en", Notice{Reason: ReasonSlow}, "Kakao Login may be slower than usual. If it takes long, choose another way."},
		{"our own doubt", "ko", Notice{Reason: ReasonChecking}, "카카오 로그인 상태를 확인하고 있어요. 안 되면 다른 방법을 골라 주세요."},
		{"our own doubt", "en", Notice{Reason: ReasonChecking}, "We’re checking Kakao Login. If it doesn’t work, choose another way."},
		{"cut off", "ko", Notice{Reason: ReasonCutOff}, "죄송해요. 지금 저희 쪽에서 카카오 로그인에 연결하지 못하고 있어요. 저희 쪽 연결 문제예요. 아래 방법으로 바로 로그인할 수 있어요."},
		{"cut off", "en", Notice{Reason: ReasonCutOff}, "Sorry, we can’t reach Kakao Login from here right now. The trouble is with our connection. You can sign in another way below."},
		{"cut off", "ja", Notice{Reason: ReasonCutOff}, "申し訳ありません。現在、こちらからカカオログインに接続できません。 こちら側の接続の問題です。 下のほかの方法ですぐにログインできます。"},
		{"isolated", "ko", Notice{Reason: ReasonIsolated}, "죄송해요. 지금 저희 쪽 인터넷 연결에 문제가 있어요. 어떤 방법이 되는지 확인하지 못하고 있어요. 한 방법이 안 되면 다른 방법이나 잠시 뒤 다시 시도해 주세요."},
		{"busy", "ko", Notice{Reason: ReasonBusy, Wait: 30}, "지금 카카오 로그인 이용자가 많아요. 다른 방법은 바로 쓸 수 있어요."},
		{"some devices", "ko", Notice{Reason: ReasonPartial, Device: "watch"}, "지금 카카오 로그인이 일부 기기에서 원활하지 않아요. 안 되면 다른 방법을 골라 주세요."},
		{"phones", "ko", Notice{Reason: ReasonPartial, Device: "mobile"}, "지금 휴대폰에서 카카오 로그인이 원활하지 않아요. 안 되면 컴퓨터에서 로그인하거나 다른 방법을 골라 주세요. 카카오톡 앱이 열리지 않으면 카카오계정(이메일·전화번호)으로 로그인해 보세요."},
		{"web views", "en", Notice{Reason: ReasonPartial, Device: "app"}, "Kakao Login isn’t working well inside other apps right now. Open this page in Chrome or Safari, or choose another way."},
		{"paused", "ko", Notice{Reason: ReasonPaused}, "지금은 카카오 로그인을 쓸 수 없어요. 관리자가 잠시 멈췄어요. 아래 방법으로 바로 로그인할 수 있어요."},
		{"two down", "ko", Notice{Reason: ReasonDown, Also: []Way{{ID: "naver", Kind: "naver"}}}, "지금 카카오·네이버 로그인이 원활하지 않아요. 아래 방법으로 바로 로그인할 수 있어요."},
		{"two down", "en", Notice{Reason: ReasonDown, Also: []Way{{ID: "naver", Kind: "naver"}}}, "Signing in with Kakao and NAVER isn’t working well right now. You can sign in another way below."},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.lang, func(t *testing.T) {
			menu := menuView(tt.lang)
			tt.notice.Way = menu.Ways[0]
			menu.Notice = &tt.notice
			if got := noticeText(t, menu); got != tt.want {
				t.Errorf("the notice says\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// The only way, over its ceiling, says when to try again.
func TestTheOnlyWayThatIsBusySaysWhenToTryAgain(t *testing.T) {
	only := Way{ID: "kakao", Kind: "kakao", Href: "/k"}
	menu := Menu{Frame: frame("en"), Ways: []Way{only}, Notice: &Notice{Reason: ReasonBusy, Way: only, Wait: 30}}
	if got := noticeText(t, menu); got != "Many people are using Kakao Login right now. Please try again in about 30 seconds." {
		t.Errorf("the notice says %q", got)
	}
}

// A way that was given is never hidden: it is a button or a text row that leads
// on, except where an operator switched it off, which is said.
func TestNoWayIsEverHidden(t *testing.T) {
	eachPage(t, func(t *testing.T, view View, doc *html.Node, _ []byte) {
		menu, ok := view.(Menu)
		if !ok {
			return
		}
		for _, w := range menu.Ways {
			control := byID(doc, "way-"+w.ID)
			if w.Why == ReasonPaused {
				if control != nil || !strings.Contains(text(doc), testPages(t).locales[menu.Lang].name(w).name) {
					t.Errorf("%s, which an operator paused, is a link or not spoken of", w.ID)
				}
				continue
			}
			if control == nil || attr(control, "href") == "" {
				t.Errorf("%s leads nowhere", w.ID)
			}
			if w.Down && attr(control, "class") != "" {
				t.Errorf("%s is down and a button all the same", w.ID)
			}
		}
	})
}

// What recovers says so in its own row, to screen readers politely; there is
// nothing to say before.
func TestWaysThatAreDownCanSayThatTheyWorkAgain(t *testing.T) {
	menu := allViews("ko")["menu with two ways down"]
	rows := byClass(draw(t, menu), "again")
	if len(rows) != 2 {
		t.Fatalf("%d rows can say that they work again, want 2", len(rows))
	}
	row := rows[0]
	if attr(row, "role") != "status" || attr(row, "data-provider") != "kakao" ||
		attr(row, "data-again") != "카카오 로그인이 다시 잘 돼요." || text(row) != "" {
		t.Errorf("the row is %q for %q, saying %q already", attr(row, "data-again"), attr(row, "data-provider"), text(row))
	}
	for _, why := range []Reason{ReasonBusy, ReasonPaused} {
		if got := byClass(draw(t, allViews("ko")["menu with a way "+string(why)]), "again"); len(got) != 0 {
			t.Errorf("a way that is %s waits for the status page to say otherwise", why)
		}
	}
}

// Where every way is too busy, the page says so with its seconds and leads back
// to the same login.
func TestBusyLeadsBackToTheSameLogin(t *testing.T) {
	doc := draw(t, Problem{Frame: frame("ko"), Kind: ProblemBusy, RetryHref: "/login/abc/menu", RetryAfter: 20})
	if got := text(elements(doc, "h1")[0]); got != "지금 이용자가 많아요" {
		t.Errorf("the heading is %q", got)
	}
	if got := text(byClass(doc, "lead")[0]); !strings.HasSuffix(got, "약 20초 뒤에 다시 시도해 주세요.") {
		t.Errorf("the page says %q", got)
	}
	if got := byClass(doc, "primary"); len(got) != 1 || attr(got[0], "href") != "/login/abc/menu" {
		t.Error("the page does not lead back to the login")
	}
}
