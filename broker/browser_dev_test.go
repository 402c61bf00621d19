package broker_test

import (
	"os"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
)

// testTour is README's tour with the switchboard's buttons: Kakao is turned off,
// then the site that serves is killed, and the person stays who they are.
func testTour(t *testing.T, c *chrome) {
	i := brokertest.Start(t, brokertest.ThreeSites)
	person, board := c.tab(t, "ko"), c.tab(t, "ko")
	person.signIn(i, "kakao", "minji")
	board.open(i.Switchboard())
	board.press("switch-kakao")
	board.becomes("document.querySelector('#state-kakao b').textContent == '꺼짐'")
	person.signIn(i, "naver", "minji")
	person.see("same-person")
	board.press("dead-seoul")
	board.becomes("document.querySelector('#site-seoul').dataset.state == 'dead'")
	board.becomes("document.querySelector('#fares-seoul b').textContent == '꺼짐'")
	board.becomes("document.querySelector('#site-busan').dataset.writes == 'true'") // by itself, three seconds later
	person.open(i.Demo() + "/login")
	person.see("same-person")
	person.signIn(i, "naver", "minji")
	person.see("same-person")
	for _, state := range []string{"frozen", "cut"} {
		board.press(state + "-tokyo")
		board.becomes("document.querySelector('#site-tokyo').dataset.state == '" + state + "'")
	}
	if dir := os.Getenv("BONGSU_SHOTS"); dir != "" {
		for _, tongue := range tongues {
			board.open(i.Switchboard() + "/?lang=" + tongue.lang)
			board.draw(dir, "sites-"+tongue.lang)
		}
	}
	board.press("ok-seoul")
	board.becomes("document.querySelector('#site-seoul').dataset.state == 'ok'")
}

// becomes waits until an expression holds on a page that changes by itself.
func (b *tab) becomes(condition string) {
	b.t.Helper()
	eventually(b.t, condition, func() bool {
		holds, err := try[bool](b, "!!("+condition+")")
		return err == nil && holds
	})
}
