package broker

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/login"
)

// tally is a node that counts, and its clock.
type tally struct {
	*unfinished

	t   *testing.T
	now time.Time
}

func newTally(t *testing.T) *tally {
	y := &tally{t: t, now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)}
	y.unfinished = newUnfinished([]config.Provider{{ID: "kakao"}, {ID: "naver"}}, func() time.Time { return y.now })
	return y
}

// begin is a login that begins now and is sent to ways, one after the other.
func (y *tally) begin(ways ...string) string {
	y.t.Helper()
	name, err := id.Dated(y.now, rand.Reader)
	if err != nil {
		y.t.Fatal(err)
	}
	y.stood(name, "", login.AtMenu, "first_party")
	at := login.AtMenu
	for _, way := range ways {
		y.stood(name, at, way, "first_party")
		at = way
	}
	return name
}

func (y *tally) end(name, at string) { y.stood(name, at, "", "first_party") }

func (y *tally) pass(d time.Duration) {
	for range int(d / time.Minute) {
		y.now = y.now.Add(time.Minute)
		y.count()
	}
}

// want compares what first-party logins were given up at.
func (y *tally) want(what string) {
	y.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(y.given)
	families, err := registry.Gather()
	if err != nil {
		y.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == "first_party" {
			got[m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
		} else if m.GetCounter().GetValue() != 0 {
			y.t.Errorf("another class has %v", m)
		}
	}
	if fmt.Sprint(got) != what {
		y.t.Errorf("given up: %v, want %s", got, what)
	}
}

func TestALoginThatNobodyFinishesIsCountedWhenItsTimeIsOver(t *testing.T) {
	y := newTally(t)
	y.begin()
	y.begin("kakao", "naver")
	y.begin("kakao")
	done, late := y.begin("kakao"), y.begin("naver")
	y.end(done, "kakao")
	y.pass(login.Longest)
	y.want("map[kakao:0 naver:0 none:0]") // they may still go on
	y.end(late, "naver")
	y.pass(3 * time.Minute)
	y.want("map[kakao:1 naver:1 none:1]")
	y.pass(3 * time.Hour)
	y.want("map[kakao:1 naver:1 none:1]") // each once
}

// Whatever goes to and fro between nodes, the sum is what was given up.
func TestLoginsThatEndElsewhereAreSetOff(t *testing.T) {
	a, b := newTally(t), newTally(t)
	for range 3 {
		moved, back := a.begin("kakao"), b.begin("kakao")
		b.end(moved, "kakao")
		a.end(back, "kakao")
		a.pass(time.Minute)
		b.pass(time.Minute)
	}
	for range 2 {
		b.end(a.begin("kakao"), "kakao") // b has two endings too many
	}
	a.pass(time.Hour)
	b.pass(time.Hour)
	a.want("map[kakao:2 naver:0 none:0]") // it cannot know
	b.want("map[kakao:0 naver:0 none:0]")
	for range 5 {
		b.begin("kakao")
	}
	b.pass(time.Hour)
	b.want("map[kakao:3 naver:0 none:0]") // together five
}

func TestWhatIsOfNoTimeIsNotCounted(t *testing.T) {
	y := newTally(t)
	old := y.begin()
	y.now = y.now.Add(login.Longest + 2*time.Minute)
	y.end(old, login.AtMenu) // cannot be: its cookie opens no more
	y.stood("no login", "", login.AtMenu, "first_party")
	ahead := y.begin()
	y.now = y.now.Add(-10 * time.Minute)
	y.end(ahead, login.AtMenu) // of a time that has not come
	y.now = y.now.Add(10 * time.Minute)
	y.stood(y.begin(), login.AtMenu, "a way that is not configured", "first_party")
	y.pass(time.Hour)
	y.want("map[kakao:0 naver:0 none:2]")
}

// A machine that slept counts what it held, and nothing twice.
func TestALongSleepLosesNothing(t *testing.T) {
	y := newTally(t)
	y.begin("kakao")
	y.now = y.now.Add(48 * time.Hour)
	y.count()
	y.count()
	y.want("map[kakao:1 naver:0 none:0]")
	y.begin("kakao")
	y.pass(time.Hour)
	y.want("map[kakao:2 naver:0 none:0]")
}
