package broker_test

import (
	"flag"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const module = "github.com/bongsu/bongsu/"

// arrow is one package of ours importing another.
type arrow struct{ from, to string }

// A new arrow between two packages is a line that a reviewer sees.
func TestImports(t *testing.T) {
	var text strings.Builder
	for _, a := range arrows(t) {
		text.WriteString(a.from + " -> " + a.to + "\n")
	}
	const golden = "testdata/imports.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("imports changed; go test ./broker -run Imports -update writes them down (-want +got):\n%s", diff)
	}
}

// Some arrows no reviewer may let in.
func TestForbiddenImports(t *testing.T) {
	rules := []struct{ from, to, why string }{
		{"keys", "broker", "keys proves it is us and stands alone"},
		{"keys", "providers", "keys proves it is us and stands alone"},
		{"providers", "broker", "providers proves it is them and stands alone"},
		{"broker/*", "cmd", "the program is a value; the command line is its shell"},
		{"broker/store", "broker/*", "records are a contract and know nobody"},
		{"broker/health", "broker/cluster", "health hands bytes to whoever carries them"},
		{"broker/cluster", "broker/health", "the cluster carries bytes and knows nothing of them"},
	}
	for _, leaf := range []string{"account", "client", "session", "passkey", "token", "audit", "spool", "oauth", "choice", "store/*", "web", "negative"} {
		rules = append(rules, struct{ from, to, why string }{"broker/" + leaf, "broker/login", "a leaf never knows the spine"})
	}
	for _, a := range arrows(t) {
		for _, rule := range rules {
			if under(a.from, rule.from) && under(a.to, rule.to) {
				t.Errorf("%s imports %s: %s", a.from, a.to, rule.why)
			}
		}
	}
}

// under tells whether a package is pattern, or lies below it. "a/*" is what
// lies below a, without a itself; "broker/store" is that package alone, so
// that the store's implementation may know its contract.
func under(name, pattern string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(name, parent+"/")
	}
	if !strings.Contains(pattern, "/") {
		return name == pattern || strings.HasPrefix(name, pattern+"/")
	}
	return name == pattern
}

// A package is named for what it owns, says so in its doc.go (or in its only
// file), and is no drawer.
func TestPackages(t *testing.T) {
	drawers := []string{"util", "utils", "common", "helper", "helpers", "base", "types", "misc", "core", "internal", "lib", "pkg", "shared", "manager", "service"}
	for _, dir := range packages(t) {
		if slices.Contains(drawers, path.Base(dir)) {
			t.Errorf("%s is the name of a drawer", dir)
		}
		if strings.HasPrefix(dir, "cmd/") {
			continue
		}
		doc := filepath.Join("..", dir, "doc.go")
		if files := sources(t, dir); len(files) == 1 {
			doc = files[0]
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), doc, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Errorf("%s has no doc.go: %v", dir, err)
			continue
		}
		opening := "Package " + parsed.Name.Name + " "
		if parsed.Name.Name == "main" {
			opening = "Command " + path.Base(dir) + " "
		}
		if !strings.HasPrefix(parsed.Doc.Text(), opening) {
			t.Errorf("%s does not begin with %q", doc, opening)
		}
	}
}

// The top level is fixed: three Go directories, three promises.
func TestTopLevel(t *testing.T) {
	allowed := []string{"broker", "providers", "keys", "cmd", "deploy", "go.mod", "go.sum", "README.md", "LICENSE"}
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(ignored)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "/"); ok {
			allowed = append(allowed, strings.TrimSuffix(name, "/"))
		}
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") && !slices.Contains(allowed, entry.Name()) {
			t.Errorf("%s stands at the top level", entry.Name())
		}
	}
}

// arrows is every import between packages of ours, tests aside, sorted.
func arrows(t *testing.T) []arrow {
	t.Helper()
	var found []arrow
	for _, dir := range packages(t) {
		for _, file := range sources(t, dir) {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if to, ok := strings.CutPrefix(name, module); ok {
					found = append(found, arrow{dir, to})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b arrow) int {
		return strings.Compare(a.from+" "+a.to, b.from+" "+b.to)
	})
	return slices.Compact(found)
}

// packages is every directory that holds Go files, from the root, sorted.
func packages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, top := range []string{"broker", "providers", "keys", "cmd", "deploy"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case !entry.IsDir():
				return nil
			case entry.Name() == "testdata" || entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), "."):
				return filepath.SkipDir
			}
			dir, err := filepath.Rel("..", name)
			if err == nil && len(sources(t, filepath.ToSlash(dir))) > 0 {
				dirs = append(dirs, filepath.ToSlash(dir))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// sources is the Go files of a package, without its tests.
func sources(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
}
