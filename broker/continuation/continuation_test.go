package continuation

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

// facts are negative facts of a test.
type facts struct {
	has      map[store.FactKind]string
	epochs   map[store.FactKind]int64
	revision int64
	doubted  bool
	read     time.Time
}

func (f *facts) Has(kind store.FactKind, id string) bool { return f.has[kind] == id && id != "" }

func (f *facts) EpochInDoubt(string) (doubted, stored bool) { return f.doubted, false }

func (f *facts) MinEpoch(string) int64 { return f.epochs[store.AccountEpoch] }

func (f *facts) Epoch(kind store.FactKind, _ string) int64 { return f.epochs[kind] }

func (f *facts) Revision() int64 { return f.revision }

func newKeeper(t *testing.T) (*Keeper, *facts) {
	t.Helper()
	key, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Open(t.Context(), seal.Options{Store: keystest.NewStore(), Wrap: key, OpensFor: 30 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	f := &facts{has: map[store.FactKind]string{}, epochs: map[store.FactKind]int64{}, revision: 5, read: time.Now()}
	issuer, err := url.Parse("https://login.example.kr")
	if err != nil {
		t.Fatal(err)
	}
	k, err := New(Options{Jar: cookie.NewJar(issuer), Seal: ring, Negatives: f, FactsRead: func() time.Time { return f.read }})
	if err != nil {
		t.Fatal(err)
	}
	return k, f
}

var minji = store.Account{
	ID: "account", Seed: bytes.Repeat([]byte{7}, 32), Epoch: 3, Name: "김민지", Email: "minji@example.kr", EmailVerified: true,
	Phone: "+82 10-1234-5678", PhoneVerified: true, Locale: "ko", Language: "ko", UpdatedAt: time.Unix(1_700_000_000, 0).UTC(),
}

var kakao = store.IdentityKey{Provider: "kakao", Subject: "4711"}

func at(c string, scope ...string) Device {
	return NewDevice(&client.Client{ID: c}, minji, "u_subject", "sid", kakao, scope, time.Now())
}

// browser sends back the cookies it was given.
func browser(t *testing.T, write func(w http.ResponseWriter, r *http.Request) error, cookies ...*http.Cookie) []*http.Cookie {
	t.Helper()
	w, r := httptest.NewRecorder(), request(t, cookies)
	if err := write(w, r); err != nil {
		t.Fatal(err)
	}
	return w.Result().Cookies()
}

func request(t *testing.T, cookies []*http.Cookie) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, "/", http.NoBody)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestADeviceIsKnownByWhatTheLoginWas(t *testing.T) {
	k, f := newKeeper(t)
	want := at("shop", "openid", "profile", "email")
	cookies := browser(t, func(w http.ResponseWriter, r *http.Request) error { return k.Remember(w, r, want) })
	if len(cookies) != 1 || !cookies[0].HttpOnly || !cookies[0].Secure || cookies[0].MaxAge != int(Life/time.Second) || len(cookies[0].Value) > MaxCookie {
		t.Fatalf("the browser was given %v", cookies)
	}
	got, err := k.Read(request(t, cookies), "shop")
	if err != nil {
		t.Fatal(err)
	}
	want.Watermark = f.revision
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-remembered +read):\n%s", diff)
	}
	a := got.Known()
	if a.ID != minji.ID || a.Epoch != minji.Epoch || a.Name != minji.Name || a.Email != minji.Email || !a.EmailVerified || a.Phone != "" || len(a.Seed) != 0 {
		t.Errorf("the account is known as %+v", a)
	}
	for key, want := range map[store.IdentityKey]bool{
		kakao:                                 true,
		{Provider: "kakao", Subject: "4712"}:  false,
		{Provider: "naver", Subject: "4711"}:  false,
		{Provider: "kakao4", Subject: "711"}:  false,
		{Provider: "kaka", Subject: "o4711"}:  false,
		{Provider: "", Subject: "kakao4711"}:  false,
		{Provider: "kakao", Subject: "47110"}: false,
	} {
		if got.Matches(key) != want {
			t.Errorf("%+v matches: %t", key, !want)
		}
	}
	if granted := got.Granted([]string{"openid", "email", "phone", "offline_access"}); !cmp.Equal(granted, []string{"openid", "email"}) {
		t.Errorf("granted %v", granted)
	}
	if _, err := k.Read(request(t, cookies), "bank"); !errors.Is(err, ErrNone) {
		t.Errorf("at another website: %v", err)
	}
}

