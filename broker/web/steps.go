package web

// StepKind is what a [Step] is before.
type StepKind string

// The steps of the account page that want to be confirmed.
const (
	StepEverywhere StepKind = "everywhere" // signing out of every device
	StepData       StepKind = "data"       // taking a copy of what we hold
	StepDelete     StepKind = "delete"     // deleting the account
)

// Step asks before something is done to the person's own account.
type Step struct {
	Frame

	Kind StepKind
	// Fresh says that the person proved themselves just now, where that is
	// needed. Otherwise the page leads to proving it first.
	Fresh         bool
	Action        string // form with the button "go" posts here
	ConfirmAction string // form with the button "confirm" posts here
	StepToken     string
	BackHref      string // link "back"
}

type stepPage struct {
	Page page

	Lead    []string
	Prove   string // why the person has to prove themselves; empty: they did
	Action  string
	Label   string
	Danger  bool
	ID      string // of the button
	Back    string
	BackTo  string
	Warning *notice
}

func (Step) template() string { return "step" }

func (a Step) model(s *scene) (any, error) {
	kind := string(a.Kind)
	if a.Kind != StepEverywhere && a.Kind != StepData && a.Kind != StepDelete {
		kind = string(StepEverywhere)
	}
	p := &stepPage{
		Page: s.page(s.text(kind + ".title")), Lead: s.lines(kind + ".text"), Action: link(a.Action),
		Label: s.text(kind + ".yes"), ID: "go", Danger: a.Kind != StepData,
		Back: link(a.BackHref), BackTo: s.text("step.back"),
	}
	p.Page.Account, p.Page.Parts, p.Page.StepToken = true, true, a.StepToken
	if a.Kind == StepDelete {
		p.Warning = &notice{Tone: "amber", Fact: s.text("delete.final")}
	}
	if !a.Fresh {
		p.Prove, p.Action, p.Label, p.ID, p.Danger = s.text("step.prove"), link(a.ConfirmAction), s.text("step.confirm"), "confirm", false
	}
	return p, nil
}

// EndedKind is what has ended.
type EndedKind string

// What can have ended.
const (
	EndedDevice  EndedKind = "device"  // one browser's session
	EndedAll     EndedKind = "all"     // every session
	EndedAccount EndedKind = "account" // the account itself
)

// Ended says what has ended, and what became of telling each website.
type Ended struct {
	Frame

	Kind     EndedKind
	Websites []EndedAt
	Unknown  bool   // nobody knows which websites there are: they are told later
	Href     string // link "onward"
}

// EndedAt is one website: State is "delivered", "trying", "refused", "unreached" or
// "none", for one that takes no word.
type EndedAt struct{ Name, State string }

type endedPage struct {
	Page page

	Lead     string
	Websites []endedRow
	Note     string
	Href     string
	Label    string
}

type endedRow struct {
	Name, Text string
	Done       bool
}

func (Ended) template() string { return "ended" }

func (a Ended) model(s *scene) (any, error) {
	kind := a.Kind
	if kind != EndedAll && kind != EndedAccount {
		kind = EndedDevice
	}
	p := &endedPage{
		Page: s.page(s.text("ended." + string(kind))), Lead: s.text("ended." + string(kind) + "_lead"), Href: link(a.Href),
		Label: s.text("ended.onward"),
	}
	p.Page.Account, p.Page.Parts = true, true
	if kind != EndedDevice {
		p.Label = s.text("ended.sign_in")
	}
	for _, w := range a.Websites {
		row := endedRow{Name: clean(w.Name), Text: s.text("ended.later")}
		switch w.State {
		case "delivered":
			row.Text, row.Done = s.text("ended.delivered"), true
		case "trying":
			row.Text = s.text("ended.trying")
		}
		p.Websites = append(p.Websites, row)
	}
	if a.Unknown {
		p.Note = s.text("ended.unknown")
	}
	return p, nil
}
