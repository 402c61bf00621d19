package web

import "strconv"

type problemPage struct {
	Page page

	Icon    string
	Lead    []string
	Wait    string // when to try again, or what to do where no link helps
	Steps   []string
	Action  string // label of the main button
	Href    string
	Back    string // label of the second button
	Home    string
	Detail  string
	Kind    string
	Support bool // help is offered below
}

// problems says what differs between the kinds: the drawing, and whether the way
// back to the website begins a login there anew.
var problems = map[ProblemKind]struct {
	icon  string
	again bool
}{
	ProblemExpired:     {"clock", true},
	ProblemDone:        {"check", false},
	ProblemClient:      {"alert", false},
	ProblemRequest:     {"alert", false},
	ProblemCallback:    {"clock", true},
	ProblemUnavailable: {"alert", false},
	ProblemNotFound:    {"search", false},
	ProblemForbidden:   {"shield", true},
	ProblemInternal:    {"alert", false},
	ProblemCookies:     {"info", true},
	ProblemTaken:       {"shield", false},
	ProblemLast:        {"shield", false},
	ProblemSession:     {"shield", false},
	ProblemHandoff:     {"clock", true},
	ProblemCarried:     {"info", false},
	ProblemBusy:        {"people", false},
	ProblemAway:        {"alert", false},
	ProblemTooMany:     {"clock", false},
}

func (Problem) template() string { return "problem" }

func (p Problem) model(s *scene) (any, error) {
	kind := p.Kind
	form, known := problems[kind]
	if !known {
		kind, form = ProblemInternal, problems[ProblemInternal]
	}
	m := &problemPage{
		Page:    s.page(s.text(string(kind) + ".title")),
		Icon:    form.icon,
		Kind:    string(kind),
		Lead:    s.lines(string(kind) + ".lead"),
		Support: kind != ProblemDone,
	}
	if kind == ProblemCookies {
		m.Steps = []string{s.text("cookies.chrome"), s.text("cookies.safari")}
	}
	if p.RetryAfter > 0 {
		m.Wait = s.wait(p.RetryAfter)
	}
	if s.Dev {
		m.Detail = p.Detail
	}
	m.Page.Trouble = true
	p.waysOn(s, m, form.again)
	return m, nil
}

// waysOn fills the buttons: trying again first, then the website. A page with
// neither says where to begin again.
func (p Problem) waysOn(s *scene, m *problemPage, again bool) {
	home := link(s.frame.Client.Home)
	label := s.sayOr("back.to", "back.any")
	if again {
		label = s.sayOr("again.at", "again.any")
	}
	if retry := link(p.RetryHref); retry != "" {
		m.Href, m.Action = retry, s.text("retry")
		m.Home, m.Back = home, label
		return
	}
	m.Href, m.Action = home, label
	if home != "" {
		return
	}
	if p.Kind == ProblemDone {
		m.Wait = s.text("problem.close")
	} else if m.Wait == "" {
		m.Wait = s.text("problem.no_way")
	}
}

// wait says after how many seconds to try again; from two minutes on in minutes,
// rounded up.
func (s *scene) wait(seconds int) string {
	key, n := "retry.seconds", seconds
	if seconds >= 120 {
		key, n = "retry.minutes", (seconds+59)/60
	}
	return s.count(key, n, &values{varCount: strconv.Itoa(n)})
}

func (p Problem) retryAfter() int { return p.RetryAfter }
