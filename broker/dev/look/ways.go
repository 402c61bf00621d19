package look

// names are what people call the known ways in.
var names = map[string]map[string]string{
	"ko": {"kakao": "카카오", "naver": "네이버", "google": "Google", "apple": "Apple", "line": "LINE"},
	"en": {"kakao": "Kakao", "naver": "Naver", "google": "Google", "apple": "Apple", "line": "LINE"},
	"ja": {"kakao": "カカオ", "naver": "NAVER", "google": "Google", "apple": "Apple", "line": "LINE"},
}

// Way returns what people of lang call the way in with id; one we have no
// word for is called by its id.
func Way(lang, id string) string {
	if name, ok := names[lang][id]; ok {
		return name
	}
	return id
}
