package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bongsu/bongsu/broker/health"
)

const (
	maxAnswer     = 4 << 20
	clientTimeout = 30 * time.Second
)

// ErrUnreachable says that nobody answered as a broker's admin listener does:
// nothing is known about the order.
var ErrUnreachable = errors.New("admin: no broker answers")

// Client gives orders to a running node.
type Client struct {
	base       *url.URL
	credential string
	http       *http.Client
}

// NewClient returns a client of the admin listener at base, an http or https
// URL without a path.
func NewClient(base *url.URL, credential string) (*Client, error) {
	if base == nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.Path != "" && base.Path != "/" {
		return nil, errors.New("admin: the address of an admin listener is http:// or https:// with a host, and no path")
	}
	if credential == "" {
		return nil, errors.New("admin: a credential is required")
	}
	return &Client{base: base, credential: credential, http: &http.Client{
		Timeout:       clientTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: clientTimeout},
	}}, nil
}

// do asks and decodes the answer into a T. An error that the broker answered
// with is a [*Problem]; [ErrUnreachable] otherwise.
func do[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var got T
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return got, err
		}
		sent = bytes.NewReader(text)
	}
	target := c.base.Scheme + "://" + c.base.Host + path
	req, err := http.NewRequestWithContext(ctx, method, target, sent)
	if err != nil {
		return got, err
	}
	req.Header.Set("Authorization", "Bearer "+c.credential)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return got, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return got, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return got, decode(answer, text, &got)
}

func decode(answer *http.Response, text []byte, into any) error {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	switch {
	case answer.StatusCode == http.StatusOK && kind == "application/json":
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return nil
	case kind == "application/problem+json":
		p := &Problem{}
		if err := json.Unmarshal(text, p); err != nil || p.Status == 0 {
			return fmt.Errorf("%w: %s", ErrUnreachable, answer.Status)
		}
		return p
	}
	return fmt.Errorf("%w: it says %s; is this the admin address?", ErrUnreachable, answer.Status)
}

// Health returns what the node knows of all providers.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return do[Health](ctx, c, http.MethodGet, "/admin/health", nil)
}

// Explain returns every number behind the verdict on a provider.
func (c *Client) Explain(ctx context.Context, provider string) (health.Explanation, error) {
	return do[health.Explanation](ctx, c, http.MethodGet, "/admin/health/"+url.PathEscape(provider), nil)
}

// Providers returns what operators say about all providers.
func (c *Client) Providers(ctx context.Context) ([]ProviderState, error) {
	return do[[]ProviderState](ctx, c, http.MethodGet, "/admin/providers", nil)
}

// The orders about a provider.
const (
	OrderDisable  = "disable"
	OrderEnable   = "enable"
	OrderRetire   = "retire"
	OrderDistrust = "distrust"
	OrderAdopt    = "adopt"
)

// Order gives one of the orders about a provider.
func (c *Client) Order(ctx context.Context, provider, order string, o Order) (Done, error) {
	return do[Done](ctx, c, http.MethodPost, "/admin/providers/"+url.PathEscape(provider)+"/"+order, o)
}

// TestProvider asks a provider everything that a probe may ask.
func (c *Client) TestProvider(ctx context.Context, provider string) (Tested, error) {
	return do[Tested](ctx, c, http.MethodPost, "/admin/providers/"+url.PathEscape(provider)+"/test", Order{})
}

// SetSecret stores a secret for a provider once the provider took it.
func (c *Client) SetSecret(ctx context.Context, provider string, s Secret) (Tested, error) {
	return do[Tested](ctx, c, http.MethodPut, "/admin/providers/"+url.PathEscape(provider)+"/secret", s)
}

// DropSecret forgets the secret before the one in use, or all that was set.
func (c *Client) DropSecret(ctx context.Context, provider string, d SecretDrop) (Tested, error) {
	return do[Tested](ctx, c, http.MethodDelete, "/admin/providers/"+url.PathEscape(provider)+"/secret", d)
}

// Migrate makes a provider's id stand for another client or issuer. Until the
// answer is done the order is given again.
func (c *Client) Migrate(ctx context.Context, provider string, m Migration) (Migrated, error) {
	return do[Migrated](ctx, c, http.MethodPost, "/admin/providers/"+url.PathEscape(provider)+"/migrate", m)
}

// DeclareOutage declares a provider's outage.
func (c *Client) DeclareOutage(ctx context.Context, provider string, d Declaration) (Outage, error) {
	return do[Outage](ctx, c, http.MethodPut, "/admin/outages/"+url.PathEscape(provider), d)
}

// EndOutage ends a declared outage.
func (c *Client) EndOutage(ctx context.Context, provider string) (Done, error) {
	return do[Done](ctx, c, http.MethodDelete, "/admin/outages/"+url.PathEscape(provider), nil)
}

// Coverage returns who could still come in: of one client or, if client is
// empty, of all together and of each; without one provider or, if without is
// empty, without each.
func (c *Client) Coverage(ctx context.Context, client, without string) ([]Coverage, error) {
	query := url.Values{}
	if client != "" {
		query.Set("client", client)
	}
	if without != "" {
		query.Set("without", without)
	}
	return do[[]Coverage](ctx, c, http.MethodGet, "/admin/coverage?"+query.Encode(), nil)
}

// StartDrill starts a drill.
func (c *Client) StartDrill(ctx context.Context, r DrillRequest) (Drill, error) {
	return do[Drill](ctx, c, http.MethodPost, "/admin/drills", r)
}

// StopDrill stops a drill; an empty id is the one that runs.
func (c *Client) StopDrill(ctx context.Context, id string) (DrillReport, error) {
	if id == "" {
		id = "running"
	}
	return do[DrillReport](ctx, c, http.MethodPost, "/admin/drills/"+url.PathEscape(id)+"/stop", nil)
}

// Drills returns at most limit drills, newest first.
func (c *Client) Drills(ctx context.Context, limit int) ([]Drill, error) {
	return do[[]Drill](ctx, c, http.MethodGet, "/admin/drills?limit="+strconv.Itoa(limit), nil)
}

// DrillReport reports on a drill; an empty id is the latest.
func (c *Client) DrillReport(ctx context.Context, id string) (DrillReport, error) {
	if id == "" {
		id = "latest"
	}
	return do[DrillReport](ctx, c, http.MethodGet, "/admin/drills/"+url.PathEscape(id), nil)
}

// PullLever forbids drills or allows them again.
func (c *Client) PullLever(ctx context.Context, l Lever) (Lever, error) {
	return do[Lever](ctx, c, http.MethodPut, "/admin/lever", l)
}

// Lever tells whether drills are forbidden.
func (c *Client) Lever(ctx context.Context) (Lever, error) {
	return do[Lever](ctx, c, http.MethodGet, "/admin/lever", nil)
}
