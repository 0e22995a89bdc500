/*
 * Asks a tracker as fast as it answers, and looks at every answer. A program in C, because one in Node would measure itself:
 * it answers for a core of its own, and must be faster than what it asks.
 *
 *     load hashes SWARMS                                  the info hashes, in hex, for trackers that want to know them before
 *     load fill   PORT SWARMS PEERS                       every peer of every swarm once, over UDP
 *     load udp    PORT SWARMS PEERS SECONDS WINDOW        so many datagrams under way
 *     load new    PORT SWARMS PEERS SECONDS WINDOW        HTTP, a new connection for every announce
 *     load keep   PORT SWARMS PEERS SECONDS WINDOW        HTTP, WINDOW connections that stay
 *     load drip   PORT COUNT                              COUNT connections that send a byte of a header every second
 *
 * Peer p of a swarm has the address 127.0.x.y with x.y = p modulo the number of addresses, so that no tracker meets all of
 * them at one, and one in five is a seed. LOAD_PATH in the environment is the path of announces, if it is not /announce.
 * Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_ADDRESSES 1024
#define MOST_SLOTS 8192
#define BATCH 32
#define NUMWANT 50
#define LOST_AFTER_US 1000000

static int port, swarms, peers, addresses, window;
static double seconds;
static const char *path;
static uint64_t answered, lost, bad, peers_got, state = 88172645463325252ull;
static uint32_t histogram[100001]; /* tens of microseconds */

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void info_hash(uint32_t swarm, uint8_t *into) {
  uint64_t z = swarm * 0x9e3779b97f4a7c15ull + 1;
  for (int word = 0; word < 3; word++) {
    z ^= z >> 30;
    z *= 0xbf58476d1ce4e5b9ull;
    z ^= z >> 27;
    z *= 0x94d049bb133111ebull;
    z ^= z >> 31;
    memcpy(into + word * 8, &z, word == 2 ? 4 : 8);
  }
}

static struct sockaddr_in tracker(void) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct sockaddr_in source(int address) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000100u + (address / 250) * 256 + address % 250 + 1)};
}

static void put32(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static uint32_t get32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static int is_seed(int peer) { return peer % 5 == 0; }
static int peer_port(int peer) { return 10000 + peer / addresses; }
/* A peer that is at this address. */
static int draw_peer(int address) {
  int there = (peers - address + addresses - 1) / addresses;
  return address + (int)(draw() % there) * addresses;
}

static void took(uint64_t us) { histogram[us / 10 < 100000 ? us / 10 : 100000]++; }

/* ── UDP ─────────────────────────────────────────────────────────────────────────────────────── */

struct door {
  int socket;
  uint8_t id[8];
};
static struct door doors[MOST_ADDRESSES];
static uint64_t sent_at[MOST_SLOTS];
static uint32_t sequence[MOST_SLOTS];

static void open_doors(void) {
  for (int a = 0; a < addresses; a++) {
    struct sockaddr_in from = source(a), to = tracker();
    int s = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(s, (void *)&from, sizeof from) < 0 || connect(s, (void *)&to, sizeof to) < 0) die("udp socket");
    uint8_t ask[16] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80}, answer[64];
    struct timeval patience = {2, 0};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    put32(ask + 12, a);
    if (send(s, ask, 16, 0) != 16 || recv(s, answer, 64, 0) != 16 || get32(answer) != 0 || get32(answer + 4) != (uint32_t)a) die("connect over udp");
    memcpy(doors[a].id, answer + 8, 8);
    doors[a].socket = s;
    fcntl(s, F_SETFL, O_NONBLOCK);
  }
}

static void write_announce(uint8_t *at, int address, uint32_t transaction, int swarm, int peer, int event) {
  memset(at, 0, 98);
  memcpy(at, doors[address].id, 8);
  put32(at + 8, 1);
  put32(at + 12, transaction);
  info_hash(swarm, at + 16);
  memcpy(at + 36, "-LD0100-", 8);
  put32(at + 44, swarm);
  put32(at + 48, peer);
  put32(at + 60, 1);
  put32(at + 68, is_seed(peer) ? 0 : 1000000);
  put32(at + 76, 1);
  put32(at + 80, event);
  put32(at + 88, peer);
  put32(at + 92, NUMWANT);
  at[96] = peer_port(peer) >> 8;
  at[97] = peer_port(peer);
}

static int filling;
static uint64_t asked_index[MOST_SLOTS];

/* Filling, the peers of this slot's address in turn. */
static void write_fill(uint8_t *at, int slot) {
  int address = slot % addresses;
  int there = (peers - address + addresses - 1) / addresses;
  write_announce(at, address, (uint32_t)slot | ++sequence[slot] << 13, asked_index[slot] / there,
                 address + (int)(asked_index[slot] % there) * addresses, 2);
}

