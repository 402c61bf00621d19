package choice

import (
	"slices"
	"testing"
)

func TestSatisfies(t *testing.T) {
	tests := []struct {
		name       string
		have, need string
		want       bool
	}{
		{"nothing is needed", "", "", true},
		{"nothing is needed of something unknown", "level9", "", true},
		{"the same", ACRProvider, ACRProvider, true},
		{"stronger", ACRPhrh, ACRPhr, true},
		{"weaker", ACRProvider, ACRPhr, false},
		{"e-mail for recovery", ACREmail, ACRRecovery, true},
		{"recovery for e-mail", ACRRecovery, ACREmail, true},
		{"continued for anything else", ACRContinued, ACREmail, false},
		{"an unknown need, met to the letter", "level9", "level9", false},
		{"an unknown need", ACRPhrh, "level9", false},
		{"something unknown", "level9", ACRContinued, false},
		{"nothing for something", "", ACRContinued, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Satisfies(tt.have, tt.need); got != tt.want {
				t.Errorf("Satisfies(%q, %q) = %t", tt.have, tt.need, got)
			}
		})
	}
}

func TestACRsAreOrdered(t *testing.T) {
	all := ACRs()
	if !slices.IsSortedFunc(all, func(a, b string) int { return rank(a) - rank(b) }) {
		t.Errorf("ACRs are not weakest first: %v", all)
	}
	for i, acr := range all {
		if !KnownACR(acr) {
			t.Errorf("%s is not known", acr)
		}
		if got := Stronger(acr, all[len(all)-1]); i < len(all)-1 && got != ACRPhrh {
			t.Errorf("stronger of %s and phrh is %s", acr, got)
		}
	}
	if Stronger("level9", ACRContinued) != ACRContinued || Stronger(ACREmail, ACRRecovery) != ACREmail {
		t.Error("Stronger is wrong")
	}
}

func TestUnsatisfiable(t *testing.T) {
	providers := []Candidate{provider("kakao"), {ID: "naver", Kind: Provider, ACR: ACRProvider, Verdict: Down}}
	for need, want := range map[string]bool{"": false, ACRProvider: false, ACRPhr: true, "level9": true} {
		if got := Unsatisfiable(providers, need); got != want {
			t.Errorf("Unsatisfiable(%q) = %t", need, got)
		}
	}
	if Unsatisfiable(nil, "") != true {
		t.Error("nobody satisfies nobody")
	}
}
