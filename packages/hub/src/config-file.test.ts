import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { resolveHubConfig } from './config.ts'
import { type ConfigSources, readHubConfig } from './config-file.ts'
import { configReport } from './config-report.ts'
import { environmentNameOf, flagOf, HUB_SETTINGS, SETTING_KEYS } from './config-settings.ts'
import { nearestName } from './nearest-name.ts'
import { defaultStateDirectory } from './state-directory.ts'

function fileWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'hub.toml')
  writeFileSync(file, text)
  return file
}

const read = (sources: Partial<ConfigSources> = {}) => readHubConfig({ environment: {}, ...sources })

function sourceOf(sources: Partial<ConfigSources>, key: string): string | undefined {
  return read(sources).settings.find((setting) => setting.key === key)?.from
}

describe('readHubConfig', () => {
  test('without anything gives what a hub has by default, kept where the platform keeps such things', () => {
    const { config } = read()
    assert.deepEqual(config, resolveHubConfig({ stateDirectory: defaultStateDirectory({}) }))
    assert.deepEqual(resolveHubConfig(config), config)
  })

  test('lets the environment overrule the file, and flags both', (t) => {
    const file = fileWith(t, 'port = 1001\n[tracker]\ninterval = "10min"\npeers = 30\n')
    const environment = { SHOAL_HUB_PORT: '1002', SHOAL_HUB_TRACKER_INTERVAL: '20min' }
    const { config } = read({ file, environment, flags: { port: '1003' } })
    assert.deepEqual([config.port, config.tracker.intervalSeconds, config.tracker.defaultNumWant], [1003, 1_200, 30])
    const from = (key: string) => sourceOf({ file, environment, flags: { port: '1003' } }, key)
    assert.deepEqual(
      [from('port'), from('tracker.interval'), from('tracker.peers'), from('host')],
      ['--port', 'SHOAL_HUB_TRACKER_INTERVAL', file, 'default'],
    )
  })

  test('takes the file that the environment names', (t) => {
    const file = fileWith(t, 'name = "Lớp học 教室"')
    assert.equal(read({ environment: { SHOAL_HUB_CONFIG: file } }).config.settings.name, 'Lớp học 教室')
  })

  test('reads paths relative to the file that they stand in', (t) => {
    const file = fileWith(t, 'state = "data"\n[tls]\ncertificate = "/etc/tls/a.pem"\nkey = "a.key"\n')
    const { config } = read({ file })
    assert.equal(config.stateDirectory, join(file, '..', 'data'))
    assert.deepEqual(config.tls, { certificate: '/etc/tls/a.pem', key: join(file, '..', 'a.key') })
  })

  test('refuses what it does not know, and says what was probably meant', (t) => {
    const file = fileWith(t, 'prot = 1\n[trackr]\ninterval = "1min"\n[tracker]\nintervall = "1min"\nzebra = 1\n')
    assert.throws(
      () => read({ file, environment: { SHOAL_HUB_PROT: '1' } }),
      (error: Error) => {
        assert.match(error.message, /no setting prot\. Did you mean port\?/)
        assert.match(error.message, /no setting tracker\.intervall\. Did you mean tracker\.interval\?/)
        assert.match(error.message, /no setting tracker\.zebra \(/)
        assert.match(error.message, /no setting trackr\. Did you mean tracker\?/)
        assert.match(error.message, /SHOAL_HUB_PROT\. Did you mean SHOAL_HUB_PORT\?/)
        return true
      },
    )
    // a variable of another part of Shoal
    assert.doesNotThrow(() =>
      read({ environment: { SHOAL_HUB_BOOKMARKS: 'x', SHOAL_HUB_TOKEN: 'x', SHOAL_HUB_URL: 'x', SHOAL_HOME: '/tmp/x', SHOAL_HUB: 'y' } }),
    )
  })

  test('refuses values that break their rule, with the rule and where they stand', (t) => {
    const bad: [string, RegExp][] = [
      ['port = 70000', /port = "70000" \(.*hub\.toml\): it is a whole number, from 0 to 65535/],
      ['port = -1', /whole number/],
      ['port = "80.5"', /whole number/],
      ['host = ""', /an address or a name/],
      ['host = "http://x/"', /an address or a name/],
      ['public-url = "class.example"', /like https:\/\/class\.example/],
      ['public-url = "ftp://class.example"', /like https/],
      ['public-url = "https://me:secret@class.example"', /like https/],
      ['open = "maybe"', /true or false/],
      ['registration = "sometimes"', /one of auto, open, invite, closed/],
      ['trusted-proxies = ["10.0.0.0/33"]', /"10\.0\.0\.0\/33" is no network/],
      ['trusted-proxies = ["proxy.example"]', /no network/],
      ['allowed-hosts = ["http://a"]', /no name/],
      ['[tracker]\npublic-addresses = ["192.0.2.0/24"]', /no address like/],
      [`name = "${'x'.repeat(61)}"`, /at most 60/],
      ['[tracker]\ninterval = 30', /a duration with its unit, like 90s, 30min, 12h or 7d, from 1s to 24h/],
      ['[tracker]\ninterval = "2d"', /from 1s to 24h/],
      ['[tracker]\ninterval = "30 parsecs"', /a duration/],
      ['[checks]\nfree-space = "512"', /a size with its unit/],
      ['[tls]\nkey = "a.pem"', /set both, or none/],
      ['[tracker]\npeers = 100\nmost-peers = 50', /defaultNumWant/],
      ['port = ', /not TOML/],
    ]
    for (const [text, said] of bad) {
      assert.throws(() => read({ file: fileWith(t, text) }), { name: 'HubError', code: 'OPTION_INVALID', message: said }, text)
    }
    assert.throws(() => read({ file: '/nowhere/hub.toml' }), { code: 'OPTION_INVALID', message: /no such file/ })
  })

  test('reads units as people write them', (t) => {
    const durations = { '90s': 90, '1.5h': 5_400, '30 min': 1_800, '1H': 3_600 }
    for (const [text, seconds] of Object.entries(durations)) {
      assert.equal(read({ flags: { 'tracker.interval': text } }).config.tracker.intervalSeconds, seconds, text)
    }
    const sizes = { '10MiB': 10 * 2 ** 20, '10 mb': 10_000_000, '0': 0, '1.5KiB': 1_536, '7B': 7 }
    for (const [text, bytes] of Object.entries(sizes)) {
      assert.equal(read({ flags: { 'checks.free-space': text } }).config.freeSpaceBytes, bytes, text)
    }
    const file = fileWith(t, 'trusted-proxies = ["127.0.0.1", "2001:db8::/32"]\nopen = true')
    const { config } = read({ file })
    assert.deepEqual([config.trustedProxies, config.tracker.trustedProxies], Array(2).fill(['127.0.0.1', '2001:db8::/32']))
    assert.deepEqual(read({ environment: { SHOAL_HUB_TRUSTED_PROXIES: '10.0.0.0/8, ::1' } }).config.trustedProxies, ['10.0.0.0/8', '::1'])
  })
})

describe('who may use a hub that nobody has set up', () => {
  const visitors = (flags: ConfigSources['flags']) => read({ flags: flags! }).config.settings.visitors

  test('is everybody on its machine, as long as nothing else can reach it', () => {
    assert.equal(visitors({}), 'member')
    assert.equal(visitors({ host: '127.0.0.2' }), 'member')
    assert.equal(visitors({ host: '::1' }), 'member')
    assert.equal(visitors({ host: '127.evil.example' }), 'none')
    assert.equal(read().config.letsInOnlyItsMachine, true)
    assert.equal(read({ flags: { open: true } }).config.letsInOnlyItsMachine, false)
    assert.equal(read({ flags: { host: '0.0.0.0' } }).config.letsInOnlyItsMachine, false)
  })

  test('is members only where a network can reach it, directly or through a proxy', () => {
    assert.equal(visitors({ host: '0.0.0.0' }), 'none')
    assert.equal(visitors({ host: '::' }), 'none')
    assert.equal(visitors({ 'public-url': 'https://class.example' }), 'none')
    assert.equal(visitors({ 'trusted-proxies': '127.0.0.1' }), 'none')
  })

  test('is everybody who reaches it, where its owner says so', () => {
    assert.equal(visitors({ host: '0.0.0.0', open: true }), 'member')
    assert.equal(visitors({ host: '0.0.0.0', open: 'no' }), 'none')
  })
})

describe('configReport', () => {
  test('is a configuration file that says the same, with where each line came from', (t) => {
    const flags = { host: '0.0.0.0', 'trusted-proxies': '10.0.0.0/8,::1', 'tracker.interval': '5400s', 'checks.free-space': '1024MiB' }
    const first = read({ flags, environment: { SHOAL_HUB_NAME: 'a "b" \\ # c', SHOAL_HOME: '/srv/shoal' } })
    const text = configReport(first.settings)
    assert.match(text, /^host = "0\.0\.0\.0" +# --host$/m)
    assert.match(text, /^port = 6880 +# default$/m)
    assert.match(text, /^# public-url = "" +# default$/m)
    assert.match(text, /^interval = "90min" +# --tracker-interval$/m)
    assert.match(text, /^free-space = "1GiB"/m)
    const again = read({ file: fileWith(t, text) })
    assert.deepEqual(again.config, first.config)
  })
})

describe('the settings', () => {
  test('have names that are one in the file, the environment and on the command line', () => {
    assert.equal(environmentNameOf('tracker.min-interval'), 'SHOAL_HUB_TRACKER_MIN_INTERVAL')
    assert.equal(flagOf('tracker.min-interval'), 'tracker-min-interval')
    assert.equal(new Set(SETTING_KEYS.map(flagOf)).size, SETTING_KEYS.length)
    assert.equal(new Set(SETTING_KEYS.map(environmentNameOf)).size, SETTING_KEYS.length)
  })

  test('have defaults that obey their own rules, and reasons', () => {
    for (const { settings } of [read()]) assert.equal(settings.length, SETTING_KEYS.length)
    for (const key of SETTING_KEYS) assert.ok(HUB_SETTINGS[key].because.length > 0, key)
  })
})

describe('nearestName', () => {
  test('is the one with the fewest slips, if they are few', () => {
    assert.equal(nearestName('prot', ['host', 'port', 'name']), 'port')
    assert.equal(nearestName('x', ['host', 'port']), undefined)
    assert.equal(nearestName('completely-different', ['host', 'port']), undefined)
  })
})

describe('defaultStateDirectory', () => {
  test('follows SHOAL_HOME, then the platform', () => {
    assert.equal(defaultStateDirectory({ SHOAL_HOME: '/srv/shoal' }), '/srv/shoal/hub')
    assert.equal(defaultStateDirectory({ XDG_DATA_HOME: '/x' }, 'linux', '/home/an'), '/x/shoal/hub')
    assert.equal(defaultStateDirectory({}, 'linux', '/home/an'), '/home/an/.local/share/shoal/hub')
    assert.equal(defaultStateDirectory({}, 'darwin', '/Users/an'), '/Users/an/Library/Application Support/shoal/hub')
    assert.match(defaultStateDirectory({}, 'win32', 'C:\\Users\\an'), /AppData.Local.shoal.Data.hub$/)
  })
})
