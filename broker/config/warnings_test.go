package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What works and is likely not meant is said, and the configuration is taken.
func TestWarnings(t *testing.T) {
	files, err := filepath.Glob("testdata/warnings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := load(filepath.Base(path), data, false, nil, testMachine(t, "testdata"))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", c.Warnings().Error()+"\n")
		})
	}
}

// The example of every setting is one that nobody has to be warned of.
func TestTheExampleIsAboveWarnings(t *testing.T) {
	c, err := loadExample(t, readExample(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings()) > 0 {
		t.Errorf("it is warned of:\n%v", c.Warnings())
	}
}
