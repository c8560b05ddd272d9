/*
 * A node over UDP sockets of the program's own.
 *
 *   udp KEY-NUMBER PORT AUTHORITY-KEY-NUMBER AUTHORITY-PORT NODES
 *
 * Runs until it sees that many nodes online, says so, and goes on for a second, so that the others
 * see it too. Keys are made of a number here; a real program keeps a random one.
 *
 * A tracker has to be told truly who sent what. So every datagram is signed by its sender, for its
 * receiver, with a number that grows and says when that was; one that does not hold is dropped before
 * the tracker sees it. Clocks may differ by a second or two.
 *
 * It keeps no journal, so that it fits on a few pages. A real authority has to: one that begins anew
 * each time as if it were new contradicts what it said.
 *
 *   cc udp.c $(pkg-config --cflags --libs rollbook) -o udp
 */

#include <rollbook.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX 16
#define INTERVAL_MS 200
/* A peer that was not heard for so long is gone. */
#define SILENCE_MS 6000
/* A datagram that was sent longer ago is not believed. Twice this is below the silence: so who is
 * forgotten, with its last number, has sent nothing that somebody who listened could send again. */
#define AGE_S 2
/* A request that was not answered for so long has failed. */
#define PATIENCE_MS 1000

/* What a datagram is. */
#define HELLO 1
#define GOSSIP 2
#define REQUEST 3
#define RESPONSE 4

/*
 * A datagram:
 *
 *   kind (1) | id size (1) | sender's id (42) | number (8) | payload | signature (64)
 *
 * The number is the time in seconds, and in its last 20 bits how many were sent in that second. The
 * signature is over the receiver's id and all before it.
 */
#define HEAD_SIZE (1 + 1 + ROLLBOOK_PEER_ID_SIZE_MAX + 8)
#define SIGNATURE_SIZE 64
#define DATAGRAM_SIZE_MAX (HEAD_SIZE + ROLLBOOK_RESPONSE_SIZE_MAX + SIGNATURE_SIZE)

struct peer {
    rollbook_peer_id_t id;
    struct sockaddr_in address;
    uint64_t number;
    uint64_t heard_ms;
    uint64_t asked_ms;
};

static rollbook_tracker_t *tracker;
static rollbook_peer_id_t own;
static uint8_t key[32];
static int sock;
static uint64_t number;
static struct peer peers[PEERS_MAX];
static size_t peer_count;

static void check(int32_t answer, const char *what)
{
    if (answer < 0) {
        fprintf(stderr, "%s: %s\n", what, rollbook_strerror(answer));
        exit(1);
    }
}

static uint64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t unix_s(void)
{
    return (uint64_t)time(NULL);
}

/* What is signed: for whom, and the datagram. */
static size_t signed_bytes(uint8_t *out, const rollbook_peer_id_t *to, const uint8_t *datagram,
                           size_t size)
{
    memset(out, 0, ROLLBOOK_PEER_ID_SIZE_MAX);
    memcpy(out, to->bytes, to->size);
    memcpy(out + ROLLBOOK_PEER_ID_SIZE_MAX, datagram, size);
    return ROLLBOOK_PEER_ID_SIZE_MAX + size;
}

