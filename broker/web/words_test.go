package web

import (
	"strings"
	"testing"
)

// A way that is down is never counted among those one can log in by now.
func TestTheAccountPageCountsOnWhatWorks(t *testing.T) {
	kakao := AccountWay{Way: Way{ID: "kakao", Kind: "kakao"}, Linked: true}
	naver := AccountWay{Way: Way{ID: "naver", Kind: "naver"}, Linked: true}
	broken, off := kakao, naver
	broken.Down, off.Off = true, true
	tests := []struct {
		name        string
		independent int
		ways        []AccountWay
		want        string
	}{
		{"both work", 2, []AccountWay{kakao, naver}, "You can sign in with Kakao and NAVER. One can stop and you’re fine."},
		{"one is down", 2, []AccountWay{broken, naver}, "Right now you can sign in with NAVER."},
		{"one is switched off", 2, []AccountWay{kakao, off}, "Right now you can sign in with Kakao."},
		{"none works", 2, []AccountWay{broken, off}, "No way in is working well right now. If you sign out, you may not get back in straight away."},
		{"the only one works", 1, []AccountWay{kakao}, "If Kakao Login stops, you can’t get in."},
		{"the only one is down", 1, []AccountWay{broken}, "No way in is working well right now. If you sign out, you may not get back in straight away."},
		{"two of one fate", 1, []AccountWay{kakao, naver}, "You can sign in with Kakao and NAVER. They can fail together. Please connect one more."},
	}
	for _, tt := range tests {
		doc := draw(t, Account{Frame: frame("en"), Ways: tt.ways, Independent: tt.independent})
		if got := spaced(byClass(doc, "summary")[0]); !strings.Contains(got, tt.want) {
			t.Errorf("%s: the page says %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestTheAccountPageSaysByWhatThePersonWasProved(t *testing.T) {
	for lang, want := range map[string]string{
		"ko": "오후 3:42에 카카오 로그인으로 본인을 확인했어요.",
		"en": "You last confirmed it’s you at 3:42 PM KST, with Kakao.",
		"ja": "15:42にカカオログインでご本人を確認しました。",
	} {
		doc := draw(t, Account{Frame: frame(lang), Proved: checkedAt, ProvedBy: Way{ID: "kakao", Kind: "kakao"}, Ways: []AccountWay{{Way: Way{ID: "kakao", Kind: "kakao"}, Linked: true}}})
		if got := spaced(doc); !strings.Contains(got, want) {
			t.Errorf("%s: the page says %q, want %q", lang, got, want)
		}
	}
}

// Whoever looks for the way they used before must not search a list that hides it.
func TestLookingForAnEarlierWayTellsThatItIsDown(t *testing.T) {
	menu := menuView("ko")
	menu.Notice = &Notice{Reason: ReasonExisting}
	menu.Ways[0].Down = true
	want := "원래 쓰던 방법으로 로그인해 주세요. 기존 계정을 그대로 이용할 수 있어요. 지금 카카오 로그인이 원활하지 않아요."
	if got := spaced(byClass(draw(t, menu), "notice")[0]); got != want {
		t.Errorf("the notice says %q, want %q", got, want)
	}
	menu.Ways[1].Down = true
	if got := spaced(byClass(draw(t, menu), "notice")[0]); !strings.HasSuffix(got, "지금 카카오·네이버 로그인이 원활하지 않아요.") {
		t.Errorf("with two down the notice says %q", got)
	}
}

func TestWhereNoWayWorksNoOtherWayIsAdvised(t *testing.T) {
	view := statusViews("en")["status down"].(Status)
	view.Verdict = StatusHard
	if got := spaced(byClass(draw(t, view), "incident")[0]); strings.Contains(got, "another way") || !strings.Contains(got, "already signed in keep working") {
		t.Errorf("the incident says %q", got)
	}
}

func TestOneSiteAloneIsNotNamedAsAWitness(t *testing.T) {
	view := statusViews("en")["status down"].(Status)
	view.Sites = []string{"dev"}
	view.Incidents[0].Sites = view.Sites
	doc := draw(t, view)
	if got := spaced(byClass(doc, "incident")[0]); !strings.Contains(got, "Confirmed We checked more than once.") {
		t.Errorf("the incident says %q", got)
	}
	if got := text(byID(doc, "sites")); got != "What we see right now" {
		t.Errorf("the table is called %q", got)
	}
}

func TestWhatIsOnlyJustBackIsCalledUnsteadyNotSlow(t *testing.T) {
	view := statusViews("ko")["status"].(Status)
	view.Verdict = StatusSlow
	view.Rows[0].States = []string{"unsteady", "up", "up"}
	view.Readings = []StatusReading{{Kind: ReadingUnsteady, Ways: []Way{{ID: "kakao", Kind: "kakao"}}}}
	doc := draw(t, view)
	if got := spaced(elements(doc, "table")[0]); !strings.Contains(got, "카카오 불안정 정상 정상") {
		t.Errorf("the table says %q", got)
	}
	if got := text(byID(doc, "reading")); got != "카카오 로그인이 아직 불안정할 수 있어요." {
		t.Errorf("it is read as %q", got)
	}
}

func TestUnlinkingWarnsWhenWhatIsLeftIsDown(t *testing.T) {
	kakao := Way{ID: "kakao", Kind: "kakao"}
	broken := kakao
	broken.Down = true
	for _, tt := range []struct {
		left []Way
		want string
	}{
		{[]Way{kakao}, "남는 로그인 길: 카카오 1개 카카오 로그인이 멈추면 들어올 수 없어요. 그래도 끊을까요?"},
		{[]Way{broken}, "남는 로그인은 지금 원활하지 않아요. 끊고 로그아웃하면 바로 다시 들어오지 못할 수 있어요. 그래도 끊을까요?"},
	} {
		doc := draw(t, Unlink{Frame: frame("ko"), Way: Way{ID: "naver", Kind: "naver"}, Left: tt.left, Action: "/x"})
		if got := spaced(byClass(doc, "notice")[0]); got != tt.want {
			t.Errorf("the page warns %q, want %q", got, tt.want)
		}
	}
}
