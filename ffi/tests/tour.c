/*
 * A tour through what a program does with trackers: all outputs at once, keys that are elsewhere,
 * memory of its own, authority commands, reading the roll, snapshots in parts, another list of
 * authorities.
 */

#include "trackers.h"

/* Two nodes whose outputs are taken by `rollbook_tracker_drain`. */
struct node {
    rollbook_tracker_t *tracker;
    rollbook_peer_id_t id;
    uint8_t secret;
    uint8_t journal[128 * 1024];
    size_t journal_size;
    /* What was asked to be signed, and how often the first answer was wrong. */
    int signatures, refused;
    uint32_t events[256];
};

static uint64_t mono_ms, unix_s = 1790000000;

static void sign(struct node *node, uint64_t id, const uint8_t *bytes, size_t size)
{
    uint8_t signature[ROLLBOOK_SIGNATURE_SIZE_MAX];
    size_t signature_size;
    node->signatures++;
    EXPECT(ROLLBOOK_OK,
           rollbook_sign(ROLLBOOK_KEY_ED25519, secret_of(node->secret), 32, bytes, size, signature,
                         sizeof signature, &signature_size));
    EXPECT(ROLLBOOK_OK, rollbook_verify(node->id.bytes, node->id.size, bytes, size, signature,
                                        signature_size));
    if (node->signatures == 1) {
        /* A secure element that fails once, and then is wrong once. */
        EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_signature_failed(node->tracker, id));
        return;
    }
    if (node->signatures == 2) {
        signature[5] ^= 1;
        node->refused++;
        EXPECT(ROLLBOOK_E_SIGNATURE,
               rollbook_tracker_handle_signature(node->tracker, mono_ms, unix_s, id, signature,
                                                 signature_size));
        return;
    }
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_signature(node->tracker, mono_ms, unix_s, id,
                                                          signature, signature_size));
}

/* Does one output; `data` is what it holds. */
static void perform(struct node *node, struct node *peer, const rollbook_output_t *output,
                    const uint8_t *data)
{
    static uint8_t response[ROLLBOOK_RESPONSE_SIZE_MAX];
    rollbook_event_t event;
    uint8_t verdict;
    size_t size;
    switch (output->kind) {
    case ROLLBOOK_OUTPUT_SIGNATURE:
        sign(node, output->number, data, output->data_size);
        break;
    case ROLLBOOK_OUTPUT_JOURNAL:
        CHECK(node->journal_size + output->data_size <= sizeof node->journal);
        memcpy(node->journal + node->journal_size, data, output->data_size);
        node->journal_size += output->data_size;
        if (output->must_sync) {
            EXPECT(ROLLBOOK_OK,
                   rollbook_tracker_handle_journal_synced(node->tracker, output->number));
        }
        break;
    case ROLLBOOK_OUTPUT_PUBLICATION:
        EXPECT(ROLLBOOK_OK,
               rollbook_tracker_handle_gossip(peer->tracker, mono_ms, unix_s, node->id.bytes,
                                              node->id.size, data, output->data_size, &verdict));
        CHECK(verdict != ROLLBOOK_REJECT);
        break;
    case ROLLBOOK_OUTPUT_REQUEST:
        CHECK(memcmp(&output->peer, &peer->id, sizeof peer->id) == 0);
        EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_request(
                                peer->tracker, mono_ms, unix_s, node->id.bytes, node->id.size,
                                data, output->data_size, response, sizeof response, &size));
        EXPECT(ROLLBOOK_OK,
               rollbook_tracker_handle_response(node->tracker, mono_ms, unix_s, peer->id.bytes,
                                                peer->id.size, response, size));
        break;
    case ROLLBOOK_OUTPUT_EVENT:
        CHECK(output->data_size == sizeof event);
        memcpy(&event, data, sizeof event);
        node->events[event.kind]++;
        break;
    default:
        CHECK(0);
    }
}

/* Does everything that a node wants done; says whether there was anything. */
static int drain(struct node *node, struct node *peer)
{
    static union {
        uint64_t alignment;
        uint8_t bytes[ROLLBOOK_DRAIN_SIZE_MIN + 300];
    } out;
    size_t used = 0, at = 0;
    EXPECT(ROLLBOOK_OK, rollbook_tracker_drain(node->tracker, mono_ms, unix_s, out.bytes,
                                               sizeof out.bytes, &used));
    while (at < used) {
        rollbook_output_t output;
        memcpy(&output, out.bytes + at, sizeof output);
        CHECK(output.size >= sizeof output + output.data_size);
        perform(node, peer, &output, out.bytes + at + sizeof output);
        at += output.size;
    }
    CHECK(at == used);
    return used > 0;
}

