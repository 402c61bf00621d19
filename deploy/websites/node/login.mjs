// A website that logs a person in with openid-client, as the README shows it,
// and the browser that this person would use.
//
//   node login.mjs ISSUER WAY PERSON
//
// It is the public client "demo-spa" and prints what the website learned as one
// line of JSON: sub, name, way and the issuer that answered.
import * as client from 'openid-client'

const [issuer, way, person] = process.argv.slice(2)
const redirect_uri = 'http://127.0.0.1/callback' // nobody listens there: the browser below stops before it

const config = await client.discovery(new URL(issuer), 'demo-spa', undefined, client.None(),
  { execute: [client.allowInsecureRequests] }) // dev speaks http on loopback; leave it out in production

// at the login button; keep the three in the browser's session:
const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()]
const url = client.buildAuthorizationUrl(config, {
  redirect_uri, scope: 'openid profile', state, nonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' })

const callbackURL = await signIn(url)

// at redirect_uri, with the address the browser came to:
const tokens = await client.authorizationCodeGrant(config, new URL(callbackURL),
  { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
const { sub } = tokens.claims()
const profile = await client.fetchUserInfo(config, tokens.access_token, sub)

console.log(JSON.stringify({ sub, name: profile.name, way: tokens.claims().bongsu_way, iss: tokens.claims().iss }))

// signIn walks the person from the website to the website: to the menu, to the
// provider, over the question whether they are new, and back.
async function signIn(start) {
  const browser = new Browser(redirect_uri)
  await browser.open(start)
  await browser.click('way-' + way)
  const chosen = new URL(browser.address)
  chosen.searchParams.set('person', person)
  await browser.open(chosen)
  await browser.click('continue')
  if (!browser.arrived && browser.has('new-account')) await browser.click('new-account')
  if (!browser.arrived) await browser.click('return')
  return browser.address
}

// Browser is as much of a browser as a login needs: cookies by host, redirects,
// and links and buttons found by id. There is no URL of the broker in it.
function Browser(home) {
  const jars = new Map() // host name → Map of cookies
  let page = ''

  this.address = ''
  this.arrived = false // at the website's redirect URI: what it was sent is in address
  this.has = (id) => page.includes(`id="${id}"`)

  this.open = async (target, form) => {
    let next = new URL(target)
    for (let hops = 0; hops < 20; hops++) {
      this.address = next.href
      this.arrived = next.href.startsWith(home)
      if (this.arrived) return
      const answer = await this.ask(next, form)
      page = await answer.text()
      const location = answer.headers.get('location')
      if (!location) {
        if (!answer.ok) throw new Error(`${next.pathname} answered ${answer.status}`)
        return
      }
      next = new URL(location, next)
      form = undefined // every redirect here is a 302 or 303: it turns to GET
    }
    throw new Error('too many redirects')
  }

  this.ask = async (at, form) => {
    if (!jars.has(at.hostname)) jars.set(at.hostname, new Map())
    const jar = jars.get(at.hostname)
    const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }
    if (form) Object.assign(headers, { origin: at.origin, 'sec-fetch-site': 'same-origin' })
    const answer = await fetch(at, { method: form ? 'POST' : 'GET', body: form, headers, redirect: 'manual' })
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      if (/;\s*max-age=(0|-\d+)/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  this.click = async (id) => {
    const [control] = new RegExp(`<(a|button)\\b[^>]*\\bid="${id}"[^>]*>`).exec(page) ?? []
    if (!control) throw new Error(`no ${id} at ${this.address}: ${page.replace(/<[^>]*>/g, ' ').slice(-400)}`)
    const link = attribute(control, 'href')
    if (link !== undefined) return this.open(new URL(link, this.address))
    const form = [...page.matchAll(/<form\b[^>]*>.*?<\/form>/gs)].map(([text]) => text).find((text) => text.includes(control))
    const fields = new URLSearchParams()
    for (const [input] of form.matchAll(/<input\b[^>]*>/g)) fields.append(attribute(input, 'name'), attribute(input, 'value') ?? '')
    return this.open(new URL(attribute(form, 'action'), this.address), fields)
  }
}

// attribute reads an attribute of the first tag in html.
function attribute(html, name) {
  const found = new RegExp(`^<[^>]*?\\s${name}="([^"]*)"`).exec(html)
  return found?.[1].replace(/&(amp|quot|lt|gt|#(\d+));/g, (_, word, code) =>
    code ? String.fromCodePoint(code) : { amp: '&', quot: '"', lt: '<', gt: '>' }[word])
}
