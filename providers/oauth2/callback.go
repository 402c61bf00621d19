package oauth2

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/url"

	"github.com/bongsu/bongsu/providers"
)

// maxCode bounds an authorization code in bytes.
const maxCode = 4096

// Callback checks what the browser brought back and returns the code. It makes
// no request, so a response of the wrong provider (RFC 9207) or of another leg
// is refused before a code is sent anywhere. A malformed response is unknown
// and no evidence against the provider: any browser can write one.
func (w *Wire) Callback(ctx context.Context, leg providers.Leg, ret providers.Return) (code string, err error) {
	err = w.steps.Observe(ctx, leg, providers.StepCallback, func(context.Context) error {
		code, err = w.readCallback(leg, ret.Params)
		return err
	})
	return code, err
}

func (w *Wire) readCallback(leg providers.Leg, params url.Values) (string, error) {
	for _, name := range []string{"code", "state", "error", "iss", "error_code"} {
		if len(params[name]) > 1 {
			return "", Refuse(providers.Unknown, name+" is doubled")
		}
	}
	if leg.State == "" || subtle.ConstantTimeCompare([]byte(params.Get("state")), []byte(leg.State)) != 1 {
		return "", Refuse(providers.Unknown, "state is not this leg's")
	}
	if err := w.checkResponseIss(params); err != nil {
		return "", err
	}
	if params.Has("error") {
		return "", w.judgeAnswer(Answer{Step: providers.StepCallback, Document: documentOf(params)})
	}
	code := params.Get("code")
	switch {
	case code == "":
		return "", Refuse(providers.Unknown, "neither code nor error")
	case len(code) > maxCode, !printable(code):
		return "", Refuse(providers.Unknown, "code is malformed")
	}
	return code, nil
}

// checkResponseIss is RFC 9207 2.4: iss must be the provider's own whenever it
// is there, and must be there if the provider promises it.
func (w *Wire) checkResponseIss(params url.Values) error {
	switch iss := params.Get("iss"); {
	case !params.Has("iss") && !w.o.ResponseIss:
		return nil
	case !params.Has("iss"):
		return Refuse(providers.Unknown, "iss is missing from the response")
	case !w.knowsIssuer(iss):
		return Refuse(providers.Unknown, "the response is another issuer's")
	}
	return nil
}

// printable reports whether s is visible ASCII (RFC 6749 appendix A.11).
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// documentOf gives the parameters of a callback the shape of any other answer.
func documentOf(params url.Values) Document {
	d := make(Document, len(params))
	for name := range params {
		text, err := json.Marshal(params.Get(name))
		if err != nil {
			continue // a string always marshals
		}
		d[name] = text
	}
	return d
}