/* What the slot asks next; false when all has been filled. */
static int next_announce(uint8_t *at, int slot) {
  static uint64_t filled[MOST_ADDRESSES];
  int address = slot % addresses;
  if (!filling) {
    write_announce(at, address, (uint32_t)slot | ++sequence[slot] << 13, draw() % swarms, draw_peer(address), 0);
    return 1;
  }
  int there = (peers - address + addresses - 1) / addresses;
  asked_index[slot] = filled[address]++;
  if (asked_index[slot] >= (uint64_t)there * swarms) return 0;
  write_fill(at, slot);
  return 1;
}

static void check_datagram(const uint8_t *bytes, int length) {
  uint32_t transaction = get32(bytes + 4);
  int slot = transaction & (MOST_SLOTS - 1);
  if (length < 20 || get32(bytes) != 1 || (length - 20) % 6 != 0 || slot >= window || transaction >> 13 != (sequence[slot] & 0x7ffff)) {
    bad++;
    return;
  }
  answered++;
  peers_got += (length - 20) / 6;
  took(now_us() - sent_at[slot]);
}

static void run_udp(void) {
  int poll = epoll_create1(0);
  static uint8_t out[BATCH][98], in[BATCH][2048];
  struct mmsghdr outs[BATCH], ins[BATCH];
  struct iovec outv[BATCH], inv[BATCH];
  memset(outs, 0, sizeof outs);
  memset(ins, 0, sizeof ins);
  for (int i = 0; i < BATCH; i++) {
    outv[i] = (struct iovec){out[i], 98};
    outs[i].msg_hdr = (struct msghdr){.msg_iov = &outv[i], .msg_iovlen = 1};
    inv[i] = (struct iovec){in[i], 2048};
    ins[i].msg_hdr = (struct msghdr){.msg_iov = &inv[i], .msg_iovlen = 1};
  }
  for (int a = 0; a < addresses; a++) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = a};
    epoll_ctl(poll, EPOLL_CTL_ADD, doors[a].socket, &e);
  }
  uint64_t start = now_us(), end = start + (uint64_t)(seconds * 1e6), active = 0, looked = start;
  for (int slot = 0; slot < window; slot++) {
    if (!next_announce(out[0], slot)) continue;
    sent_at[slot] = now_us();
    active++;
    if (send(doors[slot % addresses].socket, out[0], 98, 0) < 0) die("send");
  }
  while (active > 0 && (filling || now_us() < end)) {
    struct epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, 100);
    for (int e = 0; e < ready; e++) {
      int a = events[e].data.u32;
      int got = recvmmsg(doors[a].socket, ins, BATCH, MSG_DONTWAIT, NULL), count = 0;
      for (int i = 0; i < got; i++) {
        uint64_t before = answered;
        check_datagram(in[i], ins[i].msg_len);
        if (answered == before) continue;
        int slot = get32(in[i] + 4) & (MOST_SLOTS - 1);
        if (next_announce(out[count], slot)) {
          sent_at[slot] = now_us();
          count++;
        } else {
          active--;
          sent_at[slot] = 0;
        }
      }
      for (int done = 0; done < count;) {
        int n = sendmmsg(doors[a].socket, outs + done, count - done, 0);
        if (n < 0 && errno != ECONNREFUSED) die("sendmmsg");
        done += n < 0 ? 1 : n;
      }
    }
    uint64_t now = now_us();
    if (now - looked < LOST_AFTER_US / 2) continue;
    looked = now;
    for (int slot = 0; slot < window; slot++) {
      if (sent_at[slot] == 0 || now - sent_at[slot] < LOST_AFTER_US) continue;
      lost++;
      if (filling) write_fill(out[0], slot);
      else next_announce(out[0], slot);
      sent_at[slot] = now;
      send(doors[slot % addresses].socket, out[0], 98, 0);
    }
  }
  seconds = (now_us() - start) / 1e6;
}

/* ── HTTP ────────────────────────────────────────────────────────────────────────────────────── */

struct caller {
  int socket, length;
  uint64_t at;
  char in[8192];
};
static struct caller *callers;

