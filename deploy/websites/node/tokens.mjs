// What a website's server does with its tokens later, with openid-client: ask
// whether they hold, use the refresh token, and revoke what is left.
//
//   node tokens.mjs ISSUER CLIENT_ID ACCESS_TOKEN < lines of client secret and refresh token
//
// It prints what it learned as one line of JSON.
import { readFileSync } from 'node:fs'
import * as client from 'openid-client'

const [issuer, id, access] = process.argv.slice(2)
const [secret, refresh] = readFileSync(0, 'utf8').split('\n') // secrets are no arguments: others see those

const config = await client.discovery(new URL(issuer), id, secret, undefined, { execute: [client.allowInsecureRequests] })

const before = await client.tokenIntrospection(config, access)
const tokens = await client.refreshTokenGrant(config, refresh)
const { sub, auth_time, nonce } = tokens.claims()
const profile = await client.fetchUserInfo(config, tokens.access_token, sub)
const between = await client.tokenIntrospection(config, tokens.refresh_token)
await client.tokenRevocation(config, tokens.refresh_token)
const after = await client.tokenIntrospection(config, tokens.access_token)
const refused = await client.refreshTokenGrant(config, tokens.refresh_token).catch((error) => error.error)

console.log(JSON.stringify({
  sub, auth_time, nonce: nonce ?? '', name: profile.name, scope: before.scope,
  before: before.active, between: between.active, after: after.active, refused }))
