package device

import (
	"net/http"
	"strings"
)

// Class is what sort of device, and of browser on it, a request comes from.
type Class string

// The classes.
const (
	Mobile  Class = "mobile"  // a browser of its own on a phone or tablet
	Desktop Class = "desktop" // everything larger
	App     Class = "app"     // the web view inside a messenger or another app
	Unknown Class = "unknown" // nothing that looks like a browser
)

// Classes returns all classes, in the order in which records number them. The
// caller owns the slice.
func Classes() []Class { return []Class{Mobile, Desktop, App, Unknown} }

// Of returns the class of the device that sent r.
func Of(r *http.Request) Class {
	agent := r.Header.Get("User-Agent")
	switch {
	case AppOf(r) != NoApp:
		return App
	case r.Header.Get("Sec-CH-UA-Mobile") == "?1", strings.Contains(agent, "Mobile"), strings.Contains(agent, "Android"):
		return Mobile
	case strings.HasPrefix(agent, "Mozilla/"):
		return Desktop
	}
	return Unknown
}