static void turn(struct node *one, struct node *other)
{
    int turns = 0;
    while (drain(one, other) | drain(other, one)) {
        CHECK(++turns < 1000);
    }
    mono_ms += 1000;
    unix_s += 1;
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_timeout(one->tracker, mono_ms, unix_s));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_timeout(other->tracker, mono_ms, unix_s));
}

static int have_equal_roots(struct node *one, struct node *other)
{
    uint8_t roots[2][16];
    EXPECT(ROLLBOOK_OK, rollbook_tracker_root(one->tracker, roots[0]));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_root(other->tracker, roots[1]));
    return memcmp(roots[0], roots[1], 16) == 0;
}

static void recover_and_start(struct node *node)
{
    rollbook_announcement_t said;
    rollbook_recovered_t recovered;
    size_t used, taken = 0;
    if (node->journal_size == 0) {
        EXPECT(ROLLBOOK_OK, rollbook_journal_begin(node->id.bytes, node->id.size, node->journal,
                                                   sizeof node->journal, &node->journal_size));
    }
    /* In parts of any size, as a file is read. */
    while (taken < node->journal_size) {
        size_t part = node->journal_size - taken;
        part = part > 1500 ? 1500 : part;
        EXPECT(ROLLBOOK_OK, rollbook_tracker_recover(node->tracker, node->journal + taken, part,
                                                     &used, &recovered, sizeof recovered));
        CHECK(used > 0);
        taken += used;
    }
    CHECK(recovered.damaged_bytes == 0 && recovered.frames > 0);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_start(node->tracker, mono_ms, unix_s));
    memset(&said, 0, sizeof said);
    said.agent_size = 4;
    memcpy(said.agent, "tour", 4);
    said.capability_count = 1;
    said.capabilities[0].size = 3;
    memcpy(said.capabilities[0].name, "gpu", 3);
    EXPECT(ROLLBOOK_OK, rollbook_multiaddr_parse((const uint8_t *)"/ip4/192.0.2.7/udp/9/quic-v1", 28,
                                                 &said.addresses[0], NULL));
    said.address_count = 1;
    said.extra_size = 2;
    said.extra[0] = 0xab;
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_announce(node->tracker, mono_ms, unix_s, &said, sizeof said));
}

static void connect(struct node *one, struct node *other)
{
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_connected(one->tracker, mono_ms, unix_s,
                                                          other->id.bytes, other->id.size, NULL, 0));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_connected(other->tracker, mono_ms, unix_s,
                                                          one->id.bytes, one->id.size, NULL, 0));
}

/* Decides, and waits until that is on disk. */
static void wait_for(struct node *authority, struct node *member, uint64_t receipt)
{
    uint64_t durable = 0;
    int turns = 0;
    while (durable < receipt && turns++ < 100) {
        turn(authority, member);
        EXPECT(ROLLBOOK_OK, rollbook_tracker_durable(authority->tracker, &durable));
    }
    CHECK(durable >= receipt);
}

