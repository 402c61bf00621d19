package status

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var began = time.Date(2026, 11, 22, 6, 31, 0, 0, time.UTC)

// looks shows a log one view after another, each so many seconds after began.
func looks(l *Log, seen ...any) {
	for i := 0; i < len(seen); i += 2 {
		v := seen[i+1].(View) //nolint:forcetypeassert // written in pairs, in this file
		v.At = began.Add(time.Duration(seen[i].(int)) * time.Second)
		l.Look(v)
	}
}

func at(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }

func TestAnIncidentIsDetectedConfirmedAndRecovered(t *testing.T) {
	l := NewLog()
	up, one := table(three, "kakao up up up up"), table(three, "kakao up up down up")
	all := table(three, "kakao down down down down")
	looks(l, 0, up, 10, one, 20, one, 30, all, 40, all, 100, up, 130, up)
	want := []Incident{{Provider: "kakao", Detected: at(10), Confirmed: at(30), Sites: []string{"seoul", "busan", "tokyo"}}}
	if diff := cmp.Diff(want, l.Incidents()); diff != "" {
		t.Errorf("while it settles (-want +got)\n%s", diff)
	}
	looks(l, 160, up, 300, up)
	want[0].Recovered = at(100)
	if diff := cmp.Diff(want, l.Incidents()); diff != "" {
		t.Errorf("when it is over (-want +got)\n%s", diff)
	}
}

func TestATroubleThatComesBackAtOnceIsTheSame(t *testing.T) {
	l := NewLog()
	up, down := table("seoul", "kakao up up"), table("seoul", "kakao down down")
	looks(l, 0, down, 10, up, 60, up, 65, down, 70, up, 129, up)
	if got := l.Incidents(); len(got) != 1 || !got[0].Recovered.IsZero() {
		t.Errorf("%+v, want one that goes on", got)
	}
	looks(l, 130, up)
	if got := l.Incidents(); len(got) != 1 || !got[0].Recovered.Equal(at(70)) {
		t.Errorf("%+v, want one that recovered at its last turn", got)
	}
	looks(l, 200, down)
	if got := l.Incidents(); len(got) != 2 || !got[0].Detected.Equal(at(200)) {
		t.Errorf("%+v, want a second one, first in the list", got)
	}
}

func TestSlowBecomesDownInOneIncident(t *testing.T) {
	l := NewLog()
	looks(l, 0, table(three, "kakao slow slow slow up"))
	want := []Incident{{Provider: "kakao", Slow: true, Detected: at(0), Confirmed: at(0), Sites: []string{"seoul", "busan"}}}
	if diff := cmp.Diff(want, l.Incidents()); diff != "" {
		t.Errorf("slow (-want +got)\n%s", diff)
	}
	looks(l, 5, table(three, "kakao down down slow slow"), 9, table(three, "kakao down down slow down"))
	want = []Incident{{Provider: "kakao", Detected: at(0), Confirmed: at(9), Sites: []string{"seoul", "tokyo"}}}
	if diff := cmp.Diff(want, l.Incidents()); diff != "" {
		t.Errorf("down (-want +got)\n%s", diff)
	}
}

func TestWhatNobodyKnowsIsNoIncidentAndNoRecovery(t *testing.T) {
	l := NewLog()
	unknown := table(three, "kakao unknown unknown unknown unknown")
	looks(l, 0, unknown, 5, table(three, "kakao paused"))
	if got := l.Incidents(); len(got) != 0 {
		t.Errorf("%+v, want none", got)
	}
	looks(l, 10, table(three, "kakao down down down down"), 20, unknown, 500, unknown, 600, table(three, "kakao paused"))
	if got := l.Incidents(); len(got) != 1 || !got[0].Recovered.IsZero() {
		t.Errorf("%+v, want one that goes on", got)
	}
}

// One site with its verdict alone is enough to confirm where there is only one.
func TestTheLogIsBounded(t *testing.T) {
	l := NewLog()
	for i := range 100 {
		id := fmt.Sprint("p", i)
		looks(l, i*1000, table("seoul", id+" down down"), i*1000+10, table("seoul", id+" up up"), i*1000+100, table("seoul", id+" up up"))
	}
	got := l.Incidents()
	if len(got) != maxIncidents || got[0].Provider != "p99" {
		t.Errorf("%d incidents, the latest of %s; want %d of p99", len(got), got[0].Provider, maxIncidents)
	}
	if len(l.well) != 0 {
		t.Errorf("%d providers are still watched", len(l.well))
	}
}
