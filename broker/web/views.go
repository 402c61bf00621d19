package web

import "time"

// View is one of the view structs of this package: Menu, Match, Problem, Logout,
// LoggedOut, PostBack, Terminal, Consent, Account, Step, Ended, Wait or Status.
type View interface {
	frame() Frame
	template() string            // name of the template that draws it now
	model(s *scene) (any, error) // what the template reads
	retryAfter() int             // seconds; 0 sends no Retry-After
}

// Frame is what every page shows around its content.
type Frame struct {
	Lang        string // "ko", "en" or "ja"
	Client      Client // zero when no website is known
	SupportCode string // "7F3K-92QD"; empty hides it
	// LangPath is the path and query of this page without lang, for the
	// language links; empty hides them.
	LangPath string
	// Zone is where times of day are told; nil is Korea (UTC+9).
	Zone *time.Location
	// Idle is how long this page may lie before the login ends. When set, and
	// with JavaScript, the page offers to go on one minute before: a GET of
	// LangPath, which must extend the login. 0 offers nothing.
	Idle time.Duration
	// Elsewhere is where the login of this page goes on when nothing answers here
	// any more.
	Elsewhere Elsewhere
}

// Elsewhere is a form that takes a login to another address, by GET: what it carries
// stands in the page once, whatever number of places it can go to.
type Elsewhere struct {
	Carried Field // bound to this browser
	Places  []Place
}

// Place is one address at which a login goes on.
type Place struct {
	Host   string // "busan.login.example.kr": what people read
	Action string // http or https, without a query
	For    Field  // tells what is carried from what is meant for another place
}

// Field is one value of a form.
type Field struct{ Name, Value string }

func (f Frame) frame() Frame { return f }

func (Frame) retryAfter() int { return 0 }

// Client is the website as people know it.
type Client struct {
	Name string // in the page's language
	Own  bool   // no website: our own account page, with our own mark
	Logo string // https URL on our own origin or data URL; empty shows the neutral mark
	Home string // where "start again" and "back to the website" lead; may be empty
}

// Way is one way to log in, as a button or, when Down, as a text link.
type Way struct {
	ID       string // "kakao": the id of the control is "way-" + ID
	Kind     string // brand: kakao, naver, line, google, apple, openid, oauth2, passkey
	Name     string // for kinds without a translated label: what the operator calls it
	Href     string // GET
	LastUsed bool   // the chip "used last time"
	Open     bool   // the chip "in progress": a leg was begun and did not come back
	Down     bool   // moved out of the buttons into a text row
	Slow     bool   // a line below the button says that it may take longer
	Unsteady bool   // it says instead that it may fail: back only lately, or failing for some
	// Elsewhere is of a way that cannot work in this browser, the web view of an
	// app: it is told as text, with the way out of the app.
	Elsewhere bool
	// Carried is of a way that another address of ours reaches and this one does not:
	// a line below the button says that the login goes on there.
	Carried bool
	// Why a way is Down, where that changes its words: ReasonCutOff,
	// ReasonBusy (try again soon) or ReasonPaused (an operator switched it off:
	// its row is no link). Empty and anything else is told as not working.
	Why Reason
}

// Reason says why the menu is shown again, in the person's words.
type Reason string

// The reasons, in the words of the failed way.
const (
	ReasonNone        Reason = ""
	ReasonUnfinished  Reason = "unfinished"  // pressed Back, nothing came
	ReasonUnavailable Reason = "unavailable" // no answer, 5xx, timeout
	ReasonDenied      Reason = "denied"      // the person cancelled
	ReasonSetup       Reason = "setup"       // our credentials or settings are refused
	ReasonInvalid     Reason = "invalid"     // the answer could not be trusted
	ReasonDown        Reason = "down"        // known to be down on arrival
	ReasonExisting    Reason = "existing"    // "I have an account": log in with the earlier way
	ReasonStore       Reason = "store"       // we could not check: our own trouble
	ReasonSlow        Reason = "slow"        // answers, but slower than usual
	ReasonChecking    Reason = "checking"    // our own doubt: suspected, not confirmed
	ReasonCutOff      Reason = "cut_off"     // we cannot reach it from here, others can: our own trouble
	ReasonIsolated    Reason = "isolated"    // we reach nothing from here and know of no way whether it works
	ReasonBusy        Reason = "busy"        // as many logins as it may be sent now; Notice.Wait
	ReasonPartial     Reason = "partial"     // fails for some devices only; Notice.Device
	ReasonPaused      Reason = "paused"      // an operator switched it off
	ReasonNew         Reason = "new"         // proven, but nobody has this identity either
	ReasonNotYours    Reason = "not_yours"   // proven, but no way into this account
	ReasonSameWay     Reason = "same_way"    // proven, but the very one that is to be removed
	ReasonLinked      Reason = "linked"      // proven, but linked to this account already
	ReasonStale       Reason = "stale"       // the provider answered by an older sign-in
)

// Notice is the sentence above the buttons.
type Notice struct {
	Reason  Reason
	Way     Way       // the way it is about; zero for notices about none
	Checked time.Time // when we last looked; zero says nothing
	// Also are further ways of which ReasonDown is true.
	Also []Way
	// Device is the class ReasonPartial is about: "mobile", "desktop" or "app"
	// (inside another app). Anything else says "some devices".
	Device string
	// Wait is after how many seconds a busy way may be tried again; 0 says nothing.
	Wait int
}

