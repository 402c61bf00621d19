package switchboard

import (
	"reflect"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Every language says everything, and words every fault and kind of event.
func TestCatalogueIsComplete(t *testing.T) {
	for lang, w := range catalogue {
		value := reflect.ValueOf(w)
		for i := range value.NumField() {
			if field := value.Field(i); field.Kind() == reflect.String && field.String() == "" {
				t.Errorf("%s: %s says nothing", lang, value.Type().Field(i).Name)
			}
		}
		for kind := range english.kinds {
			p, ok := w.kinds[kind]
			if !ok || p.title == "" && p.text == "" {
				t.Errorf("%s: no words for %s", lang, kind)
			}
			if strings.Contains(p.title+p.text, "%s") != strings.Contains(english.kinds[kind].title+english.kinds[kind].text, "%s") {
				t.Errorf("%s: %s names the provider in one language only", lang, kind)
			}
		}
		for _, state := range states {
			if w.states[state] == "" || w.turns[state] == "" {
				t.Errorf("%s: no words for a site that is %s", lang, state)
			}
		}
		for _, k := range fakeidp.Kinds() {
			if w.about(k) == "" || lang != "en" && w.faults[k.Name] == "" {
				t.Errorf("%s: no words for the fault %s", lang, k.Name)
			}
		}
	}
}

func TestTell(t *testing.T) {
	tests := []struct {
		name  string
		lang  string
		event Event
		title string
		text  string
	}{
		{"a login", "en", Event{Kind: LoginCompleted, Client: "demo", Provider: "naver"}, "Login completed", "demo · Naver"},
		{"a login in Korean", "ko", Event{Kind: LoginCompleted, Client: "demo", Provider: "naver"}, "로그인 끝", "demo · 네이버"},
		{"a step", "en", Event{Kind: StepFailed, Provider: "kakao", Detail: "token theirs.slow"}, "", "Kakao: step failed · token theirs.slow"},
		{"a site finds out", "ko", Event{Kind: StateDown, Site: "seoul", Provider: "kakao", Detail: "provider"}, "카카오 안 됨", "서울 · 메뉴에서 안내로 옮겼어요 · provider"},
		{"a site dies", "ko", Event{Kind: TurnedDead, Site: "seoul"}, "사이트 꺼짐", "서울"},
		{"the writer moves", "en", Event{Kind: WriterMoved, Site: "busan"}, "Writer moved", "Busan · the database is written here now"},
		{"a login by nobody", "en", Event{Kind: LoginCompleted, Client: "demo"}, "Login completed", "demo"},
		{"a kind without words", "en", Event{Kind: "new.kind", Detail: "x"}, "new.kind", "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			title, text := catalogue[tt.lang].tell(tt.lang, tt.event)
			if title != tt.title || text != tt.text {
				t.Errorf("told as %q, %q; want %q, %q", title, text, tt.title, tt.text)
			}
		})
	}
}
