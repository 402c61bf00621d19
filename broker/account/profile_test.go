package account_test

import (
	"testing"

	"github.com/bongsu/bongsu/providers"
)

// Whoever came in while the provider could tell nothing about them gets their
// name at the next login, and nobody's name is ever replaced.
func TestProfileLater(t *testing.T) {
	r := newRecords()
	d := newDirectory(t, r, facts{})
	bare := providers.Identity{Provider: "kakao", Subject: "1", ProfileMissing: true}
	whole := providers.Identity{Provider: "kakao", Subject: "1", Name: "김민지", Email: "minji@example.com", EmailVerified: true}
	opened, err := d.Open(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := d.Resolve(t.Context(), bare); err != nil || found.Name != "" || found.ID != opened.ID {
		t.Fatalf("nothing was told: %+v %v", found, err)
	}
	found, err := d.Resolve(t.Context(), whole)
	if err != nil || found.Name != "김민지" || !found.EmailVerified || found.ID != opened.ID || r.accounts[opened.ID].Email != "minji@example.com" {
		t.Fatalf("the profile came later: %+v %v", found, err)
	}
	other := whole
	other.Name, other.Email = "somebody", "else@example.com"
	if found, err := d.Resolve(t.Context(), other); err != nil || found.Name != "김민지" {
		t.Errorf("a name was replaced: %+v %v", found, err)
	}
}

// What cannot be written does not end the login, and is not told either.
func TestProfileThatCannotBeWritten(t *testing.T) {
	r := newRecords()
	d := newDirectory(t, r, facts{})
	if _, err := d.Open(t.Context(), providers.Identity{Provider: "kakao", Subject: "1"}); err != nil {
		t.Fatal(err)
	}
	r.readOnly = true
	found, err := d.Resolve(t.Context(), providers.Identity{Provider: "kakao", Subject: "1", Name: "김민지"})
	if err != nil || found.Name != "" {
		t.Errorf("%+v %v", found, err)
	}
}
