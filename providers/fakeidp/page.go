package fakeidp

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page is one file, its style another
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var (
	page      = template.Must(template.New("page").Parse(pageHTML))
	pageStyle = sha256.Sum256([]byte(pageCSS))
)

// words are what the page says, in one language; %s is the upstream, or the person.
type words struct {
	Badge, SignIn, About, Continue, Cancel, Others, AnyName, Choose, Refused, Return, Waiting string
}

var (
	languages = language.NewMatcher([]language.Tag{language.Korean, language.English, language.Japanese})
	tags      = []string{"ko", "en", "ja"}
	spoken    = []words{
		{
			Badge: "모의 화면", SignIn: "%s 계정으로 로그인", About: "%s 로그인을 흉내 낸 화면이에요. 비밀번호도 실제 계정도 없어요.",
			Continue: "%s 님으로 계속", Cancel: "취소", Others: "다른 사람으로", AnyName: "아무 이름이나", Choose: "선택",
			Refused: "요청을 계속할 수 없어요", Return: "웹사이트로 돌아가기", Waiting: "앱에서 확인하고 있어요",
		},
		{
			Badge: "Simulation", SignIn: "Sign in with %s", About: "This page stands in for %s. There is no password and no real account.",
			Continue: "Continue as %s", Cancel: "Cancel", Others: "Someone else", AnyName: "Any name", Choose: "Choose",
			Refused: "This request cannot go on", Return: "Back to the website", Waiting: "Waiting for the app",
		},
		{
			Badge: "シミュレーション", SignIn: "%sでログイン", About: "%sのログイン画面を模したページです。パスワードも実際のアカウントもありません。",
			Continue: "%sとして続ける", Cancel: "キャンセル", Others: "別の人で", AnyName: "任意の名前", Choose: "選ぶ",
			Refused: "このリクエストは続けられません", Return: "ウェブサイトに戻る", Waiting: "アプリでの確認を待っています",
		},
	}
)

// view is what the page shows. Parts that are empty are left out.
type view struct {
	Lang     string
	CSS      template.CSS
	Words    words
	Upstream string
	Heading  string
	Refusal  string
	Website  string
	Person   *Person
	Initial  string
	Continue *control
	Cancel   *control
	Others   []other
	Page     string
	Hidden   []field
}

// control is a link, or a form where there are fields.
type control struct {
	Label  string
	URL    string
	Fields []field
}

type field struct{ Name, Value string }

type other struct{ Name, FullName, URL string }

// newView prepares a page in the browser's language; English if it has none of ours.
func (c *call) newView() view {
	index := 1
	wanted, _, err := language.ParseAcceptLanguage(c.r.Header.Get("Accept-Language"))
	if err == nil && len(wanted) > 0 {
		if _, i, confidence := languages.Match(wanted...); confidence > language.No {
			index = i
		}
	}
	return view{Lang: tags[index], Words: spoken[index], CSS: template.CSS(pageCSS), Upstream: c.u.Title()}
}

func say(text, name string) string { return strings.Replace(text, "%s", name, 1) }

// personPage shows who is about to sign in, with one control for yes and one for no.
func (c *call) personPage(a authorization) {
	v := c.newView()
	v.Heading = say(v.Words.SignIn, v.Upstream)
	v.Words.About = say(v.Words.About, v.Upstream)
	v.Person = &a.person
	first, _ := utf8.DecodeRuneInString(a.person.FullName)
	v.Initial = string(first)
	v.Website = host(a.redirectURI)

	path := c.u.URL(Authorize)
	v.Continue = &control{URL: path + "/continue?" + query(c.r.Form)}
	v.Cancel = &control{URL: path + "/cancel?" + query(c.r.Form)}
	if a.formPost {
		if blocked := c.knobs.fault.meet != nil && c.touches(Continue); !blocked {
			v.Continue = &control{URL: a.redirectURI, Fields: fields(c.response(a, c.consented(a)))}
		}
		v.Cancel = &control{URL: a.redirectURI, Fields: fields(c.response(a, c.u.dialect.declined))}
	}
	v.Continue.Label = say(v.Words.Continue, a.person.FullName)
	v.Cancel.Label = v.Words.Cancel

	rest := maps.Clone(c.r.Form)
	rest.Del("person")
	v.Page = path
	v.Hidden = fields(rest)
	for _, p := range c.u.People() {
		if p.Name != a.person.Name {
			v.Others = append(v.Others, other{p.Name, p.FullName, path + "?" + query(rest) + "&" + query(url.Values{"person": {p.Name}})})
		}
	}
	c.show(http.StatusOK, v)
}

// query encodes parameters without '+', which an attribute would spell &#43;.
func query(parameters url.Values) string { return strings.ReplaceAll(parameters.Encode(), "+", "%20") }

// handOver lets the browser post an answer that needed no page of its own.
func (c *call) handOver(a authorization, parameters url.Values) {
	v := c.newView()
	v.Heading = v.Words.Return
	v.Website = host(a.redirectURI)
	v.Continue = &control{Label: v.Words.Return, URL: a.redirectURI, Fields: fields(parameters)}
	c.show(http.StatusOK, v)
}

// refusalPage says what is wrong with a request that has nowhere to go back to.
func (c *call) refusalPage(why string) {
	v := c.newView()
	v.Heading = v.Words.Refused
	v.Refusal = why
	c.show(http.StatusBadRequest, v)
}

func (c *call) show(status int, v view) {
	var body bytes.Buffer
	if err := page.Execute(&body, v); err != nil {
		c.u.server.o.Logger.Error("simulated upstream cannot draw its page", "upstream", c.u.name, "err", err)
		http.Error(c.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-"+
		base64.StdEncoding.EncodeToString(pageStyle[:])+"'")
	// A form post must name its true origin, as those of real upstreams do.
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body.Bytes()) // a browser that left needs no page
}

func fields(parameters url.Values) []field {
	var list []field
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range parameters[name] {
			list = append(list, field{name, value})
		}
	}
	return list
}

func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
