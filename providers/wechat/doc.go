// Package wechat is WeChat Login for websites: people scan a code with their phone.
// There is no ID token and no PKCE; who came is the openid that /sns/userinfo
// answers for the token that was just redeemed.
//
// It owns the endpoints, the spelling of every request, the codes and the shape of
// the profile. The app's secret and the access token stand in the query of a GET,
// because WeChat takes them nowhere else; that request is made below everything
// that keeps or logs an address. Every answer has status 200 and calls itself
// text/plain: it is read as the JSON that it is. Which app a token belongs to
// cannot be asked; openid is of one app, so another app's token leads to nobody
// known here.
//
// The subject is openid, not unionid, which appears and disappears as apps are
// bound to an account of the open platform. There is never an address. A person
// who says no comes back with the state alone, which tells nothing apart, and is
// unknown.
//
// A healthy token endpoint refuses a code that nobody gave with 40029. Whether 40013
// or another code is given for an app that was suspended is not confirmed.
package wechat
