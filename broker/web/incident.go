package web

import "time"

// incidents sorts what was seen into what goes on and what is over, each as a
// list of moments with pre-written words: no cause is ever named.
func (v Status) incidents(s *scene, p *statusPage) {
	for _, one := range v.Incidents {
		if one.Recovered.IsZero() {
			p.Ongoing = append(p.Ongoing, v.incident(s, one))
		} else {
			p.Past = append(p.Past, v.incident(s, one))
		}
	}
	if len(p.Past) == 0 {
		p.Calm = s.text("status.calm")
		if len(p.Ongoing) > 0 {
			p.Calm = s.text("status.calm_else")
		}
	}
}

func (v Status) incident(s *scene, one StatusIncident) incident {
	words := s.name(one.Way)
	filled := &values{varWay: words.name, varLogin: words.login, varSite: s.sites(one.Sites)}
	kind := "down"
	if one.Slow {
		kind = "slow"
	}
	shown := incident{Title: s.say("incident."+kind+".title", filled), Badge: s.text("incident.ongoing"), Slow: one.Slow}
	if !one.Recovered.IsZero() {
		shown.Badge = s.text("incident.over")
		shown.Steps = append(shown.Steps, v.step(s, "over", one.Recovered, s.text("incident.recovered"), s.say("incident.recovered.text", filled)))
	}
	if !one.Confirmed.IsZero() {
		text := s.text("incident.confirmed.here")
		if len(one.Sites) > 0 && len(v.Sites) > 1 {
			text = s.say("incident.confirmed.text", filled)
		}
		shown.Steps = append(shown.Steps, v.step(s, "sure", one.Confirmed, s.text("incident.confirmed"), text))
	}
	shown.Steps = append(shown.Steps, v.step(s, "first", one.Detected, s.text("incident.detected"), s.say("incident."+kind+".text", filled)))
	if one.Recovered.IsZero() {
		shown.Todo = v.todo(s, one)
	}
	return shown
}

// todo is what people can do now. Another way is no advice while none works.
func (v Status) todo(s *scene, one StatusIncident) []string {
	switch {
	case one.Slow:
		return []string{s.text("todo.wait"), s.text("todo.another")}
	case v.Verdict == StatusHard:
		return []string{s.text("todo.session")}
	default:
		return []string{s.text("todo.another"), s.text("todo.session")}
	}
}

// step is one moment: the time of day, with the day before it when that is not
// the day of the page.
func (v Status) step(s *scene, class string, at time.Time, word, text string) step {
	at = v.local(at)
	when := at.Format("15:04")
	if made := v.local(v.Made); at.YearDay() != made.YearDay() || at.Year() != made.Year() {
		when = s.date(at) + " " + when
	}
	return step{Class: class, When: when, Word: word, Text: text}
}

// date is a day without its year: 11.22, 22 Nov, 11/22.
func (l *locale) date(at time.Time) string {
	switch l.lang {
	case "en":
		return at.Format("2 Jan")
	case "ja":
		return at.Format("1/2")
	}
	return at.Format("1.2")
}

// day is a day and a time; in English with the zone's name, for readers who may
// live in another.
func (l *locale) day(at time.Time) string {
	switch l.lang {
	case "en":
		return at.Format("2006-01-02 15:04 MST")
	case "ja":
		return at.Format("2006/01/02 15:04")
	}
	return at.Format("2006.01.02 15:04")
}
