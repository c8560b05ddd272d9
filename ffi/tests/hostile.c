/*
 * Everything that a careless or hostile caller may do: NULL, foreign and ended handles, short
 * buffers and memory, sizes of structures, random bytes, calls after a fault. Each is answered by
 * the error that the header names, and changes nothing.
 */

#include "trackers.h"

#define NOW 1000, 1790000001

/* In the library that this is linked to, and in no other. */
#ifdef __cplusplus
extern "C"
#endif
int32_t rollbook_tracker_panic(rollbook_tracker_t *tracker);

/* The same numbers every time. */
static uint8_t random_byte(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint8_t)(state >> 32);
}

static void handles_are_checked(void)
{
    union {
        uint64_t alignment;
        uint8_t bytes[64];
    } foreign;
    rollbook_tracker_t *zeros = (rollbook_tracker_t *)(void *)foreign.bytes;
    rollbook_tracker_t *unaligned = (rollbook_tracker_t *)(void *)(foreign.bytes + 1);
    uint64_t at;
    uint8_t root[16];
    memset(&foreign, 0, sizeof foreign);
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_start(NULL, NOW));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_poll_timeout(NULL, &at));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_deinit(NULL));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(NULL));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_start(zeros, NOW));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_root(zeros, root));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_free(zeros));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_deinit(zeros));
    memset(&foreign, 0xff, sizeof foreign);
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_handle_timeout(zeros, NOW));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_start(unaligned, NOW));
}

static void memory_is_checked(void)
{
    rollbook_config_t config = config_of_main();
    rollbook_tracker_t *tracker = NULL;
    size_t size = 0, alignment = 0;
    uint8_t *memory, *aligned;
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_layout(NULL, &alignment));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_layout(&size, &alignment));
    CHECK(size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0);
    memory = (uint8_t *)malloc(size + 2 * alignment);
    CHECK(memory != NULL);
    aligned = memory + (alignment - (uintptr_t)memory % alignment) % alignment;
#define INIT(memory, memory_size) \
    rollbook_tracker_init((memory), (memory_size), &config, sizeof config, ROLLBOOK_KEY_ED25519, \
                          secret_of(1), 32, secret_of(2), &tracker, NULL)
    EXPECT(ROLLBOOK_E_NULL, INIT(NULL, size));
    EXPECT(ROLLBOOK_E_MEMORY, INIT(aligned, size - 1));
    EXPECT(ROLLBOOK_E_MEMORY, INIT(aligned + 1, size));
    CHECK(tracker == NULL);
    EXPECT(ROLLBOOK_OK, INIT(aligned, size));
    CHECK(tracker != NULL);
    /* It is the caller's memory, so it is not given to the heap. */
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_free(tracker));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_deinit(tracker));
    /* Ended twice: the memory is still the caller's, so this is told. */
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_deinit(tracker));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_start(tracker, NOW));
    /* Nothing of it is left, least of all the key. */
    {
        size_t index;
        int left = 0;
        for (index = 0; index < size; index++) {
            left |= aligned[index];
        }
        CHECK(left == 0);
    }
    /* And it serves again. */
    EXPECT(ROLLBOOK_OK, INIT(aligned, size));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_deinit(tracker));
    free(memory);

    tracker = tracker_of(1);
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_tracker_deinit(tracker));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void configurations_are_checked(void)
{
    struct {
        rollbook_config_t config;
        uint8_t later[16];
    } larger;
    rollbook_config_t config = config_of_main(), bad;
    rollbook_tracker_t *tracker = NULL;
    rollbook_error_t error;
#define NEW_SIZED(config, size) \
    rollbook_tracker_new((config), (size), ROLLBOOK_KEY_ED25519, secret_of(1), 32, secret_of(2), \
                         &tracker, &error)
#define NEW(config) NEW_SIZED(config, sizeof *(config))
    EXPECT(ROLLBOOK_E_NULL, NEW_SIZED(NULL, sizeof config));
    EXPECT(ROLLBOOK_E_UNSUPPORTED, NEW_SIZED(&config, 0));
    /* A program that knows less sets less: what it does not know is zeros, here the authority. */
    EXPECT(ROLLBOOK_E_PEER_ID, NEW_SIZED(&config, 60));

    memset(&larger, 0, sizeof larger);
    larger.config = config;
    EXPECT(ROLLBOOK_OK, NEW_SIZED(&larger.config, sizeof larger));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
    larger.later[15] = 1;
    EXPECT(ROLLBOOK_E_UNSUPPORTED, NEW_SIZED(&larger.config, sizeof larger));

    EXPECT(ROLLBOOK_OK, rollbook_config_default(&larger.config, sizeof larger));
    CHECK(larger.later[15] == 0);
    EXPECT(ROLLBOOK_E_NULL, rollbook_config_default(NULL, sizeof config));
    EXPECT(ROLLBOOK_E_UNSUPPORTED, rollbook_config_default(&config, 0));

    bad = config, bad.network_size = 0;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    CHECK(error.code == ROLLBOOK_E_CONFIG && strstr(error.message, "name") != NULL);
    bad = config, bad.network[0] = 'M';
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.network[0] = 0xff;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.network_size = 33;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.acting_count = 0;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    CHECK(strstr(error.message, "authority") != NULL);
    bad = config, bad.acting_count = 9;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.acting_count = 255, bad.retired_count = 255;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.acting_count = 2;
    EXPECT(ROLLBOOK_E_PEER_ID, NEW(&bad));
    bad = config, bad.authorities[0].size = 48;
    EXPECT(ROLLBOOK_E_PEER_ID, NEW(&bad));
    bad = config, bad.authorities[1] = bad.authorities[0], bad.acting_count = 2;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.interval_ms = 9;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.message_size_max = 1;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.partial = 1;
    EXPECT(ROLLBOOK_E_CONFIG, NEW(&bad));
    bad = config, bad.partial = 2;
    EXPECT(ROLLBOOK_E_ARGUMENT, NEW(&bad));
    bad = config, bad.admission = 3;
    EXPECT(ROLLBOOK_E_ARGUMENT, NEW(&bad));
    bad = config, bad.zero[2] = 1;
    EXPECT(ROLLBOOK_E_ARGUMENT, NEW(&bad));
    CHECK(tracker == NULL);
}

