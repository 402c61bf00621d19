// Package posted carries a POST that another site sent us to a GET of our own.
//
// A browser leaves our Lax cookies out of a cross-site POST, so such a request
// (to /authorize, to the logout endpoint, to a form_post callback) cannot be
// answered as it is. [Desk.Accept] reads no cookie, seals what came into a
// short-lived value and answers 303; [Desk.Values] opens it where the cookies
// are there to be read. It knows nothing of what the parameters mean.
package posted

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/keys/seal"
)

// parameter is the one query parameter of the GET.
const parameter = "posted"

// life bounds how long the value may travel: one redirect.
const life = 2 * time.Minute

// maxSealed bounds the value in the URL, in bytes; proxies refuse request
// lines beyond 8 KiB.
const maxSealed = 6000

// maxValues bounds how often one parameter is kept: resource may come four times.
const maxValues = 5

// Sealer seals and opens the value.
type Sealer interface {
	Seal(p seal.Purpose, plaintext []byte) (string, error)
	Open(ctx context.Context, p seal.Purpose, sealed string) ([]byte, error)
}

// Desk accepts posts. Purpose keeps the endpoints apart: what was posted to
// one never opens at another.
type Desk struct {
	Seal    Sealer
	Purpose seal.Purpose
	Now     func() time.Time
}

type envelope struct {
	At     int64      `json:"t"` // Unix seconds
	Values url.Values `json:"v"`
}

// Accept reads the form of r, keeps the parameters in names, doubled ones
// included, and sends the browser to path with them sealed. The error is an
// [*oauth.Error] when the form is malformed or too large.
func (d Desk) Accept(w http.ResponseWriter, r *http.Request, path string, names []string) error {
	form, err := oauth.ParseForm(w, r)
	if err != nil {
		return err
	}
	kept := url.Values{}
	for _, name := range names {
		if values := form[name]; len(values) > 0 {
			kept[name] = values[:min(len(values), maxValues)]
		}
	}
	plain, err := json.Marshal(envelope{At: d.Now().Unix(), Values: kept})
	if err != nil {
		return fmt.Errorf("encode posted form: %w", err)
	}
	sealed, err := d.Seal.Seal(d.Purpose, plain)
	if err != nil {
		return fmt.Errorf("seal posted form: %w", err)
	}
	if len(sealed) > maxSealed {
		return oauth.InvalidRequest("The posted form is too large.")
	}
	http.Redirect(w, r, path+"?"+parameter+"="+sealed, http.StatusSeeOther)
	return nil
}

// Values returns the parameters of r: those that were posted, or those of the
// query. The error is an [*oauth.Error] when the value is not ours or too old;
// any other error means that it could not be checked.
func (d Desk) Values(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, oauth.InvalidRequest("The query cannot be parsed; encode it as application/x-www-form-urlencoded.").With(err)
	}
	sealed := query.Get(parameter)
	if sealed == "" {
		return query, nil
	}
	plain, err := d.Seal.Open(r.Context(), d.Purpose, sealed)
	if errors.Is(err, seal.ErrInvalid) {
		return nil, stale(err)
	}
	if err != nil {
		return nil, fmt.Errorf("open posted form: %w", err)
	}
	var e envelope
	if err := json.Unmarshal(plain, &e); err != nil {
		return nil, stale(err)
	}
	if age := d.Now().Sub(time.Unix(e.At, 0)); age < -time.Minute || age > life {
		return nil, stale(nil)
	}
	return e.Values, nil
}

func stale(cause error) error {
	return oauth.InvalidRequest("The posted request is not ours or too old; send it again.").With(cause)
}
