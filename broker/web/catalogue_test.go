package web

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

func catalogues(t *testing.T) map[string]*catalogue {
	t.Helper()
	c, err := loadCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParticlesAreFoundBehindBareNames(t *testing.T) {
	tests := []struct {
		text string
		bare bool
	}{
		{"{{.Way}}이 원활하지 않아요", true},
		{"{{.Way}}를 골라 주세요", true},
		{"{{.Client}}으로 돌아가기", true},
		{"{{.Client}}로 돌아가기", true},
		{"{{.Way}} 로그인이 원활하지 않아요", false},
		{"{{.Client}}에 로그인해요", false},
		{"{{.ClientTo}} 돌아가기", false},
	}
	for _, tt := range tests {
		if got := particle.MatchString(tt.text); got != tt.bare {
			t.Errorf("%q: found %v, want %v", tt.text, got, tt.bare)
		}
	}
}

func TestCatalogueThatSaysSomethingTwiceIsRefused(t *testing.T) {
	if err := checkKeys([]byte(`{"a": "1", "b": {"one": "2", "other": "3"}, "a": "4"}`)); err == nil {
		t.Error("a doubled key was accepted")
	}
	if err := checkKeys([]byte(`{"a": "1", "b": {"a": "2"}}`)); err != nil {
		t.Errorf("a sound catalogue was refused: %v", err)
	}
	for _, broken := range []string{"", `{"a": "1"`, `{"a" "1"}`, `{"a": }`} {
		if err := checkKeys([]byte(broken)); err == nil {
			t.Errorf("%q was accepted", broken)
		}
	}
}

func TestCataloguesWithDifferentKeysAreRefused(t *testing.T) {
	bundle := i18n.NewBundle(language.Korean)
	_, err := compileAll(bundle, map[string][]string{"ko": {"a", "b"}, "en": {"b", "c"}, "ja": {"a", "b"}})
	if err == nil || !strings.Contains(err.Error(), "[a c]") {
		t.Errorf("compileAll: %v, want the two keys", err)
	}
}

func TestUnknownVariablesAreRefused(t *testing.T) {
	bundle := i18n.NewBundle(language.Korean)
	if err := bundle.AddMessages(language.Korean, &i18n.Message{ID: "a", Other: "{{.Clinet}}"}); err != nil {
		t.Fatal(err)
	}
	if _, err := compile(i18n.NewLocalizer(bundle, "ko"), []string{"a"}); err == nil {
		t.Error("a misspelt variable was accepted")
	}
}

// Every sentence is used, and says the same things in each language.
func TestCataloguesHoldWhatIsUsed(t *testing.T) {
	var source strings.Builder
	for _, dir := range []string{".", "templates"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), "_test.go") || entry.IsDir() {
				continue
			}
			data, err := os.ReadFile(dir + "/" + entry.Name())
			if err != nil {
				t.Fatal(err)
			}
			source.Write(data)
		}
	}
	// Keys that are put together from a kind of way, reason, device, state or problem.
	built := regexp.MustCompile(`^(way\.\w+\.(button|name|login|by)|note\.\w+(\.on)?|notice\.\w+\.(fact|any)|notice\.partial\.\w+\.(fact|on)|state\.\w+|site\.\w+|status\.(verdict|reading|lead|limits)\.\w+|incident\.\w+\.\w+|(everywhere|data|delete)\.(text|yes)|ended\.(device|all|account)(_lead)?|\w+\.(title|lead))$`)
	all := catalogues(t)
	for key, korean := range all["ko"].phrases {
		if !built.MatchString(key) && !strings.Contains(source.String(), `"`+key+`"`) {
			t.Errorf("%q is not used", key)
		}
		for _, lang := range languages {
			phrase := all[lang].phrases[key]
			if strings.TrimSpace(strings.Join(phrase.texts, "")) == "" && len(phrase.holes) == 0 {
				t.Errorf("%q is empty in %s", key, lang)
			}
			counts := slices.Contains(korean.holes, varCount)
			if slices.Contains(phrase.holes, varCount) != counts {
				t.Errorf("%q counts in one language only", key)
			}
			if _, ok := all[lang].one[key]; ok != counts {
				t.Errorf("%q has a form for one thing in %s: %v, want %v", key, lang, ok, counts)
			}
		}
	}
}

// Where Korean lines must not break, straight quotes, shouting, and words left
// in the wrong language.
func TestCataloguesAreWellSet(t *testing.T) {
	tied := regexp.MustCompile(`수 (있|없)어|골라 주세요`)
	for lang, c := range catalogues(t) {
		for key, phrase := range c.phrases {
			text := strings.Join(phrase.texts, "")
			if found := tied.FindString(text); found != "" {
				t.Errorf("%s %q: %q may break over two lines", lang, key, found)
			}
			if strings.ContainsAny(text, `'"!~！`) {
				t.Errorf("%s %q: straight quotes or an exclamation mark: %q", lang, key, text)
			}
			for _, r := range text {
				wrong := lang != "ko" && unicode.Is(unicode.Hangul, r) ||
					lang != "ja" && unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han)
				if wrong && r != '・' {
					t.Errorf("%s %q holds %q", lang, key, r)
				}
			}
		}
	}
}
