package wrap_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bongsu/bongsu/keys/wrap"
)

var secret = bytes.Repeat([]byte{0xfb, 0x2c}, wrap.SecretSize/2) // uses both + and / in base64

func newKey(t testing.TB, secret []byte) *wrap.Key {
	t.Helper()
	k, err := wrap.New(secret)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return k
}

func TestUnwrap(t *testing.T) {
	k := newKey(t, secret)
	other := newKey(t, bytes.Repeat([]byte{1}, wrap.SecretSize))
	plaintext := []byte("a private key")
	wrapped, err := k.Wrap("signing_keys/seoul-1", plaintext)
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	tests := []struct {
		name    string
		key     *wrap.Key
		context string
		wrapped []byte
		want    error
	}{
		{"the same key and context", k, "signing_keys/seoul-1", wrapped, nil},
		{"a key made of the same secret", newKey(t, secret), "signing_keys/seoul-1", wrapped, nil},
		{"another row", k, "signing_keys/seoul-2", wrapped, wrap.ErrUnwrap},
		{"no context", k, "", wrapped, wrap.ErrUnwrap},
		{"another secret", other, "signing_keys/seoul-1", wrapped, wrap.ErrUnwrap},
		{"nothing", k, "signing_keys/seoul-1", nil, wrap.ErrUnwrap},
		{"the end cut off", k, "signing_keys/seoul-1", wrapped[:len(wrapped)-1], wrap.ErrUnwrap},
		{"only the version", k, "signing_keys/seoul-1", wrapped[:1], wrap.ErrUnwrap},
		{"something appended", k, "signing_keys/seoul-1", append(bytes.Clone(wrapped), 0), wrap.ErrUnwrap},
		{"far too much", k, "signing_keys/seoul-1", append(bytes.Clone(wrapped), make([]byte, wrap.MaxPlaintext)...), wrap.ErrUnwrap},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.key.Unwrap(tt.context, tt.wrapped)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && !bytes.Equal(got, plaintext) {
				t.Errorf("unwrapped %q, want %q", got, plaintext)
			}
		})
	}
}

func TestUnwrapRefusesEveryChangedBit(t *testing.T) {
	k := newKey(t, secret)
	wrapped, err := k.Wrap("row", []byte("x"))
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	for i := range len(wrapped) * 8 {
		changed := bytes.Clone(wrapped)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := k.Unwrap("row", changed); !errors.Is(err, wrap.ErrUnwrap) {
			t.Errorf("bit %d changed: error %v, want %v", i, err, wrap.ErrUnwrap)
		}
	}
}

func TestWrapNeverRepeats(t *testing.T) {
	k := newKey(t, secret)
	seen := map[string]bool{}
	for range 100 {
		wrapped, err := k.Wrap("row", []byte("the same"))
		if err != nil {
			t.Fatalf("Wrap: %v", err)
		}
		if seen[string(wrapped)] {
			t.Fatal("the same bytes twice: a nonce was used again")
		}
		seen[string(wrapped)] = true
	}
}

// A document is larger than a secret, and neither is taken for the other.
func TestDocuments(t *testing.T) {
	k := newKey(t, secret)
	large := bytes.Repeat([]byte{7}, wrap.MaxPlaintext+1)
	wrapped, err := k.WrapDocument("clients", large)
	if err != nil {
		t.Fatalf("WrapDocument: %v", err)
	}
	got, err := k.UnwrapDocument("clients", wrapped)
	if err != nil || !bytes.Equal(got, large) {
		t.Fatalf("UnwrapDocument: %d bytes, %v", len(got), err)
	}
	small, err := k.WrapDocument("clients", []byte("x"))
	if err != nil {
		t.Fatalf("WrapDocument: %v", err)
	}
	row, err := k.Wrap("clients", []byte("x"))
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"a document as a secret":                 func() ([]byte, error) { return k.Unwrap("clients", small) },
		"a document that says it is a secret":    func() ([]byte, error) { return k.Unwrap("clients", append([]byte{1}, small[1:]...)) },
		"a secret as a document":                 func() ([]byte, error) { return k.UnwrapDocument("clients", row) },
		"a secret that says it is a document":    func() ([]byte, error) { return k.UnwrapDocument("clients", append([]byte{2}, row[1:]...)) },
		"a document under another name":          func() ([]byte, error) { return k.UnwrapDocument("pins", small) },
		"a document that was cut off":            func() ([]byte, error) { return k.UnwrapDocument("clients", wrapped[:len(wrapped)-1]) },
		"a document that is nothing but version": func() ([]byte, error) { return k.UnwrapDocument("clients", small[:1]) },
	} {
		if got, err := open(); !errors.Is(err, wrap.ErrUnwrap) {
			t.Errorf("%s opens: %q, %v", name, got, err)
		}
	}
	for _, size := range []int{0, wrap.MaxDocument + 1} {
		if _, err := k.WrapDocument("clients", make([]byte, size)); err == nil {
			t.Errorf("wrapped a document of %d bytes", size)
		}
	}
}

