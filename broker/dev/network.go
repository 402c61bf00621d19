package dev

import (
	"context"
	"net"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fakeidp/fakenet"
)

// outsideFor bounds connecting to what the simulated network has not: the
// clients of this machine.
const outsideFor = 2 * time.Second

// specs are the simulated providers. Browsers find their pages at the
// switchboard's port; the broker calls them by names and over TLS, through a
// network that the switchboard breaks, as it calls real ones.
func specs() []fakeidp.Spec {
	return []fakeidp.Spec{
		{
			Name: "kakao", PagesBelow: true, URL: "https://kauth.kakao.example",
			Elsewhere: map[fakeidp.Endpoint]string{
				fakeidp.Userinfo: "https://kapi.kakao.example", fakeidp.TokenInfo: "https://kapi.kakao.example",
			},
		},
		{
			Name: "naver", PagesBelow: true, URL: "https://nid.naver.example",
			Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://openapi.naver.example"},
		},
		{
			Name: "google", PagesBelow: true, URL: "https://accounts.google.example",
			Elsewhere: map[fakeidp.Endpoint]string{
				fakeidp.Token: "https://oauth2.googleapis.example", fakeidp.JWKS: "https://www.googleapis.example",
				fakeidp.Userinfo: "https://openidconnect.googleapis.example",
			},
		},
		{Name: "apple", PagesBelow: true, URL: "https://appleid.apple.example"},
	}
}

// buildNetwork opens the network between the broker and the providers.
func (i *Instance) buildNetwork(context.Context) error {
	outside := &net.Dialer{Timeout: outsideFor}
	var err error
	i.network, err = fakenet.Open(fakenet.Options{
		Hosts: fakenet.Upstreams(i.upstreams), Outside: outside.DialContext, HoldFor: i.options.HoldFor,
	})
	if err != nil {
		return err
	}
	i.onStop(i.network.Close)
	return nil
}

// endpointsOf are the URLs of an upstream, by the names that configuration has
// for them.
func endpointsOf(u *fakeidp.Upstream) map[string]string {
	endpoints := map[string]string{}
	for name, e := range map[string]fakeidp.Endpoint{
		"authorize": fakeidp.Authorize, "token": fakeidp.Token, "jwks": fakeidp.JWKS, "userinfo": fakeidp.Userinfo,
	} {
		if address := u.URL(e); address != "" {
			endpoints[name] = address
		}
	}
	return endpoints
}
