package posted_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/posted"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

// desk is a desk on a ring of its own, with a clock that the test turns.
type desk struct {
	posted.Desk

	keys *keystest.Store
	now  time.Time
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{keys: keystest.NewStore(), now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)}
	key, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return d.now }
	ring, err := seal.Open(t.Context(), seal.Options{Store: d.keys, Wrap: key, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	d.Desk = posted.Desk{Seal: ring, Purpose: "here", Now: clock}
	return d
}

// accept posts form and returns where the browser is sent.
func (d *desk) accept(t testing.TB, form url.Values) (string, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/here", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	err := d.Accept(w, r, "/here", []string{"state", "code"})
	if err == nil && w.Code != http.StatusSeeOther {
		t.Errorf("answered %d", w.Code)
	}
	if len(w.Header()["Set-Cookie"]) != 0 {
		t.Error("a cookie is set")
	}
	return w.Header().Get("Location"), err
}

func (d *desk) values(t testing.TB, target string) (url.Values, error) {
	t.Helper()
	return d.Values(httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
}

func TestWhatWasPostedIsRead(t *testing.T) {
	tests := []struct {
		name       string
		form, want url.Values
	}{
		{"what is known", url.Values{"state": {"s&=+ 봉"}, "code": {"c"}}, url.Values{"state": {"s&=+ 봉"}, "code": {"c"}}},
		{"nothing", url.Values{}, url.Values{}},
		{"unknown names are dropped", url.Values{"state": {"s"}, "other": {"o"}}, url.Values{"state": {"s"}}},
		{"doubles are kept, so that they are noticed", url.Values{"state": {"1", "2", "3"}}, url.Values{"state": {"1", "2", "3"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			target, err := d.accept(t, tt.form)
			if err != nil || !strings.HasPrefix(target, "/here?posted=") || strings.Contains(target, "state") {
				t.Fatalf("sent to %q: %v", target, err)
			}
			got, err := d.values(t, target)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQueryIsReadWhereNothingWasPosted(t *testing.T) {
	got, err := newDesk(t).values(t, "/here?state=s&any=thing")
	if diff := cmp.Diff(url.Values{"state": {"s"}, "any": {"thing"}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := newDesk(t).values(t, "/here?state=%zz"); !oauth.HasCode(err, oauth.CodeInvalidRequest) {
		t.Errorf("a query that cannot be parsed: %v", err)
	}
}

func TestStaleAndForeignValues(t *testing.T) {
	d := newDesk(t)
	target, err := d.accept(t, url.Values{"state": {"s"}})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := *d
	elsewhere.Purpose = "elsewhere"
	if _, err := elsewhere.values(t, target); !oauth.HasCode(err, oauth.CodeInvalidRequest) {
		t.Errorf("at another endpoint: %v", err)
	}
	nonsense, err := d.Seal.Seal(d.Purpose, []byte("nonsense"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"/here?posted=x", target[:len(target)-2], target + "A", "/here?posted=" + nonsense} {
		if _, err := d.values(t, bad); !oauth.HasCode(err, oauth.CodeInvalidRequest) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, step := range []struct {
		pass time.Duration
		good bool
	}{{2 * time.Minute, true}, {time.Second, false}, {-3*time.Minute - 2*time.Second, false}, {time.Second, true}} {
		d.now = d.now.Add(step.pass)
		if _, err := d.values(t, target); (err == nil) != step.good {
			t.Errorf("after another %v: %v", step.pass, err)
		}
	}
}

// A value whose key cannot be looked up is not called stale.
func TestValueThatCannotBeOpened(t *testing.T) {
	d, other := newDesk(t), newDesk(t)
	target, err := other.accept(t, url.Values{"state": {"s"}})
	if err != nil {
		t.Fatal(err)
	}
	d.keys.Intercept(func(context.Context, string) error { return errors.New("away") })
	d.now = d.now.Add(11 * time.Second)
	if _, err := d.values(t, target); !errors.Is(err, seal.ErrUnavailable) || oauth.HasCode(err, oauth.CodeInvalidRequest) {
		t.Errorf("could not check: %v", err)
	}
}

func TestFormsThatAreTooLarge(t *testing.T) {
	d := newDesk(t)
	for _, size := range []int{5000, 20 << 10} {
		if target, err := d.accept(t, url.Values{"state": {strings.Repeat("s", size)}}); oauth.As(err) == nil || err == nil || target != "" {
			t.Errorf("%d bytes were sent to %q: %v", size, target, err)
		}
	}
	if target, err := d.accept(t, url.Values{"state": {strings.Repeat("s", 4000)}}); err != nil || len(target) > 6100 {
		t.Errorf("4,000 bytes: %d in the address, %v", len(target), err)
	}
}

func FuzzValues(f *testing.F) {
	d := newDesk(f)
	target, err := d.accept(f, url.Values{"state": {"s"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "posted=", "posted=x", strings.TrimPrefix(target, "/here?"), "state=1&state=2", "%", "posted=a&posted=b", ";"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/here", http.NoBody)
		r.URL.RawQuery = query
		if _, err := d.Values(r); err != nil && !oauth.HasCode(err, oauth.CodeInvalidRequest) && !errors.Is(err, seal.ErrUnavailable) {
			t.Errorf("%q: %v", query, err)
		}
	})
}
