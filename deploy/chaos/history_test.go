package chaos

import (
	"sync"
	"time"
)

// history is everything that was seen from outside, in times since the world
// began. Checks read it when nobody writes any more.
type history struct {
	mu sync.Mutex

	logins    []login
	uses      []use
	answers   []answer
	pages     []page
	sightings []sighting
	kept      []kept
	endings   []ending
	tries     []try
	handed    []handed
	denials   []denial
	cuts      []cut
	windows   []window
}

// note writes into the history.
func (h *history) note(write func(*history)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	write(h)
}

// outcome is how a login ended for the person.
type outcome int

const (
	atOnce     outcome = iota // as on a good day
	oneClick                  // after one action more
	manyClicks                // after more of them
	refused                   // told to try again later
	lost                      // anything else
)

// login is one that a person tried.
type login struct {
	who   string
	site  string // the nearest to them
	began time.Duration
	took  time.Duration
	how   outcome
	known bool   // in a browser that has been at the website before
	why   string // of what is not at once
}

// result is what a use of something that is good once came to.
type result int

const (
	given    result = iota // tokens
	gone                   // invalid_grant
	busy                   // not decided: 503
	unheard                // no answer, or none that says
	kindless               // any other answer
)

// use is a code or a refresh token that was shown to a node.
type use struct {
	code   string // a fingerprint of what was shown
	family bool   // a refresh token
	next   string // the fingerprint of the refresh token that was given
	who    int    // which website's server
	node   string
	from   time.Duration
	to     time.Duration
	result result
	said   string
}

// answer is something that a website or a person was told of a thing that was
// good.
type answer struct {
	at   time.Duration
	what string // of what: "code", "session", "access token", "client"
	node string
	said string // the error, in the words of the standards
}

// page is a page that was shown, if it was ours.
type page struct {
	at     time.Duration
	path   string
	status int
	onward bool // has a way on
	text   string
}

// sighting is who a website was told somebody is.
type sighting struct {
	at  time.Duration
	who string
	by  string // the way they came
	sub string
}

// kept is a write that was acknowledged, and whether it was there later on.
type kept struct {
	what   string // "account", "link", "logout"
	who    string
	acked  time.Duration
	looked time.Duration
	there  bool   // what was seen then
	stands string // if not: what the primary had of it then, seen from inside
}

// ending is an acknowledged end of a session.
type ending struct {
	id    int
	acked time.Duration
	site  string // whose node acknowledged it
}

// try is a session that was over, shown to a node.
type try struct {
	ending int
	at     time.Duration
	node   string
	site   string
	let    bool // it was taken for good
	said   string
}

// handed is a code that a node gave.
type handed struct {
	at     time.Duration
	site   string
	node   string
	client string
}

// denial is a login that a node told to try again.
type denial struct {
	at   time.Duration
	node string
}

// cut is a time in which a site could hear neither the writer nor most others.
type cut struct {
	site     string
	from, to time.Duration
	lost     map[string]time.Duration // when its nodes themselves said that they had lost contact
}

// window is a fault from its beginning until everything was back.
type window struct {
	fault  string
	began  time.Duration
	healed time.Duration
	back   time.Duration // 0: it never was
	why    string        // then: what was missing
}
