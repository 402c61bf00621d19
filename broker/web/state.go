package web

import "html/template"

// A state is how something is, told three times over: by a word, by a shape and
// by a colour, so that each suffices alone.
type state struct {
	Class string // "up", "slow", "down", "unknown" or "paused": its colour
	Word  string
	Shape template.HTML
}

// shapes are drawn on a 20 px square: a ring, a triangle, a cross, a dash and,
// for what people switched off, two bars.
var shapes = map[string]template.HTML{
	"up":      glyph(`<circle cx="10" cy="10" r="7" class="s"/>`),
	"slow":    glyph(`<path d="M10 3 2.5 16.5h15z" class="s"/>`),
	"down":    glyph(`<path d="m4 4 12 12M16 4 4 16" class="s"/>`),
	"unknown": glyph(`<path d="M3.5 10h13" class="s"/>`),
	"paused":  glyph(`<path d="M6.5 4v12M13.5 4v12" class="s"/>`),
}

// state words one of the keys of shapes; whatever is none of them is unknown,
// never working.
func (l *locale) state(class string) state {
	if class == "unsteady" { // drawn as slow is
		return state{Class: "slow", Word: l.text("state.unsteady"), Shape: shapes["slow"]}
	}
	shape, ok := shapes[class]
	if !ok {
		class, shape = "unknown", shapes["unknown"]
	}
	return state{Class: class, Word: l.text("state." + class), Shape: shape}
}