static int write_request(char *into, int address, int keep) {
  static const char hex[] = "0123456789abcdef";
  uint8_t hash[24];
  char encoded[61];
  int peer = draw_peer(address);
  info_hash(draw() % swarms, hash);
  for (int i = 0; i < 20; i++) {
    encoded[3 * i] = '%';
    encoded[3 * i + 1] = hex[hash[i] >> 4];
    encoded[3 * i + 2] = hex[hash[i] & 15];
  }
  encoded[60] = 0;
  return sprintf(into,
                 "GET %s?info_hash=%s&peer_id=-LD0100-abcdefghijkl&port=%d&uploaded=1&downloaded=1&left=%d&numwant=%d&key=%08X&compact=1 HTTP/1.1\r\n"
                 "Host: 127.0.0.1:%d\r\nUser-Agent: load/1.0\r\nAccept-Encoding: gzip\r\nConnection: %s\r\n\r\n",
                 path, encoded, peer_port(peer), is_seed(peer) ? 0 : 1000000, NUMWANT, peer, port, keep ? "keep-alive" : "close");
}

/* One value of bencode, whole and well formed; returns what is behind it, or NULL. */
static const char *skip_value(const char *at, const char *end, int depth) {
  if (at >= end || depth > 10) return NULL;
  if (*at == 'i') {
    const char *from = ++at;
    if (at < end && *at == '-') at++;
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at < end && at > from && *at == 'e' ? at + 1 : NULL;
  }
  if (*at == 'l' || *at == 'd') {
    int is_key = *at == 'd', keyed = is_key;
    for (at++; at < end && *at != 'e';) {
      if (keyed && is_key && (*at < '0' || *at > '9')) return NULL;
      at = skip_value(at, end, depth + 1);
      if (at == NULL) return NULL;
      is_key = !is_key;
    }
    return at < end && (!keyed || is_key) ? at + 1 : NULL;
  }
  long length = 0;
  if (*at < '0' || *at > '9') return NULL;
  for (; at < end && *at >= '0' && *at <= '9' && length < 1000000; at++) length = length * 10 + (*at - '0');
  return at < end && *at == ':' && end - at - 1 >= length ? at + 1 + length : NULL;
}

static void check_body(const char *body, const char *end) {
  const char *list = memmem(body, end - body, "5:peers", 7);
  if (*body != 'd' || skip_value(body, end, 0) != end || list == NULL || memmem(body, end - body, "failure reason", 14) != NULL) {
    bad++;
    if (bad < 3) fprintf(stderr, "bad answer: %.*s\n", (int)(end - body), body);
    return;
  }
  answered++;
  peers_got += strtol(list + 7, NULL, 10) / 6;
}

/* Whole when the length that it tells is there; 0 not yet, -1 broken. */
static int whole(struct caller *caller) {
  caller->in[caller->length] = 0;
  char *header_end = strstr(caller->in, "\r\n\r\n");
  if (header_end == NULL) return 0;
  char *told = strcasestr(caller->in, "content-length:");
  if (strncmp(caller->in, "HTTP/1.", 7) != 0 || strncmp(caller->in + 8, " 200", 4) != 0) return -1;
  if (told == NULL || told > header_end) return 0; /* ends with the connection */
  const char *end = header_end + 4 + atoi(told + 15);
  if (end > caller->in + caller->length) return 0;
  check_body(header_end + 4, end);
  return 1;
}