static void the_roll_is_read(struct node *authority, struct node *member)
{
    rollbook_node_t seen, page[2];
    rollbook_status_t status;
    rollbook_fact_t fact;
    uint8_t text[ROLLBOOK_ADDRESS_TEXT_MAX];
    const uint8_t *name;
    size_t count, size, name_size, named = 0, nodes = 0;
    rollbook_peer_id_t after;
    uint64_t value;
    uint32_t index, facts = 0;

    EXPECT(ROLLBOOK_OK, rollbook_tracker_get(authority->tracker, mono_ms, unix_s, member->id.bytes,
                                             member->id.size, &seen, sizeof seen));
    CHECK(seen.standing == ROLLBOOK_STANDING_ADMITTED && seen.here == ROLLBOOK_HERE_ONLINE);
    CHECK(seen.is_active == 1 && seen.has_announcement == 1 && seen.has_ethereum_address == 0);
    CHECK(memcmp(&seen.home, &authority->id, sizeof seen.home) == 0);
    CHECK(seen.announcement.agent_size == 4 && memcmp(seen.announcement.agent, "tour", 4) == 0);
    CHECK(seen.announcement.extra_size == 2 && seen.announcement.extra[0] == 0xab);
    CHECK(seen.grants == (1u << ROLLBOOK_GRANT_STAKED | 1u << ROLLBOOK_GRANT_APP));
    CHECK(seen.tallies[ROLLBOOK_COUNTER_SUCCESSES].count == 3);
    CHECK(seen.accumulated_uptime >= 500 && seen.first_joined == 1700000000);
    EXPECT(ROLLBOOK_OK, rollbook_multiaddr_text(seen.announcement.addresses[0].bytes,
                                                seen.announcement.addresses[0].size, text,
                                                sizeof text, &size));
    CHECK(size == 28 && memcmp(text, "/ip4/192.0.2.7/udp/9/quic-v1", 28) == 0);

    /* In pages of two, and of one. */
    memset(&after, 0, sizeof after);
    do {
        EXPECT(ROLLBOOK_OK, rollbook_tracker_nodes(authority->tracker, mono_ms, unix_s, after.bytes,
                                                   after.size, page, sizeof page[0], 2, &count));
        nodes += count;
        if (count > 0) {
            after = page[count - 1].peer_id;
        }
    } while (count == 2);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_status(authority->tracker, mono_ms, unix_s, &status,
                                                sizeof status));
    CHECK(nodes == status.admitted + status.pending + status.removed + status.banned);
    CHECK(status.admitted == 2 && status.banned == 1 && status.online == 2);
    CHECK(status.role == ROLLBOOK_ROLE_AUTHORITY && status.leases == 2 && !status.recovering);

    EXPECT(ROLLBOOK_OK, rollbook_tracker_select(authority->tracker, mono_ms, unix_s,
                                                (const uint8_t *)"gpu", 3, ROLLBOOK_GRANT_STAKED,
                                                page, sizeof page[0], 2, &count));
    CHECK(count == 1 && memcmp(&page[0].peer_id, &member->id, sizeof member->id) == 0);

    for (index = 0; rollbook_tracker_explain(authority->tracker, member->id.bytes, member->id.size,
                                             index, &fact, sizeof fact) == ROLLBOOK_OK; index++) {
        facts++;
        if (fact.fact == ROLLBOOK_FACT_CAPABILITY) {
            CHECK(fact.size == 3 && memcmp(fact.bytes, "gpu", 3) == 0 && fact.counts == 1);
            CHECK(memcmp(&fact.writer, &member->id, sizeof fact.writer) == 0);
        }
    }
    CHECK(facts > 8);
    for (index = 0; rollbook_tracker_counter(authority->tracker, index, &name, &name_size, &value)
                    == ROLLBOOK_OK; index++) {
        if (name_size == 17 && memcmp(name, "requests_answered", 17) == 0) {
            named++;
            CHECK(value > 0);
        }
    }
    CHECK(named == 1);
}

/* Replaces the journal by a snapshot in small parts, between which the roll changes. */
static void the_journal_is_compacted(struct node *authority, struct node *member)
{
    static uint8_t snapshot[sizeof member->journal];
    uint8_t part[ROLLBOOK_FRAME_SIZE_MAX];
    rollbook_peer_id_t third = id_of(4);
    size_t size, snapshot_size = 0, parts = 0, waits = 0, before;
    EXPECT(ROLLBOOK_OK, rollbook_tracker_snapshot_begin(authority->tracker));
    before = authority->journal_size;
    while (rollbook_tracker_snapshot_next(authority->tracker, part, sizeof part, &size)
           == ROLLBOOK_OK) {
        CHECK(snapshot_size + size <= sizeof snapshot);
        memcpy(snapshot + snapshot_size, part, size);
        snapshot_size += size;
        if (parts++ == 0) {
            EXPECT(ROLLBOOK_OK, rollbook_tracker_admit(authority->tracker, mono_ms, unix_s,
                                                       third.bytes, third.size, NULL));
        }
        if (size == 0) {
            /* The rest waits for the signature of that. */
            waits++;
            CHECK(waits < 100);
            while (drain(authority, member) | drain(member, authority)) {
            }
        }
    }
    CHECK(parts > 1 && waits == 1);
    /* What came out since the first part belongs behind the last one. */
    size = authority->journal_size - before;
    CHECK(size > 0 && snapshot_size + size <= sizeof snapshot);
    memmove(snapshot + snapshot_size, authority->journal + before, size);
    memcpy(authority->journal, snapshot, snapshot_size + size);
    authority->journal_size = snapshot_size + size;
}