static void send_to(const rollbook_peer_id_t *to, const struct sockaddr_in *address, uint8_t kind,
                    const uint8_t *payload, size_t payload_size)
{
    static uint8_t datagram[DATAGRAM_SIZE_MAX], plain[DATAGRAM_SIZE_MAX + ROLLBOOK_PEER_ID_SIZE_MAX];
    uint8_t signature[ROLLBOOK_SIGNATURE_SIZE_MAX];
    size_t size = HEAD_SIZE, plain_size, signature_size, index;
    number = number >> 20 < unix_s() ? unix_s() << 20 : number + 1;
    memset(datagram, 0, HEAD_SIZE);
    datagram[0] = kind;
    datagram[1] = own.size;
    memcpy(datagram + 2, own.bytes, own.size);
    for (index = 0; index < 8; index++) {
        datagram[HEAD_SIZE - 8 + index] = (uint8_t)(number >> (8 * index));
    }
    if (payload_size > 0) {
        memcpy(datagram + size, payload, payload_size);
        size += payload_size;
    }
    plain_size = signed_bytes(plain, to, datagram, size);
    check(rollbook_sign(ROLLBOOK_KEY_ED25519, key, sizeof key, plain, plain_size, signature,
                        sizeof signature, &signature_size), "sign");
    memcpy(datagram + size, signature, signature_size);
    /* A datagram that is lost is asked for again. */
    (void)sendto(sock, datagram, size + signature_size, 0, (const struct sockaddr *)address,
                 sizeof *address);
}

static struct peer *find(const rollbook_peer_id_t *id)
{
    size_t index;
    for (index = 0; index < peer_count; index++) {
        if (memcmp(&peers[index].id, id, sizeof *id) == 0) {
            return &peers[index];
        }
    }
    return NULL;
}

/* The sender of a datagram that holds; its payload is what is left of it. */
static struct peer *authenticated(const uint8_t *datagram, size_t size,
                                  const struct sockaddr_in *address)
{
    static uint8_t plain[DATAGRAM_SIZE_MAX + ROLLBOOK_PEER_ID_SIZE_MAX];
    rollbook_peer_id_t id;
    struct peer *peer;
    uint64_t sent = 0;
    size_t plain_size, index;
    if (size < HEAD_SIZE + SIGNATURE_SIZE
        || rollbook_peer_id_from_bytes(datagram + 2, datagram[1], &id) != ROLLBOOK_OK) {
        return NULL;
    }
    plain_size = signed_bytes(plain, &own, datagram, size - SIGNATURE_SIZE);
    if (rollbook_verify(id.bytes, id.size, plain, plain_size, datagram + size - SIGNATURE_SIZE,
                        SIGNATURE_SIZE) != ROLLBOOK_OK) {
        return NULL;
    }
    for (index = 0; index < 8; index++) {
        sent |= (uint64_t)datagram[HEAD_SIZE - 8 + index] << (8 * index);
    }
    if ((sent >> 20) + AGE_S < unix_s() || sent >> 20 > unix_s() + AGE_S) {
        return NULL;
    }
    peer = find(&id);
    if (peer == NULL) {
        if (peer_count == PEERS_MAX) {
            return NULL;
        }
        peer = &peers[peer_count++];
        memset(peer, 0, sizeof *peer);
        peer->id = id;
        check(rollbook_tracker_handle_connected(tracker, mono_ms(), unix_s(), id.bytes, id.size,
                                                NULL, 0), "connected");
    }
    /* An old one again is somebody's who listened. */
    if (sent <= peer->number) {
        return NULL;
    }
    peer->number = sent;
    peer->address = *address;
    peer->heard_ms = mono_ms();
    return peer;
}

/* Whom this node knows hears of it all: a network of a few. A large one has a pubsub. */
static void gossip(const uint8_t *message, size_t size, const struct peer *but)
{
    size_t index;
    for (index = 0; index < peer_count; index++) {
        if (&peers[index] != but) {
            send_to(&peers[index].id, &peers[index].address, GOSSIP, message, size);
        }
    }
}

