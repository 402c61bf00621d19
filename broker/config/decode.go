package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// document is a file being read: its node tree, where each value stands and
// what was found wrong so far.
type document struct {
	name     string // path of the file as it was given
	root     *yaml.Node
	origin   map[*yaml.Node]string // nodes that came from an environment variable, with its name
	at       map[string]*yaml.Node // node of each path, such as "providers[0].timeout"
	bad      map[string]bool       // paths whose value could not be decoded: checks leave them alone
	problems Problems
}

// parse reads the node tree of the one YAML document in data.
func parse(name string, data []byte) (*document, error) {
	d := &document{
		name:   name,
		origin: make(map[*yaml.Node]string),
		at:     make(map[string]*yaml.Node),
		bad:    make(map[string]bool),
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys(false))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var tree, next yaml.Node
	if err := loader.Load(&tree); err != nil && !errors.Is(err, io.EOF) {
		return nil, Problems{syntaxProblem(name, err)}
	}
	if err := loader.Load(&next); err == nil {
		return nil, Problems{{Source: name, Line: next.Line, Column: max(1, next.Column), Message: "a second YAML document begins here: the file must hold one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{syntaxProblem(name, err)}
	}
	d.root = &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	if tree.Kind == yaml.DocumentNode && len(tree.Content) == 1 && !isNull(tree.Content[0]) {
		d.root = tree.Content[0]
	}
	if d.root.Kind != yaml.MappingNode {
		return nil, Problems{{Source: name, Line: d.root.Line, Column: d.root.Column, Message: "the file must be a mapping of keys to values"}}
	}
	return d, nil
}

// syntaxProblem is what the YAML parser said, with the position it gave.
func syntaxProblem(name string, err error) Problem {
	problem := Problem{Source: name, Line: 1, Column: 1, Message: "not YAML: " + err.Error()}
	if load, ok := errors.AsType[*yaml.LoadError](err); ok {
		problem.Line, problem.Column = max(1, load.Mark.Line), max(1, load.Mark.Column)
		problem.Message = "not YAML: " + load.Message
	}
	problem.Message = strings.ReplaceAll(problem.Message, "\n", " ")
	return problem
}

// add reports a problem with the value at path, or with what encloses it when
// the value is not there.
func (d *document) add(path, format string, args ...any) {
	if d.bad[path] {
		return
	}
	d.addAt(d.node(path), format, args...)
}

// node is the node at path or, when there is none, the nearest around it.
func (d *document) node(path string) *yaml.Node {
	for {
		if n, ok := d.at[path]; ok {
			return n
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return d.root
		}
		path = path[:i]
	}
}

// addAt reports a problem with a node.
func (d *document) addAt(n *yaml.Node, format string, args ...any) {
	problem := Problem{Source: d.name, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)}
	if variable, ok := d.origin[n]; ok {
		problem = Problem{Source: variable, Message: problem.Message}
	}
	d.problems = append(d.problems, problem)
}

// decode fills target, a pointer to a struct with yaml tags, from the tree.
func (d *document) decode(target any) {
	d.value(d.root, "", reflect.ValueOf(target).Elem())
}

// mistyped reports that the value at path is not what is needed there.
func (d *document) mistyped(n *yaml.Node, path, want string) {
	d.addAt(n, "%s: must be %s", path, want)
	d.bad[path] = true
}

// value decodes one node. A null leaves the default.
func (d *document) value(n *yaml.Node, path string, v reflect.Value) {
	d.at[path] = n
	if n.Kind == yaml.AliasNode {
		d.addAt(n, "%s: aliases are not supported: write the value out", path)
		d.bad[path] = true
		return
	}
	if isNull(n) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if prefix, ok := reflect.TypeAssert[*netip.Prefix](v.Addr()); ok {
			d.prefix(n, path, prefix)
			return
		}
		d.mapping(n, path, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Map:
		d.dictionary(n, path, v)
	default:
		d.scalar(n, path, v)
	}
}

// mapping decodes the keys of a struct.
func (d *document) mapping(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistyped(n, path, "a mapping of keys to values")
		return
	}
	fields := fieldsOf(v.Type())
	d.eachKey(n, path, func(key, child *yaml.Node) {
		index, ok := fields.index[key.Value]
		if !ok {
			d.addAt(key, "unknown key %s%s%s", readable(key.Value), in(path), meant(key.Value, fields.names))
			return
		}
		d.value(child, join(path, key.Value), v.Field(index))
	})
}

