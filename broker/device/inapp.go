package device

import (
	"net/http"
	"net/url"
	"strings"
)

// InApp is an app whose own web view shows the page.
type InApp string

// The apps that are told apart.
const (
	NoApp     InApp = ""
	KakaoTalk InApp = "kakaotalk"
	LINE      InApp = "line"
	NAVER     InApp = "naver"
	Instagram InApp = "instagram"
	Facebook  InApp = "facebook"
)

// inApps are the marks that apps leave in the User-Agent header.
var inApps = []struct {
	piece string
	app   InApp
}{
	{"KAKAOTALK", KakaoTalk},
	{"Line/", LINE},
	{"NAVER(inapp", NAVER},
	{"Instagram", Instagram},
	{"FBAN", Facebook},
	{"FBAV", Facebook},
}

// AppOf returns the app that shows the page which sent r; [NoApp] for a browser of
// its own.
func AppOf(r *http.Request) InApp {
	agent := r.Header.Get("User-Agent")
	for _, known := range inApps {
		if strings.Contains(agent, known.piece) {
			return known.app
		}
	}
	return NoApp
}

// Refuses reports whether a kind of provider does not let anybody log in inside
// that app: Google answers web views with 403 disallowed_useragent.
func (a InApp) Refuses(kind string) bool { return a != NoApp && kind == "google" }

// Outside is the address that has the app open target in the person's own browser;
// empty where no way to ask for it is known, and the person copies the address.
// KakaoTalk's is not documented and may stop working. target is http or https.
func (a InApp) Outside(r *http.Request, target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	switch {
	case a == KakaoTalk:
		return "kakaotalk://web/openExternal?url=" + url.QueryEscape(target)
	case a == LINE:
		query := u.Query()
		query.Set("openExternalBrowser", "1")
		u.RawQuery = query.Encode()
		return u.String()
	case a != NoApp && strings.Contains(r.Header.Get("User-Agent"), "Android"):
		scheme := u.Scheme
		u.Scheme, u.Fragment = "", ""
		return "intent:" + u.String() + "#Intent;scheme=" + scheme + ";action=android.intent.action.VIEW;end"
	}
	return ""
}