static void receive(void)
{
    static uint8_t datagram[DATAGRAM_SIZE_MAX], response[ROLLBOOK_RESPONSE_SIZE_MAX];
    struct sockaddr_in address;
    socklen_t address_size = sizeof address;
    struct peer *peer;
    const uint8_t *payload = datagram + HEAD_SIZE;
    size_t payload_size, response_size;
    uint8_t verdict;
    ssize_t size = recvfrom(sock, datagram, sizeof datagram, 0, (struct sockaddr *)&address,
                            &address_size);
    if (size < 0 || (peer = authenticated(datagram, (size_t)size, &address)) == NULL) {
        return;
    }
    payload_size = (size_t)size - HEAD_SIZE - SIGNATURE_SIZE;
    switch (datagram[0]) {
    case GOSSIP:
        check(rollbook_tracker_handle_gossip(tracker, mono_ms(), unix_s(), peer->id.bytes,
                                             peer->id.size, payload, payload_size, &verdict),
              "gossip");
        if (verdict == ROLLBOOK_ACCEPT) {
            gossip(payload, payload_size, peer);
        }
        break;
    case REQUEST:
        if (rollbook_tracker_handle_request(tracker, mono_ms(), unix_s(), peer->id.bytes,
                                            peer->id.size, payload, payload_size, response,
                                            sizeof response, &response_size) == ROLLBOOK_OK) {
            send_to(&peer->id, &peer->address, RESPONSE, response, response_size);
        }
        break;
    case RESPONSE:
        peer->asked_ms = 0;
        /* What is malformed is counted by the tracker, and asked for again. */
        (void)rollbook_tracker_handle_response(tracker, mono_ms(), unix_s(), peer->id.bytes,
                                               peer->id.size, payload, payload_size);
        break;
    default:
        /* A hello says that its sender is here. */
        break;
    }
}

static void drain(void)
{
    static uint8_t out[ROLLBOOK_REQUEST_SIZE_MAX];
    rollbook_peer_id_t to;
    rollbook_event_t event;
    struct peer *peer;
    uint64_t position;
    uint8_t must_sync;
    size_t size;
    while (rollbook_tracker_poll_journal(tracker, out, sizeof out, &size, &position, &must_sync)
           == ROLLBOOK_OK) {
        /* This node keeps no journal, so it begins anew each time. Others hold what it knew. */
        check(rollbook_tracker_handle_journal_synced(tracker, position), "synced");
    }
    while (rollbook_tracker_poll_publication(tracker, out, sizeof out, &size) == ROLLBOOK_OK) {
        gossip(out, size, NULL);
    }
    while (rollbook_tracker_poll_request(tracker, mono_ms(), unix_s(), &to, out, sizeof out, &size)
           == ROLLBOOK_OK) {
        peer = find(&to);
        if (peer == NULL) {
            check(rollbook_tracker_handle_request_failed(tracker, mono_ms(), unix_s(), to.bytes,
                                                         to.size), "failed");
        } else {
            peer->asked_ms = mono_ms();
            send_to(&peer->id, &peer->address, REQUEST, out, size);
        }
    }
    while (rollbook_tracker_poll_event(tracker, mono_ms(), unix_s(), &event, sizeof event)
           == ROLLBOOK_OK) {
    }
}

/* Gives up requests that were not answered, and peers that are silent. */
static void give_up(void)
{
    uint64_t now = mono_ms();
    size_t index = 0;
    while (index < peer_count) {
        struct peer *peer = &peers[index];
        if (peer->asked_ms > 0 && now - peer->asked_ms > PATIENCE_MS) {
            peer->asked_ms = 0;
            check(rollbook_tracker_handle_request_failed(tracker, now, unix_s(), peer->id.bytes,
                                                         peer->id.size), "failed");
        }
        if (now - peer->heard_ms > SILENCE_MS) {
            check(rollbook_tracker_handle_disconnected(tracker, now, unix_s(), peer->id.bytes,
                                                       peer->id.size), "disconnected");
            *peer = peers[--peer_count];
        } else {
            index++;
        }
    }
}