// eachKey visits the keys of a mapping once each and reports doubled ones.
func (d *document) eachKey(n *yaml.Node, path string, visit func(key, value *yaml.Node)) {
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			d.addAt(key, "a key%s must be a plain name", in(path))
			continue
		}
		if earlier, ok := first[key.Value]; ok {
			d.addAt(key, "key %s%s is already on line %d", readable(key.Value), in(path), earlier.Line)
			continue
		}
		first[key.Value] = key
		visit(key, n.Content[i+1])
	}
}

// list decodes a sequence.
func (d *document) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.mistyped(n, path, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, child := range n.Content {
		d.value(child, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
	}
}

// dictionary decodes a mapping with keys of the operator's choice.
func (d *document) dictionary(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.mistyped(n, path, "a mapping of names to text")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.eachKey(n, path, func(key, child *yaml.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(child, join(path, key.Value), element)
		v.SetMapIndex(reflect.ValueOf(key.Value), element)
	})
}

// scalar decodes text, a truth value, a number or a duration. Text is taken as it is
// written: a client id of digits needs no quotes and loses no leading zero.
func (d *document) scalar(n *yaml.Node, path string, v reflect.Value) {
	duration, isDuration := reflect.TypeAssert[*time.Duration](v.Addr())
	switch tag := n.ShortTag(); {
	case n.Kind != yaml.ScalarNode, tag == "!!binary", !strings.HasPrefix(tag, "!!"):
		d.mistyped(n, path, "a single value")
	case isDuration:
		parsed, err := parseDuration(n.Value)
		if err != nil {
			d.mistyped(n, path, "a duration such as 90d, 12h or 4s")
			return
		}
		*duration = parsed
	case v.Kind() == reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			d.mistyped(n, path, "true or false")
			return
		}
		v.SetBool(n.Value == "true")
	case v.Kind() == reflect.Float64:
		// Signs, exponents, NaN and the like are no number a person means.
		parsed, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || strings.Trim(n.Value, "0123456789.") != "" {
			d.mistyped(n, path, "a number such as 50 or 0.5")
			return
		}
		v.SetFloat(parsed)
	case v.Kind() == reflect.Int:
		parsed, err := strconv.ParseUint(n.Value, 10, 31)
		if err != nil {
			d.mistyped(n, path, "a whole number such as 50")
			return
		}
		v.SetInt(int64(parsed))
	default:
		v.SetString(n.Value)
	}
}

// prefix decodes an address range, or one address.
func (d *document) prefix(n *yaml.Node, path string, target *netip.Prefix) {
	const want = "an address range such as 10.0.0.0/8, or one address"
	if n.Kind != yaml.ScalarNode {
		d.mistyped(n, path, want)
		return
	}
	if addr, err := netip.ParseAddr(n.Value); err == nil && addr.Zone() == "" {
		*target = netip.PrefixFrom(addr, addr.BitLen())
		return
	}
	prefix, err := netip.ParsePrefix(n.Value)
	switch {
	case err != nil:
		d.mistyped(n, path, want)
	case prefix != prefix.Masked():
		d.mistyped(n, path, prefix.Masked().String()+", the start of its range")
	default:
		*target = prefix
	}
}

// parseDuration reads Go's durations and, in front, whole days: "90d", "1d12h".
func parseDuration(text string) (time.Duration, error) {
	const day, most = 24 * time.Hour, 100 * 365
	count, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	days := 0
	for _, c := range []byte(count) {
		if c < '0' || c > '9' || days > most {
			return 0, fmt.Errorf("config: no duration: %q", text)
		}
		days = days*10 + int(c-'0')
	}
	if count == "" || days > most {
		return 0, fmt.Errorf("config: no duration: %q", text)
	}
	if rest == "" {
		return time.Duration(days) * day, nil
	}
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, fmt.Errorf("config: no duration: %q", text)
	}
	part, err := time.ParseDuration(rest)
	if err != nil || part > most*day {
		return 0, fmt.Errorf("config: no duration: %q", text)
	}
	return time.Duration(days)*day + part, nil
}

// fields is the keys of a struct, in its order.
type fields struct {
	names []string
	index map[string]int
}

func fieldsOf(t reflect.Type) fields {
	f := fields{index: make(map[string]int, t.NumField())}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		f.names = append(f.names, name)
		f.index[name] = i
	}
	return f
}

// isNull tells whether a node says nothing: "key:", "key: ~" or "key: null".
func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// join is the path of a key of the value at path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// in is where a key stands, for a sentence about it.
func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
