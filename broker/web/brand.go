package web

import "html/template"

// brands are the kinds of ways with words, colours and a drawing of their own.
// The drawings are neutral stand-ins on a 20 px square.
var brands = map[string]template.HTML{
	"kakao":   glyph(`<path d="M10 2.6c-4.8 0-8.6 2.9-8.6 6.5 0 2.3 1.6 4.4 4.1 5.5l-.8 3.5 4-2.6 1.3.1c4.8 0 8.6-2.9 8.6-6.5S14.8 2.6 10 2.6z" fill="currentColor"/>`),
	"naver":   glyph(`<rect width="20" height="20" rx="4.5" fill="#03c75a"/><path d="M6 14.2V5.8h2.7l2.6 4V5.8H14v8.4h-2.7l-2.6-4v4z" fill="#fff"/>`),
	"line":    glyph(`<rect x=".75" y=".75" width="18.5" height="18.5" rx="5.5" class="s"/><path d="M8 6.2v7.3h4.6" class="s"/>`),
	"google":  glyph(`<circle cx="10" cy="10" r="9.25" class="s"/><path d="M12.7 7.6A3.6 3.6 0 1 0 13.6 10.3h-3.3" class="s"/>`),
	"apple":   glyph(`<circle cx="10" cy="10" r="9.25" class="s"/><path d="m6.7 13.8 3.3-7.8 3.3 7.8M7.9 11.3h4.2" class="s"/>`),
	"passkey": glyph(`<circle cx="5.3" cy="10" r="3.9" class="s"/><path d="M9.2 10h10.1v3.2M15.7 10v2.6" class="s"/>`),
}

// door stands for every way without a drawing of its own.
var door = glyph(`<path d="M11 3h6v14h-6M2.5 10h10M9 6.5l3.5 3.5L9 13.5" class="s"/>`)

func glyph(body string) template.HTML {
	return template.HTML(`<svg viewBox="0 0 20 20" aria-hidden="true">` + body + `</svg>`) // constant drawings of this file
}

// names are what one language calls a way.
type names struct {
	button string // label of its button: 카카오 로그인, Login with Kakao
	name   string // 카카오, Kakao
	login  string // 카카오 로그인, Kakao Login
	by     string // 카카오로, Kakao
	glyph  template.HTML
	class  string // the kind, or "" where the button has no colours of its own
}

// name finds the words for a way: translated for the brands, the operator's
// name for all others, the id where even that is missing.
func (l *locale) name(w Way) names {
	if drawing, ok := brands[w.Kind]; ok {
		key := "way." + w.Kind
		return names{
			button: l.text(key + ".button"),
			name:   l.text(key + ".name"),
			login:  l.text(key + ".login"),
			by:     l.text(key + ".by"),
			glyph:  drawing,
			class:  w.Kind,
		}
	}
	name := clean(w.Name)
	if name == "" {
		name = clean(w.ID)
	}
	v := values{varWay: name}
	return names{
		button: l.say("way.any.button", &v),
		name:   name,
		login:  l.say("way.any.login", &v),
		by:     l.say("way.any.by", &v),
		glyph:  door,
	}
}

// toward puts the Korean particle that means "to" behind a website's name. It
// depends on the last sound, which only Hangul shows; any other name is followed
// by a noun that carries the particle. The other languages need none.
func (l *locale) toward(name string) string {
	if l.lang != "ko" || name == "" {
		return name
	}
	var last rune
	for _, r := range name {
		last = r
	}
	if last < '가' || last > '힣' {
		return name + " 사이트로"
	}
	const finals, rieul = 28, 8 // final consonants of a syllable; ㄹ takes 로 like a vowel
	if final := (last - '가') % finals; final == 0 || final == rieul {
		return name + "로"
	}
	return name + "으로"
}
