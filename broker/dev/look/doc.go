// Package look is what the pages of dev mode share: colours, type and parts as
// a style sheet, the marks of the ways in, the choice of language, and the
// headers that keep a page from loading or running anything foreign.
//
// It knows no page and no handler of its own but the one for assets; the
// broker's pages, which people meet outside of dev, live in broker/web.
package look
