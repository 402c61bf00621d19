package look

import "html/template"

// glyphs are our own neutral drawings on a 20 px grid; brand artwork is the
// operator's to supply. All are decoration: a word stands beside each.
var glyphs = map[string]template.HTML{
	"kakao":  `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path fill="currentColor" d="M10 2.6c-4.5 0-8 2.8-8 6.2 0 2.2 1.5 4.2 3.7 5.3l-.7 2.9c-.1.4.3.6.6.4l3.3-2.4 1.1.1c4.5 0 8-2.8 8-6.3s-3.5-6.2-8-6.2z"/></svg>`,
	"naver":  `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><rect width="20" height="20" rx="5" fill="#03c75a"/><path fill="#fff" d="M5.8 5.2h3l2.6 4.4V5.2h2.8v9.6h-3l-2.6-4.4v4.4H5.8z"/></svg>`,
	"google": `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><circle cx="10" cy="10" r="8.6" fill="none" stroke="currentColor" stroke-width="1.5"/><path fill="none" stroke="currentColor" stroke-width="1.7" d="M12.9 7.8A3.6 3.6 0 1 0 13.6 10.4H10.4"/></svg>`,
	"apple":  `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><circle cx="10" cy="10" r="8.6" fill="none" stroke="currentColor" stroke-width="1.5"/><path fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" d="M6.9 13.8 10 6.2l3.1 7.6M8 11.4h4"/></svg>`,
	"line":   `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><rect x="1.4" y="1.4" width="17.2" height="17.2" rx="5" fill="none" stroke="currentColor" stroke-width="1.5"/><path fill="none" stroke="currentColor" stroke-width="1.8" d="M8 6v7.4h4.4"/></svg>`,
	"way":    `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" d="M11 3h4.5v14H11M3.5 10h8m-3-3 3 3-3 3"/></svg>`,
	"check":  `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" d="m4 10.5 4 4 8-9"/></svg>`,
	"info":   `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><circle cx="10" cy="10" r="7.6" fill="none" stroke="currentColor" stroke-width="1.5"/><path fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" d="M10 9.2v4.4M10 6.4v.1"/></svg>`,
	"warn":   `<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round" d="M10 2.8 18 17H2z"/><path fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" d="M10 8v4.2M10 14.6v.1"/></svg>`,
	"copy":   `<svg class="glyph small" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><rect x="7" y="7" width="10" height="10" rx="2.4" fill="none" stroke="currentColor" stroke-width="1.5"/><path fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" d="M13 4.4A2.4 2.4 0 0 0 11 3H5.4A2.4 2.4 0 0 0 3 5.4V11a2.4 2.4 0 0 0 1.4 2"/></svg>`,
	"ring":   `<svg class="glyph state" viewBox="0 0 14 14" aria-hidden="true" focusable="false"><circle cx="7" cy="7" r="4.6" fill="none" stroke="currentColor" stroke-width="2.2"/></svg>`,
	"cross":  `<svg class="glyph state" viewBox="0 0 14 14" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" d="m3 3 8 8m0-8-8 8"/></svg>`,
	"peak":   `<svg class="glyph state" viewBox="0 0 14 14" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" d="M7 2 12.6 12H1.4z"/></svg>`,
	"bongsu": `<svg class="glyph mark" viewBox="0 0 64 64" aria-hidden="true" focusable="false"><path fill="currentColor" d="M5 30h6l2 22H3zm12 0h6l2 22H15zm12 0h6l2 22H27zm12 0h6l2 22H39zm12 0h6l2 22H51z"/><path class="flame" transform="translate(32 27.5) scale(1.2)" d="M.6-18.5C1.5-13.2 6.2-11 6.2-5.7 6.2-2.1 3.5 0 0 0S-6.2-2.2-6.2-5.6C-6.2-8.7-4.2-10.2-3.5-12.9-2.1-12.2-1.3-11-1.1-9.7.7-11.8 1.2-15 .6-18.5Z"/><rect x="1" y="54" width="62" height="5.5" rx="1.6" fill="currentColor"/></svg>`,
	"hanbit": `<svg class="glyph shop" viewBox="0 0 36 36" aria-hidden="true" focusable="false"><rect width="36" height="36" rx="10" fill="#1f6b63"/><path fill="#fff" d="M11 22a7 7 0 0 1 14 0z"/><path fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" d="M9 26h18M18 8.5v3.2M10.6 11.6l2 2.4M25.4 11.6l-2 2.4"/></svg>`,
	"bag":    `<svg class="glyph large" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" d="M5 10h22v18H5z"/><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M10.5 10a5.5 5.5 0 0 1 11 0"/></svg>`,
	"mug":    `<svg class="glyph large" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" d="M4 6h18v12a5 5 0 0 1-5 5H9a5 5 0 0 1-5-5z"/><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M22 9h2.6a3.4 3.4 0 0 1 3.4 3.4v1.2a3.4 3.4 0 0 1-3.4 3.4H22M5 27.5h16"/></svg>`,
	"lamp":   `<svg class="glyph large" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" d="M4 20a12 11 0 0 1 24 0z"/><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" d="M16 2v7m-3 11v3a3 3 0 0 0 6 0v-3"/></svg>`,
	"book":   `<svg class="glyph large" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" d="M16 8.5C13.5 6 10 5.5 4 5.5V25c6 0 9.5.5 12 3 2.5-2.5 6-3 12-3V5.5c-6 0-9.5.5-12 3zm0 0V28"/></svg>`,
}

// glyph returns the drawing called name; a way without one of its own gets the
// open door.
func glyph(name string) template.HTML {
	if g, ok := glyphs[name]; ok {
		return g
	}
	return glyphs["way"]
}
