package broker_test

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/dev"
)

// A person links a second way, comes in by it as the same person, and takes the
// first one away.
func testLinking(t *testing.T, c *chrome, i *dev.Instance) {
	b, other := c.tab(t, "ko"), c.tab(t, "ko")
	b.signIn(i, "kakao", "linker")
	first := b.text("claim-sub")
	other.signIn(i, "kakao", "linker")
	b.open(i.Issuer() + "/account")
	b.read("로그인 길 1개")
	b.read("카카오 로그인이 멈추면 들어올 수 없어요.")
	if b.has("unlink-kakao") {
		t.Error("the only way in can be removed")
	}

	b.click("link-google")
	b.read("Google 로그인 연결")
	b.prove("google", "linker-at-google")
	b.read("카카오 로그인과 Google 로그인을 연결할까요?")
	b.back() // from the question, to where the identity was proven
	b.open(i.Issuer() + "/account")
	b.click("link-google")
	b.prove("google", "linker-at-google")
	b.click("link")
	b.read("Google 로그인을 연결했어요.")
	b.read("로그인 길 2개")
	other.open(i.Issuer() + "/account")
	other.read("로그인이 필요해요")

	b.signIn(i, "google", "linker-at-google")
	if got := b.text("claim-sub"); got != first || first == "" {
		t.Errorf("sub is %q by Kakao and %q by Google", first, got)
	}
	b.open(i.Issuer() + "/account")
	b.click("unlink-kakao")
	b.read("카카오 연결을 끊을까요?")
	b.read("남는 로그인 길: Google 1개")
	b.click("keep")
	b.click("unlink-kakao")
	b.click("unlink")
	b.read("카카오 연결을 끊었어요.")
	b.read("로그인 길 1개")
	b.begin(i)
	b.prove("kakao", "linker")
	b.read("이 카카오 계정은 처음이에요")
}

// The account page itself is a place to sign in to.
func testAccountAlone(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "en")
	b.open(i.Issuer() + "/account")
	b.click("sign-in")
	b.read("Sign in to My account")
	b.prove("kakao", "minji")
	b.see("unlink-naver")
	if at := b.address(); at != i.Issuer()+"/account" {
		t.Errorf("signed in at %s", at)
	}
	b.speak("ja")
	b.read("ログイン方法 2つ")
	b.click("unlink-kakao") // by which this session was made
	b.read("まず、ご本人か確認します")
	b.click("cancel")
	b.see("unlink-kakao")
}

// Somebody new at Google is not so new: they prove who they were, and go on as
// the same person by both.
func testExistingAccount(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.signIn(i, "kakao", "earlier")
	before := b.text("claim-sub")
	b.begin(i)
	b.prove("google", "earlier-at-google")
	b.see("new-account")
	b.click("existing-account")
	b.read("원래 쓰던 방법으로 로그인해 주세요.")
	b.back()
	b.see("new-account")
	b.click("existing-account")
	b.click("not-existing")
	b.see("new-account")
	b.click("existing-account")
	b.prove("naver", "earlier-at-naver")
	b.read("이 네이버 계정도 처음이에요.")
	b.prove("kakao", "earlier")
	b.read("카카오 로그인과 Google 로그인을 연결할까요?")
	if page := b.where(); !strings.Contains(page, "연결하지 않고 로그인") {
		t.Errorf("no way on without linking: %s", page)
	}
	b.press("link") // leads over the terminal page
	b.see("greeting")
	if got := b.text("claim-sub"); got != before || got == "" {
		t.Errorf("sub was %q and is %q", before, got)
	}
	b.signIn(i, "google", "earlier-at-google")
	if got := b.text("claim-sub"); got != before {
		t.Errorf("by the new way sub is %q, not %q", got, before)
	}
}

// scenesOfLinking walks past the pages about ways in and their questions.
func (b *tab) scenesOfLinking(i *dev.Instance, person string, look func(string)) {
	b.t.Helper()
	b.open(i.Issuer() + "/account")
	look("account")
	b.click("link-naver")
	look("link-prove")
	b.prove("naver", person)
	b.see("link")
	look("link-confirm")
	b.click("link")
	look("account-linked")
	b.click("unlink-google") // by which the session was made
	look("unlink-prove")
	b.prove("naver", person)
	b.see("unlink")
	look("unlink-confirm")
	b.click("keep")
	b.see("link-kakao")
	b.click("link-kakao")
	b.prove("kakao", "solo")
	b.see("onward")
	look("link-taken")
}
