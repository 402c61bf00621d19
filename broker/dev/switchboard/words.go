package switchboard

import (
	"fmt"
	"strings"

	"github.com/bongsu/bongsu/broker/dev/look"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// words are what the board says in one language.
type words struct {
	Title, Badge, Lead, OpenDemo, Issuer, Demo, Language string
	Providers, HealAll, NoFault, Set, On, Off, Faulty    string
	Label                                                string // %s is the provider
	Events, Live, Nothing, Copy, Copied                  string

	Sites, SitesLead, Writer string

	More string // what the further lines for the shell do

	groups map[fakeidp.Group]string // of all but the first
	faults map[fakeidp.Fault]string // where missing, the fault's own English title
	kinds  map[Kind]phrase

	states map[State]string // how a site fares
	turns  map[State]string // what the button says that makes it so
}

// phrase is how an event is told: the title in bold, where it matters, and
// what follows. %s in either is the provider.
type phrase struct {
	title string
	text  string
}

var catalogue = map[string]words{"ko": korean, "en": english, "ja": japanese}

var korean = words{
	Title: "배전반", Badge: "아무것도 남기지 않아요", Lead: "로그인 하나를 고장 내고 데모 사이트에서 로그인해 보세요.",
	OpenDemo: "데모 사이트 열기", Issuer: "발급자", Demo: "데모", Language: "언어",
	Providers: "로그인 제공자", HealAll: "모두 고치기", NoFault: "고장 없음", Set: "적용", On: "켜짐", Off: "꺼짐", Faulty: "고장",
	Label:  "%s 고장 종류",
	Events: "일어난 일", Live: "실시간", Nothing: "아직 아무 일도 없어요", Copy: "복사", Copied: "복사했어요",
	Sites: "사이트", SitesLead: "발급자 주소는 살아 있는 첫 사이트가 받아요. 데이터베이스는 한 사이트에서만 쓰고, 그 사이트가 멈추면 3초 뒤에 옮겨요.", Writer: "여기서 써요",
	states: map[State]string{SiteOK: "정상", SiteDead: "꺼짐", SiteFrozen: "응답 없음", SiteCut: "고립"},
	turns:  map[State]string{SiteOK: "되살리기", SiteDead: "끄기", SiteFrozen: "얼리기", SiteCut: "끊기"},
	More:   "일부에게만, 또는 시간에 따라",
	groups: map[fakeidp.Group]string{
		fakeidp.GroupNetwork: "네트워크",
		fakeidp.GroupPages:   "로그인 화면",
		fakeidp.GroupServer:  "서버 사이",
		fakeidp.GroupTrust:   "신뢰",
		fakeidp.GroupSome:    "일부 사람이나 한동안",
	},
	faults: map[fakeidp.Fault]string{
		fakeidp.Dark:         "아무 응답이 없어요",
		fakeidp.Slow:         "모든 응답이 8초 늦어요",
		fakeidp.Error:        "로그인 화면만 되고 나머지는 오류예요",
		fakeidp.Denied:       "취소한 것으로 돌아와요",
		fakeidp.BadSignature: "ID 토큰 서명이 가짜예요",

		fakeidp.DNS:                 "이름을 찾지 못해요",
		fakeidp.HalfOpen:            "연결만 되고 아무것도 오지 않아요",
		fakeidp.WrongCertificate:    "인증서가 다른 곳의 것이에요",
		fakeidp.ErrorPage:           "‘일시적인 오류’ 화면이 200으로 나와요",
		fakeidp.AppRouteDown:        "휴대폰에서만 버튼을 눌러도 넘어가지 않아요",
		fakeidp.Throttled:           "브라우저만 429와 502를 받아요",
		fakeidp.ConsentStepDown:     "절반은 동의 단계에서 돌아오지 못해요",
		fakeidp.CoreDown:            "메타데이터만 되고 나머지는 5xx예요",
		fakeidp.TokenDown:           "토큰 서버만 안 돼요",
		fakeidp.CredentialsRejected: "우리 클라이언트 시크릿을 거절해요",
		fakeidp.UserinfoDown:        "프로필 서버만 안 돼요",
		fakeidp.Brownout:            "8~25초 뒤에 응답해요",
		fakeidp.Disguised:           "내부 오류가 우리 잘못처럼 와요",
		fakeidp.Gone:                "우리 앱이 영영 정지됐어요",
		fakeidp.KeyDropped:          "공개 키 목록에서 서명 키가 빠졌어요",
		fakeidp.StolenKey:           "남이 공개된 키로 서명해요",
		fakeidp.Clock:               "ID 토큰의 시간이나 내용이 틀려요",
		fakeidp.MovedMetadata:       "엔드포인트가 다른 호스트로 바뀌어요",
		fakeidp.NewLoginsDown:       "전에 왔던 사람만 들어와요",
		fakeidp.Regional:            "17%만 들어와요",
		fakeidp.Relapse:             "일부만 되다가 다시 멈춰요",
		fakeidp.StatusFeedLies:      "멈췄는데 상태 피드는 정상이에요",
	},
	kinds: map[Kind]phrase{
		Ready:           {"준비됐어요", ""},
		FaultSet:        {"%s 고장 냄", ""},
		FaultCleared:    {"%s 고침", ""},
		PageShown:       {"", "%s 로그인 화면을 열었어요"},
		PersonDeclined:  {"", "%s 로그인을 취소했어요"},
		StepFailed:      {"", "%s 단계 실패"},
		StateDown:       {"%s 안 됨", "메뉴에서 안내로 옮겼어요"},
		StateDegraded:   {"%s 불안정", ""},
		StateUp:         {"%s 다시 정상", ""},
		LegFailed:       {"메뉴로 돌아옴", "%s 로그인이 끝나지 않았어요"},
		AccountOpened:   {"새 계정", "%s"},
		LoginCompleted:  {"로그인 끝", "%s"},
		LoginRefused:    {"로그인 거절", ""},
		SamePerson:      {"같은 사람", "데모 사이트가 받은 sub이 지난번과 같아요"},
		AnotherPerson:   {"다른 사람", "데모 사이트가 받은 sub이 지난번과 달라요"},
		SessionEnded:    {"로그아웃", ""},
		CodeReplayed:    {"코드 재사용", "그 코드로 받은 것을 거뒀어요"},
		CodeMisused:     {"코드 오용", ""},
		TurnedDead:      {"사이트 꺼짐", ""},
		TurnedFrozen:    {"사이트 응답 없음", ""},
		TurnedCut:       {"사이트 고립", ""},
		TurnedOK:        {"사이트 정상", ""},
		WriterMoved:     {"쓰는 곳 옮김", "이제 여기서 써요"},
		ClientRefused:   {"클라이언트 거절", ""},
		CallbackRefused: {"콜백 거절", ""},
	},
}

var english = words{
	Title: "Switchboard", Badge: "nothing is kept", Lead: "Break a provider, then sign in at the demo website and see what happens.",
	OpenDemo: "Open the demo website", Issuer: "issuer", Demo: "demo", Language: "Language",
	Providers: "Providers", HealAll: "Heal all", NoFault: "No fault", Set: "Set", On: "On", Off: "Off", Faulty: "Faulty",
	Label:  "Fault of %s",
	Events: "Events", Live: "Live", Nothing: "Nothing has happened yet", Copy: "Copy", Copied: "Copied",
	Sites: "Sites", SitesLead: "The first site that lives answers at the issuer’s address. The database is written in one site, and in another 3 seconds after that one stopped.", Writer: "writes here",
	states: map[State]string{SiteOK: "OK", SiteDead: "Dead", SiteFrozen: "Frozen", SiteCut: "Cut off"},
	turns:  map[State]string{SiteOK: "Restore", SiteDead: "Kill", SiteFrozen: "Freeze", SiteCut: "Cut off"},
	More:   "For some only, or over time",
	groups: map[fakeidp.Group]string{
		fakeidp.GroupNetwork: "Network",
		fakeidp.GroupPages:   "Login page",
		fakeidp.GroupServer:  "Between servers",
		fakeidp.GroupTrust:   "Trust",
		fakeidp.GroupSome:    "Some people, some of the time",
	},
	kinds: map[Kind]phrase{
		Ready:           {"Ready", ""},
		FaultSet:        {"%s broken", ""},
		FaultCleared:    {"%s healed", ""},
		PageShown:       {"", "%s: login page opened"},
		PersonDeclined:  {"", "%s: the person declined"},
		StepFailed:      {"", "%s: step failed"},
		StateDown:       {"%s is down", "moved to the notice"},
		StateDegraded:   {"%s is unsteady", ""},
		StateUp:         {"%s is back", ""},
		LegFailed:       {"Back to the menu", "%s didn’t work"},
		AccountOpened:   {"New account", "%s"},
		LoginCompleted:  {"Login completed", "%s"},
		LoginRefused:    {"Login refused", ""},
		SamePerson:      {"Same person", "the demo website got the same sub as before"},
		AnotherPerson:   {"Another person", "the demo website got another sub than before"},
		SessionEnded:    {"Signed out", ""},
		CodeReplayed:    {"Code replayed", "what it gave is revoked"},
		CodeMisused:     {"Code misused", ""},
		TurnedDead:      {"Site dead", ""},
		TurnedFrozen:    {"Site frozen", ""},
		TurnedCut:       {"Site cut off", ""},
		TurnedOK:        {"Site restored", ""},
		WriterMoved:     {"Writer moved", "the database is written here now"},
		ClientRefused:   {"Client refused", ""},
		CallbackRefused: {"Callback refused", ""},
	},
}

var japanese = words{
	Title: "配電盤", Badge: "何も残しません", Lead: "ログイン先をひとつ故障させて、デモサイトでログインしてみてください。",
	OpenDemo: "デモサイトを開く", Issuer: "発行者", Demo: "デモ", Language: "言語",
	Providers: "ログイン先", HealAll: "すべて直す", NoFault: "故障なし", Set: "適用", On: "オン", Off: "オフ", Faulty: "故障",
	Label:  "%sの故障の種類",
	Events: "できごと", Live: "ライブ", Nothing: "まだ何も起きていません", Copy: "コピー", Copied: "コピーしました",
	Sites: "サイト", SitesLead: "発行者のアドレスには、動いている最初のサイトが応えます。データベースへの書き込みは一つのサイトで行い、止まると3秒後に別のサイトへ移ります。", Writer: "ここで書き込み",
	states: map[State]string{SiteOK: "正常", SiteDead: "停止", SiteFrozen: "応答なし", SiteCut: "孤立"},
	turns:  map[State]string{SiteOK: "元に戻す", SiteDead: "止める", SiteFrozen: "凍らせる", SiteCut: "切り離す"},
	More:   "一部の人だけ、または時間とともに",
	groups: map[fakeidp.Group]string{
		fakeidp.GroupNetwork: "ネットワーク",
		fakeidp.GroupPages:   "ログイン画面",
		fakeidp.GroupServer:  "サーバー間",
		fakeidp.GroupTrust:   "信頼",
		fakeidp.GroupSome:    "一部の人や一定の間",
	},
	faults: map[fakeidp.Fault]string{
		fakeidp.Dark:         "まったく応答しません",
		fakeidp.Slow:         "すべての応答が8秒遅れます",
		fakeidp.Error:        "ログイン画面だけ動き、あとはエラーになります",
		fakeidp.Denied:       "キャンセルしたことになって戻ります",
		fakeidp.BadSignature: "IDトークンの署名が偽物です",

		fakeidp.DNS:                 "名前が引けません",
		fakeidp.HalfOpen:            "つながるだけで何も返ってきません",
		fakeidp.WrongCertificate:    "証明書が別のホストのものです",
		fakeidp.ErrorPage:           "「一時的なエラー」の画面が200で出ます",
		fakeidp.AppRouteDown:        "スマホではボタンの先に進めません",
		fakeidp.Throttled:           "ブラウザだけ429と502になります",
		fakeidp.ConsentStepDown:     "半分の人が同意画面から戻りません",
		fakeidp.CoreDown:            "メタデータ以外は5xxです",
		fakeidp.TokenDown:           "トークンサーバーだけ止まっています",
		fakeidp.CredentialsRejected: "こちらのクライアントシークレットが拒否されます",
		fakeidp.UserinfoDown:        "プロフィールのサーバーだけ止まっています",
		fakeidp.Brownout:            "8〜25秒後に応答します",
		fakeidp.Disguised:           "内部エラーがこちらの誤りのように返ります",
		fakeidp.Gone:                "こちらのアプリが完全に停止されました",
		fakeidp.KeyDropped:          "公開鍵の一覧から署名鍵が消えました",
		fakeidp.StolenKey:           "他人が公開済みの鍵で署名します",
		fakeidp.Clock:               "IDトークンの時刻や中身が誤っています",
		fakeidp.MovedMetadata:       "エンドポイントが別のホストに移ります",
		fakeidp.NewLoginsDown:       "以前に来た人だけ入れます",
		fakeidp.Regional:            "17%の人だけ入れます",
		fakeidp.Relapse:             "一部だけ復旧し、また止まります",
		fakeidp.StatusFeedLies:      "止まっているのに状態フィードは正常です",
	},
	kinds: map[Kind]phrase{
		Ready:           {"準備完了", ""},
		FaultSet:        {"%sを故障に", ""},
		FaultCleared:    {"%sを復旧", ""},
		PageShown:       {"", "%sのログイン画面を開きました"},
		PersonDeclined:  {"", "%sログインをキャンセルしました"},
		StepFailed:      {"", "%sで失敗した段階"},
		StateDown:       {"%sに障害", "メニューからお知らせに移しました"},
		StateDegraded:   {"%sが不安定", ""},
		StateUp:         {"%sが復旧", ""},
		LegFailed:       {"メニューに戻りました", "%sログインが完了しませんでした"},
		AccountOpened:   {"新しいアカウント", "%s"},
		LoginCompleted:  {"ログイン完了", "%s"},
		LoginRefused:    {"ログイン拒否", ""},
		SamePerson:      {"同じ人", "デモサイトが受け取った sub は前回と同じです"},
		AnotherPerson:   {"別の人", "デモサイトが受け取った sub は前回と違います"},
		SessionEnded:    {"ログアウト", ""},
		CodeReplayed:    {"コードの再使用", "そのコードで渡したものを取り消しました"},
		CodeMisused:     {"コードの誤用", ""},
		TurnedDead:      {"サイト停止", ""},
		TurnedFrozen:    {"サイト応答なし", ""},
		TurnedCut:       {"サイト孤立", ""},
		TurnedOK:        {"サイト復旧", ""},
		WriterMoved:     {"書き込み先が移動", "これからはここで書き込みます"},
		ClientRefused:   {"クライアント拒否", ""},
		CallbackRefused: {"コールバック拒否", ""},
	},
}

func (t words) label(provider string) string { return fmt.Sprintf(t.Label, provider) }

func (t words) about(k fakeidp.Kind) string {
	if text, ok := t.faults[k.Name]; ok {
		return text
	}
	return k.Title
}

// tell words an event: a title, which may be empty, and what follows it.
func (t words) tell(lang string, e Event) (title, text string) {
	p, ok := t.kinds[e.Kind]
	if !ok {
		p.title = string(e.Kind)
	}
	name := ""
	if e.Provider != "" {
		name = look.Way(lang, e.Provider)
	}
	place := ""
	if e.Site != "" {
		place = look.Place(lang, e.Site)
	}
	title = fill(p.title, name)
	var parts []string
	for _, part := range []string{place, e.Client, fill(p.text, name), e.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return title, strings.Join(parts, " · ")
}

func fill(text, name string) string { return strings.ReplaceAll(text, "%s", name) }
