package openid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
)

var (
	errQuota  = errors.New("the provider refuses more requests")
	errStatus = errors.New("the provider answers with an error")
)

// heard is how an answer to a question about metadata or keys came.
type heard struct {
	status int
	rest   time.Duration // for how long the provider wants to be left alone
}

// get asks for a document, in the name of agent if that is not empty. An answer
// that is not 200 is an error beside what was heard.
func get(ctx context.Context, client *fetch.Client, at, agent string, now time.Time) ([]byte, heard, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, heard{}, oauth2.Refuse(providers.Ours, "the address of the document does not parse")
	}
	r.Header.Set("Accept", "application/json")
	if agent != "" {
		r.Header.Set("User-Agent", agent)
	}
	answer, err := client.Patient().Do(r)
	if err != nil {
		return nil, heard{}, oauth2.Failed(err)
	}
	how := heard{status: answer.StatusCode, rest: oauth2.RetryAfter(answer.StatusCode, answer.Header, now)}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, how, oauth2.Failed(err)
	}
	code := oauth2.StatusCode(how.status)
	switch how.status {
	case http.StatusOK:
		return body, how, nil
	case http.StatusTooManyRequests:
		return nil, how, &providers.Error{Outcome: providers.Ours, Code: code, Err: errQuota}
	default:
		return nil, how, &providers.Error{Outcome: providers.Down, Code: code, Err: errStatus}
	}
}
