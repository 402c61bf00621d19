import { APP_URL, session } from '../website.js'

export async function GET() {
  const { person } = await session()
  return person ? Response.json(person) : Response.redirect(APP_URL + '/login')
}
