// A website with Express and express-openid-connect.
//
//   BONGSU_ISSUER=http://localhost:8417 BONGSU_CLIENT_ID=demo BONGSU_CLIENT_SECRET=demo-secret \
//   APP_URL=http://localhost:3000 SESSION_SECRET=… node server.mjs
import express from 'express'
import oidc from 'express-openid-connect'

const { auth, requiresAuth } = oidc

const { BONGSU_ISSUER, BONGSU_CLIENT_ID, BONGSU_CLIENT_SECRET, APP_URL, SESSION_SECRET } = process.env

const app = express()
app.use(auth({
  issuerBaseURL: BONGSU_ISSUER, baseURL: APP_URL, clientID: BONGSU_CLIENT_ID, clientSecret: BONGSU_CLIENT_SECRET,
  secret: SESSION_SECRET, authRequired: false,
  authorizationParams: { response_type: 'code', scope: 'openid profile' },
}))
app.get('/', (req, res) => res.send('<a id="login" href="/login">로그인</a>'))
app.get('/me', requiresAuth(), (req, res) => res.json({ sub: req.oidc.user.sub, iss: req.oidc.user.iss }))
app.listen(new URL(APP_URL).port, '127.0.0.1')