static void dial(int poll, int index) {
  struct caller *caller = &callers[index];
  struct sockaddr_in from = source(index % addresses), to = tracker();
  int on = 1;
  caller->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  caller->length = 0;
  caller->at = now_us();
  setsockopt(caller->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(caller->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(caller->socket, (void *)&from, sizeof from) < 0) die("bind");
  if (connect(caller->socket, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) die("connect");
  struct epoll_event e = {.events = EPOLLOUT, .data.u32 = index};
  epoll_ctl(poll, EPOLL_CTL_ADD, caller->socket, &e);
}

static void ask(int poll, int index, int keep) {
  char request[1024];
  struct caller *caller = &callers[index];
  int length = write_request(request, index % addresses, keep);
  caller->length = 0;
  if (send(caller->socket, request, length, MSG_NOSIGNAL) != length) {
    bad++;
    close(caller->socket);
    dial(poll, index);
    return;
  }
  struct epoll_event e = {.events = EPOLLIN, .data.u32 = index};
  epoll_ctl(poll, EPOLL_CTL_MOD, caller->socket, &e);
}

static void run_http(int keep) {
  int poll = epoll_create1(0);
  callers = calloc(window, sizeof *callers);
  uint64_t start = now_us(), end = start + (uint64_t)(seconds * 1e6), now;
  for (int i = 0; i < window; i++) dial(poll, i);
  while ((now = now_us()) < end) {
    struct epoll_event events[128];
    int ready = epoll_wait(poll, events, 128, 100);
    for (int e = 0; e < ready; e++) {
      int index = events[e].data.u32;
      struct caller *caller = &callers[index];
      if (events[e].events & EPOLLOUT && !(events[e].events & EPOLLERR)) {
        ask(poll, index, keep);
        continue;
      }
      int got = recv(caller->socket, caller->in + caller->length, sizeof caller->in - 1 - caller->length, 0);
      if (got > 0) caller->length += got;
      uint64_t before = answered;
      int is_whole = got > 0 ? whole(caller) : -1;
      if (got == 0 && caller->length > 0) {
        char *header_end = strstr(caller->in, "\r\n\r\n");
        if (header_end != NULL) check_body(header_end + 4, caller->in + caller->length);
      }
      if (is_whole == 0) continue;
      if (answered > before) took(now_us() - caller->at);
      else if (got <= 0 || is_whole < 0) bad++;
      if (keep && is_whole == 1) {
        caller->at = now_us();
        ask(poll, index, keep);
      } else {
        close(caller->socket);
        dial(poll, index);
      }
    }
  }
  seconds = (now_us() - start) / 1e6;
}

/* ── slow ones ───────────────────────────────────────────────────────────────────────────────── */

/* Opens COUNT connections and opens again what is closed, and drips; says when all are open for the first time. */
static void run_drip(int count) {
  static const char header[] = "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: x\r\nX-Slow: ";
  int *sockets = malloc(count * sizeof *sockets), *at = calloc(count, sizeof *at), said = 0;
  for (int i = 0; i < count; i++) sockets[i] = -1;
  for (;;) {
    uint64_t begun = now_us();
    int open = 0;
    for (int i = 0; i < count; i++) {
      char byte;
      if (sockets[i] >= 0 && recv(sockets[i], &byte, 1, MSG_DONTWAIT) != 0) {
        char next = at[i] < (int)sizeof header - 1 ? header[at[i]] : 'x';
        /* every second one says nothing at all */
        if (i % 2 == 1 || send(sockets[i], &next, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) {
          at[i]++;
          open++;
          continue;
        }
      }
      if (sockets[i] >= 0) close(sockets[i]);
      struct sockaddr_in from = source(i % 1000), to = tracker();
      int on = 1;
      sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
      at[i] = 0;
      setsockopt(sockets[i], IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      if (bind(sockets[i], (void *)&from, sizeof from) < 0) die("bind");
      if (connect(sockets[i], (void *)&to, sizeof to) < 0) {
        close(sockets[i]);
        sockets[i] = -1;
      }
    }
    if (!said && open >= count * 9 / 10) {
      said = 1;
      printf("{\"open\":%d}\n", open);
      fflush(stdout);
    }
    uint64_t spent = now_us() - begun;
    if (spent < 1000000) usleep(1000000 - spent);
  }
}

static double percentile(double share) {
  uint64_t total = 0, sum = 0;
  for (int i = 0; i <= 100000; i++) total += histogram[i];
  for (int i = 0; i <= 100000; i++)
    if ((sum += histogram[i]) >= total * share) return (i + 1) / 100.0;
  return 0;
}

int main(int count, char **words) {
  const char *mode = count > 1 ? words[1] : "";
  struct rlimit files = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  path = getenv("LOAD_PATH") != NULL ? getenv("LOAD_PATH") : "/announce";
  if (strcmp(mode, "hashes") == 0 && count == 3) {
    for (int swarm = 0; swarm < atoi(words[2]); swarm++) {
      uint8_t hash[24];
      info_hash(swarm, hash);
      for (int i = 0; i < 20; i++) printf("%02x", hash[i]);
      printf("\n");
    }
    return 0;
  }
  if (count < 4) return 2;
  port = atoi(words[2]);
  if (strcmp(mode, "drip") == 0) run_drip(atoi(words[3]));
  swarms = atoi(words[3]);
  peers = atoi(words[4]);
  seconds = count > 5 ? atof(words[5]) : 1;
  window = count > 6 ? atoi(words[6]) : 256;
  addresses = peers < 50 ? peers : peers / 100 > 50 ? peers / 100 : 50;
  if (addresses > MOST_ADDRESSES || window > MOST_SLOTS) return 2;
  if (strcmp(mode, "fill") == 0) {
    if (window < addresses) window = addresses;
    filling = 1;
    open_doors();
    run_udp();
  } else if (strcmp(mode, "udp") == 0) {
    open_doors();
    run_udp();
  } else {
    run_http(strcmp(mode, "keep") == 0);
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  printf("{\"answered\":%lu,\"seconds\":%.4f,\"perSecond\":%.0f,\"p50Ms\":%.2f,\"p99Ms\":%.2f,\"lost\":%lu,\"bad\":%lu,\"peersEach\":%.2f,\"cpuShare\":%.2f}\n",
         answered, seconds, answered / seconds, percentile(0.5), percentile(0.99), lost, bad, answered > 0 ? (double)peers_got / answered : 0, cpu / seconds);
  return 0;
}
