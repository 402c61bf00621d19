package web

import (
	"slices"
)

// A notice is the box above the buttons: a fact, ways on, and when we looked.
type notice struct {
	Tone    string // "amber" for trouble, "blue" for a question
	Fact    string
	On      []string
	Checked string
	Details string
}

// notices says how each reason is put: tone, and the sentences that follow the
// fact. Amber, never red: nothing the person did is wrong.
var notices = map[Reason]struct {
	tone  string
	on    []string
	about bool // the fact names a way
}{
	ReasonDown:        {"amber", []string{"notice.down.on"}, true},
	ReasonUnfinished:  {"blue", []string{"notice.unfinished.on", "notice.unfinished.more"}, true},
	ReasonUnavailable: {"amber", []string{"notice.unavailable.on", "notice.unavailable.more"}, true},
	ReasonDenied:      {"blue", []string{"notice.denied.on"}, true},
	ReasonSetup:       {"amber", []string{"notice.setup.on"}, true},
	ReasonInvalid:     {"amber", []string{"notice.invalid.on", "notice.invalid.more"}, true},
	ReasonExisting:    {"blue", []string{"notice.existing.on"}, false},
	ReasonStore:       {"amber", []string{"notice.store.on", "notice.again"}, false},
	ReasonSlow:        {"amber", []string{"notice.slow.on"}, true},
	ReasonChecking:    {"blue", []string{"notice.checking.on"}, true},
	ReasonCutOff:      {"amber", []string{"notice.cut_off.on", "notice.down.on"}, true},
	ReasonIsolated:    {"amber", []string{"notice.isolated.on", "notice.isolated.more"}, false},
	ReasonBusy:        {"amber", []string{"notice.busy.on"}, true},
	ReasonPartial:     {"amber", nil, true},
	ReasonPaused:      {"amber", []string{"notice.paused.on", "notice.down.on"}, true},
	ReasonNew:         {"blue", []string{"notice.new.on"}, true},
	ReasonNotYours:    {"blue", []string{"notice.not_yours.on"}, true},
	ReasonSameWay:     {"blue", []string{"notice.same_way.on"}, true},
	ReasonLinked:      {"blue", []string{"notice.linked.on"}, true},
	ReasonStale:       {"blue", []string{"notice.stale.on"}, true},
}

// elsewhere are the sentences that promise another way; where there is none the
// page says to try again.
var elsewhere = []string{
	"notice.down.on", "notice.unavailable.more", "notice.setup.on", "notice.slow.on", "notice.checking.on", "notice.busy.on",
}

// notice words the reason. A reason it does not know is told as no answer.
func (m Menu) notice(s *scene) *notice {
	reason := m.Notice.Reason
	form, known := notices[reason]
	if !known {
		reason, form = ReasonUnavailable, notices[ReasonUnavailable]
	}
	n := &notice{Tone: form.tone, Checked: s.checked(m.Notice.Checked), Fact: m.Notice.fact(s, reason, form.about)}
	for _, sentence := range append(slices.Clone(form.on), m.Notice.detour(reason)...) {
		if slices.Contains(elsewhere, sentence) && !m.another() {
			sentence = "notice.again"
		}
		n.On = append(n.On, s.text(sentence))
	}
	if reason == ReasonBusy && m.Notice.Wait > 0 && !m.another() {
		n.On = []string{s.wait(m.Notice.Wait)}
	}
	if (reason == ReasonDown || reason == ReasonCutOff) && onlyPasskeys(m.Ways) {
		n.On[len(n.On)-1] = s.text("notice.down.passkey")
	}
	if reason == ReasonExisting {
		n.On = append(n.On, m.downNow(s)...)
	}
	if s.StatusHref != "" && form.tone == "amber" {
		n.Details = s.status()
	}
	return n
}

// downNow tells whoever looks for the way they used before that it is down.
func (m Menu) downNow(s *scene) []string {
	var down []Way
	for _, w := range m.Ways {
		if w.Down && w.Why != ReasonPaused && w.Why != ReasonBusy {
			down = append(down, w)
		}
	}
	if len(down) == 0 {
		return nil
	}
	about := Notice{Way: down[0], Also: down[1:]}
	return []string{about.fact(s, ReasonDown, true)}
}

// another reports whether a way other than the one the notice is about can be
// used.
func (m Menu) another() bool {
	return slices.ContainsFunc(m.Ways, func(w Way) bool { return !w.Down && w.ID != m.Notice.Way.ID })
}

// fact is the first sentence: about one way, several, or none in particular.
func (n *Notice) fact(s *scene, reason Reason, about bool) string {
	key := "notice." + string(reason)
	if reason == ReasonPartial && slices.Contains(devices, n.Device) {
		key += "." + n.Device
	}
	if !about {
		return s.text(key + ".fact")
	}
	if n.Way.ID == "" && n.Way.Kind == "" {
		return s.text("notice." + string(reason) + ".any")
	}
	words := s.name(n.Way)
	if reason == ReasonDown && len(n.Also) > 0 {
		all := []string{words.name}
		for _, w := range n.Also {
			all = append(all, s.name(w).name)
		}
		return s.say("notice.down.many", &values{varWay: s.list(all)})
	}
	return s.say(key+".fact", &values{varWay: words.name, varLogin: words.login})
}

// devices are the classes of device a provider may fail for.
var devices = []string{"mobile", "desktop", "app"}

// detour names the route that still works where a provider fails for some
// devices only.
func (n *Notice) detour(reason Reason) []string {
	if reason != ReasonPartial {
		return nil
	}
	on := []string{"notice.partial.on"}
	if slices.Contains(devices, n.Device) {
		on[0] = "notice.partial." + n.Device + ".on"
	}
	if n.Way.Kind == "kakao" && n.Device == "mobile" {
		on = append(on, "help.kakao")
	}
	return on
}

func onlyPasskeys(ways []Way) bool {
	found := false
	for _, w := range ways {
		if w.Down {
			continue
		}
		if w.Kind != "passkey" {
			return false
		}
		found = true
	}
	return found
}