int main(void)
{
    static struct node authority, member;
    rollbook_config_t config = config_of_main();
    rollbook_peer_id_t banned = id_of(3), retired[1];
    rollbook_history_t history;
    rollbook_error_t error;
    size_t size, alignment;
    void *memory;
    uint64_t receipt, at;
    uint8_t root[16], again[16];
    int turns;

    (void)started;
    /* The authority's key is elsewhere, and its tracker in memory of the program's own. */
    authority.secret = 1;
    authority.id = id_of(1);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_layout(&size, &alignment));
    CHECK(alignment <= sizeof(uint64_t) * 2);
    memory = malloc(size);
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_init((uint8_t *)memory, size, &config, sizeof config,
                                 ROLLBOOK_KEY_OUTSIDE, authority.id.bytes, authority.id.size,
                                 secret_of(101), &authority.tracker, NULL));
    recover_and_start(&authority);
    member.secret = 2;
    member.id = id_of(2);
    member.tracker = tracker_of(2);
    recover_and_start(&member);
    connect(&authority, &member);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_poll_timeout(member.tracker, &at));
    for (turns = 0; turns < 60 && authority.events[ROLLBOOK_EVENT_JOINED] < 2; turns++) {
        turn(&authority, &member);
    }
    CHECK(authority.events[ROLLBOOK_EVENT_JOINED] >= 1);
    CHECK(authority.signatures > 3 && authority.refused == 1);

    EXPECT(ROLLBOOK_OK, rollbook_tracker_ban(authority.tracker, mono_ms, unix_s, banned.bytes,
                                             banned.size, NULL));
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_grant(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                  member.id.size, ROLLBOOK_GRANT_STAKED, NULL));
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_grant(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                  member.id.size, ROLLBOOK_GRANT_VALIDATOR, NULL));
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_revoke(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                   member.id.size, ROLLBOOK_GRANT_VALIDATOR, NULL));
    memset(&history, 0, sizeof history);
    history.first_joined = 1700000000;
    history.uptime = 500;
    history.grants = 1u << ROLLBOOK_GRANT_APP;
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_import(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                   member.id.size, &history, sizeof history, &receipt));
    wait_for(&authority, &member, receipt);
    EXPECT(ROLLBOOK_NOTHING,
           rollbook_tracker_import(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                   member.id.size, &history, sizeof history, &receipt));
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_observe(authority.tracker, mono_ms, unix_s, member.id.bytes,
                                    member.id.size, ROLLBOOK_COUNTER_SUCCESSES, 3));
    /* Totals are published with transitions, or once in an hour. */
    for (turns = 0; turns < 3700; turns++) {
        turn(&authority, &member);
    }
    CHECK(have_equal_roots(&authority, &member));
    the_roll_is_read(&authority, &member);

    the_journal_is_compacted(&authority, &member);
    for (turns = 0; turns < 40 && !have_equal_roots(&authority, &member); turns++) {
        turn(&authority, &member);
    }
    EXPECT(ROLLBOOK_OK, rollbook_tracker_root(authority.tracker, root));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_deinit(authority.tracker));
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_init((uint8_t *)memory, size, &config, sizeof config,
                                 ROLLBOOK_KEY_ED25519, secret_of(1), 32, secret_of(102),
                                 &authority.tracker, NULL));
    {
        size_t used;
        rollbook_recovered_t recovered;
        EXPECT(ROLLBOOK_OK,
               rollbook_tracker_recover(authority.tracker, authority.journal,
                                        authority.journal_size, &used, &recovered,
                                        sizeof recovered));
        CHECK(used == authority.journal_size && recovered.damaged_bytes == 0);
        EXPECT(ROLLBOOK_OK, rollbook_tracker_start(authority.tracker, mono_ms, unix_s));
        EXPECT(ROLLBOOK_OK, rollbook_tracker_root(authority.tracker, again));
        CHECK(memcmp(root, again, 16) == 0);
    }

    /* The member becomes the authority, and the one before retires. */
    retired[0] = authority.id;
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_set_authorities(member.tracker, mono_ms, unix_s, &member.id, 1, retired,
                                            1, ROLLBOOK_ADMISSION_OPEN, &error));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_admit(member.tracker, mono_ms, unix_s, banned.bytes,
                                               banned.size, NULL));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_handle_disconnected(member.tracker, mono_ms, unix_s,
                                                             authority.id.bytes,
                                                             authority.id.size));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_leave(member.tracker, mono_ms, unix_s));
    CHECK(rollbook_tracker_is_leave_acknowledged(member.tracker) >= 0);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_free(member.tracker));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_deinit(authority.tracker));
    free(memory);
    return checks_end();
}