func TestWhatEndsAKnownDevice(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name string
		fact func(f *facts)
		want error
	}{
		{"nothing", func(*facts) {}, nil},
		{"the account was disabled or deleted", func(f *facts) { f.has[store.AccountDisabled] = "account" }, ErrNone},
		{"signed out everywhere, or a way was unlinked", func(f *facts) { f.epochs[store.AccountEpoch] = 4 }, ErrNone},
		{"an earlier end of sessions", func(f *facts) { f.epochs[store.AccountEpoch] = 3 }, nil},
		{"signed out in this browser", func(f *facts) { f.has[store.SessionEnded] = "sid" }, ErrNone},
		{"the provider was switched off", func(f *facts) { f.has[store.ProviderDisabled] = "kakao" }, ErrNone},
		{"the provider is gone", func(f *facts) { f.has[store.ProviderRetired] = "kakao" }, ErrNone},
		{"the provider's word is void", func(f *facts) { f.epochs[store.ProviderSessionsEnded] = now.Unix() + 1 }, ErrNone},
		{"the consent was withdrawn", func(f *facts) { f.epochs[store.ConsentWithdrawn] = now.Add(time.Second).UnixMicro() }, ErrNone},
		{"a consent before was withdrawn", func(f *facts) { f.epochs[store.ConsentWithdrawn] = now.Add(-time.Minute).UnixMicro() }, nil},
		{"the node knows fewer facts than the one before", func(f *facts) { f.revision = 4 }, ErrStale},
		{"the node knows more", func(f *facts) { f.revision = 6 }, nil},
		{"the node has never read any", func(f *facts) { f.read = time.Time{} }, ErrStale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, f := newKeeper(t)
			cookies := browser(t, func(w http.ResponseWriter, r *http.Request) error { return k.Remember(w, r, at("shop", "openid")) })
			tt.fact(f)
			if _, err := k.Read(request(t, cookies), "shop"); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// Device and facts are each worth 72 hours, and not a second more.
func TestSeventyTwoHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, f := newKeeper(t)
		cookies := browser(t, func(w http.ResponseWriter, r *http.Request) error { return k.Remember(w, r, at("shop", "openid")) })
		read := func() error {
			_, err := k.Read(request(t, cookies), "shop")
			return err
		}
		time.Sleep(Life)
		if err := read(); err != nil {
			t.Errorf("at the end of 72 hours: %v", err)
		}
		f.read = f.read.Add(-time.Second)
		if err := read(); !errors.Is(err, ErrStale) {
			t.Errorf("with facts of a second before: %v", err)
		}
		f.read = time.Now()
		time.Sleep(2 * time.Second)
		if err := read(); !errors.Is(err, ErrNone) {
			t.Errorf("after 72 hours: %v", err)
		}
	})
}

func TestASessionKeepsADeviceKnownAndProvesNobodyNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper(t)
		cookies := browser(t, func(w http.ResponseWriter, r *http.Request) error { return k.Remember(w, r, at("shop", "openid")) })
		time.Sleep(71 * time.Hour)
		again := func(c string, change func(*Device)) []*http.Cookie {
			return browser(t, func(w http.ResponseWriter, r *http.Request) error {
				d := NewDevice(&client.Client{ID: c}, minji, "u_other", "sid-2", store.IdentityKey{}, []string{"openid"}, time.Now())
				change(&d)
				return k.Renew(w, r, d)
			}, cookies...)
		}
		if got := again("bank", func(d *Device) { d.Account = "another" }); len(got) != 0 {
			t.Error("another account is known by this one's proof")
		}
		if got := again("bank", func(d *Device) { d.Epoch = 4 }); len(got) != 0 {
			t.Error("a proof of before the sessions ended is worth something")
		}
		renewed := again("bank", func(*Device) {})
		time.Sleep(48 * time.Hour)
		got, err := k.Read(request(t, renewed), "bank")
		if !errors.Is(err, ErrStale) || !got.Matches(kakao) || got.Subject != "u_other" { // nobody read facts here for five days
			t.Errorf("renewed it is %+v, %v", got, err)
		}
	})
}

func TestTheCookieStaysSmall(t *testing.T) {
	k, _ := newKeeper(t)
	long := at("shop", "openid", "profile", "email", "phone")
	long.Profile.Name, long.Profile.Email = strings.Repeat("김", 600), strings.Repeat("a", 2000)
	cookies := browser(t, func(w http.ResponseWriter, r *http.Request) error { return k.Remember(w, r, long) })
	for _, c := range []string{"a", "b", "c", "d", "e", "f"} {
		cookies = browser(t, func(w http.ResponseWriter, r *http.Request) error {
			return k.Remember(w, r, at(c, "openid", "profile", "email", "phone"))
		}, cookies...)
		if len(cookies) != 1 || len(cookies[0].Value) > MaxCookie {
			t.Fatalf("the browser was given %d bytes", len(cookies[0].Value))
		}
		if _, err := k.Read(request(t, cookies), c); err != nil {
			t.Errorf("the latest is not known: %v", err)
		}
	}
	if _, err := k.Read(request(t, cookies), "shop"); !errors.Is(err, ErrNone) {
		t.Error("more websites are known than fit")
	}
	if _, err := k.Read(request(t, cookies), "e"); err != nil {
		t.Errorf("the one before is not known: %v", err)
	}
	tooLong := at(strings.Repeat("c", 2000), "openid")
	cookies = browser(t, func(w http.ResponseWriter, r *http.Request) error { return k.Remember(w, r, tooLong) }, cookies...)
	if len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("what fits nowhere leaves %v", cookies)
	}
}

// A cookie of another purpose, browser or ring is nobody's.
func TestWhatIsNotSealedForThisIsNothing(t *testing.T) {
	k, _ := newKeeper(t)
	other, err := k.o.Seal.Seal("session", []byte(`[{"c":"shop","a":"account"}]`))
	if err != nil {
		t.Fatal(err)
	}
	garbage, err := k.o.Seal.Seal(purpose, []byte(`{"c":"shop"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"another purpose": other, "no list": garbage, "no seal": "known", "long": strings.Repeat("a", MaxCookie+1)} {
		r := request(t, []*http.Cookie{{Name: "__Host-bongsu_" + CookieName, Value: value, Quoted: false}})
		if _, err := k.Read(r, "shop"); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
