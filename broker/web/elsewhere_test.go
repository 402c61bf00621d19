package web

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A page whose login could go on elsewhere says where, in a form that needs no
// script and holds what it carries once, and has a notice ready for when nothing
// answers here.
func TestPagesKnowWhereTheLoginGoesOn(t *testing.T) {
	for lang, want := range map[string][3]string{
		"ko": {"화면이 응답하지 않나요?", "busan.login.example.kr에서 계속하기", "죄송해요. 지금 여기에서는 응답이 없어요. 하던 로그인은 그대로예요. 다른 주소에서 이어서 할 수 있어요."},
		"en": {"Is this page not responding?", "Continue at busan.login.example.kr", "Sorry, nothing is answering here right now. Your sign-in is still open. You can continue it at another address."},
		"ja": {"画面が反応しませんか？", "busan.login.example.kr で続ける", "申し訳ありません。現在、こちらから応答がありません。 途中のログインはそのまま残っています。 別のアドレスで続けられます。"},
	} {
		view := elsewhereView(lang, usualCarried)
		doc := draw(t, view)
		other := byID(doc, "other-address")
		buttons, carried := elements(other, "button"), elements(other, "input")
		if other.Data != "details" || text(elements(other, "summary")[0]) != want[0] || len(buttons) != 2 || len(carried) != 1 {
			t.Fatalf("%s: %s", lang, spaced(other))
		}
		if form := elements(other, "form")[0]; attr(form, "method") != "get" || attr(carried[0], "value") != view.Elsewhere.Carried.Value {
			t.Errorf("%s: %s carries %.60s", lang, attr(form, "method"), attr(carried[0], "value"))
		}
		if text(buttons[0]) != want[1] || attr(buttons[0], "formaction") != view.Elsewhere.Places[0].Action || attr(buttons[0], "value") != "tag" {
			t.Errorf("%s: %q leads to %s", lang, text(buttons[0]), attr(buttons[0], "formaction"))
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
	for host, action := range map[string]string{"a": "javascript:alert(1)", "b": "/login", "c": "data:text/html,x", "e": "https://x;y/continue"} {
		view.Elsewhere.Places = append(view.Elsewhere.Places, Place{Host: host, Action: action})
	}
	if byID(draw(t, view), "other-address") != nil {
		t.Error("there is no place, and a form that leads there")
	}
	view.Elsewhere.Places = append(view.Elsewhere.Places, Place{Host: "<script>", Action: "https://d.example/continue"})
	w := write(t, testPages(t), view)
	buttons := elements(byID(parse(t, w.Body), "other-address"), "button")
	if len(buttons) != 1 || text(buttons[0]) != "Continue at <script>" {
		t.Errorf("%d buttons", len(buttons))
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "; form-action 'self' https://d.example; ") {
		t.Errorf("the browser may send forms by %q", policy)
	}
}

// A way by another address is a button like any, with a line that says so.
func TestACarriedWayIsAButton(t *testing.T) {
	for lang, want := range map[string]string{
		"ko": "카카오 로그인은 저희의 다른 주소를 거쳐 이어져요.",
		"en": "Kakao Login continues through another address of ours.",
		"ja": "カカオログインには、別のアドレスを経由して進みます。",
	} {
		view := menuView(lang)
		view.Ways[0].Carried = true
		doc := draw(t, view)
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
	view.Elsewhere = elsewhereView("en", usualCarried).Elsewhere
	if buttons := elements(byID(draw(t, view), "other-address"), "button"); len(buttons) != 2 {
		t.Errorf("%d buttons", len(buttons))
	}
}
