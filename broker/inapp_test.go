package broker_test

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev/browser"
)

// Inside an app whose web view Google turns away, Google is a sentence with the
// way out of the app, to where the website begins a login; the other ways stay
// (experience 1.4).
func TestInsideAnApp(t *testing.T) {
	n := brokertest.StartNode(t)
	const android = "Mozilla/5.0 (Linux; Android 16; wv) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36 "
	for _, tt := range []struct{ name, agent, opens string }{
		{"KakaoTalk", android + "KAKAOTALK 11.9.0", "kakaotalk://web/openExternal?url=https%3A%2F%2Frp1.example%2F"},
		{"LINE", android + "Line/15.1.0", "https://rp1.example/?openExternalBrowser=1"},
		{"NAVER", android + "NAVER(inapp; search; 2000; 13.1.0)", "intent://rp1.example/#Intent;scheme=https;"},
		{"Instagram", android + "Instagram 400.0", "intent://rp1.example/#Intent;scheme=https;"},
		{"Facebook", android + "[FB_IAB/FB4A;FBAV/500.0]", "intent://rp1.example/#Intent;scheme=https;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := n.NewBrowser(func(o *browser.Options) { o.UserAgent = tt.agent })
			page := b.Open(n.AuthorizeURL(brokertest.RP1.Request(set("idp_hint", "google"))))
			if page.Has("way-google") || !page.Has("way-kakao") || !page.Has("outside") {
				t.Fatalf("at %s: %v %s", page.URL, page.IDs("way-"), page.Text())
			}
			if href, _ := page.Attribute("open-outside", "href"); !strings.HasPrefix(href, tt.opens) {
				t.Errorf("the way out leads to %q", href)
			}
		})
	}
	if page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request())); !page.Has("way-google") || page.Has("elsewhere") {
		t.Error("a browser of its own is taken for an app's")
	}
}
