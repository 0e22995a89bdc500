import { spawn } from 'node:child_process'

/** Tells the person at this machine that something has come: a note on the desktop where there is one, and the bell of a terminal. */
export function notify(title: string, text: string): void {
  if (process.stderr.isTTY) process.stderr.write('\x07')
  if (process.platform !== 'linux' || (process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY) === undefined) return
  const child = spawn('notify-send', ['--app-name=Shoal', '--', title, text], { shell: false, stdio: 'ignore' })
  child.once('error', () => {}) // many desktops have none
  child.unref()
}
