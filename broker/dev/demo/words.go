package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/dev/look"
)

// words are what the website says in one language. Names of ways enter as
// whole nouns ("카카오 로그인"), so that no particle has to follow them.
type words struct {
	Shop, Demo, Switchboard, SignIn, SignOut, Language string

	Headline, Headline2, Lead1, Lead2 string
	Try                               string
	Step1, Step1More, Step2           string
	Step3, Step3More                  string
	SignedOut                         string
	Bag, Mug, Lamp, Book              string
	BagPrice, MugPrice                string
	LampPrice, BookPrice              string
	Greeting, Titled                  string // %s is the name
	CameBy, CameByUnknown             string // %s is the way's login
	StandsStill, During               string // %s are logins
	Login                             string // %s is the way
	Ways, UnknownWay, Same, Other     string
	Token, Checked, NonceSame         string
	SignatureChecked, Raw             string
	Again, OpenSwitchboard, Account   string
	Copy, Copied, Nameless, Issuer    string
	Today, Dated                      string // layouts of time

	Failed, Missing, TryAgain, Home, Said                       string
	Answer, Denied, Busy, Stale, Silent, Refused, Gone, OurFail string
}

var catalogue = map[string]words{"ko": korean, "en": english, "ja": japanese}

var korean = words{
	Shop: "한빛상점", Demo: "데모", Switchboard: "배전반", SignIn: "로그인", SignOut: "로그아웃", Language: "언어",
	Headline: "카카오 로그인이 멈춰도", Headline2: "길은 이어져요",
	Lead1: "이 데모 사이트는 OpenID Connect 하나만 알아요.", Lead2: "무엇이 멈추든 이 사이트의 코드는 그대로예요.",
	Try:   "이렇게 해 보세요",
	Step1: "카카오 로그인으로 들어와요", Step1More: "연습용 화면에서 김민지를 골라요",
	Step2: "배전반에서 카카오 로그인을 꺼요",
	Step3: "네이버 로그인으로 다시 들어와요", Step3More: "여기서도 김민지를 고르면 같은 사람이에요",
	SignedOut: "로그아웃했어요",
	Bag:       "새벽 가방", Mug: "온기 머그", Lamp: "등대 조명", Book: "바다 노트",
	BagPrice: "39,000원", MugPrice: "18,000원", LampPrice: "62,000원", BookPrice: "9,000원",
	Greeting: "안녕하세요, %s", Titled: "%s 님",
	CameBy: "이번에는 %s으로 들어오셨어요.", CameByUnknown: "Bongsu 로그인으로 들어오셨어요.",
	StandsStill: "%s은 지금 멈춰 있어요.", During: "%s 장애 중", Login: "%s 로그인",
	Ways: "들어온 길", UnknownWay: "알 수 없는 길", Same: "두 번 모두 같은 사람이에요", Other: "지난번과 다른 사람이에요",
	Token: "이 사이트가 받은 ID 토큰", Checked: "확인됨", NonceSame: "보낸 값과 같아요",
	SignatureChecked: "서명 확인됨", Raw: "받은 그대로 보기",
	Again: "다시 로그인하기", OpenSwitchboard: "배전반 열기", Account: "내 로그인 관리",
	Copy: "복사", Copied: "복사했어요", Nameless: "고객", Issuer: "발급자",
	Today: "오늘 15:04", Dated: "1월 2일 15:04",
	Failed: "로그인하지 못했어요", Missing: "없는 페이지예요", TryAgain: "다시 시도하기", Home: "처음으로", Said: "발급자가 보낸 답",
	Answer: "로그인이 끝나지 않았어요. 다시 시도할 수\u00a0있어요.",
	Denied: "로그인을 취소했어요. 언제든 다시 할 수\u00a0있어요.",
	Busy:   "지금은 확인할 수\u00a0없었어요. 잠시 뒤 다시 시도해 주세요.",
	Stale:  "이 로그인은 이미 끝났거나 시간이 지났어요. 처음부터 다시 시작해 주세요.",
	Silent: "로그인 서비스에서 응답이 없어요. 잠시 뒤 다시 시도해 주세요.",
	Refused: "로그인 서비스의 답을 확인하지 못해서 받지 않았어요. " +
		"다시 시도할 수\u00a0있어요.",
	Gone: "주소를 다시 확인해 주세요.", OurFail: "이 사이트에 문제가 생겼어요. 죄송합니다.",
}

var english = words{
	Shop: "Hanbit Store", Demo: "Demo", Switchboard: "Switchboard", SignIn: "Sign in", SignOut: "Sign out", Language: "Language",
	Headline: "Kakao Login stops.", Headline2: "Your way in doesn’t.",
	Lead1: "This demo website knows only OpenID Connect.", Lead2: "Whatever stops, its code stays the same.",
	Try:   "Try this",
	Step1: "Sign in with Kakao", Step1More: "Choose 김민지 on its practice page",
	Step2: "Turn Kakao off on the switchboard",
	Step3: "Sign in again, with Naver", Step3More: "Choose 김민지 there too: still the same person",
	SignedOut: "You’ve signed out",
	Bag:       "Dawn bag", Mug: "Warm mug", Lamp: "Lighthouse lamp", Book: "Sea notebook",
	BagPrice: "₩39,000", MugPrice: "₩18,000", LampPrice: "₩62,000", BookPrice: "₩9,000",
	Greeting: "Hello, %s", Titled: "%s",
	CameBy: "This time you came in by %s.", CameByUnknown: "You came in through Bongsu.",
	StandsStill: "Out right now: %s.", During: "during an outage of %s", Login: "%s login",
	Ways: "How you came in", UnknownWay: "Way not told", Same: "The same person both times", Other: "A different person than last time",
	Token: "The ID token this website received", Checked: "checked", NonceSame: "same as we sent",
	SignatureChecked: "signature verified", Raw: "Show as received",
	Again: "Sign in again", OpenSwitchboard: "Open the switchboard", Account: "Your ways to sign in",
	Copy: "Copy", Copied: "Copied", Nameless: "guest", Issuer: "issuer",
	Today: "Today 15:04", Dated: "Jan 2 15:04",
	Failed: "That sign-in didn’t finish", Missing: "No such page", TryAgain: "Try again", Home: "Back to the store", Said: "What the issuer answered",
	Answer:  "You can try it again.",
	Denied:  "You cancelled the sign-in. You can start again any time.",
	Busy:    "This couldn’t be checked right now. Please try again in a moment.",
	Stale:   "This sign-in is already over or has timed out. Please start again.",
	Silent:  "The sign-in service doesn’t answer. Please try again in a moment.",
	Refused: "The sign-in service’s answer couldn’t be verified, so it wasn’t accepted. You can try again.",
	Gone:    "Please check the address.", OurFail: "Something went wrong on this website. Sorry about that.",
}

