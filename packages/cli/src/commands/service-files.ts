import { join } from 'node:path'

/** What runs `shoal daemon start --foreground` when this person signs in. */
export interface ServiceFile {
  readonly path: string
  readonly text: string
  /** Commands that make the system know it, and start it; the words of each. */
  readonly install: readonly (readonly string[])[]
  /** Commands that stop it, and make the system forget it; the file is removed after them. */
  readonly uninstall: readonly (readonly string[])[]
  /** Takes it up again after the file is gone. */
  readonly afterwards: readonly (readonly string[])[]
}

export interface ServiceWorld {
  readonly platform: NodeJS.Platform
  /** Of the person. */
  readonly home: string
  /** The words that start the daemon in the foreground. */
  readonly program: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
}

const NAME = 'shoal'
const LABEL = 'org.shoal.daemon'
/** What the person has set for Shoal counts for the service as well. */
const PASSED = ['SHOAL_HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME'] as const

export function serviceFile(world: ServiceWorld): ServiceFile {
  switch (world.platform) {
    case 'darwin':
      return launchdAgent(world)
    case 'win32':
      return windowsTask(world)
    default:
      return systemdUnit(world)
  }
}

function systemdUnit({ home, program, environment }: ServiceWorld): ServiceFile {
  const path = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'systemd', 'user', `${NAME}.service`)
  const settings = passedOf(environment).map(([name, value]) => `Environment=${systemdWord(`${name}=${value}`)}\n`)
  const text = `[Unit]
Description=Shoal, your peer in the background
After=network-online.target

[Service]
ExecStart=${program.map(systemdWord).join(' ')}
${settings.join('')}Restart=on-failure
RestartSec=5
TimeoutStopSec=15
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`
  const systemctl = (...words: string[]): string[] => ['systemctl', '--user', ...words]
  return {
    path,
    text,
    install: [systemctl('daemon-reload'), systemctl('enable', '--now', `${NAME}.service`)],
    uninstall: [systemctl('disable', '--now', `${NAME}.service`)],
    afterwards: [systemctl('daemon-reload')],
  }
}

/** In quotes, with what systemd would replace doubled. */
function systemdWord(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`
}

function launchdAgent({ home, program, environment }: ServiceWorld): ServiceFile {
  const path = join(home, 'Library', 'LaunchAgents', `${LABEL}.plist`)
  const settings = passedOf(environment).map(([name, value]) => `    <key>${name}</key><string>${xml(value)}</string>\n`)
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${program.map((word) => `    <string>${xml(word)}</string>\n`).join('')}  </array>
  <key>EnvironmentVariables</key>
  <dict>
${settings.join('')}  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key>
  <dict><key>SuccessfulExit</key><false/></dict>
  <key>ExitTimeOut</key><integer>15</integer>
</dict>
</plist>
`
  return {
    path,
    text,
    install: [['launchctl', 'load', '-w', path]],
    uninstall: [['launchctl', 'unload', '-w', path]],
    afterwards: [],
  }
}

/** A task of the person, begun at sign-in; the scheduler reads UTF-16 and UTF-8 alike. */
function windowsTask({ home, program, environment }: ServiceWorld): ServiceFile {
  const path = join(environment.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'shoal', 'shoal-task.xml')
  const [command = '', ...words] = program
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Shoal, your peer in the background</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>10</Count></RestartOnFailure>
  </Settings>
  <Actions>
    <Exec>
      <Command>${xml(command)}</Command>
      <Arguments>${xml(words.map((word) => `"${word}"`).join(' '))}</Arguments>
    </Exec>
  </Actions>
</Task>
`
  return {
    path,
    text,
    install: [
      ['schtasks', '/Create', '/F', '/TN', NAME, '/XML', path],
      ['schtasks', '/Run', '/TN', NAME],
    ],
    uninstall: [
      ['schtasks', '/End', '/TN', NAME],
      ['schtasks', '/Delete', '/F', '/TN', NAME],
    ],
    afterwards: [],
  }
}

function passedOf(environment: ServiceWorld['environment']): [string, string][] {
  return PASSED.flatMap((name) => {
    const value = environment[name]
    return value ? [[name, value] satisfies [string, string]] : []
  })
}

function xml(text: string): string {
  return text.replace(/[<>&"']/g, (each) => `&#${each.charCodeAt(0)};`)
}
