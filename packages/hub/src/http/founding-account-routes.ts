import { NAME_PATTERN } from '@shoal/api/hub-api'
import { invalidField } from '@shoal/door/invalid-field'
import Type from 'typebox'
import type { Accounts } from '../accounts/accounts.ts'
import { type HubRoute, route } from './route.ts'

const FoundingRegistration = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: 40, pattern: NAME_PATTERN }),
    password: Type.String({ minLength: 6, maxLength: 256 }),
    invite: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  },
  { additionalProperties: false },
)

const FoundingLogin = Type.Object(
  { username: Type.String({ minLength: 1, maxLength: 40 }), password: Type.String({ maxLength: 256 }) },
  { additionalProperties: false },
)

const SHORTEST_PASSWORD = 8

/** `POST /register` and `POST /login`, as small programs of courses know them: the same accounts by other words. */
export function foundingAccountRoutes(accounts: Accounts): HubRoute[] {
  return [
    route({
      method: 'POST',
      url: '/register',
      summary: 'Register, as POST /v1/accounts does',
      needs: 'public',
      body: FoundingRegistration,
      reply: Type.Object({ message: Type.String(), username: Type.String() }),
      status: 201,
      isIdempotent: false,
      limit: 'register',
      handle: async ({ body: { username, ...rest }, caller }) => {
        if (rest.invite !== undefined) expectLongEnough(rest.password)
        const { account } = await accounts.registrar.register({ name: username, ...rest }, caller)
        return { message: 'Registered. Log in now', username: account.name }
      },
    }),
    route({
      method: 'POST',
      url: '/login',
      summary: 'Sign in, as POST /v1/sessions does',
      needs: 'public',
      body: FoundingLogin,
      reply: Type.Object({ token: Type.String() }),
      isIdempotent: false,
      limit: 'sign-in',
      handle: async ({ body, caller }) => {
        const { session } = await accounts.signIn.signIn({ name: body.username, password: body.password }, caller)
        return { token: session.token }
      },
    }),
  ]
}

/** Where anybody may register anyway, a short password protects no less, and the six digits of course notes will do. Who is invited needs more. */
function expectLongEnough(password: string): void {
  if (password.length >= SHORTEST_PASSWORD) return
  throw invalidField('password', `A password has at least ${SHORTEST_PASSWORD} characters on this hub`)
}