func TestWrapBounds(t *testing.T) {
	k := newKey(t, secret)
	for _, size := range []int{0, wrap.MaxPlaintext + 1} {
		if _, err := k.Wrap("row", make([]byte, size)); err == nil {
			t.Errorf("wrapped %d bytes", size)
		}
	}
	wrapped, err := k.Wrap("row", make([]byte, wrap.MaxPlaintext))
	if err != nil {
		t.Fatalf("Wrap of the most: %v", err)
	}
	if _, err := k.Unwrap("row", wrapped); err != nil {
		t.Errorf("Unwrap of the most: %v", err)
	}
}

func TestNewWantsExactlyTheSize(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := wrap.New(make([]byte, size)); err == nil {
			t.Errorf("New took %d bytes", size)
		}
	}
}

func TestParse(t *testing.T) {
	wrapped, err := newKey(t, secret).Wrap("row", []byte("x"))
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	std := base64.StdEncoding.EncodeToString(secret)
	tests := []struct {
		name string
		text string
		ok   bool
	}{
		{"standard alphabet, padded", std, true},
		{"standard alphabet, not padded", strings.TrimRight(std, "="), true},
		{"URL alphabet, padded", base64.URLEncoding.EncodeToString(secret), true},
		{"URL alphabet, not padded", base64.RawURLEncoding.EncodeToString(secret), true},
		{"a file's line end", " \t" + std + "\r\n", true},
		{"empty", "", false},
		{"only space", " \n ", false},
		{"16 bytes", base64.StdEncoding.EncodeToString(secret[:16]), false},
		{"33 bytes", base64.StdEncoding.EncodeToString(append(bytes.Clone(secret), 1)), false},
		{"hexadecimal", fmt.Sprintf("%x", secret), false},
		{"both alphabets", "-" + std[1:], false},
		{"a line end inside", std[:20] + "\n" + std[20:], false},
		{"not base64", strings.Repeat("!", 44), false},
		{"a whole file", strings.Repeat("A", 5000), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := wrap.Parse(tt.text)
			if (err == nil) != tt.ok {
				t.Fatalf("error %v, want one: %v", err, !tt.ok)
			}
			if err != nil {
				if text := strings.TrimSpace(tt.text); text != "" && strings.Contains(err.Error(), text) {
					t.Errorf("the error repeats the secret: %v", err)
				}
				return
			}
			if _, err := k.Unwrap("row", wrapped); err != nil {
				t.Errorf("not the same key: %v", err)
			}
		})
	}
}

func TestGenerate(t *testing.T) {
	first, err := wrap.Generate(rand.Reader)
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	second, err := wrap.Generate(rand.Reader)
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	if first == second {
		t.Error("the same secret twice")
	}
	if _, err := wrap.Parse(first); err != nil {
		t.Errorf("Parse(Generate()): %v", err)
	}
	if _, err := wrap.Generate(iotest.ErrReader(errors.New("no randomness"))); err == nil {
		t.Error("a secret without randomness")
	}
}

func TestKeyShowsNothing(t *testing.T) {
	k := newKey(t, secret)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("opened", slog.Any("key", k))
	shown := log.String() + fmt.Sprintf("%v %+v %#v %s %q %d %x", k, k, k, k, k, k, struct{ K *wrap.Key }{k})
	for _, form := range []string{string(secret), fmt.Sprintf("%x", secret[:4]), base64.StdEncoding.EncodeToString(secret)[:8], "251 44"} {
		if strings.Contains(shown, form) {
			t.Errorf("the secret is shown: %s", shown)
		}
	}
	if !strings.Contains(log.String(), "redacted") {
		t.Errorf("log says %s", log.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(base64.StdEncoding.EncodeToString(secret))
	f.Add(base64.RawURLEncoding.EncodeToString(secret) + "\n")
	f.Add("")
	f.Add("====")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := wrap.Parse(text)
		if err != nil {
			if k != nil {
				t.Error("a key and an error")
			}
			return
		}
		if len(text) > 1000 { // space counts towards the bound
			return
		}
		again, err := wrap.Parse(" " + text + "\n")
		if err != nil {
			t.Fatalf("space around it matters: %v", err)
		}
		wrapped, err := k.Wrap("row", []byte("x"))
		if err != nil {
			t.Fatalf("Wrap: %v", err)
		}
		if _, err := again.Unwrap("row", wrapped); err != nil {
			t.Errorf("two keys of one text: %v", err)
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	k := newKey(f, secret)
	wrapped, err := k.Wrap("row", []byte("x"))
	if err != nil {
		f.Fatalf("Wrap: %v", err)
	}
	f.Add("row", wrapped)
	f.Add("", []byte{})
	f.Add("row", []byte{1})
	f.Fuzz(func(t *testing.T, context string, data []byte) {
		plaintext, err := k.Unwrap(context, data)
		if err != nil && !errors.Is(err, wrap.ErrUnwrap) {
			t.Errorf("error %v, want %v", err, wrap.ErrUnwrap)
		}
		if err == nil && (context != "row" || string(plaintext) != "x") {
			t.Errorf("unwrapped %q for %q", plaintext, context)
		}
	})
}

func BenchmarkWrap(b *testing.B) {
	k := newKey(b, secret)
	plaintext := make([]byte, 1216) // an RSA key of 2048 bits
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Wrap("row", plaintext); err != nil {
			b.Fatal(err)
		}
	}
}
