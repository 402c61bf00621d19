package device

import (
	"net/http"
	"testing"
)

const (
	onAndroid = "Mozilla/5.0 (Linux; Android 16; SM-S948N; wv) AppleWebKit/537.36 Version/4.0 Chrome/156.0 Mobile Safari/537.36 "
	onIPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 "
)

func TestAppsAreToldApart(t *testing.T) {
	const target = "https://shop.example/login?from=a&b=c"
	const intent = "intent://shop.example/login?from=a&b=c#Intent;scheme=https;action=android.intent.action.VIEW;end"
	tests := []struct {
		name, agent string
		app         InApp
		outside     string
		label       string
	}{
		{"KakaoTalk on Android", onAndroid + "KAKAOTALK 11.9.0", KakaoTalk, "kakaotalk://web/openExternal?url=https%3A%2F%2Fshop.example%2Flogin%3Ffrom%3Da%26b%3Dc", "Android KakaoTalk"},
		{"KakaoTalk on an iPhone", onIPhone + "KAKAOTALK 11.9.0", KakaoTalk, "kakaotalk://web/openExternal?url=https%3A%2F%2Fshop.example%2Flogin%3Ffrom%3Da%26b%3Dc", "iPhone KakaoTalk"},
		{"LINE", onIPhone + "Safari Line/15.1.0", LINE, "https://shop.example/login?b=c&from=a&openExternalBrowser=1", "iPhone LINE"},
		{"NAVER on Android", onAndroid + "NAVER(inapp; search; 2000; 13.1.0)", NAVER, intent, "Android NAVER"},
		{"NAVER on an iPhone", onIPhone + "NAVER(inapp; search; 2000; 13.1.0)", NAVER, "", "iPhone NAVER"},
		{"Instagram on Android", onAndroid + "Instagram 400.0", Instagram, intent, "Android Instagram"},
		{"Facebook on an iPhone", onIPhone + "[FBAN/FBIOS;FBAV/500.0]", Facebook, "", "iPhone Facebook"},
		{"Facebook on Android", onAndroid + "[FB_IAB/FB4A;FBAV/500.0]", Facebook, intent, "Android Facebook"},
		{"Chrome on Android", onAndroid, NoApp, "", "Android Chrome"},
		{"Safari on an iPhone", onIPhone + "Version/19.0 Safari/604.1", NoApp, "", "iPhone Safari"},
		{"Edge on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", NoApp, "", "Windows Edge"},
		{"a script", "curl/8.9", NoApp, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"User-Agent": {tt.agent}}}
			app := AppOf(r)
			if got := app.Outside(r, target); app != tt.app || got != tt.outside || Label(r) != tt.label {
				t.Errorf("app %q, outside %q, label %q", app, got, Label(r))
			}
			if app.Refuses("google") != (app != NoApp) || app.Refuses("kakao") {
				t.Error("the wrong ways are refused")
			}
			for _, wrong := range []string{"", "javascript:alert(1)", "/login", "//evil"} {
				if got := app.Outside(r, wrong); got != "" {
					t.Errorf("%q leads to %q", wrong, got)
				}
			}
		})
	}
}
