package oauth2

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/bongsu/bongsu/providers"
)

// Profile asks the userinfo endpoint who the token belongs to and hands the
// answer to read, which checks and takes what it needs; its error is the
// step's (see [Refuse]).
func (w *Wire) Profile(ctx context.Context, leg providers.Leg, token Token, read func(Document) error) error {
	return w.steps.Observe(ctx, leg, providers.StepUserinfo, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.o.Endpoints.Userinfo, http.NoBody)
		if err != nil {
			return Refuse(providers.Ours, "the userinfo endpoint does not parse")
		}
		r.Header.Set("Authorization", "Bearer "+token.Access)
		r.Header.Set("Accept", "application/json")
		answer, err := w.profile.Do(r)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		d, err := ParseDocument(body)
		if err != nil {
			d = nil
		}
		if answer.StatusCode != http.StatusOK || d == nil || d.failed() {
			return w.judgeAnswer(Answer{Step: providers.StepUserinfo, Status: answer.StatusCode, Document: d})
		}
		return read(d)
	})
}
