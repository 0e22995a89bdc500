/**
 * Every setting of a hub: name, kind, default and its reason, as data. The file, the environment, the command line and
 * the table in docs/hub.md are all read off this one.
 *
 * `tracker.interval` is `interval` in the section `[tracker]` of the file, `SHOAL_HUB_TRACKER_INTERVAL` in the
 * environment, and `--tracker-interval` on the command line. A default of `''` means: not set.
 */
export const HUB_SETTINGS = {
  host: {
    kind: 'address',
    default: '127.0.0.1',
    says: 'Address to listen on: `127.0.0.1` is this machine only, `0.0.0.0` every IPv4 address of it, `::` every address',
    because: 'a hub that nobody has set up yet belongs to nobody but its machine',
  },
  port: {
    kind: 'count',
    least: 0,
    most: 65_535,
    default: '6880',
    says: 'Port, the same number for TCP (tracker, API, pages) and UDP (tracker); 0 lets the system choose',
    because: 'just below the ports that BitTorrent clients take',
  },
  state: {
    kind: 'path',
    default: '',
    says: 'Folder for all that the hub remembers: database, .torrent files, secret, backups',
    because: 'unless set: `hub` in `SHOAL_HOME`, else in the folder that the system has for data of programs',
  },
  'public-url': {
    kind: 'url',
    default: '',
    says: 'The address that people type, such as `https://class.example`; links and trackers are made with it',
    because: 'only you know what stands before the hub. Unless set: the address that it listens on',
  },
  name: { kind: 'text', default: 'Shoal hub', says: 'What the hub calls itself', because: 'you will have a better one' },
  open: {
    kind: 'flag',
    default: 'false',
    says: 'Whoever reaches the hub may use it as a member does, without an account',
    because: 'a hub that a network can reach is for its members; one that only its own machine reaches is open to it anyway',
  },
  registration: {
    kind: 'choice',
    of: ['auto', 'open', 'invite', 'closed'],
    default: 'auto',
    says: 'Who may make an account: everybody, whoever has an invite, nobody; `auto` is everybody on a hub that is open anyway, else whoever has an invite',
    because: 'a group knows whom it lets in',
  },
  torrents: {
    kind: 'choice',
    of: ['any', 'listed'],
    default: 'any',
    says: 'What may be announced: every torrent, or only those of the catalogue',
    because: 'members may use the tracker for what they have not published yet',
  },
  'files-per-member': {
    kind: 'count',
    least: 1,
    most: 1_000_000,
    default: '10000',
    says: 'Entries that one member may have in the catalogue',
    because: 'more than people publish, less than a runaway script does in an hour',
  },
  'forget-after': {
    kind: 'duration',
    least: 0,
    most: 315_360_000_000,
    default: '90d',
    says: 'Entries whose host was not seen for so long, and that nobody holds, are withdrawn; 0 never',
    because: 'a term has passed, and nobody can download it',
  },
  'trusted-proxies': {
    kind: 'networks',
    default: '',
    says: 'Addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed',
    because: 'whoever is believed can say that he is somebody else',
  },
  'allowed-hosts': {
    kind: 'names',
    default: '',
    says: 'Further names under which the hub answers; when there are any, it answers under no others',
    because:
      'on loopback only its own addresses, `localhost` and the public URL are known, so that no web page elsewhere can rebind its name to this hub',
  },
  'tls.certificate': {
    kind: 'path',
    default: '',
    says: 'PEM file with the certificate and its chain. With the key: HTTPS instead of HTTP',
    because: 'a proxy that renews certificates by itself is the easier way',
  },
  'tls.key': { kind: 'path', default: '', says: 'PEM file with its private key', because: 'as above' },
  'log.access': {
    kind: 'flag',
    default: 'false',
    says: 'One line for each call of the API: method, route, status, time. Never for announces, never with addresses',
    because: 'nobody reads it until there is a problem to find',
  },
  'backups.every': {
    kind: 'duration',
    least: 60_000,
    most: 2_592_000_000,
    default: '24h',
    says: 'Time between automatic backups of the database into the folder `backups` of the state directory',
    because: 'at most a day is lost',
  },
  'backups.keep': {
    kind: 'count',
    least: 0,
    most: 1_000,
    default: '7',
    says: 'Automatic backups that are kept, the newest; 0 makes none',
    because: 'a week to notice what went wrong',
  },
  'checks.free-space': {
    kind: 'size',
    least: 0,
    most: 1_125_899_906_842_624,
    default: '512MiB',
    says: 'A warning at the start when the disk of the state directory has less than this',
    because: 'a month of growth and a week of backups of a large group',
  },
  'limits.http-connections': {
    kind: 'count',
    least: 1,
    most: 1_000_000,
    default: '10000',
    says: 'HTTP connections at once; further ones are closed as they come',
    because: 'about 100 MB of memory',
  },
  'limits.http-connections-per-address': {
    kind: 'count',
    least: 1,
    most: 1_000_000,
    default: '1000',
    says: 'The same of one address (an IPv6 /64), apart from this machine and trusted proxies',
    because: 'a class behind one router must not notice, a single program cannot take all',
  },
  'tracker.interval': {
    kind: 'duration',
    least: 1_000,
    most: 86_400_000,
    default: '30min',
    says: 'How long a peer waits between announces; in a large swarm twice as long',
    because: 'what BitTorrent clients are used to; peers that come hear of the others at once',
  },
  'tracker.min-interval': {
    kind: 'duration',
    least: 1_000,
    most: 86_400_000,
    default: '60s',
    says: 'Who announces again sooner is answered, but gets no peers unless something has happened at it',
    because: 'clients hold to it, and a restart does not lock anybody out',
  },
  'tracker.peers': {
    kind: 'count',
    least: 0,
    most: 200,
    default: '50',
    says: 'Peers in an answer when the client does not say how many it wants',
    because: 'what clients ask for by themselves',
  },
  'tracker.most-peers': {
    kind: 'count',
    least: 1,
    most: 200,
    default: '200',
    says: 'Peers in an answer at most',
    because: 'the answer still fits one packet of UDP',
  },
  'tracker.max-torrents': {
    kind: 'count',
    least: 1,
    most: 10_000_000,
    default: '200000',
    says: 'Torrents that are tracked at once; further ones are refused',
    because: 'bounds the memory',
  },
  'tracker.max-peers': {
    kind: 'count',
    least: 1,
    most: 100_000_000,
    default: '2000000',
    says: 'Peers of all torrents together; further ones get answers, but nobody hears of them',
    because: 'at most 45 bytes of memory for each, 70 with IPv6',
  },
  'tracker.max-peers-per-address': {
    kind: 'count',
    least: 1,
    most: 1_000_000,
    default: '200',
    says: 'Peers of one address in one torrent',
    because: 'a whole class may sit behind one address',
  },
  'tracker.large-swarm': {
    kind: 'count',
    least: 1,
    most: 100_000_000,
    default: '1000',
    says: 'With more peers than this a swarm is large: its peers announce half as often and live twice as long',
    because: 'there an answer of fifty peers stays fresh for longer, and announces cost the most',
  },
  'tracker.announces-per-second': {
    kind: 'count',
    least: 1,
    most: 1_000_000_000,
    default: '500',
    says: 'Announces and scrapes a second from one IPv4 /24 or IPv6 /56, for a long time',
    because: 'a laboratory of 500 clients with 100 torrents each needs 28',
  },
  'tracker.announce-burst': {
    kind: 'count',
    least: 1,
    most: 1_000_000_000,
    default: '20000',
    says: 'The same at once, after a rest',
    because: 'when a class begins, everybody starts everything',
  },
  'tracker.address-from': {
    kind: 'networks',
    default: '',
    says: 'Networks whose peers may name their address themselves (`ip=`)',
    because: 'whoever is in one can point a swarm at anybody',
  },
  'tracker.public-addresses': {
    kind: 'addresses',
    default: '',
    says: 'Addresses by which others reach this machine: what peers on it announce over loopback is told to others with one of these',
    because: 'the hub cannot see itself from outside. Unless set: such peers are told to this machine only',
  },
} as const

