/*
 * Two nodes in one process: an authority and a member, joined back to back. What one of them wants
 * sent is handed straight to the other, so all that is left is the loop that every program has.
 *
 *   cc two_trackers.c $(pkg-config --cflags --libs rollbook) -o two_trackers
 */

#include <rollbook.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A node with its journal: a file in a real program. */
struct node {
    const char *name;
    rollbook_tracker_t *tracker;
    rollbook_peer_id_t id;
    uint8_t journal[64 * 1024];
    size_t journal_size;
};

/* By both clocks of a real program. Here time passes when the program says so. */
static uint64_t mono_ms = 0;
static uint64_t unix_s = 1790000000;

static void check(int32_t answer, const char *what)
{
    if (answer < 0) {
        fprintf(stderr, "%s: %s\n", what, rollbook_strerror(answer));
        exit(1);
    }
}

/* Makes a node of a key, gives it back its journal, and starts it. */
static void start(struct node *node, uint8_t secret, const rollbook_peer_id_t *authority)
{
    rollbook_config_t config;
    rollbook_error_t error;
    rollbook_announcement_t said;
    uint8_t key[32];
    uint8_t seed[32];
    size_t used;
    int32_t answer;

    /* The key is stored and kept secret; the seed is random, and new at every start. */
    memset(key, secret, sizeof key);
    memset(seed, secret + 100, sizeof seed);

    check(rollbook_config_default(&config, sizeof config), "config");
    memcpy(config.network, "main", 4);
    config.network_size = 4;
    config.authorities[0] = *authority;
    config.acting_count = 1;

    answer = rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_ED25519, key, sizeof key,
                                  seed, &node->tracker, &error);
    if (answer < 0) {
        fprintf(stderr, "%s: %s\n", node->name, error.message);
        exit(1);
    }
    check(rollbook_tracker_peer_id(node->tracker, &node->id), "peer id");
    if (node->journal_size == 0) {
        /* The journal of a new identity begins with whose it is. */
        check(rollbook_journal_begin(node->id.bytes, node->id.size, node->journal,
                                     sizeof node->journal, &node->journal_size), "journal");
    }
    check(rollbook_tracker_recover(node->tracker, node->journal, node->journal_size, &used, NULL,
                                   0), "recover");
    node->journal_size = used;
    check(rollbook_tracker_start(node->tracker, mono_ms, unix_s), "start");

    memset(&said, 0, sizeof said);
    check(rollbook_multiaddr_parse((const uint8_t *)"/ip4/192.0.2.1/tcp/7655", 23,
                                   &said.addresses[0], NULL), "address");
    said.address_count = 1;
    memcpy(said.agent, "two-trackers", 12);
    said.agent_size = 12;
    check(rollbook_tracker_announce(node->tracker, mono_ms, unix_s, &said, sizeof said),
          "announce");
}

/* Tells what happened; says whether it is that the other node joined. */
static int tell(const struct node *node, const struct node *about, const rollbook_event_t *event)
{
    uint8_t text[ROLLBOOK_PEER_ID_TEXT_MAX];
    size_t size = 0;
    if (event->peer.size > 0) {
        check(rollbook_peer_id_text(event->peer.bytes, event->peer.size, text, sizeof text, &size),
              "text");
    }
    printf("%s is told event %u %.*s\n", node->name, event->kind, (int)size, (const char *)text);
    return event->kind == ROLLBOOK_EVENT_JOINED
        && memcmp(&event->peer, &about->id, sizeof event->peer) == 0;
}

