import type { DoorWords } from '@shoal/door/door-words'

export const HUB_WORDS: DoorWords = {
  name: 'hub',
  signIn: 'This hub shows that to its members only: sign in, or send a token',
  log: 'Its operator finds the request id in the log',
}