static void keys_are_checked(void)
{
    rollbook_config_t config = config_of_main();
    rollbook_tracker_t *tracker = NULL;
    rollbook_peer_id_t id;
    uint8_t zeros[36], protobuf[68];
    memset(zeros, 0, sizeof zeros);
    memset(protobuf, 7, sizeof protobuf);
#define NEW_KEY(kind, key, size) \
    rollbook_tracker_new(&config, sizeof config, (kind), (key), (size), secret_of(2), &tracker, \
                         NULL)
    EXPECT(ROLLBOOK_E_ARGUMENT, NEW_KEY(0, secret_of(1), 32));
    EXPECT(ROLLBOOK_E_ARGUMENT, NEW_KEY(5, secret_of(1), 32));
    EXPECT(ROLLBOOK_E_NULL, NEW_KEY(ROLLBOOK_KEY_ED25519, NULL, 32));
    EXPECT(ROLLBOOK_E_KEY, NEW_KEY(ROLLBOOK_KEY_ED25519, NULL, 0));
    EXPECT(ROLLBOOK_E_KEY, NEW_KEY(ROLLBOOK_KEY_ED25519, secret_of(1), 31));
    EXPECT(ROLLBOOK_E_KEY, NEW_KEY(ROLLBOOK_KEY_SECP256K1, zeros, 32));
    EXPECT(ROLLBOOK_E_PEER_ID, NEW_KEY(ROLLBOOK_KEY_OUTSIDE, zeros, 32));
    EXPECT(ROLLBOOK_E_KEY, NEW_KEY(ROLLBOOK_KEY_LIBP2P, protobuf, sizeof protobuf));
    protobuf[0] = 8, protobuf[1] = 1, protobuf[2] = 0x12, protobuf[3] = 64;
    /* The public key in it is not that of the seed. */
    EXPECT(ROLLBOOK_E_KEY, NEW_KEY(ROLLBOOK_KEY_LIBP2P, protobuf, sizeof protobuf));
    EXPECT(ROLLBOOK_E_KEY, NEW_KEY(ROLLBOOK_KEY_LIBP2P, protobuf, 3));
    CHECK(tracker == NULL);
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_ED25519, secret_of(1), 32,
                                NULL, &tracker, NULL));
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_ED25519, secret_of(1), 32,
                                secret_of(2), NULL, NULL));
    EXPECT(ROLLBOOK_E_NULL, rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, secret_of(1), 32, NULL));
    EXPECT(ROLLBOOK_E_KEY, rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, secret_of(1), 33, &id));
}

