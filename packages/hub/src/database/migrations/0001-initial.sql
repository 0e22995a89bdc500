create table accounts (
  id text primary key,
  name text not null,
  name_key text not null unique,
  role text not null,
  password_hash text not null,
  created_at integer not null,
  last_seen_at integer,
  banned_at integer,
  ban_reason text
) strict;

create table sessions (
  id text primary key,
  account_id text not null references accounts (id) on delete cascade,
  secret_hash text not null,
  agent text not null,
  created_at integer not null,
  last_used_at integer not null,
  expires_at integer not null
) strict;
create index sessions_by_account on sessions (account_id);

create table tokens (
  id text primary key,
  account_id text not null references accounts (id) on delete cascade,
  secret_hash text not null,
  label text not null,
  scopes text not null,
  created_at integer not null,
  expires_at integer not null,
  last_used_at integer
) strict;
create index tokens_by_account on tokens (account_id);

create table announce_keys (
  id text primary key,
  account_id text not null references accounts (id) on delete cascade,
  label text not null,
  created_at integer not null,
  revoked_at integer,
  last_used_at integer
) strict;
create index announce_keys_by_account on announce_keys (account_id);

create table invites (
  id text primary key,
  code_hash text not null unique,
  role text not null,
  uses_left integer not null,
  created_by text references accounts (id) on delete cascade,
  created_at integer not null,
  expires_at integer not null,
  note text
) strict;

create table audit (
  id integer primary key autoincrement,
  at integer not null,
  actor_id text,
  actor_name text not null,
  action text not null,
  subject text not null,
  detail text
) strict;

create table settings (key text primary key, value text not null) strict;

create table attempts (key text primary key, level real not null, at integer not null) strict;

create table idempotent_calls (
  id text primary key,
  request_hash text not null,
  status integer not null,
  body text not null,
  created_at integer not null
) strict;
create index idempotent_calls_by_age on idempotent_calls (created_at);

create table hosts (
  id text primary key,
  key_hash text not null unique,
  name text not null,
  account_id text references accounts (id) on delete set null,
  ip text not null,
  port integer not null,
  version text not null,
  first_seen_at integer not null,
  last_seen_at integer not null
) strict;
create index hosts_by_address on hosts (ip, port);

create table torrents (
  info_hash text primary key,
  info_hash_v2 text,
  sha256 text not null,
  name text not null,
  size integer not null,
  piece_length integer not null,
  piece_count integer not null,
  file_count integer not null,
  is_private integer not null,
  created_at integer not null
) strict;

create index torrents_by_size on torrents (size);

create table entries (
  number integer primary key autoincrement,
  id text not null unique,
  name text not null,
  name_key text not null,
  info_hash text not null references torrents (info_hash),
  host_id text references hosts (id) on delete cascade,
  owner_id text references accounts (id) on delete set null,
  local_path text,
  description text,
  published_at integer not null,
  updated_at integer not null
) strict;
-- One name once a host, and once among the uploads without a host; one path once a host.
create unique index entries_by_name_and_host on entries (name_key, coalesce(host_id, ''));
create unique index entries_by_path_and_host on entries (host_id, local_path) where local_path is not null and host_id is not null;
create index entries_by_torrent on entries (info_hash);
create index entries_by_owner on entries (owner_id, published_at);
create index entries_by_host on entries (host_id, published_at);
create index entries_by_age on entries (published_at);

create table tags (
  entry_number integer not null references entries (number) on delete cascade,
  tag text not null,
  primary key (entry_number, tag)
) strict;
create index tags_by_tag on tags (tag);

create virtual table entry_words using fts5 (words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3');
-- With positions, so that a part of a word is found exactly.
create virtual table entry_trigrams using fts5 (letters, content = '', contentless_delete = 1, tokenize = 'trigram');

-- However an entry goes (withdrawn, or with its host), the search forgets it.
create trigger entries_leave_the_search after delete on entries begin
  delete from entry_words where rowid = old.number;
  delete from entry_trigrams where rowid = old.number;
end;
