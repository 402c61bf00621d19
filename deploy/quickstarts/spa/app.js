// An app that is all in the browser, with oauth4webapi: a public client, that
// proves by PKCE alone that the code is its own. Its tokens live in memory and end
// with the page; the broker's session logs the person in again without a question.
import * as oauth from 'oauth4webapi'

const settings = await (await fetch('/settings.json')).json()
const issuer = new URL(settings.issuer)
const client = { client_id: settings.client_id }
const redirect_uri = location.origin + '/callback'
// dev speaks http on loopback; leave it out in production
const insecure = { [oauth.allowInsecureRequests]: issuer.protocol === 'http:' }

const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
const button = document.getElementById('login')
button.addEventListener('click', login)

if (location.pathname === '/callback') await callback()
else button.hidden = false

async function login() {
  const begun = { state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(), verifier: oauth.generateRandomCodeVerifier() }
  sessionStorage.setItem('login', JSON.stringify(begun))
  const to = new URL(server.authorization_endpoint)
  to.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri, response_type: 'code', scope: 'openid profile', state: begun.state, nonce: begun.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier), code_challenge_method: 'S256',
  })
  location.assign(to)
}

async function callback() {
  const begun = JSON.parse(sessionStorage.getItem('login') ?? '{}')
  sessionStorage.removeItem('login')
  const came = new URL(location.href)
  history.replaceState(null, '', '/') // the code stays in no history
  try {
    const answer = oauth.validateAuthResponse(server, client, came, begun.state ?? oauth.expectNoState)
    const response = await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), answer, redirect_uri, begun.verifier, insecure)
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response,
      { expectedNonce: begun.nonce, requireIdToken: true })
    const { sub, iss } = oauth.getValidatedIdTokenClaims(tokens)
    document.getElementById('me').textContent = JSON.stringify({ sub, iss })
  } catch (error) {
    console.error('login failed:', error.message)
    document.getElementById('me').textContent = 'the login failed; try again'
    button.hidden = false
  }
}
