import * as client from 'openid-client'
import { APP_URL, broker, session } from '../website.js'

export async function GET(request) {
  const s = await session()
  if (!s.login) return new Response('this login was begun elsewhere', { status: 400 })
  const { state, nonce, verifier } = s.login
  const came = new URL(APP_URL + '/callback' + new URL(request.url).search)
  try {
    const tokens = await client.authorizationCodeGrant(await broker(), came,
      { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
    const { sub, iss } = tokens.claims()
    delete s.login
    s.person = { sub, iss }
    await s.save()
  } catch (error) {
    console.error('login failed:', error.code ?? error.name)
    return new Response('the login failed; try again', { status: 502 })
  }
  return Response.redirect(APP_URL + '/me')
}
