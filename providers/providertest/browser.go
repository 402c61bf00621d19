package providertest

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// callback is where upstreams send the browser. Nothing listens there.
const callback = "https://login.example.com/callback/" + ProviderID

var (
	link  = regexp.MustCompile(`<a id="continue"[^>]* href="([^"]+)"`)
	form  = regexp.MustCompile(`(?s)<form method="post" action="([^"]+)">(.*?)<button id="continue"`)
	input = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
)

// visit walks a browser to target, lets person press the button, and returns
// what the browser brings back.
func (w *World) visit(t *testing.T, target, person string) providers.Return {
	t.Helper()
	if person != "" {
		address, fragment, marked := strings.Cut(target, "#")
		target = address + "&person=" + url.QueryEscape(person)
		if marked {
			target += "#" + fragment
		}
	}
	status, _, page := w.open(t, target)
	if status != http.StatusOK {
		t.Fatalf("the upstream's page answers %d: %s", status, page)
	}
	if m := form.FindStringSubmatch(page); m != nil {
		if action := html.UnescapeString(m[1]); action != callback {
			t.Fatalf("the form leads to %q", action)
		}
		fields := url.Values{}
		for _, field := range input.FindAllStringSubmatch(m[2], -1) {
			fields.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
		}
		return providers.Return{Params: fields}
	}
	m := link.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no button on the upstream's page:\n%s", page)
	}
	status, location, page := w.open(t, html.UnescapeString(m[1]))
	back, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, callback+"?") {
		t.Fatalf("the upstream answers %d, Location %q: %s", status, location, page)
	}
	return providers.Return{Params: back.Query()}
}

func (w *World) open(t *testing.T, target string) (status int, location, page string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatalf("the browser cannot open %q: %v", target, err)
	}
	answer, err := w.browser.Do(r)
	if err != nil {
		t.Fatalf("the browser cannot open the page: %v", err)
	}
	body, err := io.ReadAll(answer.Body)
	if closeErr := answer.Body.Close(); err != nil || closeErr != nil {
		t.Fatalf("the browser cannot read the page: %v, %v", err, closeErr)
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(body)
}

// person returns the profile of whoever signs in as name.
func person(name string) fakeidp.Person {
	s, err := fakeidp.New(fakeidp.Options{BaseURL: "http://127.0.0.1"})
	if err != nil {
		panic(err) // these options are right
	}
	return s.PersonNamed(name)
}
