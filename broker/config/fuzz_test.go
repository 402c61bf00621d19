package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nowhere is a machine without files and commands, so that no file can make
// the fuzzer run one.
type nowhere struct{}

func (nowhere) read(string, bool) (string, error) { return "", os.ErrNotExist }
func (nowhere) run([]string) (string, error)      { return "", os.ErrNotExist }
func (nowhere) path(path string) string           { return path }
func (nowhere) hostname() (string, error)         { return "", os.ErrNotExist }

// Whatever the file and the environment hold, loading ends in a complete
// configuration or in problems that say where.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(files, examplePath) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "BONGSU_SITE=seoul")
	}
	f.Add("site: {}\nproviders: [[]]\n", "BONGSU_SITE__NAME=seoul")
	f.Add("providers: {id: kakao}\n", "BONGSU_PROVIDERS__KAKAO__ENDPOINTS__TOKEN=https://a")
	f.Add("a: &a [*a]\n", "BONGSU_=a")
	f.Fuzz(func(t *testing.T, text, variable string) {
		c, err := load("bongsu.yaml", []byte(text), true, []string{variable}, nowhere{})
		if err == nil {
			if c.Issuer == nil || c.SiteKey == nil || c.ClusterKey == nil || len(c.Providers) == 0 || len(c.Keys.Algorithms) < 2 {
				t.Fatalf("incomplete: %+v", c)
			}
			return
		}
		var problems Problems
		if c != nil || !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%v with the error %v", c, err)
		}
		for _, p := range problems {
			if p.Message == "" || strings.ContainsAny(p.Message, "\n\r") {
				t.Errorf("message %q", p.Message)
			}
			if p.Source == "bongsu.yaml" && (p.Line < 1 || p.Column < 1) {
				t.Errorf("%q is nowhere", p.Message)
			}
		}
	})
}
