package facebook

import (
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// What the codes of the Graph API mean that mean one thing.
var codes = map[string]providers.Outcome{
	"1": providers.Down, // unknown error; with another text a wrong app secret, see classify
	"2": providers.Down, // the service is away for a while

	"3":   providers.Ours, // the app has no such capability
	"4":   providers.Ours, // the app made too many calls
	"17":  providers.Ours, // too many calls for this person
	"32":  providers.Ours, // too many calls for this page
	"101": providers.Ours, // no such app, or it was deleted
	"190": providers.Unknown,
	"191": providers.Ours, // the redirect URI is not the app's
	"341": providers.Ours, // the app reached a limit
	"368": providers.Ours, // the app is blocked for what it did
	"613": providers.Ours, // too many calls

	"100": providers.Unknown, // a code that nobody gave, or a parameter that is wrong
}

// What the subcodes mean that say more than their code.
var subcodes = map[string]providers.Outcome{
	"36007": providers.Unknown, // the code expired
	"36008": providers.Ours,    // the redirect URI is another than at the authorization request
	"36009": providers.Unknown, // the code was used
}

// refusedSecret stands for both numbers with which Facebook refuses our secret:
// neither says so alone, and that the secret was refused is acted upon.
const refusedSecret = "invalid_client"

// problem is the error of an answer, nil if it holds none of Facebook's.
func problem(a oauth2.Answer) oauth2.Document {
	if found := a.Document.Object("error"); found != nil {
		return found
	}
	return a.Document.Object("data").Object("error") // of a token that is not valid
}

// classify reads Facebook's error objects. At the callback errors are the
// standard ones, with a number beside them.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	found := problem(a)
	code := found.ID("code")
	if code == "" {
		return providers.Unknown, "", false
	}
	if outcome, known := subcodes[found.ID("error_subcode")]; known {
		return outcome, code + "-" + found.ID("error_subcode"), true
	}
	if strings.Contains(strings.ToLower(found.Raw("message")), "validating client secret") {
		return providers.Ours, refusedSecret, true // 1, or 100 at some endpoints
	}
	outcome, known := codes[code]
	if !known {
		return providers.Unknown, code, a.Status < 500
	}
	return outcome, code, true
}

// refused knows how Facebook refuses a code that nobody gave. Its code says as
// much about a malformed request, so the text decides; that of a foreign redirect
// URI names the code, too, and has a subcode.
func refused(a oauth2.Answer) bool {
	found := problem(a)
	return found.ID("code") == "100" && found.ID("error_subcode") != "36008" &&
		strings.Contains(strings.ToLower(found.Raw("message")), "verification code")
}
