import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'

/** Asks in a process of its own, because PATH and the switch are the environment's. */
function ask(environment: Readonly<Record<string, string>>): { output: string; status: number | null } {
  const script = `import { needs } from ${JSON.stringify(join(import.meta.dirname, 'requirement.ts'))}; console.log(needs('aria2c'))`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env: environment })
  return { output: child.stdout + child.stderr, status: child.status }
}

describe('needs', () => {
  test('gives the reason to skip, with what to install', () => {
    assert.equal(ask({ PATH: '/nowhere' }).output, 'aria2c is missing (apt install aria2)\n')
  })

  test('fails where everything was promised', () => {
    const { output, status } = ask({ PATH: '/nowhere', SHOAL_TEST_ALL: '1' })
    assert.notEqual(status, 0)
    assert.match(output, /SHOAL_TEST_ALL=1, but aria2c is missing/)
  })
})
