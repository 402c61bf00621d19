package look

import "cmp"

// names are what people call the ways in whose names differ by language.
var names = map[string]map[string]string{
	"ko": {"kakao": "카카오", "naver": "네이버", "naver-openid": "네이버 (OpenID)"},
	"en": {"kakao": "Kakao", "naver": "Naver", "naver-openid": "Naver (OpenID)"},
	"ja": {"kakao": "カカオ", "naver": "NAVER", "naver-openid": "NAVER (OpenID)"},
}

// everywhere are what people call the other ways in, whatever they speak.
var everywhere = map[string]string{
	"google": "Google", "apple": "Apple", "line": "LINE", "github": "GitHub", "facebook": "Facebook", "entra": "Microsoft",
	"discord": "Discord", "telegram": "Telegram", "wechat": "WeChat", "zalo": "Zalo", "company": "Company", "forum": "Forum",
}

// Way returns what people of lang call the way in with id; one we have no
// word for is called by its id.
func Way(lang, id string) string {
	if name, ok := names[lang][id]; ok {
		return name
	}
	return cmp.Or(everywhere[id], id)
}

// places are what people call the sites of dev mode.
var places = map[string]map[string]string{
	"ko": {"seoul": "서울", "busan": "부산", "tokyo": "도쿄"},
	"en": {"seoul": "Seoul", "busan": "Busan", "tokyo": "Tokyo"},
	"ja": {"seoul": "ソウル", "busan": "釜山", "tokyo": "東京"},
}

// Place returns what people of lang call the site with that name; one we have
// no word for is called by its name.
func Place(lang, name string) string {
	if word, ok := places[lang][name]; ok {
		return word
	}
	return name
}
