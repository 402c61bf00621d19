package admin

import (
	"context"
	"net/http"
	"net/url"
)

// Clients lists the registered websites.
func (c *Client) Clients(ctx context.Context) ([]ClientState, error) {
	return do[[]ClientState](ctx, c, http.MethodGet, "/admin/clients", nil)
}

// ShowClient shows one of them.
func (c *Client) ShowClient(ctx context.Context, id string) (ClientState, error) {
	return do[ClientState](ctx, c, http.MethodGet, "/admin/clients/"+url.PathEscape(id), nil)
}

// AddClient registers a website.
func (c *Client) AddClient(ctx context.Context, r Registration) (Registered, error) {
	return do[Registered](ctx, c, http.MethodPost, "/admin/clients", r)
}

// ReplaceClient registers a website otherwise.
func (c *Client) ReplaceClient(ctx context.Context, id string, r Registration) (Registered, error) {
	return do[Registered](ctx, c, http.MethodPut, "/admin/clients/"+url.PathEscape(id), r)
}

// RemoveClient takes a website's registration away.
func (c *Client) RemoveClient(ctx context.Context, id string, o ClientOrder) (Registered, error) {
	return do[Registered](ctx, c, http.MethodPost, "/admin/clients/"+url.PathEscape(id)+"/remove", o)
}

// AddClientSecret makes one more secret for a website.
func (c *Client) AddClientSecret(ctx context.Context, id string, o ClientOrder) (Registered, error) {
	return do[Registered](ctx, c, http.MethodPost, "/admin/clients/"+url.PathEscape(id)+"/secrets", o)
}

// DropClientSecret takes one of a website's secrets away.
func (c *Client) DropClientSecret(ctx context.Context, id, secret string, o ClientOrder) (Registered, error) {
	return do[Registered](ctx, c, http.MethodPost, "/admin/clients/"+url.PathEscape(id)+"/secrets/"+url.PathEscape(secret)+"/drop", o)
}

// FindAccount shows the account that is meant.
func (c *Client) FindAccount(ctx context.Context, q AccountQuery) (Account, error) {
	return do[Account](ctx, c, http.MethodPost, "/admin/accounts/find", q)
}

// The orders about an account.
const (
	AccountDisable = "disable"
	AccountEnable  = "enable"
	AccountDelete  = "delete"
	AccountSignOut = "sessions/end"
)

// OrderAccount gives one of the orders about an account.
func (c *Client) OrderAccount(ctx context.Context, account, order string, o PersonOrder) (AccountDone, error) {
	return do[AccountDone](ctx, c, http.MethodPost, "/admin/accounts/"+url.PathEscape(account)+"/"+order, o)
}

// Sessions lists what is known of an account's sessions.
func (c *Client) Sessions(ctx context.Context, account string) ([]Session, error) {
	return do[[]Session](ctx, c, http.MethodGet, "/admin/accounts/"+url.PathEscape(account)+"/sessions", nil)
}

// RevokeSession ends a session.
func (c *Client) RevokeSession(ctx context.Context, sid string, o PersonOrder) (AccountDone, error) {
	return do[AccountDone](ctx, c, http.MethodPost, "/admin/sessions/"+url.PathEscape(sid)+"/revoke", o)
}
