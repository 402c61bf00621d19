package web

import (
	"slices"
	"strings"
	"testing"
)

func TestLanguage(t *testing.T) {
	tests := []struct {
		name                    string
		ui                      []string
		saved, accept, fallback string
		want                    string
	}{
		{"nobody says", nil, "", "", "", "ko"},
		{"the website asks", []string{"ja"}, "en", "ko", "ko", "ja"},
		{"the website asks for one we lack first", []string{"xx", "en-GB"}, "ja", "ko", "ko", "en"},
		{"the website asks for one we lack", []string{"fi"}, "ja", "ko", "ko", "ja"},
		{"this browser chose", nil, "en", "ko-KR,ko;q=0.9", "ja", "en"},
		{"the browser prefers", nil, "", "ja,en-US;q=0.9,en;q=0.8", "ko", "ja"},
		{"the browser prefers by weight", nil, "", "en;q=0.4, ja;q=0.8", "ko", "ja"},
		{"the browser refuses one", nil, "", "en;q=0, ja;q=0.1", "ko", "ja"},
		{"a region we do not know", nil, "", "en-NZ", "ko", "en"},
		{"a script", nil, "", "ko-Kore-KR", "en", "ko"},
		{"a language we lack, then one we have", nil, "", "sw, ja;q=0.5", "ko", "ja"},
		{"only a language we lack", nil, "", "fi", "ja", "ja"},
		{"a language whose readers read English", nil, "", "sw", "ja", "en"},
		{"anything", nil, "", "*", "ja", "ja"},
		{"the client's default", nil, "", "", "en", "en"},
		{"nonsense everywhere", []string{"\x00", "-", "a-b-c"}, "<script>", ";;;,,q=", "--", "ko"},
		{"a header longer than any browser's", nil, "", "ja," + strings.Repeat("en,", 500), "ko", "ja"},
		{"one endless tag", nil, "", strings.Repeat("e", 5000), "en", "en"},
		{"more tags than anybody reads", slices.Repeat([]string{"fi-FI"}, 1000), "ja", "", "", "ja"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Language(tt.ui, tt.saved, tt.accept, tt.fallback); got != tt.want {
				t.Errorf("Language is %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("ja en", "", "ko-KR,ko;q=0.9,en;q=0.8", "en")
	f.Add("", "xx", "*", "")
	f.Add("x-private", "i-klingon", "zh-Hant-TW;q=0.1,,;q=", "art-lojban")
	f.Fuzz(func(t *testing.T, ui, saved, accept, fallback string) {
		if got := Language(strings.Fields(ui), saved, accept, fallback); !slices.Contains(languages, got) {
			t.Errorf("Language is %q", got)
		}
	})
}