static void start(const rollbook_peer_id_t *authority, uint16_t port)
{
    rollbook_config_t config;
    rollbook_announcement_t said;
    uint8_t seed[32], frame[ROLLBOOK_FRAME_SIZE_MAX];
    size_t size, used;
    FILE *random = fopen("/dev/urandom", "rb");
    if (random == NULL || fread(seed, 1, sizeof seed, random) != sizeof seed) {
        fprintf(stderr, "no random numbers\n");
        exit(1);
    }
    fclose(random);
    check(rollbook_config_default(&config, sizeof config), "config");
    memcpy(config.network, "udp", 3);
    config.network_size = 3;
    config.interval_ms = INTERVAL_MS;
    config.authorities[0] = *authority;
    config.acting_count = 1;
    check(rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_ED25519, key, sizeof key, seed,
                               &tracker, NULL), "new");
    check(rollbook_journal_begin(own.bytes, own.size, frame, sizeof frame, &size), "journal");
    check(rollbook_tracker_recover(tracker, frame, size, &used, NULL, 0), "recover");
    check(rollbook_tracker_start(tracker, mono_ms(), unix_s()), "start");
    memset(&said, 0, sizeof said);
    said.address_count = 1;
    /* /ip4/127.0.0.1/udp/PORT */
    memcpy(said.addresses[0].bytes, "\x04\x7f\x00\x00\x01\x91\x02", 7);
    said.addresses[0].bytes[7] = (uint8_t)(port >> 8);
    said.addresses[0].bytes[8] = (uint8_t)port;
    said.addresses[0].size = 9;
    check(rollbook_tracker_announce(tracker, mono_ms(), unix_s(), &said, sizeof said), "announce");
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* How long to wait for the next datagram. */
static int patience(void)
{
    uint64_t due = 0, now = mono_ms();
    if (rollbook_tracker_poll_timeout(tracker, &due) != ROLLBOOK_OK || due > now + 50) {
        return 50;
    }
    return due > now ? (int)(due - now) : 0;
}

int main(int argc, char **argv)
{
    rollbook_peer_id_t authority;
    rollbook_status_t status;
    struct sockaddr_in here, there;
    struct pollfd waiting;
    uint64_t hello_ms = 0, seen_ms = 0, started_ms;
    uint8_t authority_key[32];
    if (argc != 6) {
        fprintf(stderr, "usage: udp KEY-NUMBER PORT AUTHORITY-KEY-NUMBER AUTHORITY-PORT NODES\n");
        return 2;
    }
    memset(key, atoi(argv[1]), sizeof key);
    memset(authority_key, atoi(argv[3]), sizeof authority_key);
    check(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key, sizeof key, &own), "key");
    check(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, authority_key, sizeof authority_key,
                                  &authority), "key");
    here = loopback((uint16_t)atoi(argv[2]));
    there = loopback((uint16_t)atoi(argv[4]));
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (sock < 0 || bind(sock, (struct sockaddr *)&here, sizeof here) != 0) {
        perror("socket");
        return 1;
    }
    start(&authority, (uint16_t)atoi(argv[2]));
    started_ms = mono_ms();
    waiting.fd = sock;
    waiting.events = POLLIN;
    while (seen_ms == 0 || mono_ms() - seen_ms < 1000) {
        if (mono_ms() - hello_ms > INTERVAL_MS) {
            hello_ms = mono_ms();
            if (memcmp(&own, &authority, sizeof own) != 0) {
                send_to(&authority, &there, HELLO, NULL, 0);
            }
        }
        if (poll(&waiting, 1, patience()) > 0) {
            receive();
        }
        check(rollbook_tracker_handle_timeout(tracker, mono_ms(), unix_s()), "time");
        give_up();
        drain();
        check(rollbook_tracker_status(tracker, mono_ms(), unix_s(), &status, sizeof status),
              "status");
        if (seen_ms == 0 && status.online >= (uint32_t)atoi(argv[5])) {
            seen_ms = mono_ms();
            printf("node %s sees %u nodes online\n", argv[1], (unsigned)status.online);
            fflush(stdout);
        }
        if (seen_ms == 0 && mono_ms() - started_ms > 30000) {
            fprintf(stderr, "node %s sees only %u nodes online\n", argv[1],
                    (unsigned)status.online);
            return 1;
        }
    }
    check(rollbook_tracker_free(tracker), "free");
    close(sock);
    return 0;
}