static void order_is_checked(void)
{
    rollbook_tracker_t *tracker = tracker_of(1);
    rollbook_peer_id_t id = id_of(2);
    rollbook_announcement_t said;
    rollbook_event_t event;
    uint8_t out[ROLLBOOK_RESPONSE_SIZE_MAX], verdict, root[16], must_sync;
    uint64_t number;
    size_t size;
    memset(&said, 0, sizeof said);
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_handle_timeout(tracker, NOW));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_announce(tracker, NOW, &said, sizeof said));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_leave(tracker, NOW));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_admit(tracker, NOW, id.bytes, id.size, NULL));
    EXPECT(ROLLBOOK_E_STATE,
           rollbook_tracker_handle_gossip(tracker, NOW, id.bytes, id.size, NULL, 0, &verdict));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_poll_event(tracker, NOW, &event, sizeof event));
    EXPECT(ROLLBOOK_E_STATE,
           rollbook_tracker_poll_journal(tracker, out, sizeof out, &size, &number, &must_sync));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_root(tracker, root));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_snapshot_begin(tracker));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_snapshot_next(tracker, out, sizeof out, &size));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_drain(tracker, NOW, out, sizeof out, &size));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_start(tracker, NOW));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_start(tracker, NOW));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_recover(tracker, out, 0, &size, NULL, 0));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_note_damage(tracker));
    EXPECT(ROLLBOOK_E_STATE, rollbook_tracker_snapshot_next(tracker, out, sizeof out, &size));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void buffers_are_checked(void)
{
    rollbook_tracker_t *tracker = started(1);
    rollbook_peer_id_t id = id_of(2), to;
    uint8_t out[ROLLBOOK_RESPONSE_SIZE_MAX], must_sync;
    uint64_t position;
    size_t size = 77;
    EXPECT(ROLLBOOK_E_BUFSIZE,
           rollbook_tracker_poll_journal(tracker, out, ROLLBOOK_FRAME_SIZE_MAX - 1, &size,
                                         &position, &must_sync));
    CHECK(size == ROLLBOOK_FRAME_SIZE_MAX);
    EXPECT(ROLLBOOK_E_BUFSIZE,
           rollbook_tracker_poll_journal(tracker, NULL, 0, &size, &position, &must_sync));
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_poll_journal(tracker, NULL, sizeof out, &size, &position, &must_sync));
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_poll_journal(tracker, out, sizeof out, NULL, &position, &must_sync));
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_poll_journal(tracker, out, sizeof out, &size, NULL, &must_sync));
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_poll_journal(tracker, out, sizeof out, &size, &position, NULL));
    /* Nothing was taken: the first frame still comes. */
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_poll_journal(tracker, out, sizeof out, &size, &position, &must_sync));
    CHECK(position == 1 && size > 0);
    EXPECT(ROLLBOOK_E_BUFSIZE, rollbook_tracker_poll_publication(tracker, out, 1, &size));
    CHECK(size == ROLLBOOK_GOSSIP_SIZE_MAX);
    EXPECT(ROLLBOOK_E_BUFSIZE, rollbook_tracker_poll_request(tracker, NOW, &to, out, 1, &size));
    CHECK(size == ROLLBOOK_REQUEST_SIZE_MAX);
    EXPECT(ROLLBOOK_E_BUFSIZE, rollbook_tracker_drain(tracker, NOW, out, 1, &size));
    CHECK(size == ROLLBOOK_DRAIN_SIZE_MIN);
    EXPECT(ROLLBOOK_E_BUFSIZE,
           rollbook_tracker_handle_request(tracker, NOW, id.bytes, id.size, out, 1, out, 1, &size));
    CHECK(size == ROLLBOOK_RESPONSE_SIZE_MAX);
    EXPECT(ROLLBOOK_E_BUFSIZE, rollbook_peer_id_text(id.bytes, id.size, out, 59, &size));
    CHECK(size == ROLLBOOK_PEER_ID_TEXT_MAX);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void structures_are_checked(void)
{
    rollbook_tracker_t *tracker = started(1);
    rollbook_peer_id_t id = id_of(1);
    struct {
        rollbook_node_t node;
        uint8_t later[8];
    } seen;
    rollbook_status_t status;
    rollbook_announcement_t said;
    size_t count;
    uint8_t few[4];
    memset(&said, 0, sizeof said);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_announce(tracker, NOW, &said, sizeof said));
    /* A program that knows less gets less, and nothing behind that is touched. */
    memset(&status, 0x55, sizeof status);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_status(tracker, NOW, &status, 16));
    CHECK(status.admitted == 0x55555555);
    EXPECT(ROLLBOOK_E_UNSUPPORTED, rollbook_tracker_status(tracker, NOW, &status, 0));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_status(tracker, NOW, NULL, sizeof status));
    /* One that knows more gets zeros for it. */
    memset(&seen, 0x55, sizeof seen);
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_get(tracker, NOW, id.bytes, id.size, &seen.node, sizeof seen));
    CHECK(seen.later[0] == 0 && seen.later[7] == 0);
    CHECK(memcmp(&seen.node.peer_id, &id, sizeof id) == 0);
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_nodes(tracker, NOW, NULL, 0, NULL, sizeof seen.node, 1, &count));
    EXPECT(ROLLBOOK_E_UNSUPPORTED,
           rollbook_tracker_nodes(tracker, NOW, NULL, 0, &seen.node, sizeof seen.node, SIZE_MAX / 8,
                                  &count));
    EXPECT(ROLLBOOK_E_NULL,
           rollbook_tracker_nodes(tracker, NOW, NULL, 5, &seen.node, sizeof seen.node, 1, &count));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_nodes(tracker, NOW, NULL, 0, NULL, sizeof seen.node, 0,
                                               &count));
    CHECK(count == 0);
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_select(tracker, NOW, few, 0, 0, &seen.node, 1,
                                   ROLLBOOK_SELECT_MAX + 1, &count));
    few[0] = 0xff;
    EXPECT(ROLLBOOK_E_UTF8,
           rollbook_tracker_select(tracker, NOW, few, 1, 0, &seen.node, sizeof seen.node, 1,
                                   &count));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_select(tracker, NOW, few, 0, 16, &seen.node, sizeof seen.node, 1,
                                   &count));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void announcements_are_checked(void)
{
    rollbook_tracker_t *tracker = started(1);
    rollbook_announcement_t said, bad;
    memset(&said, 0, sizeof said);
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_announce(tracker, NOW, NULL, sizeof said));
    bad = said, bad.address_count = 9;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.address_count = 1, bad.addresses[0].size = 97;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.address_count = 1, bad.addresses[0].size = 3;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.capability_count = 13;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.capability_count = 1, bad.capabilities[0].size = 33;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.capability_count = 1, bad.capabilities[0].size = 1;
    bad.capabilities[0].name[0] = 0xff;
    EXPECT(ROLLBOOK_E_UTF8, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.agent_size = 49;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.agent_size = 1, bad.agent[0] = 0x80;
    EXPECT(ROLLBOOK_E_UTF8, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.extra_size = 65;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    bad = said, bad.zero[0] = 1;
    EXPECT(ROLLBOOK_E_ARGUMENT, rollbook_tracker_announce(tracker, NOW, &bad, sizeof bad));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_announce(tracker, NOW, &said, sizeof said));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void commands_are_checked(void)
{
    rollbook_tracker_t *authority = started(1), *member = started(2);
    rollbook_peer_id_t own = id_of(1), other = id_of(2), third = id_of(3);
    rollbook_history_t history;
    rollbook_error_t error;
    uint64_t receipt;
    memset(&history, 0, sizeof history);
    EXPECT(ROLLBOOK_E_NOT_AUTHORITY,
           rollbook_tracker_admit(member, NOW, third.bytes, third.size, &receipt));
    EXPECT(ROLLBOOK_E_PEER_ID, rollbook_tracker_admit(authority, NOW, own.bytes, 3, &receipt));
    EXPECT(ROLLBOOK_E_PEER_ID, rollbook_tracker_admit(authority, NOW, NULL, 0, &receipt));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_admit(authority, NOW, NULL, 38, &receipt));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_admit(authority, NOW, other.bytes, other.size, NULL));
    EXPECT(ROLLBOOK_E_IS_AUTHORITY,
           rollbook_tracker_ban(authority, NOW, own.bytes, own.size, &receipt));
    EXPECT(ROLLBOOK_E_UNKNOWN_NODE,
           rollbook_tracker_remove(authority, NOW, third.bytes, third.size, &receipt));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_grant(authority, NOW, other.bytes, other.size, 0, &receipt));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_grant(authority, NOW, other.bytes, other.size, 16, &receipt));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_ban(authority, NOW, other.bytes, other.size, &receipt));
    EXPECT(ROLLBOOK_E_NOT_ADMITTED,
           rollbook_tracker_grant(authority, NOW, other.bytes, other.size, 1, &receipt));
    EXPECT(ROLLBOOK_E_NOT_ADMITTED,
           rollbook_tracker_import(authority, NOW, other.bytes, other.size, &history,
                                   sizeof history, &receipt));
    history.grants = 1;
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_import(authority, NOW, third.bytes, third.size, &history,
                                   sizeof history, &receipt));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_observe(authority, NOW, other.bytes, other.size, 8, 1));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_observe(authority, NOW, own.bytes, own.size, 0, 1));
    EXPECT(ROLLBOOK_E_UNKNOWN_NODE,
           rollbook_tracker_observe(authority, NOW, third.bytes, third.size, 0, 1));
    EXPECT(ROLLBOOK_E_NOT_AUTHORITY, rollbook_tracker_set_allowed(member, &third, 1));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_set_allowed(authority, NULL, 1));
    EXPECT(ROLLBOOK_E_CONFIG,
           rollbook_tracker_set_authorities(authority, NOW, NULL, 0, NULL, 0, 0, &error));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_tracker_set_authorities(authority, NOW, &own, 1, NULL, 0, 9, &error));
    EXPECT(ROLLBOOK_E_NO_LONGER_AUTHORITY,
           rollbook_tracker_set_authorities(authority, NOW, &third, 1, NULL, 0, 0, &error));
    CHECK(strstr(error.message, "retired") != NULL);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(authority));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(member));
}

