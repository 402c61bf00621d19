package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

const (
	checkFor   = 15 * time.Second      // an instance that is not ready by then will not be
	checkEvery = 20 * time.Millisecond // providers' metadata are fetched in the background
)

// check walks in front of everybody else until a login would succeed: the
// issuer says who it is and shows keys, the demo website leads through it to
// the page of every provider, where the button is.
func (i *Instance) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	b := browser.New(browser.Options{Timeout: checkFor})
	defer b.Close()
	steps := []func(context.Context, *browser.Browser) error{
		func(ctx context.Context, b *browser.Browser) error { return i.checkIssuer(ctx, b, i.Issuer()) },
	}
	for _, site := range i.sites {
		steps = append(steps, func(ctx context.Context, b *browser.Browser) error { return i.checkIssuer(ctx, b, site.url) })
	}
	for _, name := range i.upstreams.Names() {
		steps = append(steps, func(ctx context.Context, b *browser.Browser) error { return i.checkWay(ctx, b, name) })
	}
	for _, step := range steps {
		for {
			err := step(ctx, b)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("check that a login would succeed: %w", err)
			case failed := <-i.failed:
				return failed
			case <-time.After(checkEvery):
			}
		}
	}
	return nil
}

// checkIssuer asks at an address whether the issuer is there, and for its keys.
func (i *Instance) checkIssuer(ctx context.Context, b *browser.Browser, at string) error {
	var discovery struct {
		Issuer string `json:"issuer"`
	}
	if err := read(ctx, b, at+"/.well-known/openid-configuration", &discovery); err != nil {
		return err
	}
	if discovery.Issuer != i.Issuer() {
		return errors.New("the issuer calls itself something else")
	}
	var keys struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := read(ctx, b, at+"/jwks", &keys); err != nil {
		return err
	}
	if len(keys.Keys) == 0 {
		return errors.New("the issuer shows no keys")
	}
	return nil
}

// checkWay goes from the demo website to the provider's page.
func (i *Instance) checkWay(ctx context.Context, b *browser.Browser, name string) error {
	page, err := b.Open(ctx, i.Demo()+"/login?"+url.Values{"idp_hint": {name}}.Encode())
	if err != nil {
		return fmt.Errorf("provider %s: %w", name, err)
	}
	if page.Status != http.StatusOK || !page.Has("continue") {
		return fmt.Errorf("provider %s: no login page there (status %d at %s)", name, page.Status, page.URL.Host)
	}
	return nil
}

func read(ctx context.Context, b *browser.Browser, address string, into any) error {
	page, err := b.Open(ctx, address)
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK {
		return fmt.Errorf("%s answered %d", page.URL.Path, page.Status)
	}
	if err := json.Unmarshal(page.Body, into); err != nil {
		return fmt.Errorf("%s: %w", page.URL.Path, err)
	}
	return nil
}
