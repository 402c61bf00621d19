package web

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A page whose login could go on elsewhere says where, in links that need no
// script, and has a notice ready for when nothing answers here.
func TestPagesKnowWhereTheLoginGoesOn(t *testing.T) {
	for lang, want := range map[string][3]string{
		"ko": {"화면이 응답하지 않나요?", "busan.login.example.kr에서 계속하기", "죄송해요. 지금 여기에서는 응답이 없어요. 하던 로그인은 그대로예요. 다른 주소에서 이어서 할 수 있어요."},
		"en": {"Is this page not responding?", "Continue at busan.login.example.kr", "Sorry, nothing is answering here right now. Your sign-in is still open. You can continue it at another address."},
		"ja": {"画面が反応しませんか？", "busan.login.example.kr で続ける", "申し訳ありません。現在、こちらから応答がありません。 途中のログインはそのまま残っています。 別のアドレスで続けられます。"},
	} {
		view := elsewhereView(lang)
		doc := draw(t, view)
		other := byID(doc, "other-address")
		links := elements(other, "a")
		if other.Data != "details" || text(elements(other, "summary")[0]) != want[0] || len(links) != 2 {
			t.Fatalf("%s: %s", lang, spaced(other))
		}
		if text(links[0]) != want[1] || attr(links[0], "href") != view.Elsewhere[0].Href {
			t.Errorf("%s: %q leads to %.60s", lang, text(links[0]), attr(links[0], "href"))
		}
		gone := byID(doc, "gone")
		hidden := slices.ContainsFunc(gone.Attr, func(a html.Attribute) bool { return a.Key == "hidden" })
		if !hidden || attr(gone, "role") != "status" || spaced(gone) != want[2] {
			t.Errorf("%s: hidden %t: %q", lang, hidden, spaced(gone))
		}
	}
	doc := draw(t, menuView("ko"))
	if byID(doc, "other-address") != nil || byID(doc, "gone") != nil {
		t.Error("a page of the only site speaks of others")
	}
}

// Nothing but a web address is a place to go on at.
func TestOtherAddressesAreOfTheWeb(t *testing.T) {
	view := menuView("en")
	view.Elsewhere = []Elsewhere{{"a", "javascript:alert(1)"}, {"b", "/login"}, {"c", "data:text/html,x"}, {"<script>", "https://d.example/continue"}}
	links := elements(byID(draw(t, view), "other-address"), "a")
	if len(links) != 1 || text(links[0]) != "Continue at <script>" {
		t.Errorf("%d links", len(links))
	}
}

// A way by another address is a button like any, with a line that says so.
func TestACarriedWayIsAButton(t *testing.T) {
	for lang, want := range map[string]string{
		"ko": "카카오 로그인은 저희의 다른 주소를 거쳐 이어져요.",
		"en": "Kakao Login continues through another address of ours.",
		"ja": "カカオログインには、別のアドレスを経由して進みます。",
	} {
		doc := draw(t, elsewhereView(lang))
		way := byID(doc, "way-kakao")
		if !hasClass(way, "kakao") || attr(way, "aria-describedby") != "doubt-kakao" {
			t.Errorf("%s: it is no button of its brand", lang)
		}
		if got := text(byID(doc, "doubt-kakao")); !strings.HasSuffix(got, want) {
			t.Errorf("%s: it says %q", lang, got)
		}
	}
}

// A problem page of a login that could go on elsewhere says where, too.
func TestAProblemKnowsWhereTheLoginGoesOn(t *testing.T) {
	view := Problem{Frame: frame("en"), Kind: ProblemUnavailable, RetryHref: "/login/abc", RetryAfter: 2}
	view.Elsewhere = elsewhereView("en").Elsewhere
	if links := elements(byID(draw(t, view), "other-address"), "a"); len(links) != 2 {
		t.Errorf("%d links", len(links))
	}
}
