// What the routes share: the broker as openid-client knows it, and what the
// website remembers of a browser, sealed in its cookie.
//
//   BONGSU_ISSUER=http://localhost:8417 BONGSU_CLIENT_ID=demo BONGSU_CLIENT_SECRET=demo-secret \
//   APP_URL=http://localhost:3000 SESSION_SECRET=… npx next start
import { cookies } from 'next/headers'
import { getIronSession } from 'iron-session'
import * as client from 'openid-client'

export const { APP_URL } = process.env

let found // of the discovery, kept once it succeeded

export async function broker() {
  const { BONGSU_ISSUER, BONGSU_CLIENT_ID, BONGSU_CLIENT_SECRET } = process.env
  // dev speaks http on loopback; in production there is nothing to execute
  const execute = BONGSU_ISSUER.startsWith('http://localhost:') ? [client.allowInsecureRequests] : []
  found ??= await client.discovery(new URL(BONGSU_ISSUER), BONGSU_CLIENT_ID, BONGSU_CLIENT_SECRET, undefined, { execute })
  return found
}

export async function session() {
  return getIronSession(await cookies(), {
    cookieName: 'quickstart', password: process.env.SESSION_SECRET,
    cookieOptions: { httpOnly: true, sameSite: 'lax', secure: APP_URL.startsWith('https://') },
  })
}
