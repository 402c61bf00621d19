package entra

import (
	"regexp"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// numbers are what the AADSTS numbers mean that say more than the code of RFC 6749
// beside them.
var numbers = map[string]providers.Outcome{
	"90033": providers.Down, // a transient error
	"90001": providers.Down, // the same, elsewhere
	"90024": providers.Down, // the same: the server is busy
	"90006": providers.Down, // an error of theirs
	"50196": providers.Ours, // a loop of ours

	"50011":   providers.Ours, // the redirect URI is not registered
	"500112":  providers.Ours,
	"65001":   providers.Ours, // nobody consented for the tenant
	"7000215": providers.Ours, // the secret is wrong
	"7000222": providers.Ours, // the secret has expired
	"7000218": providers.Ours, // the secret is missing
	"7000112": providers.Ours, // the app is disabled
	"700016":  providers.Ours, // no such app
	"90002":   providers.Ours, // no such tenant

	"65004": providers.User, // the person declined
}

var number = regexp.MustCompile(`^AADSTS([0-9]{5,8})\b`)

// classify reads the number in front of the description, which is fixed; the text
// behind it is not looked at.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	found := number.FindStringSubmatch(a.Document.Raw("error_description"))
	if found == nil {
		return providers.Unknown, "", false
	}
	outcome, known := numbers[found[1]]
	if !known || outcome == providers.User && a.Step != providers.StepCallback {
		return providers.Unknown, "", false
	}
	code := "AADSTS" + found[1]
	if a.Code() == "invalid_client" {
		code = "invalid_client" // that our secret was refused is acted upon
	}
	return outcome, code, true
}
