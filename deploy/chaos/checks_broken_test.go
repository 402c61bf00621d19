package chaos

import (
	"strings"
	"testing"
	"time"
)

// Every check but the first, which has a test of its own, finds what breaks its
// promise, and nothing in what keeps it.
func TestChecksFindBrokenPromises(t *testing.T) {
	const s = time.Second
	cuts := []cut{{"seoul", 10 * s, 60 * s, nil}}
	quiet := []cut{{"seoul", 10 * s, 90 * s, map[string]time.Duration{"seoul-1": 40 * s}}}
	tests := []struct {
		name, check string
		history     *history
		want        int
	}{
		{"one sub", "forks", &history{sightings: []sighting{{who: "a", sub: "1"}, {who: "a", sub: "1"}, {who: "b", sub: "2"}}}, 0},
		{"a second sub", "forks", &history{sightings: []sighting{{who: "a", sub: "1"}, {who: "a", sub: "2"}}}, 1},
		{"somebody else's sub", "forks", &history{sightings: []sighting{{who: "a", sub: "1"}, {who: "b", sub: "1"}}}, 1},

		{"a write is there", "write", &history{kept: []kept{{what: "link", who: "a", acked: s, looked: 2 * s, there: true}}}, 0},
		{"a write is gone", "write", &history{kept: []kept{{what: "link", who: "a", acked: s, looked: 2 * s}}}, 1},
		{"nobody had acknowledged it", "write", &history{kept: []kept{{what: "link", who: "a", acked: 2 * s, looked: s}}}, 0},

		{"try again", "negative answer", &history{answers: []answer{{what: "code", said: "temporarily_unavailable"}, {what: "code"}}}, 0},
		{"a good code is called used", "negative answer", &history{answers: []answer{{what: "code", said: "invalid_grant"}}}, 1},
		{"a good session is not seen", "negative answer", &history{answers: []answer{{what: "session", said: "login_required"}}}, 1},
		{"a good token is called dead", "negative answer", &history{answers: []answer{{what: "access token", said: "active:false"}}}, 1},
		{"the server gives up", "negative answer", &history{answers: []answer{{what: "code", said: "server_error"}}}, 1},

		{"a page leads on", "page", &history{pages: []page{{onward: true}}}, 0},
		{"a page leads nowhere", "page", &history{pages: []page{{status: 503}}}, 1},

		{"obeyed at once", "obeyed", &history{endings: []ending{{id: 1, acked: s, site: "busan"}}, tries: []try{{ending: 1, at: 9 * s, site: "tokyo", let: true}, {ending: 1, at: 30 * s, site: "tokyo"}}}, 0},
		{"good for too long", "obeyed", &history{endings: []ending{{id: 1, acked: s, site: "busan"}}, tries: []try{{ending: 1, at: 17 * s, site: "tokyo", let: true}}}, 1},
		{"good where nobody can say", "obeyed", &history{cuts: cuts, endings: []ending{{id: 1, acked: 20 * s, site: "busan"}}, tries: []try{{ending: 1, at: 50 * s, site: "seoul", let: true}}}, 0},
		{"good at the other node of the site that is cut off", "obeyed", &history{cuts: cuts, endings: []ending{{id: 1, acked: 20 * s, site: "seoul"}}, tries: []try{{ending: 1, at: 50 * s, site: "seoul", let: true}}}, 1},
		{"good long after they could", "obeyed", &history{cuts: cuts, endings: []ending{{id: 1, acked: 20 * s, site: "busan"}}, tries: []try{{ending: 1, at: 76 * s, site: "seoul", let: true}}}, 1},
		{"good long after it was said while they could", "obeyed", &history{cuts: cuts, endings: []ending{{id: 1, acked: 80 * s, site: "busan"}}, tries: []try{{ending: 1, at: 96 * s, site: "seoul", let: true}}}, 1},

		{"stops after S", "cut off", &history{cuts: quiet, handed: []handed{{at: 69 * s, site: "seoul", node: "seoul-1", client: "shop"}, {at: 80 * s, site: "busan", node: "busan-1", client: "shop"}}, denials: []denial{{65 * s, "seoul-1"}}}, 0},
		{"goes on for those who accept it", "cut off", &history{cuts: quiet, handed: []handed{{at: 80 * s, site: "seoul", node: "seoul-1", client: staleClient}}, denials: []denial{{41 * s, "seoul-1"}}}, 0},
		{"refuses too late", "cut off", &history{cuts: quiet, denials: []denial{{39 * s, "seoul-1"}, {71 * s, "seoul-1"}}}, 1},
		{"refuses nobody", "cut off", &history{cuts: quiet}, 1},
		{"is healed before it has to", "cut off", &history{cuts: []cut{{"seoul", 10 * s, 60 * s, map[string]time.Duration{"seoul-1": 40 * s}}}}, 0},
		{"gives a code after it has to stop", "cut off", &history{cuts: quiet, handed: []handed{{at: 71 * s, site: "seoul", node: "seoul-1", client: "shop"}}, denials: []denial{{41 * s, "seoul-1"}}}, 1},
		{"gives codes for ever and says nothing", "cut off", &history{cuts: []cut{{"seoul", 10 * s, 90 * s, nil}}, handed: []handed{{at: 71 * s, site: "seoul", node: "seoul-1", client: "shop"}}}, 1},
		{"notices too late", "cut off", &history{cuts: []cut{{"seoul", 10 * s, 60 * s, map[string]time.Duration{"seoul-1": 46 * s}}}}, 1},

		{"back in time", "back", &history{windows: []window{{fault: "x", healed: s, back: 20 * s}}}, 0},
		{"back too late", "back", &history{windows: []window{{fault: "x", healed: s, back: 32 * s}}}, 1},
		{"never back", "back", &history{windows: []window{{fault: "x", healed: s}}}, 1},

		{"told to try again", "login is lost", &history{logins: []login{{how: refused}, {how: oneClick}}}, 0},
		{"lost", "login is lost", &history{logins: []login{{how: lost}}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range checks() {
				want := 0
				if strings.Contains(c.name, tt.check) {
					want = tt.want
				}
				if got := c.look(tt.history, fixedStale); len(got) != want {
					t.Errorf("%s: found %d, want %d: %v", c.name, len(got), want, got)
				}
			}
		})
	}
}

func TestTableCountsLoginsByTheFaultTheyMet(t *testing.T) {
	const s = time.Second
	windows := []window{{fault: "first", began: 10 * s, back: 20 * s}, {fault: "second", began: 30 * s, back: 40 * s}}
	got := table([]login{
		{began: 0, took: s}, {began: 9 * s, took: 2 * s, how: oneClick}, {began: 35 * s, took: s, how: refused}, {began: 25 * s, took: s},
	}, windows)
	want := []row{{"", [5]int{atOnce: 2}}, {"first", [5]int{oneClick: 1}}, {"second", [5]int{refused: 1}}}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("row %d is %v, want %v", i, got[i], want[i])
		}
	}
}
