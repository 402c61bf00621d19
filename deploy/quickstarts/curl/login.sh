#!/usr/bin/env bash
# A whole login with curl alone: what a website sends, and what its visitor's
# browser does meanwhile.
#
#   BONGSU_ISSUER=http://localhost:8417 BONGSU_CLIENT_ID=demo BONGSU_CLIENT_SECRET=demo-secret bash login.sh kakao minji
set -euo pipefail
way=$1 person=$2
redirect_uri=http://localhost:3000/callback # nobody listens there: the browser stops before it
jar=$(mktemp)
trap 'rm -f "$jar" "$jar.page"' EXIT

# base64url: standard input as unpadded base64url.
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d =; }

# browse ARG…: follows redirects as far as the website and prints the last address.
browse() {
	local next=$1 location
	shift
	while :; do
		case $next in "$redirect_uri"*) break ;; esac
		location=$(curl -sS -b "$jar" -c "$jar" -o "$jar.page" -w '%{redirect_url}' "$@" "$next")
		[ -n "$location" ] || break
		next=$location
		set --
	done
	printf '%s' "$next"
}

# href ID: where the link with that id on the page leads.
href() { sed -n "s/.*<a[^>]*id=\"$1\"[^>]*href=\"\([^\"]*\)\".*/\1/p;s/.*<a[^>]*href=\"\([^\"]*\)\"[^>]*id=\"$1\".*/\1/p" "$jar.page" | head -n 1 | sed 's/&amp;/\&/g'; }

# 1. The website sends the browser to the broker. It keeps state, nonce and verifier.
state=$(openssl rand 16 | base64url) nonce=$(openssl rand 16 | base64url) verifier=$(openssl rand 32 | base64url)
challenge=$(printf '%s' "$verifier" | openssl dgst -sha256 -binary | base64url)
address=$(browse "$BONGSU_ISSUER/authorize?response_type=code&client_id=$BONGSU_CLIENT_ID&redirect_uri=$redirect_uri&scope=openid%20profile&state=$state&nonce=$nonce&code_challenge=$challenge&code_challenge_method=S256&idp_hint=$way")

# 2. The person continues at the (simulated) provider.
address=$(browse "$address&person=$person")
next=$(href continue)
case $next in /*) next=$(printf '%s' "$address" | sed -E 's#^(https?://[^/]+).*#\1#')$next ;; esac
address=$(browse "$next")

# 3. The browser is back at the website, with a code.
query=${address#*\?}
param() { printf '%s' "$query" | tr '&' '\n' | sed -n "s/^$1=//p"; }
[ "$(param state)" = "$state" ] || { echo "no answer of this login: $address" >&2; exit 1; }

# 4. The website's server redeems the code.
tokens=$(curl -sS -u "$BONGSU_CLIENT_ID:$BONGSU_CLIENT_SECRET" -d grant_type=authorization_code -d "code=$(param code)" \
	--data-urlencode "redirect_uri=$redirect_uri" -d "code_verifier=$verifier" "$BONGSU_ISSUER/token")

# 5. Who is it? A library verifies the ID token; userinfo answers by itself.
access=$(printf '%s' "$tokens" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
curl -sS -H "Authorization: Bearer $access" "$BONGSU_ISSUER/userinfo"
