// Package web draws every page people see while they log in: the menu of ways,
// account match, logout, the page that leads back to the website, and the pages
// that end a login. It owns the templates, the words in Korean, English and
// Japanese, the style sheet, the small script, and the headers of all pages.
//
// It takes view structs and writes whole pages; it decides nothing. Which ways
// there are, in which order and why a page is shown again is said by the caller.
// It reads no request, no cookie and no storage.
//
// Everything works without JavaScript. A page is two requests: the HTML, with
// its style sheet and drawings inside, and one cached script that copies the
// support code, notices a lost connection and reloads a page that the browser
// kept in memory. Pages are not compressed here: they hold anti-forgery values
// beside names that others chose, and the usual ones fit the first round trip as
// they are.
package web
