package browser

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// submission is a form ready to be sent.
type submission struct {
	method string
	target *url.URL
	body   url.Values // nil for GET
}

// submission collects the form of node, which is the form itself or a button
// of it, with values laid over its fields.
func (p *Page) submission(node *html.Node, values url.Values) (submission, error) {
	form, button := p.formOf(node)
	if form == nil {
		return submission{}, ErrNoAction
	}
	fields := p.fields(form)
	if button != nil {
		if name, _ := attribute(button, "name"); name != "" {
			value, _ := attribute(button, "value")
			fields.Add(name, value)
		}
	}
	maps.Copy(fields, values)
	return p.address(form, button, fields)
}

// Form returns where the form with id, or of the button with id, would be sent
// as it stands, and with what; "" when there is none or it sends by GET.
func (p *Page) Form(id string) (action string, fields url.Values) {
	node := p.element(id)
	if node == nil {
		return "", nil
	}
	sent, err := p.submission(node, nil)
	if err != nil || sent.method != http.MethodPost {
		return "", nil
	}
	return sent.target.String(), sent.body
}

// Leads returns the address that a press of the button with id leads to, of a form
// that sends by GET; false: there is none.
func (p *Page) Leads(id string) (address string, ok bool) {
	node := p.element(id)
	if node == nil {
		return "", false
	}
	sent, err := p.submission(node, nil)
	if err != nil || sent.method != http.MethodGet {
		return "", false
	}
	return sent.target.String(), true
}

// address says where and how the form is sent.
func (p *Page) address(form, button *html.Node, fields url.Values) (submission, error) {
	action := override(form, button, "action", "formaction")
	target, err := p.URL.Parse(action)
	if err != nil {
		return submission{}, fmt.Errorf("form action: %w", err)
	}
	if encoding := override(form, button, "enctype", "formenctype"); encoding != "" && encoding != "application/x-www-form-urlencoded" {
		return submission{}, fmt.Errorf("form encoding %q: %w", encoding, ErrNoAction)
	}
	if strings.EqualFold(override(form, button, "method", "formmethod"), "post") {
		return submission{method: http.MethodPost, target: target, body: fields}, nil
	}
	asked := *target
	asked.RawQuery, asked.Fragment = fields.Encode(), ""
	return submission{method: http.MethodGet, target: &asked}, nil
}

// formOf returns the form that node is or belongs to, and node itself when it
// is a button that sends it.
func (p *Page) formOf(node *html.Node) (form, button *html.Node) {
	if node.Data == "form" {
		return node, nil
	}
	if !submits(node) {
		return nil, nil
	}
	return p.owner(node), node
}

// owner returns the form that a control belongs to.
func (p *Page) owner(control *html.Node) *html.Node {
	if id, ok := attribute(control, "form"); ok {
		if form := p.element(id); form != nil && form.Data == "form" {
			return form
		}
		return nil
	}
	for n := range control.Ancestors() {
		if n.Type == html.ElementNode && n.Data == "form" {
			return n
		}
	}
	return nil
}

func submits(n *html.Node) bool {
	kind, _ := attribute(n, "type")
	_, disabled := attribute(n, "disabled")
	switch {
	case disabled:
		return false
	case n.Data == "button":
		return kind == "" || strings.EqualFold(kind, "submit")
	default:
		return n.Data == "input" && strings.EqualFold(kind, "submit")
	}
}

// fields returns what the form sends without a button.
func (p *Page) fields(form *html.Node) url.Values {
	fields := url.Values{}
	for n := range elements(p.root) {
		name, _ := attribute(n, "name")
		if _, disabled := attribute(n, "disabled"); name == "" || disabled || p.owner(n) != form {
			continue
		}
		switch n.Data {
		case "input":
			if value, sent := inputValue(n); sent {
				fields.Add(name, value)
			}
		case "textarea":
			fields.Add(name, rawText(n))
		case "select":
			if value, sent := selected(n); sent {
				fields.Add(name, value)
			}
		}
	}
	return fields
}

func inputValue(n *html.Node) (string, bool) {
	kind, _ := attribute(n, "type")
	value, given := attribute(n, "value")
	switch strings.ToLower(kind) {
	case "submit", "button", "image", "reset", "file":
		return "", false
	case "checkbox", "radio":
		if _, checked := attribute(n, "checked"); !checked {
			return "", false
		}
		if !given {
			return "on", true
		}
	}
	return value, true
}

// selected returns the option that is marked, else the first.
func selected(list *html.Node) (string, bool) {
	var chosen *html.Node
	for n := range elements(list) {
		if n.Data != "option" {
			continue
		}
		if _, marked := attribute(n, "selected"); marked || chosen == nil {
			chosen = n
		}
	}
	if chosen == nil {
		return "", false
	}
	if value, given := attribute(chosen, "value"); given {
		return value, true
	}
	return textOf(chosen), true
}

func rawText(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text.WriteString(d.Data)
		}
	}
	return text.String()
}

func override(form, button *html.Node, attr, onButton string) string {
	if value, ok := attribute(button, onButton); ok {
		return value
	}
	value, _ := attribute(form, attr)
	return value
}