export type SettingKey = keyof typeof HUB_SETTINGS

/** What the table says about one setting, whichever it is. */
export interface Setting {
  readonly kind: SettingKind
  /** As people write it. */
  readonly default: string
  readonly says: string
  readonly because: string
  /** Bounds of a `count`, of a `size` in bytes, of a `duration` in milliseconds. */
  readonly least?: number
  readonly most?: number
  /** Of a `choice`. */
  readonly of?: readonly string[]
}

/** Written as a list in the file, with commas elsewhere. */
export type ListKind = 'networks' | 'addresses' | 'names'
export type SettingKind = 'address' | 'count' | 'size' | 'duration' | 'flag' | 'text' | 'path' | 'url' | ListKind | 'choice'

/** The settings as values: durations in milliseconds, sizes in bytes, `''` and empty lists where nothing is set. */
export type SettingValues = { readonly [K in SettingKey]: ValueOf<(typeof HUB_SETTINGS)[K]> }

type ValueOf<S> = S extends { readonly of: readonly (infer Choice)[] }
  ? Choice
  : S extends { readonly kind: 'count' | 'size' | 'duration' }
    ? number
    : S extends { readonly kind: 'flag' }
      ? boolean
      : S extends { readonly kind: ListKind }
        ? readonly string[]
        : string

export const SETTING_KEYS: readonly SettingKey[] = Object.keys(HUB_SETTINGS) as SettingKey[]

export function isList({ kind }: Setting): boolean {
  return kind === 'networks' || kind === 'addresses' || kind === 'names'
}

export function settingOf(key: SettingKey): Setting {
  return HUB_SETTINGS[key]
}

/** `SHOAL_HUB_TRACKER_INTERVAL` */
export function environmentNameOf(key: SettingKey): string {
  return `SHOAL_HUB_${key.toUpperCase().replaceAll(/[.-]/g, '_')}`
}

/** `tracker-interval`, without the dashes before it. */
export function flagOf(key: SettingKey): string {
  return key.replaceAll('.', '-')
}
