package device

import (
	"net/http"
	"strings"
)

// mark is a piece of a User-Agent header and the word for what it tells. The first
// of a list that is found decides.
type mark struct{ piece, word string }

var systems = []mark{
	{"iPhone", "iPhone"},
	{"iPad", "iPad"},
	{"Android", "Android"},
	{"Windows", "Windows"},
	{"CrOS", "ChromeOS"},
	{"Mac OS X", "Mac"},
	{"Linux", "Linux"},
}

var browsers = []mark{
	{"KAKAOTALK", "KakaoTalk"},
	{"Line/", "LINE"},
	{"NAVER(inapp", "NAVER"},
	{"Instagram", "Instagram"},
	{"FBAN", "Facebook"},
	{"FBAV", "Facebook"},
	{"SamsungBrowser", "Samsung Internet"},
	{"Whale/", "Whale"},
	{"Edg", "Edge"},
	{"OPR/", "Opera"},
	{"Firefox/", "Firefox"},
	{"FxiOS", "Firefox"},
	{"CriOS", "Chrome"},
	{"Chrome/", "Chrome"},
	{"Safari/", "Safari"},
}

// Label names the system and browser that sent r in coarse words that are the
// same for many people: "Android Chrome". Empty for what looks like neither. It
// has at most 32 bytes.
func Label(r *http.Request) string {
	agent := r.Header.Get("User-Agent")
	return strings.TrimSpace(first(systems, agent) + " " + first(browsers, agent))
}

func first(marks []mark, agent string) string {
	for _, m := range marks {
		if strings.Contains(agent, m.piece) {
			return m.word
		}
	}
	return ""
}
