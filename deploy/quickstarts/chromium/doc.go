// Command chromium is the person of the quickstarts in a real browser, for apps
// that run in one: opens APP/login, presses its button, chooses a way, continues at
// the simulated provider, and prints what the app then shows.
//
//	go run ./deploy/quickstarts/chromium APP WAY PERSON
package main
