package web

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Consent asks the person what a website may see.
type Consent struct {
	Frame

	Site       string // the website's home page, of which the host is shown; may be empty
	PolicyHref string // its privacy policy; may be empty
	TermsHref  string // its terms; may be empty
	Items      []ConsentItem
	// Known says that the person said yes to something before: these are the new
	// ones.
	Known        bool
	Action       string // form with the button "agree" posts here
	CancelAction string // and the one with the button "cancel" here
	StepToken    string
}

// ConsentItem is one thing that the website would see.
type ConsentItem struct {
	Scope    string
	Value    string // of the person, in full; it is shown shortened
	Optional bool   // a box, not ticked
}

type consentPage struct {
	Page page

	Host     string
	Policy   string
	Terms    string
	Lead     string
	Required []consentRow
	Optional []consentRow
	Action   string
	Cancel   string
}

type consentRow struct {
	Scope, Name, Value string
}

func (Consent) template() string { return "consent" }

func (c Consent) model(s *scene) (any, error) {
	p := &consentPage{
		Page: s.lasting(s.sayOr("consent.title", "consent.title_any"), "", c.StepToken),
		Host: host(c.Site), Policy: link(c.PolicyHref), Terms: link(c.TermsHref),
		Action: link(c.Action), Cancel: link(c.CancelAction),
	}
	p.Page.Account, p.Page.Parts = true, true
	if c.Known {
		p.Lead = s.text("consent.more")
	}
	for _, item := range c.Items {
		row := s.consentRow(item)
		if item.Optional {
			p.Optional = append(p.Optional, row)
		} else {
			p.Required = append(p.Required, row)
		}
	}
	return p, nil
}

// scopeWords are the scopes that have words of their own.
var scopeWords = map[string]string{
	"openid": "consent.openid", "profile": "consent.profile", "email": "consent.email", "phone": "consent.phone",
	"offline_access": "consent.offline",
}

// scopeName is what people read for a scope; its own name stands nowhere but for
// one that we have no words for.
func (s *scene) scopeName(scope string) string {
	if key, ok := scopeWords[scope]; ok {
		return s.text(key)
	}
	return s.say("consent.unworded", &values{varScope: clean(scope)})
}

func (s *scene) consentRow(item ConsentItem) consentRow {
	row := consentRow{Scope: item.Scope, Name: s.scopeName(item.Scope)}
	value := clean(item.Value)
	switch item.Scope {
	case "profile":
		row.Value = value
	case "email":
		row.Value = shortEmail(value)
	case "phone":
		row.Value = shortPhone(value)
	}
	return row
}

// host is the host of a website's address, or nothing.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// shortEmail keeps the first letter and the domain: h***@kakao.com.
func shortEmail(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return ""
	}
	_, size := utf8.DecodeRuneInString(address)
	return address[:size] + "***" + address[at:]
}

// shortPhone keeps the last four digits: ****4821.
func shortPhone(number string) string {
	const shown = 4
	if len(number) <= shown {
		return ""
	}
	return "****" + number[len(number)-shown:]
}
