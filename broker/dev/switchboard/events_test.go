package switchboard_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev/switchboard"
)

type toldEvent struct {
	Number   int64
	Time     time.Time
	Kind     string
	Provider string
	Title    string
	Text     string
}

func (b *board) events(query string) []toldEvent {
	b.t.Helper()
	status, _, answer := b.call("GET", "/events"+query, "")
	var found struct{ Events []toldEvent }
	if err := json.Unmarshal([]byte(answer), &found); err != nil || status != 200 || found.Events == nil {
		b.t.Fatalf("answered %d %s: %v", status, answer, err)
	}
	return found.Events
}

func TestEventsAreToldNewestFirst(t *testing.T) {
	b := newBoard(t)
	if got := b.events(""); len(got) != 0 {
		t.Errorf("events before anything happened: %v", got)
	}
	b.call("PUT", "/faults/kakao", `{"fault":"dark"}`)
	b.log.Add(switchboard.Event{Kind: switchboard.LoginCompleted, Client: "demo", Provider: "naver"})

	got := b.events("")
	if len(got) != 2 || got[0].Number != 2 || got[1].Number != 1 {
		t.Fatalf("events %+v", got)
	}
	if e := got[0]; e.Kind != "login.completed" || e.Title != "Login completed" || e.Text != "demo · Naver" || e.Time.IsZero() {
		t.Errorf("told as %+v", e)
	}
	if e := got[1]; e.Kind != "fault.set" || e.Provider != "kakao" || e.Title != "Kakao broken" || e.Text != "dark" {
		t.Errorf("told as %+v", e)
	}
	if got := b.events("?after=1&lang=ko"); len(got) != 1 || got[0].Title != "로그인 끝" {
		t.Errorf("later ones in Korean: %+v", got)
	}
	if got := b.events("?after=99&lang=xx"); len(got) != 0 {
		t.Errorf("later than the last: %+v", got)
	}
	for _, after := range []string{"x", "-1", "99999999999999999999"} {
		if status, _, _ := b.call("GET", "/events?after="+after, ""); status != 400 {
			t.Errorf("after=%s: status %d, want 400", after, status)
		}
	}
}

func TestEventsAreBounded(t *testing.T) {
	b := newBoard(t)
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for range 100 {
				b.log.Add(switchboard.Event{Kind: switchboard.PageShown, Provider: "kakao"})
			}
		})
	}
	adding.Wait()
	got := b.events("")
	if len(got) != switchboard.MaxEvents || got[0].Number != 400 {
		t.Fatalf("%d events, the newest number %d", len(got), got[0].Number)
	}
	for i, e := range got {
		if e.Number != int64(400-i) {
			t.Fatalf("event %d has number %d", i, e.Number)
		}
	}
	page := string(b.open("/").Body)
	if shown := strings.Count(page, "data-number="); shown != 50 {
		t.Errorf("%d events on the page, want 50", shown)
	}
}

// What a client or a log wrote never becomes markup.
func TestEventsAreEscaped(t *testing.T) {
	b := newBoard(t)
	b.log.Add(switchboard.Event{Kind: `"><script>alert(1)</script>`, Client: "<b>", Provider: "<i>", Detail: "{{.}}"})
	body := string(b.open("/").Body)
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<b><") || strings.Contains(body, "<i> ") {
		t.Error("an event became markup")
	}
}
