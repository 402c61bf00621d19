package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

// Revoke ends a token (RFC 7009). A refresh token, be it the good one of its
// family or not, ends the family and the access tokens of its grant; an access
// token ends alone: a website that wants to end all of it has the other. What is
// no token of ours, or holds no more, is answered 200 like one that was revoked.
func (e *Endpoint) Revoke(w http.ResponseWriter, r *http.Request) error {
	query, err := oauth.ParseTokenQuery(w, r)
	if err != nil {
		return err
	}
	known, err := e.authenticate(r.Context(), query.Auth)
	if err != nil {
		return err
	}
	if _, shaped := parseRefresh(query.Token); shaped {
		err = e.revokeRefresh(r.Context(), known, query.Token)
	} else {
		err = e.revokeAccess(r.Context(), known, query.Token)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (e *Endpoint) revokeRefresh(ctx context.Context, known *client.Client, token string) error {
	f, err := e.genuine(ctx, token, 0)
	if errors.Is(err, errRefresh) {
		return nil
	}
	if err != nil {
		return err
	}
	event := audit.Event{Name: audit.TokenRevoked, Client: known.ID, Account: f.account.ID, Login: f.grant.LoginID, Reason: "refresh_token"}
	if f.grant.ClientID != known.ID {
		event.Name = audit.RefreshMisused
		e.Audit.Record(ctx, event)
		return notYours()
	}
	if err := e.revokeGrant(ctx, f.grant); err != nil {
		return err
	}
	e.Audit.Record(ctx, event)
	return nil
}

func (e *Endpoint) revokeAccess(ctx context.Context, known *client.Client, token string) error {
	claims, err := e.readAccess(token)
	if errors.Is(err, errAccess) {
		return nil
	}
	if err != nil {
		return err
	}
	if claims.Client != known.ID {
		return notYours()
	}
	fact := store.Fact{
		Kind: store.TokenRevoked, ID: claims.ID, At: e.Now().UTC(), Until: time.Unix(claims.Expires, 0).UTC(),
	}
	if err := e.Negatives.Apply(ctx, fact); err != nil {
		return fmt.Errorf("revoke access token: %w", err)
	}
	e.Audit.Record(ctx, audit.Event{Name: audit.TokenRevoked, Client: known.ID, Reason: "access_token"})
	return nil
}

func notYours() *oauth.Error {
	return oauth.InvalidGrant("The token was issued to another client.")
}
