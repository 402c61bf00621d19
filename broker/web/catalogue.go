package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed locales/*.json
var localeFiles embed.FS

// A variable is something a sentence of the catalogues may leave open.
type variable int

const (
	varClient   variable = iota // Hanbit Store
	varClientTo                 // Korean only: the website with the particle that means "to"
	varWay                      // Kakao
	varOther                    // a second way: Google
	varWayTo                    // Korean only: the way with the particle that means "by"
	varLogin                    // Kakao Login
	varTime                     // 3:42 PM
	varCount                    // 30
	varSite                     // Seoul
	varScope                    // a scope that there are no words for
	varHost                     // busan.login.example.kr
	varCounts
)

var variableNames = [varCounts]string{"Client", "ClientTo", "Way", "Other", "WayTo", "Login", "Time", "Count", "Site", "Scope", "Host"}

// values fills the variables of one sentence.
type values [varCounts]string

// A phrase is a sentence of a catalogue, taken apart once: texts[0], holes[0],
// texts[1] and so on, one text more than holes.
type phrase struct {
	texts []string
	holes []variable
}

func (p phrase) with(v *values) string {
	if len(p.holes) == 0 {
		return p.texts[0]
	}
	size := 0
	for _, text := range p.texts {
		size += len(text)
	}
	for _, hole := range p.holes {
		size += len(v[hole])
	}
	var b strings.Builder
	b.Grow(size)
	for i, text := range p.texts {
		b.WriteString(text)
		if i < len(p.holes) {
			b.WriteString(v[p.holes[i]])
		}
	}
	return b.String()
}

// A catalogue is every sentence of one language. Sentences that count have a
// second form for one thing where the language makes that difference.
type catalogue struct {
	phrases map[string]phrase
	one     map[string]phrase
}

// text returns a sentence that leaves nothing open.
func (c *catalogue) text(key string) string {
	return c.phrases[key].texts[0]
}

// say returns a sentence with its variables filled in.
func (c *catalogue) say(key string, v *values) string {
	return c.phrases[key].with(v)
}

// count returns a sentence about n things.
func (c *catalogue) count(key string, n int, v *values) string {
	if n == 1 {
		return c.one[key].with(v)
	}
	return c.phrases[key].with(v)
}

// particle finds Korean particles behind a variable whose last sound is not
// known: 카카오 takes 가 where 라인 takes 이. Such a variable must be followed
// by a noun of ours (로그인, 계정) that carries the particle.
var particle = regexp.MustCompile(`}}(을|를|이|가|은|는|와|과|로|으로)`)

// loadCatalogues reads and checks the catalogues of all languages: the same
// keys, the same variables, no Korean particle behind a bare name.
func loadCatalogues() (map[string]*catalogue, error) {
	bundle := i18n.NewBundle(language.Korean)
	keys := make(map[string][]string, len(languages))
	for _, lang := range languages {
		path := "locales/active." + lang + ".json"
		data, err := localeFiles.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		if err := checkKeys(data); err != nil {
			return nil, fmt.Errorf("web: %s: %w", path, err)
		}
		file, err := bundle.ParseMessageFileBytes(data, path)
		if err != nil {
			return nil, fmt.Errorf("parse catalogue: %w", err)
		}
		for _, message := range file.Messages {
			keys[lang] = append(keys[lang], message.ID)
			if found := particle.FindString(message.Other); found != "" {
				return nil, fmt.Errorf("web: %s: %q puts a particle behind a bare name: %s", path, message.ID, found)
			}
		}
		slices.Sort(keys[lang])
	}
	return compileAll(bundle, keys)
}

func compileAll(bundle *i18n.Bundle, keys map[string][]string) (map[string]*catalogue, error) {
	for _, lang := range languages {
		if !slices.Equal(keys[lang], keys[languages[0]]) {
			return nil, fmt.Errorf("web: catalogues %s and %s have different keys: %v", languages[0], lang,
				difference(keys[languages[0]], keys[lang]))
		}
	}
	catalogues := make(map[string]*catalogue, len(languages))
	for _, lang := range languages {
		c, err := compile(i18n.NewLocalizer(bundle, lang), keys[lang])
		if err != nil {
			return nil, fmt.Errorf("catalogue %s: %w", lang, err)
		}
		catalogues[lang] = c
	}
	return catalogues, nil
}

// checkKeys refuses a catalogue that says something twice: the JSON reader would
// silently keep the last.
func checkKeys(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	seen := make(map[any]bool)
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("read keys: %w", err)
		}
		if seen[key] {
			return fmt.Errorf("%q stands there twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("read keys: %w", err)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	return nil
}

// difference lists the keys that only one of two sorted lists has.
func difference(a, b []string) []string {
	var only []string
	for _, key := range a {
		if _, ok := slices.BinarySearch(b, key); !ok {
			only = append(only, key)
		}
	}
	for _, key := range b {
		if _, ok := slices.BinarySearch(a, key); !ok {
			only = append(only, key)
		}
	}
	return only
}

// mark stands for variable v while a sentence is taken apart: a character of
// the private use area, which no sentence has.
func mark(v variable) string { return string(rune(0xE000 + int(v))) }

// compile lets go-i18n render every sentence with marks in place of values, so
// that nothing of it is left to do when a page is written.
func compile(localizer *i18n.Localizer, keys []string) (*catalogue, error) {
	marks := make(map[string]string, varCounts)
	for v, name := range variableNames {
		marks[name] = mark(variable(v))
	}
	c := &catalogue{phrases: make(map[string]phrase, len(keys)), one: make(map[string]phrase)}
	for _, key := range keys {
		// In our languages two things take the same form as thirty.
		many, err := localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: marks, PluralCount: 2})
		if err != nil {
			return nil, fmt.Errorf("render %q: %w", key, err)
		}
		if strings.Contains(many, "<no value>") {
			return nil, fmt.Errorf("web: %q uses a variable that does not exist", key)
		}
		c.phrases[key] = takeApart(many)
		if !strings.Contains(many, mark(varCount)) {
			continue
		}
		one, err := localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: marks, PluralCount: 1})
		if err != nil {
			return nil, fmt.Errorf("render %q: %w", key, err)
		}
		c.one[key] = takeApart(one)
	}
	return c, nil
}

func takeApart(text string) phrase {
	var p phrase
	start := 0
	for i, r := range text {
		if v := variable(r - 0xE000); v >= 0 && v < varCounts {
			p.texts = append(p.texts, text[start:i])
			p.holes = append(p.holes, v)
			start = i + len(mark(v))
		}
	}
	p.texts = append(p.texts, text[start:])
	return p
}