/* Does what a node wants done, in order; says whether it was told that `peer` joined. */
static int drain(struct node *node, struct node *peer)
{
    static uint8_t message[ROLLBOOK_REQUEST_SIZE_MAX];
    static uint8_t response[ROLLBOOK_RESPONSE_SIZE_MAX];
    rollbook_event_t event;
    rollbook_peer_id_t to;
    uint64_t position;
    uint8_t must_sync, verdict;
    size_t size, response_size;
    int joined = 0;

    while (rollbook_tracker_poll_journal(node->tracker, node->journal + node->journal_size,
                                         sizeof node->journal - node->journal_size, &size,
                                         &position, &must_sync) == ROLLBOOK_OK) {
        node->journal_size += size;
        if (must_sync) {
            /* A file would be made durable first. */
            check(rollbook_tracker_handle_journal_synced(node->tracker, position), "synced");
        }
    }
    while (rollbook_tracker_poll_publication(node->tracker, message, sizeof message, &size)
           == ROLLBOOK_OK) {
        /* Pubsub passes it on only if the verdict is ROLLBOOK_ACCEPT. */
        check(rollbook_tracker_handle_gossip(peer->tracker, mono_ms, unix_s, node->id.bytes,
                                             node->id.size, message, size, &verdict), "gossip");
    }
    while (rollbook_tracker_poll_request(node->tracker, mono_ms, unix_s, &to, message,
                                         sizeof message, &size) == ROLLBOOK_OK) {
        int32_t answer = rollbook_tracker_handle_request(
            peer->tracker, mono_ms, unix_s, node->id.bytes, node->id.size, message, size, response,
            sizeof response, &response_size);
        if (answer == ROLLBOOK_OK) {
            answer = rollbook_tracker_handle_response(node->tracker, mono_ms, unix_s, to.bytes,
                                                      to.size, response, response_size);
        } else {
            answer = rollbook_tracker_handle_request_failed(node->tracker, mono_ms, unix_s,
                                                            to.bytes, to.size);
        }
        check(answer, "request");
    }
    while (rollbook_tracker_poll_event(node->tracker, mono_ms, unix_s, &event, sizeof event)
           == ROLLBOOK_OK) {
        joined |= tell(node, peer, &event);
    }
    return joined;
}

int main(void)
{
    static struct node authority, member;
    rollbook_peer_id_t authority_id;
    rollbook_node_t seen;
    uint8_t key[32];
    uint8_t roots[2][16];
    int joined = 0;

    memset(key, 1, sizeof key);
    check(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key, sizeof key, &authority_id), "key");
    authority.name = "authority";
    member.name = "member";
    start(&authority, 1, &authority_id);
    start(&member, 2, &authority_id);
    check(rollbook_tracker_handle_connected(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                            member.id.size, NULL, 0), "connected");
    check(rollbook_tracker_handle_connected(member.tracker, mono_ms, unix_s, authority.id.bytes,
                                            authority.id.size, NULL, 0), "connected");

    /* A program sleeps until something happens, or until `rollbook_tracker_poll_timeout` says. */
    while (!joined) {
        drain(&member, &authority);
        joined = drain(&authority, &member);
        mono_ms += 1000;
        unix_s += 1;
        check(rollbook_tracker_handle_timeout(authority.tracker, mono_ms, unix_s), "time");
        check(rollbook_tracker_handle_timeout(member.tracker, mono_ms, unix_s), "time");
        if (mono_ms > 60000) {
            fprintf(stderr, "the member did not join within a minute\n");
            return 1;
        }
    }
    drain(&member, &authority);
    check(rollbook_tracker_root(authority.tracker, roots[0]), "root");
    check(rollbook_tracker_root(member.tracker, roots[1]), "root");
    if (memcmp(roots[0], roots[1], sizeof roots[0]) != 0) {
        fprintf(stderr, "the rolls differ\n");
        return 1;
    }

    /* After a restart the roll is there before anybody was asked. */
    check(rollbook_tracker_free(member.tracker), "free");
    start(&member, 2, &authority_id);
    if (rollbook_tracker_get(member.tracker, mono_ms, unix_s, authority.id.bytes, authority.id.size,
                             &seen, sizeof seen) != ROLLBOOK_OK) {
        fprintf(stderr, "the member forgot the authority\n");
        return 1;
    }
    printf("the member recovered: the authority's agent is %.*s\n",
           (int)seen.announcement.agent_size, (const char *)seen.announcement.agent);
    check(rollbook_tracker_free(member.tracker), "free");
    check(rollbook_tracker_free(authority.tracker), "free");
    return 0;
}
