package handoff

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/keys/seal"
)

const (
	browser = "ourbrowserourbrowserourbro"
	carried = `{"i":"the login","acr":"urn:bongsu:acr:provider"}`
)

// What one site packs another takes over as it was, and the address shows nothing
// of it.
func TestALoginIsCarriedAsItIs(t *testing.T) {
	c := newClock()
	r, j := ring(t, c), &judged{}
	packed, err := desk(t, "seoul", r, c, j).Pack(Parcel{Login: []byte(carried), Way: "kakao", Browser: browser}, Brisk, target(t, "busan"), target(t, "tokyo"))
	if err != nil || len(packed.At) != 2 {
		t.Fatalf("%d addresses, %v", len(packed.At), err)
	}
	for i, site := range []string{"busan", "tokyo"} {
		if strings.Contains(packed.Address(i), "login\"") || strings.Contains(packed.Address(i), browser) {
			t.Errorf("the address shows what it carries: %s", packed.Address(i))
		}
		d := desk(t, site, r, c, j)
		got, err := d.Open(t.Context(), query(t, packed.Address(i)), browser)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Login) != carried || got.Way != "kakao" || got.From != "seoul" || got.Browser != browser {
			t.Errorf("%s got %+v", site, got.Parcel)
		}
		if err := d.Take(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
	if len(j.claims) != 2 || j.claims[0].ID == j.claims[1].ID || j.claims[0].Arbiter != "busan/busan-1" || j.claims[1].Arbiter != "tokyo/tokyo-1" {
		t.Errorf("claims: %+v", j.claims)
	}
}

// Whatever is wrong with a handoff, nothing is used up: the right one still works.
func TestWhatIsRefused(t *testing.T) {
	c := newClock()
	r, j := ring(t, c), &judged{}
	seoul, busan := desk(t, "seoul", r, c, j), desk(t, "busan", r, c, j)
	packed, err := seoul.Pack(Parcel{Login: []byte(carried), Browser: browser}, Brisk, target(t, "busan"), target(t, "tokyo"))
	if err != nil {
		t.Fatal(err)
	}
	good := query(t, packed.Address(0))
	other, err := seoul.Pack(Parcel{Login: []byte(carried), Browser: browser}, Brisk, target(t, "busan"))
	if err != nil {
		t.Fatal(err)
	}
	login, err := r.Seal("login", []byte(carried))
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) url.Values {
		changed := url.Values{ParamSealed: good[ParamSealed], ParamTag: good[ParamTag]}
		changed[name] = []string{value}
		return changed
	}
	sealed := good.Get(ParamSealed)
	for _, tt := range []struct {
		name, site, browser, reason string
		query                       url.Values
	}{
		{"another site of those it was packed for", "tokyo", browser, "place", good},
		{"the site that packed it", "seoul", browser, "place", good},
		{"a site that nobody meant", "jeju", browser, "place", good},
		{"the tag of another site", "busan", browser, "place", with(ParamTag, query(t, packed.Address(1)).Get(ParamTag))},
		{"the tag of another handoff", "busan", browser, "place", with(ParamTag, query(t, other.Address(0)).Get(ParamTag))},
		{"no tag", "busan", browser, "place", with(ParamTag, "")},
		{"another browser", "busan", "theirbrowsertheirbrowserth", "browser", good},
		{"a browser without a mark", "busan", "", "browser", good},
		{"a changed seal", "busan", browser, "seal", with(ParamSealed, sealed[:40]+"A"+sealed[41:])},
		{"a seal of another purpose", "busan", browser, "seal", with(ParamSealed, login)},
		{"nothing", "busan", browser, "form", url.Values{}},
		{"a doubled value", "busan", browser, "form", url.Values{ParamSealed: {sealed, sealed}, ParamTag: good[ParamTag]}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := desk(t, tt.site, r, c, j).Open(t.Context(), tt.query, tt.browser)
			why, ok := errors.AsType[*Refusal](err)
			if !ok || !errors.Is(err, ErrRefused) || why.Reason != tt.reason {
				t.Errorf("refused with %v, want %s", err, tt.reason)
			}
		})
	}
	if len(j.claims) != 0 {
		t.Errorf("a refusal used something up: %+v", j.claims)
	}
	if _, err := busan.Open(t.Context(), good, browser); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// A handoff lives as long as it says, by the clock of the site that takes it.
func TestLife(t *testing.T) {
	for _, tt := range []struct {
		name string
		life time.Duration
		wait time.Duration
		ok   bool
	}{
		{"at once", Brisk, 0, true},
		{"in the last moment", Brisk, 30 * time.Second, true},
		{"after it", Brisk, 31 * time.Second, false},
		{"a link in the last moment", Longest, 30 * time.Minute, true},
		{"a link after it", Longest, 30*time.Minute + time.Second, false},
		{"a link that should live for a day", 24 * time.Hour, 31 * time.Minute, false},
		{"a clock a little behind", Brisk, -30 * time.Second, true},
		{"a clock far behind", Brisk, -31 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			r := ring(t, c)
			packed, err := desk(t, "seoul", r, c, &judged{}).Pack(Parcel{Login: []byte(carried), Browser: browser}, tt.life, target(t, "busan"))
			if err != nil {
				t.Fatal(err)
			}
			c.pass(tt.wait)
			_, err = desk(t, "busan", r, c, &judged{}).Open(t.Context(), query(t, packed.Address(0)), browser)
			if (err == nil) != tt.ok {
				t.Errorf("opened with %v", err)
			}
		})
	}
}

// Without a browser to bind it to there is no handoff.
func TestNothingIsPackedForAnybody(t *testing.T) {
	c := newClock()
	if packed, err := desk(t, "seoul", ring(t, c), c, &judged{}).Pack(Parcel{Login: []byte(carried)}, Brisk, target(t, "busan")); err == nil {
		t.Errorf("packed %v", packed)
	}
	if d, err := New(Options{Site: "seoul"}); err == nil {
		t.Errorf("New = %v", d)
	}
}

// What cannot be opened because the ring cannot be read is no refusal.
func TestARingThatCannotBeRead(t *testing.T) {
	c := newClock()
	packed, err := desk(t, "seoul", ring(t, c), c, &judged{}).Pack(Parcel{Login: []byte(carried), Browser: browser}, Brisk, target(t, "busan"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = desk(t, "busan", ring(t, c), c, &judged{}).Open(t.Context(), query(t, packed.Address(0)), browser)
	if !errors.Is(err, ErrRefused) { // a ring of its own knows that there is no such key
		t.Errorf("another deployment: %v", err)
	}
	d, err := New(Options{Site: "busan", Seal: away{}, Judge: &judged{}, Rand: strings.NewReader(""), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), query(t, packed.Address(0)), browser); errors.Is(err, ErrRefused) || !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("a ring that is away: %v", err)
	}
}
