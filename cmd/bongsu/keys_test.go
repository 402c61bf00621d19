package main

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/wrap"
)

// The whole change as it is printed; the transcripts cannot wait for its end.
func TestIdentitySteps(t *testing.T) {
	secret, err := wrap.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := wrap.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	o := keys.RotationOptions{Site: "seoul", Store: keystest.NewStore(), Wrap: key, Now: func() time.Time { return now }}
	take := func(name string) string {
		t.Helper()
		r, err := keys.OpenRotation(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		all, err := r.Identities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.Named = nil // the configuration lists what the last line did
		for _, record := range all {
			o.Named = append(o.Named, record.Public)
		}
		if r, err = keys.OpenRotation(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		for _, step := range identitySteps {
			if step.name == name {
				var out, errs bytes.Buffer
				if err := step.do(t.Context(), "seoul", r, identityWords{&out, &errs, "bongsu.yaml"}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return out.String()
			}
		}
		t.Fatalf("no step %s", name)
		return ""
	}

	first := take("show")
	both := take("stage")
	old := strings.TrimSuffix(strings.TrimPrefix(first, "- {name: seoul, identities: ["), "]}\n")
	if !strings.HasPrefix(both, "- {name: seoul, identities: ["+old+", ed25519:") {
		t.Fatalf("stage prints %q after %q", both, first)
	}
	next := strings.TrimSuffix(strings.TrimPrefix(both, "- {name: seoul, identities: ["+old+", "), "]}\n")
	if got, want := take("use"), "seoul signs with "+next+"\n"; got != want {
		t.Errorf("use prints %q, want %q", got, want)
	}
	now = now.Add(2 * time.Minute)
	want := "- {name: seoul, identities: [" + next + "]}\n"
	if got := take("drop"); got != want {
		t.Errorf("drop prints %q, want %q", got, want)
	}
	if got := take("show"); got != want {
		t.Errorf("show prints %q, want %q", got, want)
	}
}
