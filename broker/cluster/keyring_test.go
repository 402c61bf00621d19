package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
)

// From key one to key two over all nodes, one after the other: nobody loses a
// peer or a message.
func TestGossipKeysAreRotatedOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := together(t, far(31), 12)
		defer end(nodes...)
		two := Fingerprint(testKey("two"))
		for _, n := range nodes {
			n.left.count.Store(0)
		}
		hold := func(names ...string) func(n *node) error {
			var keys [][]byte
			for _, name := range names {
				keys = append(keys, testKey(name))
			}
			return func(n *node) error { return n.Hold(t.Context(), keys) }
		}
		first := func(n *node, what string, f func(n *node) error, want error) {
			t.Helper()
			before := n.Keys()
			if err := f(n); !errors.Is(err, want) || !slices.Equal(n.Keys(), before) {
				t.Fatalf("%s: %v with keys %v, want %v with %v", what, err, n.Keys(), want, before)
			}
		}
		first(nodes[0], "a key that nobody else has, at once", hold("two"), ErrNotEverywhere)
		if err := hold("one", "two")(nodes[0]); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		first(nodes[0], "a key that the others lack, first", hold("two", "one"), ErrNotEverywhere)
		each := func(what string, f func(n *node) error) {
			t.Helper()
			for _, n := range nodes {
				if err := patiently(n, f); err != nil {
					t.Fatalf("%s at %s: %v", what, n.board.own, err)
				}
				n.board.say()
				pass(500 * time.Millisecond)
			}
			if _, one := within(time.Minute, func() bool { return complete(nodes) && agreed(nodes) }); !one {
				t.Fatalf("after %s the nodes are not one", what)
			}
		}
		each("the new one behind", hold("one", "two"))
		first(nodes[3], "the key in use let go", hold("two"), ErrInUse)
		each("the new one in front", hold("two", "one"))
		each("the new one alone", hold("two"))
		within(time.Minute, func() bool { // what is still untrue then is said below
			return !slices.ContainsFunc(nodes, func(n *node) bool {
				return slices.ContainsFunc(n.Members(), func(m Member) bool { return !slices.Equal(m.Keys, []string{two}) })
			})
		})
		for _, n := range nodes {
			if diff := cmp.Diff([]string{two}, n.Keys()); diff != "" {
				t.Errorf("%s holds (-want +got):\n%s", n.board.own, diff)
			}
			if left := n.left.count.Load(); left != 0 {
				t.Errorf("%s saw %d peers leave", n.board.own, left)
			}
			if dropped := n.dropped(dropKey); dropped != 0 {
				t.Errorf("%s could not decrypt %d times", n.board.own, dropped)
			}
			for _, m := range n.Members() {
				if diff := cmp.Diff([]string{two}, m.Keys); diff != "" {
					t.Errorf("%s believes of %s (-want +got):\n%s", n.board.own, m.Name, diff)
				}
			}
		}
	})
}

// patiently does as an operator is told: while it is refused because a node has
// not been heard of, it waits and says it again. Of a hundred packets one is lost
// here; what a node missed comes with the next exchange of everything.
func patiently(n *node, f func(*node) error) error {
	for range 60 {
		err := f(n)
		if !errors.Is(err, ErrInUse) && !errors.Is(err, ErrNotEverywhere) {
			return err
		}
		pass(time.Second)
	}
	return f(n)
}

func TestKeysAreRemovedFromTheMiddle(t *testing.T) {
	var keys [][]byte
	var names []string
	for _, name := range []string{"a", "b", "c", "d"} {
		keys = append(keys, testKey(name))
		names = append(names, Fingerprint(testKey(name)))
	}
	k, err := newKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	before := k.ring.GetKeys() // as a reader that decrypts holds it
	held := slices.Clone(before)
	if err := k.remove(names[1]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{names[0], names[2], names[3]}, k.fingerprints()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if !slices.EqualFunc(before, held, slices.Equal) {
		t.Error("keys moved under a reader")
	}
	if err := k.remove(names[0]); !errors.Is(err, ErrInUse) {
		t.Errorf("remove of the first: %v, want %v", err, ErrInUse)
	}
	if err := k.remove("no such"); !errors.Is(err, ErrKey) {
		t.Errorf("remove of none: %v, want %v", err, ErrKey)
	}
	if err := k.use(names[3]); err != nil || k.fingerprints()[0] != names[3] {
		t.Errorf("use: %v, first is %s", err, k.fingerprints()[0])
	}
	if err := k.use(names[1]); !errors.Is(err, ErrKey) {
		t.Errorf("use of a removed key: %v, want %v", err, ErrKey)
	}
}

func TestKeysThatCannotBeInstalled(t *testing.T) {
	k, err := newKeyring([][]byte{testKey("0")})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.install([]byte("short")); !errors.Is(err, ErrKey) {
		t.Errorf("a short key: %v", err)
	}
	for i := range maxKeys - 1 {
		if err := k.install(testKey(nodeName(i))); err != nil {
			t.Fatalf("key %d: %v", i+2, err)
		}
	}
	if err := k.install(testKey("one too many")); !errors.Is(err, ErrKey) {
		t.Errorf("one too many: %v", err)
	}
	plain := new(keyring)
	if plain.install(testKey("0")) == nil || plain.use("x") == nil || plain.remove("x") == nil || plain.fingerprints() != nil {
		t.Error("a plain pool has keys")
	}
	for _, more := range []string{"", "m", strings.Repeat("m", maxMeta)} {
		meta := appendMeta(nil, k.fingerprints(), []byte(more))
		if got, rest := parseMeta(meta); !slices.Equal(got, k.fingerprints()) || string(rest) != more || len(meta) > memberlist.MetaMaxSize {
			t.Errorf("read back %v and %q of %d bytes", got, rest, len(meta))
		}
	}
	for _, nonsense := range [][]byte{nil, {1}, {2}, {2, 1}, {3, 0}, {1, 1}, {1, 200}, {1, 0, 0}, {2, 200, 0}} {
		if got, more := parseMeta(nonsense); got != nil || more != nil {
			t.Errorf("parseMeta(%v) = %v, %v", nonsense, got, more)
		}
	}
}
