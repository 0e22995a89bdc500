import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { logCall, openHubLog } from './hub-log.ts'

function logged(write: (log: ReturnType<typeof openHubLog>) => void): { text: string; lines: Record<string, unknown>[] } {
  let text = ''
  const keep = (line: string): void => {
    text += line
  }
  write(openHubLog({ write: keep }))
  const lines = text.split('\n').filter(Boolean)
  return { text, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

describe('the log of a hub', () => {
  test('is one line of JSON an event, with the time and the level in words', () => {
    const { lines } = logged((log) => log.warn('The disk is nearly full'))
    const { time, ...rest } = lines[0]!
    assert.match(String(time), /^\d{4}-\d\d-\d\dT/)
    assert.deepEqual(rest, { level: 'warn', msg: 'The disk is nearly full' })
  })

  test('tells of an error and of what caused it', () => {
    const error = Object.assign(new Error('cannot', { cause: new Error('because') }), { code: 'X', secretField: 'hidden' })
    const { text, lines } = logged((log) => log.error({ err: error }, 'A bug'))
    const { err } = lines[0] as { err: { code: string; message: string; cause: { message: string } } }
    assert.deepEqual([err.code, err.message, err.cause.message], ['X', 'cannot', 'because'])
    assert.doesNotMatch(text, /hidden/)
  })

  test('has of a call only which kind it was, how it went and how long it took', () => {
    const { lines } = logged((log) => {
      logCall(log, { method: 'GET', url: '/v1/files/:id' }, 200, 3.4)
      logCall(log, undefined, 404, 0.1)
    })
    assert.deepEqual(
      lines.map(({ call, status, ms }) => [call, status, ms]),
      [
        ['GET /v1/files/:id', 200, 3],
        ['no such route', 404, 0],
      ],
    )
  })

  test('has no secret in it, wherever it stood', () => {
    const secrets = {
      announceKey: 'Zm9vYmFyYmF6cXV4',
      token: 'k'.repeat(43),
      hash: '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA',
      invite: 'INVITE-CODE-1',
    }
    const { text } = logged((log) => {
      log.error({ err: new Error(`Cannot read http://hub:6880/a/${secrets.announceKey}/announce?info_hash=%00`) })
      log.error({ err: new Error('outer', { cause: new Error(`bearer shoal_s${'0'.repeat(20)}_${secrets.token}`) }) })
      log.info(`/setup?code=${secrets.invite} /rss?apikey=${secrets.token} ${secrets.hash}`)
      log.warn({ row: { password_hash: secrets.hash } })
    })
    for (const secret of Object.values(secrets)) assert.ok(!text.includes(secret), `${secret} is in ${text}`)
    assert.match(text, /\/a\/…\/announce/)
  })
})
