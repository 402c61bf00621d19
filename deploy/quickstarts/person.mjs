// The person of the quickstarts and their browser: opens APP/login, chooses a way,
// continues at the simulated provider, and prints what the website then says at
// APP/me.
//
//   node person.mjs APP WAY PERSON
const [app, way, person] = process.argv.slice(2)
const jars = new Map() // host name → Map of cookies
let page = ''
let address = ''

await open(app + '/login')
if (has('way-' + way)) await click('way-' + way)
const chosen = new URL(address)
chosen.searchParams.set('person', person)
await open(chosen)
await click('continue')
if (has('new-account')) await click('new-account')
if (has('return')) await click('return')
await open(app + '/me')
console.log(page.trim())

function has(id) { return page.includes(`id="${id}"`) }

async function open(target, form) {
  let next = new URL(target)
  for (let hops = 0; hops < 20; hops++) {
    address = next.href
    const answer = await ask(next, form)
    page = await answer.text()
    const location = answer.headers.get('location')
    if (!location) {
      if (!answer.ok) throw new Error(`${next.origin}${next.pathname} answered ${answer.status}: ${page.slice(0, 400)}`)
      return
    }
    next = new URL(location, next)
    form = undefined
  }
  throw new Error('too many redirects')
}

async function ask(at, form) {
  if (!jars.has(at.hostname)) jars.set(at.hostname, new Map())
  const jar = jars.get(at.hostname)
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '), accept: 'text/html, */*;q=0.8' }
  if (form) Object.assign(headers, { origin: at.origin, 'sec-fetch-site': 'same-origin' })
  const answer = await fetch(at, { method: form ? 'POST' : 'GET', body: form, headers, redirect: 'manual' })
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
    if (/;\s*max-age=(0|-\d+)/i.test(line) || value === '') jar.delete(name)
    else jar.set(name, value)
  }
  return answer
}

async function click(id) {
  const [control] = new RegExp(`<(a|button)\\b[^>]*\\bid="${id}"[^>]*>`).exec(page) ?? []
  if (!control) throw new Error(`no ${id} at ${address}: ${page.replace(/<[^>]*>/g, ' ').slice(-400)}`)
  const link = attribute(control, 'href')
  if (link !== undefined) return open(new URL(link, address))
  const form = [...page.matchAll(/<form\b[^>]*>.*?<\/form>/gs)].map(([text]) => text).find((text) => text.includes(control))
  const fields = new URLSearchParams()
  for (const [input] of form.matchAll(/<input\b[^>]*>/g)) fields.append(attribute(input, 'name'), attribute(input, 'value') ?? '')
  return open(new URL(attribute(form, 'action'), address), fields)
}

// attribute reads an attribute of the first tag in html.
function attribute(html, name) {
  const found = new RegExp(`^<[^>]*?\\s${name}="([^"]*)"`).exec(html)
  return found?.[1].replace(/&(amp|quot|lt|gt|#(\d+));/g, (_, word, code) =>
    code ? String.fromCodePoint(code) : { amp: '&', quot: '"', lt: '<', gt: '>' }[word])
}
