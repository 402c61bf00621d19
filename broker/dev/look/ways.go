package look

// names are what people call the known ways in.
var names = map[string]map[string]string{
	"ko": {
		"kakao": "카카오", "naver": "네이버", "google": "Google", "apple": "Apple", "line": "LINE",
		"naver-openid": "네이버 (OpenID)", "github": "GitHub", "facebook": "Facebook",
	},
	"en": {
		"kakao": "Kakao", "naver": "Naver", "google": "Google", "apple": "Apple", "line": "LINE",
		"naver-openid": "Naver (OpenID)", "github": "GitHub", "facebook": "Facebook",
	},
	"ja": {
		"kakao": "カカオ", "naver": "NAVER", "google": "Google", "apple": "Apple", "line": "LINE",
		"naver-openid": "NAVER (OpenID)", "github": "GitHub", "facebook": "Facebook",
	},
}

// Way returns what people of lang call the way in with id; one we have no
// word for is called by its id.
func Way(lang, id string) string {
	if name, ok := names[lang][id]; ok {
		return name
	}
	return id
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
