import { EngineError, type EngineErrorCode } from '../base/errors.ts'

/** What Node puts on the errors of the operating system. */
interface SystemError {
  readonly code?: string
  readonly message: string
}

/** `doing` continues "Cannot …": `read`, `write to`. The path is quoted as it came: whoever shows it cleans it. */
export function diskError(thrown: unknown, doing: string, path: string): EngineError {
  if (thrown instanceof EngineError) return thrown
  const { code = '', message } = thrown as SystemError
  const cannot = `Cannot ${doing} "${path}"`
  const wrap = (engineCode: EngineErrorCode, text: string): EngineError =>
    new EngineError(engineCode, `${cannot}: ${text}`, { cause: thrown })
  switch (code) {
    case 'ENOSPC':
      return wrap('DISK_FULL', 'the disk is full. Free some space, or choose another folder.')
    case 'EDQUOT':
      return wrap('DISK_FULL', 'your disk quota is used up. Free some space, or ask for more.')
    case 'EFBIG':
      return wrap('DISK_FULL', 'the file would be larger than this disk allows. Choose a folder on another disk.')
    case 'EROFS':
      return wrap('NOT_WRITABLE', 'the disk is read-only. Choose another folder, or mount it writable.')
    case 'EACCES':
    case 'EPERM':
      return doing === 'read' || doing === 'look at'
        ? wrap('NOT_READABLE', 'permission denied. Give this user the right to read it.')
        : wrap('NOT_WRITABLE', 'permission denied. Give this user the right to write there, or choose another folder.')
    case 'ENOENT':
      return wrap('FILE_MISSING', 'it is not there. Was it moved or deleted, or is its disk not mounted?')
    case 'ELOOP':
      return wrap('PATH_UNSAFE', 'it is a symbolic link, and links below the download folder are not followed. Remove the link.')
    case 'ENOTDIR':
    case 'EISDIR':
      return wrap('PATH_UNSAFE', 'a file stands where a folder should be, or the other way round. Move it away.')
    case 'ENAMETOOLONG':
      return wrap('DISK_FAILED', 'the name is too long for this disk. Choose a folder with a shorter path.')
    case 'EMFILE':
    case 'ENFILE':
      return wrap('DISK_FAILED', 'too many files are open. Raise the limit (ulimit -n), or run fewer torrents at once.')
    default:
      return wrap('DISK_FAILED', `the disk failed (${code === '' ? message : code}). Check the disk, then try again.`)
  }
}

/** `doing` is the whole sentence before the reason: `Cannot connect to 10.0.0.1:6881`. */
export function networkError(thrown: unknown, doing: string): EngineError {
  if (thrown instanceof EngineError) return thrown
  const { code = '', message } = thrown as SystemError
  const wrap = (engineCode: EngineErrorCode, text: string): EngineError =>
    new EngineError(engineCode, `${doing}: ${text}`, { cause: thrown })
  switch (code) {
    case 'ECONNREFUSED':
      return wrap('NETWORK_REFUSED', 'nobody listens there, or a firewall refuses it.')
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
      return wrap('NETWORK_RESET', 'the other side cut the connection.')
    case 'ETIMEDOUT':
      return wrap('NETWORK_TIMEOUT', 'no answer in time.')
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EACCES': // a "prohibit" route, a local firewall
    case 'EPERM':
      return wrap('NETWORK_UNREACHABLE', `this machine has no way there (${code}).`)
    case 'ENOTFOUND':
    case 'ENODATA':
      return wrap('NETWORK_NAME_UNKNOWN', 'the name has no address. Check its spelling.')
    case 'EAI_AGAIN':
      return wrap('NETWORK_NAME_UNKNOWN', 'the name server did not answer. Is this machine online?')
    case 'EMFILE':
    case 'ENFILE':
      return wrap('NETWORK_FAILED', 'too many connections are open. Raise the limit (ulimit -n), or allow fewer peers.')
    default:
      return wrap('NETWORK_FAILED', code === '' ? message : `the network failed (${code}).`)
  }
}

/** The code that Node gave an error, such as `ENOENT`. */
export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error ? (thrown as SystemError).code : undefined
}