static void journals_are_checked(void)
{
    rollbook_tracker_t *tracker = tracker_of(1);
    rollbook_peer_id_t other = id_of(2);
    rollbook_recovered_t recovered;
    uint8_t frame[ROLLBOOK_FRAME_SIZE_MAX + 8];
    size_t size = 0, used = 77, index;
    EXPECT(ROLLBOOK_OK, rollbook_journal_begin(other.bytes, other.size, frame,
                                               ROLLBOOK_FRAME_SIZE_MAX, &size));
    EXPECT(ROLLBOOK_E_FOREIGN, rollbook_tracker_recover(tracker, frame, size, &used, NULL, 0));
    CHECK(used == 0);
    /* A part of a frame is taken by nobody. */
    EXPECT(ROLLBOOK_OK, rollbook_tracker_recover(tracker, frame, size - 1, &used, NULL, 0));
    CHECK(used == 0);
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_recover(tracker, NULL, 1, &used, NULL, 0));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_recover(tracker, frame, size, NULL, NULL, 0));
    EXPECT(ROLLBOOK_E_UNSUPPORTED,
           rollbook_tracker_recover(tracker, frame, size, &used, &recovered, 0));
    /* Damage is skipped and said. */
    frame[3] ^= 1;
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_recover(tracker, frame, size, &used, &recovered, sizeof recovered));
    CHECK(used == size && recovered.damaged_bytes == size && recovered.frames == 0);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));

    /* Whatever bytes there are, it goes on. */
    tracker = tracker_of(1);
    for (index = 0; index < 20000; index++) {
        size_t at;
        for (at = 0; at < 64; at++) {
            frame[at] = (uint8_t)(random_byte() % 8 == 0 ? 0 : random_byte());
        }
        EXPECT(ROLLBOOK_OK,
               rollbook_tracker_recover(tracker, frame, 64, &used, &recovered, sizeof recovered));
    }
    CHECK(recovered.damaged_bytes > 1000);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_start(tracker, NOW));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void messages_are_checked(void)
{
    static uint8_t message[70000], response[ROLLBOOK_RESPONSE_SIZE_MAX];
    rollbook_tracker_t *tracker = started(1);
    rollbook_peer_id_t from = id_of(2);
    rollbook_statement_t statement;
    rollbook_address_t address;
    uint8_t verdict = 77;
    size_t size, index, at;
    memset(message, 1, sizeof message);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_connected(tracker, NOW, from.bytes, from.size,
                                                          message, 9));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_gossip(tracker, NOW, from.bytes, from.size, NULL, 0,
                                                       &verdict));
    CHECK(verdict == ROLLBOOK_REJECT);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_gossip(tracker, NOW, from.bytes, from.size, message,
                                                       sizeof message, &verdict));
    CHECK(verdict == ROLLBOOK_REJECT);
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_handle_gossip(tracker, NOW, from.bytes, from.size,
                                                           NULL, 7, &verdict));
    EXPECT(ROLLBOOK_E_NULL, rollbook_tracker_handle_gossip(tracker, NOW, from.bytes, from.size,
                                                           message, 7, NULL));
    EXPECT(ROLLBOOK_E_MALFORMED,
           rollbook_tracker_handle_request(tracker, NOW, from.bytes, from.size, message,
                                           sizeof message, response, sizeof response, &size));
    /* An answer to nothing may be one that came too late: it is counted, and no error. */
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_handle_response(tracker, NOW, from.bytes, from.size, message, 9));
    for (index = 0; index < 20000; index++) {
        size_t message_size = random_byte();
        for (at = 0; at < message_size; at++) {
            message[at] = random_byte();
        }
        message[0] = 1;
        CHECK(rollbook_tracker_handle_gossip(tracker, NOW, from.bytes, from.size, message,
                                             message_size, &verdict) == ROLLBOOK_OK);
        CHECK(rollbook_tracker_handle_request(tracker, NOW, from.bytes, from.size, message,
                                              message_size, response, sizeof response, &size) <= 0);
        CHECK(rollbook_tracker_handle_response(tracker, NOW, from.bytes, from.size, message,
                                               message_size) == ROLLBOOK_OK);
        CHECK(rollbook_statement_read(message, message_size, &statement, sizeof statement) <= 0);
        CHECK(rollbook_multiaddr_parse(message, message_size, &address, NULL) < 0);
        CHECK(rollbook_multiaddr_text(message, message_size, response, sizeof response, &size)
              <= 0);
        CHECK(rollbook_peer_id_from_bytes(message, message_size, &from) < 0);
        CHECK(rollbook_peer_id_parse(message, message_size, &from) < 0);
    }
    EXPECT(ROLLBOOK_NOTHING, rollbook_tracker_handle_signature(tracker, NOW, 1, message, 64));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_signature_failed(tracker, 1));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_journal_synced(tracker, UINT64_MAX));
    /* Time may do what it likes. */
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_timeout(tracker, UINT64_MAX, UINT64_MAX));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_timeout(tracker, 0, 0));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(tracker));
}

static void faults_poison_one_handle(void)
{
    rollbook_tracker_t *broken = started(1), *other = started(2);
    uint8_t root[16];
    EXPECT(ROLLBOOK_E_PANIC, rollbook_tracker_panic(broken));
    EXPECT(ROLLBOOK_E_POISONED, rollbook_tracker_root(broken, root));
    EXPECT(ROLLBOOK_E_POISONED, rollbook_tracker_handle_timeout(broken, NOW));
    EXPECT(ROLLBOOK_E_POISONED, rollbook_tracker_panic(broken));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_root(other, root));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(broken));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(other));
}

int main(void)
{
    CHECK(rollbook_abi_version() == ROLLBOOK_ABI_VERSION);
    CHECK(strlen(rollbook_version()) > 0);
    CHECK(strcmp(rollbook_strerror(ROLLBOOK_E_FULL), rollbook_strerror(12345)) != 0);
    handles_are_checked();
    memory_is_checked();
    configurations_are_checked();
    keys_are_checked();
    order_is_checked();
    buffers_are_checked();
    structures_are_checked();
    announcements_are_checked();
    commands_are_checked();
    journals_are_checked();
    messages_are_checked();
    faults_poison_one_handle();
    return checks_end();
}
