package kakao

import (
	"net/http"
	"regexp"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// What kauth's codes mean. They are steadier than the texts beside them.
var authCodes = map[string]providers.Outcome{
	"KOE003": providers.Down, // the authorization server failed for a while

	"KOE004": providers.Ours, // Kakao Login is off for the app
	"KOE005": providers.Ours, // the app is in test and the person is not its member
	"KOE006": providers.Ours, // the redirect URI is not registered
	"KOE009": providers.Ours, // the platform is not registered
	"KOE010": providers.Ours, // the client secret is wrong or missing
	"KOE033": providers.Ours, // the app is not allowed this grant
	"KOE101": providers.Ours, // the REST API key is wrong
	"KOE125": providers.Ours, // the app is suspended
	"KOE201": providers.Ours, // the authorization request is malformed
	"KOE202": providers.Ours,
	"KOE203": providers.Ours,
	"KOE204": providers.Ours,
	"KOE205": providers.Ours, // a scope is not enabled for the app
	"KOE303": providers.Ours, // the redirect URI is another than at the authorization request
	"KOE310": providers.Ours, // the token request is malformed

	"KOE237": providers.Unknown, // too many tokens for this person
	"KOE320": providers.Unknown, // the code is used, old or none
}

// What kapi's codes mean. All but -9798 come with status 400, 401 or 403.
var apiCodes = map[string]providers.Outcome{
	"-1":    providers.Down, // internal error
	"-7":    providers.Down, // maintenance or internal problem
	"-603":  providers.Down, // timed out inside
	"-9798": providers.Down, // maintenance

	"-3":  providers.Ours, // the feature is off for the app
	"-5":  providers.Ours, // the app has no permission
	"-8":  providers.Ours, // the request is malformed
	"-9":  providers.Ours, // the API is no longer there
	"-10": providers.Ours, // the quota is used up
	"-12": providers.Ours, // the app is suspended
}

// classify reads Kakao's codes: error_code where people log in, code where
// data is. Status says nothing: Kakao's own failures come as 400.
func classify(a oauth2.Answer) (providers.Outcome, string, bool) {
	if a.Step == providers.StepUserinfo {
		code := a.Document.ID("code")
		outcome, known := apiCodes[code]
		if !known {
			outcome = providers.Unknown
		}
		return outcome, code, known || code != "" && a.Status < http.StatusInternalServerError
	}
	code := a.Document.Raw("error_code")
	outcome, ok := authCodes[code]
	if !ok && a.Step == providers.StepToken {
		code = a.Document.ID("code") // a front that all of Kakao's services share answers in the other form
		outcome, ok = apiCodes[code]
	}
	return outcome, code, ok
}

// refused knows how kauth refuses a code that nobody gave.
func refused(a oauth2.Answer) bool {
	return a.Document.Raw("error") == "invalid_grant" && a.Document.Raw("error_code") == "KOE320"
}

var pageCode = regexp.MustCompile(`\bKOE[0-9]{3}\b`)

// page reads the code that kauth's error pages show. A healthy answer is a
// redirect to the account page and holds none.
func page(p oauth2.Page) (providers.Outcome, string, bool) {
	code := pageCode.FindString(p.Body)
	if code == "" {
		return providers.Unknown, "", false
	}
	outcome, known := authCodes[code]
	if !known {
		outcome = providers.Unknown
	}
	return outcome, code, true
}
