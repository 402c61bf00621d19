package login

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/keys/seal"
)

const alphabet = "234567abcdefghijklmnopqrstuvwxyz"

func drawState(t *rapid.T) state {
	text := func(label string, n int) string {
		return rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), n, n, n).Draw(t, label)
	}
	return state{
		purpose: rapid.SampledFrom([]Purpose{PurposeLogin, PurposeAccount, PurposeLink, PurposeReauth}).Draw(t, "purpose"),
		login:   text("login", id.DatedLength), leg: text("leg", tagLength),
		provider: text("provider", tagLength), client: text("client", clientTag),
	}
}

// What went out comes back, in letters and digits that every provider carries.
func TestStateComesBack(t *testing.T) {
	h := newHouse(t)
	rapid.Check(t, func(rt *rapid.T) {
		want := drawState(rt)
		text := want.text(h.ring)
		if len(text) != stateLength || len(text) > 96 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			rt.Fatalf("state %q has %d characters", text, len(text))
		}
		got, err := readState(t.Context(), h.ring, text, "")
		if err != nil || got != want {
			rt.Errorf("came back as %+v, %v; went out as %+v", got, err, want)
		}
	})
}

// One state has one text: whatever is changed in it, it is none of ours.
func TestChangedStateIsRefused(t *testing.T) {
	h := newHouse(t)
	loginID, err := id.Dated(h.clock.Now(), strings.NewReader("0123456789"))
	h.must(err)
	text := state{purpose: PurposeLogin, login: loginID, leg: "legleg22", provider: id.Tag("kakao"), client: "abcdef"}.text(h.ring)
	for at := range text {
		for _, other := range "2az7-A\x00" {
			if byte(other) == text[at] {
				continue
			}
			changed := text[:at] + string(other) + text[at+1:]
			if _, err := readState(t.Context(), h.ring, changed, ""); !errors.Is(err, errState) {
				t.Errorf("character %d as %q: %v", at, other, err)
			}
		}
	}
	for name, changed := range map[string]string{
		"nothing": "", "cut": text[:len(text)-1], "longer": text + "a", "twice": text + text, "a line end": text[:len(text)-1] + "\n",
	} {
		if _, err := readState(t.Context(), h.ring, changed, ""); !errors.Is(err, errState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The last character of a MAC has bits that carry nothing: they are zero.
func TestStateHasNoSpareBits(t *testing.T) {
	h := newHouse(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := drawState(rt).text(h.ring)
		other := rapid.SampledFrom([]rune(alphabet)).Draw(rt, "last")
		if changed := text[:len(text)-1] + string(other); changed != text {
			if _, err := readState(t.Context(), h.ring, changed, ""); !errors.Is(err, errState) {
				rt.Errorf("%q for %q is taken: %v", changed, text, err)
			}
		}
	})
}

// Another deployment's state, or a tag made for something else, is none of ours.
func TestForeignStateIsRefused(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	s := state{purpose: PurposeLogin, login: strings.Repeat("a", id.DatedLength), leg: "legleg22", provider: id.Tag("kakao"), client: "abcdef"}
	if _, err := readState(t.Context(), h.ring, s.text(other.ring), ""); !errors.Is(err, errState) {
		t.Errorf("another deployment's: %v", err)
	}
	keyID, mac := h.ring.Tag("logout form", []byte(s.message()))
	if _, err := readState(t.Context(), h.ring, keyID+s.message()+id.Text(mac), ""); !errors.Is(err, errState) {
		t.Errorf("a tag of another purpose: %v", err)
	}
	if _, err := readState(t.Context(), h.ring, keyID+"x"+s.message()[1:]+id.Text(mac), ""); !errors.Is(err, errState) {
		t.Errorf("a login of another purpose: %v", err)
	}
}

// A key that could not be looked up is no forgery (P5).
func TestStateThatCannotBeCheckedIsNoForgery(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	text := state{purpose: PurposeLogin, login: strings.Repeat("a", id.DatedLength), leg: "legleg22", provider: "provider", client: "abcdef"}.text(other.ring)
	h.away()
	_, err := readState(t.Context(), h.ring, text, "")
	if errors.Is(err, errState) || !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("could not check: %v", err)
	}
}

// Two legs share neither nonce nor verifier, two labels share nothing.
func TestSecretsOfALegAreItsOwn(t *testing.T) {
	one := &Login{ID: "one", Secret: []byte("0123456789abcdef0123456789abcdef")}
	two := &Login{ID: "one", Secret: []byte("0123456789abcdef0123456789abcdeF")}
	seen := map[string]string{}
	for name, value := range map[string]string{
		"nonce a": one.derive("nonce", "a"), "nonce b": one.derive("nonce", "b"), "verifier a": one.derive("verifier", "a"),
		"another login's": two.derive("nonce", "a"), "moved border": one.derive("nonc", "ea"), "step": one.stepToken(),
	} {
		if earlier, ok := seen[value]; ok {
			t.Errorf("%s is %s", name, earlier)
		}
		if len(value) != 43 {
			t.Errorf("%s has %d characters", name, len(value))
		}
		seen[value] = name
	}
	if !one.checkStep(one.stepToken()) || one.checkStep(two.stepToken()) || one.checkStep("") {
		t.Error("step tokens are not told apart")
	}
}

func FuzzReadState(f *testing.F) {
	h := newHouse(f)
	genuine := state{purpose: PurposeLogin, login: strings.Repeat("a", id.DatedLength), leg: "legleg22", provider: id.Tag("kakao"), client: "abcdef"}.text(h.ring)
	for _, seed := range []string{"", genuine, genuine[1:], strings.Repeat("a", stateLength), strings.ToUpper(genuine), strings.Repeat("=", stateLength), strings.Repeat("봉", stateLength/3)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readState(t.Context(), h.ring, text, "")
		switch {
		case err == nil && s.text(h.ring) != text:
			t.Errorf("%q is taken for %+v", text, s)
		case err != nil && !errors.Is(err, errState) && !errors.Is(err, seal.ErrUnavailable):
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestDatedLoginIDsTellTheirAge(t *testing.T) {
	h := newHouse(t)
	fresh, err := id.Dated(h.clock.Now(), strings.NewReader("0123456789"))
	h.must(err)
	old, err := id.Dated(h.clock.Now().Add(-2*time.Minute), strings.NewReader("0123456789"))
	h.must(err)
	if !h.handler.justBegan(fresh) || h.handler.justBegan(old) || h.handler.justBegan("no id") {
		t.Error("the age of a login id is not told")
	}
}
