import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serviceFile } from './service-files.ts'

const PROGRAM = ['/opt/no de/bin/node', '/opt/sh"oal/50%$x.js', 'daemon', 'start', '--foreground']

describe('serviceFile', () => {
  test('is a unit of the person, with every word as it is', () => {
    const { path, text } = serviceFile({ platform: 'linux', home: '/home/an', program: PROGRAM, environment: { SHOAL_HOME: '/data/a b' } })
    assert.equal(path, '/home/an/.config/systemd/user/shoal.service')
    assert.ok(text.includes('ExecStart="/opt/no de/bin/node" "/opt/sh\\"oal/50%%$$x.js" "daemon" "start" "--foreground"\n'), text)
    assert.ok(text.includes('Environment="SHOAL_HOME=/data/a b"\n'))
  })

  test('is an agent on macOS, and a task on Windows, that are XML whatever the folders are called', () => {
    const program = ['/opt/<&">/node', 'daemon']
    const agent = serviceFile({ platform: 'darwin', home: '/Users/an', program, environment: {} })
    assert.equal(agent.path, '/Users/an/Library/LaunchAgents/org.shoal.daemon.plist')
    assert.ok(agent.text.includes('<string>/opt/&#60;&#38;&#34;&#62;/node</string>'))
    const task = serviceFile({ platform: 'win32', home: 'C:\\Users\\an', program, environment: {} })
    assert.ok(task.text.includes('<Command>/opt/&#60;&#38;&#34;&#62;/node</Command>'))
    assert.deepEqual(task.install[0]?.slice(0, 4), ['schtasks', '/Create', '/F', '/TN'])
  })
})
