import type { Generated } from 'kysely'

/**
 * The tables as TypeScript sees them; `migrations/` makes them. Columns are integers, milliseconds since 1970 and text
 * only (blobs are files, see `catalogue/torrent-files`), so that the same schema fits another database.
 */
export interface Schema {
  accounts: AccountRow
  sessions: SessionRow
  tokens: TokenRow
  announce_keys: AnnounceKeyRow
  invites: InviteRow
  audit: AuditRow
  settings: SettingRow
  attempts: AttemptRow
  idempotent_calls: IdempotentCallRow
  hosts: HostRow
  torrents: TorrentRow
  entries: EntryRow
  tags: TagRow
  /** FTS5: words of normalised names, descriptions and tags. */
  entry_words: { rowid: number; words: string }
  /** FTS5 with trigrams of the same, for parts of words and for scripts without word borders. */
  entry_trigrams: { rowid: number; letters: string }
}

export interface AccountRow {
  id: string
  name: string
  /** Folded (case, marks, width): two names that look alike are one. Unique. */
  name_key: string
  role: string
  /** PHC string of argon2id. */
  password_hash: string
  created_at: number
  last_seen_at: number | null
  banned_at: number | null
  ban_reason: string | null
}

export interface SessionRow {
  id: string
  account_id: string
  /** SHA-256 of the secret, hex: secrets of 256 random bits need no slow hash. */
  secret_hash: string
  agent: string
  created_at: number
  last_used_at: number
  /** At the latest, however often it is used. */
  expires_at: number
}

export interface TokenRow {
  id: string
  account_id: string
  secret_hash: string
  label: string
  /** Words, separated by spaces. */
  scopes: string
  created_at: number
  expires_at: number
  last_used_at: number | null
}

/** The key itself is derived from the hub's secret and `id`, so that it can be shown again and a stolen database does not have it. */
export interface AnnounceKeyRow {
  id: string
  account_id: string
  label: string
  created_at: number
  revoked_at: number | null
  last_used_at: number | null
}

export interface InviteRow {
  id: string
  code_hash: string
  role: string
  uses_left: number
  /** Null: the operator, who has no account. */
  created_by: string | null
  created_at: number
  expires_at: number
  note: string | null
}

export interface AuditRow {
  id: Generated<number>
  at: number
  actor_id: string | null
  actor_name: string
  action: string
  subject: string
  detail: string | null
}

export interface SettingRow {
  key: string
  /** JSON */
  value: string
}

/** Buckets of failed sign-ins and the like, so that a restart forgives nothing. */
export interface AttemptRow {
  key: string
  level: number
  at: number
}

export interface IdempotentCallRow {
  /** Caller and key. */
  id: string
  request_hash: string
  status: number
  body: string
  created_at: number
}

/** A Shoal peer that has been here. */
export interface HostRow {
  id: string
  key_hash: string
  name: string
  account_id: string | null
  ip: string
  port: number
  version: string
  first_seen_at: number
  last_seen_at: number
}

export interface TorrentRow {
  /** v1, or the first 20 bytes of v2: 40 hex digits, lower case. */
  info_hash: string
  /** 64 hex digits. */
  info_hash_v2: string | null
  /** Of the .torrent file, hex: where its bytes are stored. */
  sha256: string
  name: string
  size: number
  piece_length: number
  piece_count: number
  file_count: number
  is_private: number
  created_at: number
}

export interface EntryRow {
  /** Also the rowid of both search tables. */
  number: Generated<number>
  id: string
  name: string
  name_key: string
  info_hash: string
  /** Null: uploaded to the hub, shared by whoever announces. */
  host_id: string | null
  owner_id: string | null
  local_path: string | null
  description: string | null
  published_at: number
  updated_at: number
}

export interface TagRow {
  entry_number: number
  tag: string
}
