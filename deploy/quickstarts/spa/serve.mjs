// Serves the app's files, and the library as its package has it: nothing is built.
//
//   BONGSU_ISSUER=http://localhost:8417 BONGSU_CLIENT_ID=demo-spa APP_URL=http://localhost:3000 node serve.mjs
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const { BONGSU_ISSUER, BONGSU_CLIENT_ID, APP_URL } = process.env
const read = (file) => readFileSync(new URL(file, import.meta.url))
const script = (content) => ({ type: 'text/javascript', content })
const page = { type: 'text/html; charset=utf-8', content: read('index.html') }
const files = {
  '/': page, '/login': page, '/callback': page,
  '/app.js': script(read('app.js')),
  '/oauth4webapi.js': script(readFileSync(fileURLToPath(import.meta.resolve('oauth4webapi')))),
  '/settings.json': { type: 'application/json', content: JSON.stringify({ issuer: BONGSU_ISSUER, client_id: BONGSU_CLIENT_ID }) },
}

createServer((request, response) => {
  const file = files[new URL(request.url, APP_URL).pathname]
  if (!file) return response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': file.type, 'Cache-Control': 'no-store' }).end(file.content)
}).listen(new URL(APP_URL).port, '127.0.0.1')
