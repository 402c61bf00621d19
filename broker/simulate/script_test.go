package simulate

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// What is wrong with a script is said before it is played.
func TestReadRefuses(t *testing.T) {
	text, err := os.ReadFile("scripts/kakao-2022.yaml")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	if _, err := Read(strings.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new, want string }{
		{"an unknown key", "people: 53000000", "peoples: 53000000", "peoples"},
		{"nobody", "people: 53000000", "people: 0", "people"},
		{"no hours", "hours: [1.6, ", "hours: [", "hours"},
		{"an endless day", "for: 24h", "for: 300h", "for"},
		{"sites that add up to more", "{name: busan, share: 0.3", "{name: busan, share: 0.4", "sites"},
		{"a site twice", "{name: busan", "{name: seoul", "site"},
		{"too many nodes", "share: 0.6, nodes: 2", "share: 0.6, nodes: 99", "nodes"},
		{"groups that add up to less", "{ways: [line], share: 0.01}", "{ways: [line], share: 0.0}", "groups"},
		{"a way that no provider is", "{ways: [line]", "{ways: [pigeon]", "pigeon"},
		{"an order that forgets one", "order: [kakao, naver, google, apple, line]", "order: [kakao, naver, google, apple]", "order"},
		{"a phase before the one above", "{at: 18h,", "{at: 1h,", "phase 3"},
		{"a share above one", "login: 0.15", "login: 1.5", "phase 3"},
		{"not a number", "marked: 0.8", "marked: .nan", "marked"},
		{"a phase of nobody's", "{at: 18h, provider: kakao", "{at: 18h, provider: pigeon", "pigeon"},
		{"no time away", "kakao: {return: 0.85, away: 12s}", "kakao: {return: 0.85, away: 0s}", "kakao"},
		{"no YAML", "sites:", "sites", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broken := strings.Replace(whole, tt.old, tt.new, 1)
			if broken == whole {
				t.Fatal("the case changes nothing")
			}
			_, err := Read(strings.NewReader(broken))
			if !errors.Is(err, ErrScript) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Read = %v, want it to speak of %q", err, tt.want)
			}
		})
	}
	if _, err := Read(strings.NewReader(strings.Repeat("#", maxScript+1))); !errors.Is(err, ErrScript) {
		t.Errorf("a script of more than a mebibyte: %v", err)
	}
}

// Whatever stands in a file, reading it ends, and what is accepted can be begun.
func FuzzRead(f *testing.F) {
	for _, name := range Shipped() {
		text, err := os.ReadFile("scripts/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		w, err := newWorld(s, 1)
		if err != nil {
			return // names that a board does not take
		}
		w.things.turn(s.For)
	})
}
