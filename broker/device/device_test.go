package device

import (
	"net/http"
	"testing"
)

func TestOf(t *testing.T) {
	tests := []struct {
		name, agent, hint string
		want              Class
	}{
		{"a phone's own browser", "Mozilla/5.0 (Linux; Android 16; SM-S948N) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36", "", Mobile},
		{"a tablet", "Mozilla/5.0 (Linux; Android 16; SM-X910) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "", Mobile},
		{"an iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1", "", Mobile},
		{"a reduced agent with a hint", "Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0", "?1", Mobile},
		{"a desktop", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "?0", Desktop},
		{"inside KakaoTalk", "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Mobile Safari/537.36 KAKAOTALK 11.9.0", "", App},
		{"inside LINE", "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 Safari Line/15.1.0", "", App},
		{"inside NAVER", "Mozilla/5.0 (iPhone) Mobile/15E148 NAVER(inapp; search; 2000; 13.1.0)", "", App},
		{"a script", "curl/8.9", "", Unknown},
		{"nothing", "", "", Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"User-Agent": {tt.agent}, "Sec-Ch-Ua-Mobile": {tt.hint}}}
			if got := Of(r); got != tt.want {
				t.Errorf("Of(%q) = %s, want %s", tt.agent, got, tt.want)
			}
		})
	}
}