// Menu is the ways to log in right now, best first.
type Menu struct {
	Frame

	Notice *Notice
	Ways   []Way
	// CancelAction is where the form with id "cancel" posts to: back to the
	// website with access_denied. StepToken goes with it.
	CancelAction string
	StepToken    string
	// Task says what the ways are for, when not for logging in. About is the way
	// that is to be linked, or removed when Removing.
	Task     Task
	About    Way
	Removing bool
	// Outside is the website's address to begin at in another browser, for ways that
	// are Elsewhere, and OutsideHref what has the app open it there: of a scheme
	// that apps know. Both may be empty.
	Outside, OutsideHref string
	// NewHref leads back to the question of [Match], for whoever finds no
	// earlier way; empty shows nothing.
	NewHref string
}

// Task is what a menu's ways are for.
type Task string

// The tasks. None is logging in.
const (
	TaskNone  Task = ""
	TaskOwner Task = "owner" // prove a way that the account has, before About is changed
	TaskNew   Task = "new"   // prove About itself
)

// Match asks whether an identity never seen before belongs to somebody we know.
type Match struct {
	Frame

	Way           Way    // the way just proven
	Proven        string // how the provider names the person ("김민지"), may be empty
	NewAction     string // form "new-account" posts here
	ExistingHref  string // link "existing-account"
	CancelAction  string
	StepToken     string
	OtherWaysDown []Way // providers known to be down: the consequence is said
	// ProfileLater says that the provider proved who this is, but did not tell
	// name and address yet: they come with a later login.
	ProfileLater   bool
	EarlierWayHint Way // the way this browser used last, if another; zero otherwise
}

// Problem is a page that ends a login or cannot go on by itself.
type Problem struct {
	Frame

	Kind ProblemKind
	// Detail is shown to developers in dev mode only: what was received, what
	// is registered, how to fix it. Plain text.
	Detail string
	// RetryHref continues, where trying again makes sense; empty otherwise.
	RetryHref string
	// RetryAfter is in seconds; 0 says nothing.
	RetryAfter int
}

// ProblemKind chooses title and words.
type ProblemKind string

// The kinds of problem pages.
const (
	ProblemExpired     ProblemKind = "expired"     // the login timed out or is unknown here
	ProblemDone        ProblemKind = "done"        // already logged in; back to the website
	ProblemClient      ProblemKind = "client"      // unknown client or redirect URI: only our own page
	ProblemRequest     ProblemKind = "request"     // a malformed request that must not be redirected
	ProblemCallback    ProblemKind = "callback"    // a callback that belongs to no login of this browser
	ProblemUnavailable ProblemKind = "unavailable" // we could not check: 503
	// ProblemAway: databases are away, and nobody here may say who this is. 503, with
	// RetryAfter, and a RetryHref to the same login.
	ProblemAway      ProblemKind = "away"
	ProblemNotFound  ProblemKind = "not_found"
	ProblemForbidden ProblemKind = "forbidden" // cross-origin or stale form
	ProblemInternal  ProblemKind = "internal"
	ProblemCookies   ProblemKind = "cookies" // the browser keeps no cookies
	// ProblemBusy: every way is sent as many logins as it may be now. 503, with
	// RetryAfter, and a RetryHref to the menu of the same login.
	ProblemBusy ProblemKind = "busy"
	// ProblemTooMany: too many requests of one address or website. 429, with
	// RetryAfter; says nothing about anybody.
	ProblemTooMany ProblemKind = "too_many"
	// ProblemTaken: an identity that another account has. 409; says nothing
	// about whose.
	ProblemTaken ProblemKind = "taken"
	// ProblemLast: the only way into an account was to be removed. 409.
	ProblemLast ProblemKind = "last"
	// ProblemSession: a change of an account by a browser without the session
	// that began it.
	ProblemSession ProblemKind = "session"
	// ProblemHandoff: an address that should carry a login here, and does not: used
	// before, too old, or another browser's.
	ProblemHandoff ProblemKind = "handoff"
	// ProblemCarried: a login that goes on at another address; RetryHref takes it back.
	ProblemCarried ProblemKind = "carried"
)

// Logout asks before a session ends.
type Logout struct {
	Frame

	Action    string            // form "logout" posts here
	Hidden    map[string]string // carried values, StepToken among them
	StayHref  string            // may be empty
	StepToken string
}

// LoggedOut says that the session has ended, or that there is none.
type LoggedOut struct {
	Frame

	SignInHref string // to the account page; empty shows nothing. When set, nobody just logged out.
	Note       Note
	NoteWay    Way

	Told   []Told // the websites of the session that has ended, and what became of telling them
	Unsure bool   // which websites there are could not be found out; they are told when it can
}

// Told is what became of telling one website that a session has ended.
type Told struct {
	Name  string
	State ToldState
}

// ToldState says how much the person may rely on it.
type ToldState string

// The states.
const (
	ToldNothing   ToldState = "none"      // it takes no word: what it holds ends by itself
	ToldTrying    ToldState = "trying"    // it has not answered yet
	ToldDelivered ToldState = "delivered" // it said that it logged the person out
	ToldRefused   ToldState = "refused"   // it said no
	ToldUnreached ToldState = "unreached" // it never answered
)

// PostBack takes the browser back to the website by a form that it sends (OAuth
// 2.0 Form Post Response Mode): a script does so at once, the button with id
// "return" without one. Forms of this page, and of no other, may be sent to the
// origin of Action.
type PostBack struct {
	Frame

	Action string
	Values map[string][]string // what the form holds
}

// Terminal takes the browser back to the website after one of our own POSTs:
// a meta refresh and the link with id "return", because browsers apply
// form-action to redirects.
type Terminal struct {
	Frame

	Href string
}