var japanese = words{
	Shop: "ハンビットストア", Demo: "デモ", Switchboard: "配電盤", SignIn: "ログイン", SignOut: "ログアウト", Language: "言語",
	Headline: "カカオログインが止まっても、", Headline2: "道は続く",
	Lead1: "このデモサイトが知っているのは OpenID Connect だけです。", Lead2: "何が止まっても、サイトのコードは変わりません。",
	Try:   "こちらをお試しください",
	Step1: "カカオログインで入る", Step1More: "練習用の画面で「김민지」を選びます",
	Step2: "配電盤でカカオログインを切る",
	Step3: "NAVERでもう一度ログインする", Step3More: "ここでも「김민지」を選べば、同じ人です",
	SignedOut: "ログアウトしました",
	Bag:       "夜明けのバッグ", Mug: "ぬくもりマグ", Lamp: "灯台ランプ", Book: "海のノート",
	BagPrice: "39,000ウォン", MugPrice: "18,000ウォン", LampPrice: "62,000ウォン", BookPrice: "9,000ウォン",
	Greeting: "こんにちは、%s", Titled: "%sさん",
	CameBy: "今回は%sで入りました。", CameByUnknown: "Bongsuログインで入りました。",
	StandsStill: "%sは現在止まっています。", During: "%s障害中", Login: "%sログイン",
	Ways: "入った道", UnknownWay: "不明な道", Same: "2回とも同じ人です", Other: "前回とは別の人です",
	Token: "このサイトが受け取ったIDトークン", Checked: "確認済み", NonceSame: "送った値と同じです",
	SignatureChecked: "署名確認済み", Raw: "受け取ったまま表示",
	Again: "もう一度ログイン", OpenSwitchboard: "配電盤を開く", Account: "ログイン方法の管理",
	Copy: "コピー", Copied: "コピーしました", Nameless: "ゲスト", Issuer: "発行者",
	Today: "今日 15:04", Dated: "1月2日 15:04",
	Failed: "ログインできませんでした", Missing: "ページがありません", TryAgain: "もう一度試す", Home: "最初に戻る", Said: "発行者からの回答",
	Answer:  "ログインが完了しませんでした。もう一度お試しいただけます。",
	Denied:  "ログインをキャンセルしました。いつでもやり直せます。",
	Busy:    "現在確認できませんでした。しばらくしてからもう一度お試しください。",
	Stale:   "このログインはすでに終わったか、時間が過ぎました。最初からやり直してください。",
	Silent:  "ログインサービスから応答がありません。しばらくしてからもう一度お試しください。",
	Refused: "ログインサービスの回答を確認できなかったため、受け取りませんでした。もう一度お試しいただけます。",
	Gone:    "アドレスをご確認ください。", OurFail: "このサイトで問題が発生しました。申し訳ありません。",
}

func (t words) greet(name string) string { return fmt.Sprintf(t.Greeting, t.Title(name)) }

// Title is the name with the form of address that the language has.
func (t words) Title(name string) string { return fmt.Sprintf(t.Titled, name) }

func (t words) came(lang, way string) string {
	if way == "" {
		return t.CameByUnknown
	}
	return fmt.Sprintf(t.CameBy, t.login(lang, way))
}

func (t words) login(lang, way string) string { return fmt.Sprintf(t.Login, look.Way(lang, way)) }

// outage says which ways stand still; "" when none does.
func (t words) outage(lang string, down []string) string {
	if len(down) == 0 {
		return ""
	}
	logins := make([]string, len(down))
	for i, way := range down {
		logins[i] = t.login(lang, way)
	}
	return fmt.Sprintf(t.StandsStill, strings.Join(logins, ", "))
}

func (t words) during(lang string, down []string) string {
	if len(down) == 0 {
		return ""
	}
	names := make([]string, len(down))
	for i, way := range down {
		names[i] = look.Way(lang, way)
	}
	return fmt.Sprintf(t.During, strings.Join(names, ", "))
}

// when writes a time as people here do, without the day when it is today.
func (t words) when(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format(t.Today)
	}
	return at.Format(t.Dated)
}

func (t words) reason(r reason) string {
	switch r {
	case reasonAnswer:
		return t.Answer
	case reasonDenied:
		return t.Denied
	case reasonBusy:
		return t.Busy
	case reasonStale:
		return t.Stale
	case reasonSilent:
		return t.Silent
	case reasonToken:
		return t.Refused
	case reasonMissing:
		return t.Gone
	default:
		return t.OurFail
	}
}
