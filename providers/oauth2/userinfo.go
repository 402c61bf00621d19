package oauth2

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/bongsu/bongsu/providers"
)

// Profile asks the userinfo endpoint who the token belongs to and hands the
// answer to read, which checks and takes what it needs; its error is the
// step's (see [Refuse]). Where the provider can tell, the app that the token was
// issued to is asked for first, in the same step ([Owner]).
func (w *Wire) Profile(ctx context.Context, leg providers.Leg, token Token, read func(Document) error) error {
	return w.userinfo(ctx, leg, token, func(_ context.Context, d Document) error { return read(d) })
}

func (w *Wire) userinfo(ctx context.Context, leg providers.Leg, token Token, read func(context.Context, Document) error) error {
	return w.steps.Observe(ctx, leg, providers.StepUserinfo, func(ctx context.Context) error {
		if err := w.checkOwner(ctx, token); err != nil {
			return err
		}
		r, err := AskBearer(ctx, w.o.Endpoints.Userinfo, token)
		if err != nil {
			return Refuse(providers.Ours, "the userinfo endpoint does not parse")
		}
		if w.o.Quirks.Userinfo != nil {
			w.o.Quirks.Userinfo(r, token)
		}
		d, err := w.answer(r)
		if err != nil {
			return err
		}
		return read(ctx, d)
	})
}

// List asks a further endpoint with the token for a JSON array of objects, at
// most [maxList] of them; others in it are left out. It tells no observer: the
// step that it belongs to does.
func (w *Wire) List(ctx context.Context, endpoint string, token Token) ([]Document, error) {
	r, err := AskBearer(ctx, endpoint, token)
	if err != nil {
		return nil, Refuse(providers.Ours, "the endpoint does not parse")
	}
	status, body, err := w.send(r)
	if err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if status != http.StatusOK || json.Unmarshal(body, &items) != nil {
		d, err := ParseDocument(body)
		if err != nil {
			d = nil
		}
		return nil, w.judgeAnswer(Answer{Step: providers.StepUserinfo, Status: status, Document: d})
	}
	var list []Document
	for _, item := range items {
		if d, err := ParseDocument(item); err == nil && len(list) < maxList {
			list = append(list, d)
		}
	}
	return list, nil
}

const maxList = 100
