import * as client from 'openid-client'
import { APP_URL, broker, session } from '../website.js'

export const dynamic = 'force-dynamic'

export async function GET() {
  const login = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
  const s = await session()
  s.login = login
  await s.save()
  return Response.redirect(client.buildAuthorizationUrl(await broker(), {
    redirect_uri: APP_URL + '/callback', scope: 'openid profile', state: login.state, nonce: login.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(login.verifier), code_challenge_method: 'S256',
  }))
}
