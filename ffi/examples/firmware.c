/*
 * A tracker as on a device: static memory, no heap, no C library, and a journal in two areas of
 * flash. The device is the authority of its network, a gateway say; a member is joined to it back
 * to back.
 *
 * Then the power is cut at every byte that is ever written to the flash, and each time the device
 * is started again: whatever it had acknowledged is there. Where the marks of the areas are lost it
 * gets back from the member what it said.
 *
 * The library is made for it, for 8 nodes here:
 *
 *   cargo xtask firmware --nodes 8 --leases 8 --out DIR
 *
 * What it needs of the program is in port.h. No microcontroller was run: the tests run this on
 * x86-64, without a C library, with port_x86_64_linux.c.
 */

#include "port.h"

#include <rollbook.h>
#include <rollbook_layout.h>

#include <stddef.h>
#include <stdint.h>

/* ---- Flash ---- */

/* An area is erased as a whole, to ones; writing turns ones into zeros. */
#define AREA_SIZE 8192
/* An area begins with its number, written last: the greater one counts. */
#define MARK_SIZE 8
#define ERASED 0xff

struct flash {
    uint8_t area[2][AREA_SIZE];
    /* How many bytes may still be written before the power is cut. */
    uint32_t power;
};

static int flash_write(struct flash *flash, int area, size_t at, const uint8_t *bytes, size_t size)
{
    size_t index;
    for (index = 0; index < size; index++) {
        if (at + index >= AREA_SIZE || flash->power == 0) {
            return 0;
        }
        flash->power--;
        flash->area[area][at + index] &= bytes[index];
    }
    return 1;
}

static int flash_erase(struct flash *flash, int area)
{
    size_t index;
    if (flash->power == 0) {
        return 0;
    }
    flash->power--;
    for (index = 0; index < AREA_SIZE; index++) {
        flash->area[area][index] = ERASED;
    }
    return 1;
}

/* ---- The journal in it ---- */

struct journal {
    struct flash *flash;
    int area;
    uint32_t number;
    /* Where the next frame goes. */
    size_t end;
};

/* The number of an area; 0 for one that was not finished. */
static uint32_t mark_of(const struct flash *flash, int area)
{
    const uint8_t *mark = flash->area[area];
    uint32_t number = 0, check = 0;
    int index;
    for (index = 0; index < 4; index++) {
        number |= (uint32_t)mark[index] << (8 * index);
        check |= (uint32_t)mark[4 + index] << (8 * index);
    }
    return number == ~check ? number : 0;
}

static int write_mark(struct journal *journal, int area, uint32_t number)
{
    uint8_t mark[MARK_SIZE];
    int index;
    for (index = 0; index < 4; index++) {
        mark[index] = (uint8_t)(number >> (8 * index));
        mark[4 + index] = (uint8_t)(~number >> (8 * index));
    }
    return flash_write(journal->flash, area, 0, mark, sizeof mark);
}

/* Whether an area is erased from a place on. */
static int is_erased(const struct flash *flash, int area, size_t at)
{
    while (at < AREA_SIZE && flash->area[area][at] == ERASED) {
        at++;
    }
    return at == AREA_SIZE;
}

/* Takes the area that counts, or begins one. */
static int journal_open(struct journal *journal, struct flash *flash, const rollbook_peer_id_t *id)
{
    uint32_t numbers[2];
    uint8_t frame[ROLLBOOK_FRAME_SIZE_MAX];
    size_t size;
    int is_new;
    numbers[0] = mark_of(flash, 0);
    numbers[1] = mark_of(flash, 1);
    journal->flash = flash;
    journal->area = numbers[1] > numbers[0];
    journal->number = numbers[journal->area];
    journal->end = MARK_SIZE;
    if (journal->number > 0) {
        return 1;
    }
    if (rollbook_journal_begin(id->bytes, id->size, frame, sizeof frame, &size) != ROLLBOOK_OK) {
        return 0;
    }
    /* The journal of a new identity begins with whose it is. One that was lost does not: an
     * authority gets back what it said before it says more. Nothing is written behind the beginning
     * before that has its mark, so more than it is found only where a mark was lost; and what tells
     * so stays until there is a mark again. */
    is_new = is_erased(flash, 0, MARK_SIZE + size) && is_erased(flash, 1, 0);
    journal->area = !is_new && is_erased(flash, 1, 0);
    journal->number = 1;
    return flash_erase(flash, journal->area)
        && (!is_new || flash_write(flash, 0, MARK_SIZE, frame, size))
        && write_mark(journal, journal->area, 1);
}

/* Writes all that the tracker holds into the other area, which counts once it is whole. */
static int journal_compact(struct journal *journal, rollbook_tracker_t *tracker)
{
    static uint8_t part[ROLLBOOK_FRAME_SIZE_MAX];
    int other = 1 - journal->area;
    size_t end = MARK_SIZE, size;
    int32_t answer;
    if (!flash_erase(journal->flash, other)
        || rollbook_tracker_snapshot_begin(tracker) != ROLLBOOK_OK) {
        return 0;
    }
    while ((answer = rollbook_tracker_snapshot_next(tracker, part, sizeof part, &size))
           == ROLLBOOK_OK) {
        if (!flash_write(journal->flash, other, end, part, size)) {
            return 0;
        }
        end += size;
    }
    /* An area that an error ended is no journal. */
    if (answer != ROLLBOOK_NOTHING || !write_mark(journal, other, journal->number + 1)) {
        return 0;
    }
    journal->area = other;
    journal->number++;
    journal->end = end;
    return 1;
}

/* Appends a frame. Where there is no room for it all is written anew, and the frame is in that: what
 * was taken out before a snapshot began is. An area has to be larger than all that a tracker
 * holds. */
static int journal_append(struct journal *journal, rollbook_tracker_t *tracker,
                          const uint8_t *frame, size_t size)
{
    if (size > AREA_SIZE - journal->end) {
        return journal_compact(journal, tracker);
    }
    if (!flash_write(journal->flash, journal->area, journal->end, frame, size)) {
        return 0;
    }
    journal->end += size;
    return 1;
}

/* ---- A device ---- */

struct device {
    /* All that the tracker ever takes. */
    union {
        uint64_t alignment;
        uint8_t bytes[ROLLBOOK_TRACKER_SIZE];
    } memory;
    rollbook_tracker_t *tracker;
    rollbook_peer_id_t id;
    struct flash flash;
    struct journal journal;
    int is_on;
    int joined;
};

typedef char alignment_suffices[ROLLBOOK_TRACKER_ALIGNMENT <= sizeof(uint64_t) ? 1 : -1];

static struct device gateway, member;
static uint64_t mono_ms, unix_s;

static void fail(const char *what, int32_t answer)
{
    port_print(what);
    port_print(rollbook_strerror(answer));
    port_exit(1);
}

static void check(int32_t answer, const char *what)
{
    if (answer < 0) {
        fail(what, answer);
    }
}

/* Gives the tracker back what is in the flash. Says whether the last frame was torn, or the power
 * was cut: then nothing may be appended to this area. */
static int recover(struct device *device)
{
    const uint8_t *area = device->flash.area[device->journal.area];
    size_t used;
    check(rollbook_tracker_recover(device->tracker, area + MARK_SIZE, AREA_SIZE - MARK_SIZE, &used,
                                   NULL, 0), "recover");
    device->journal.end = MARK_SIZE + used;
    return is_erased(&device->flash, device->journal.area, device->journal.end);
}

static void start(struct device *device, uint8_t secret, const rollbook_peer_id_t *authority)
{
    static rollbook_announcement_t said;
    rollbook_config_t config;
    uint8_t key[32], seed[32];
    int index, is_clean;
    for (index = 0; index < 32; index++) {
        key[index] = secret;
        /* From the device's source of randomness. */
        seed[index] = (uint8_t)(secret + device->journal.number + (uint32_t)mono_ms / 1000 + 1);
    }
    check(rollbook_config_default(&config, sizeof config), "config");
    config.network[0] = 'm';
    config.network_size = 1;
    config.authorities[0] = *authority;
    config.acting_count = 1;
    config.capacity = 8;
    config.compaction_floor = AREA_SIZE / 4;
    check(rollbook_tracker_init(device->memory.bytes, sizeof device->memory.bytes, &config,
                                sizeof config, ROLLBOOK_KEY_ED25519, key, sizeof key, seed,
                                &device->tracker, NULL), "init");
    check(rollbook_tracker_peer_id(device->tracker, &device->id), "peer id");
    device->joined = 0;
    device->is_on = journal_open(&device->journal, &device->flash, &device->id);
    if (!device->is_on) {
        return;
    }
    is_clean = recover(device);
    check(rollbook_tracker_start(device->tracker, mono_ms, unix_s), "start");
    if (!is_clean) {
        device->is_on = journal_compact(&device->journal, device->tracker);
    }
    said.agent[0] = 'f';
    said.agent_size = 1;
    check(rollbook_tracker_announce(device->tracker, mono_ms, unix_s, &said, sizeof said),
          "announce");
}

static void stop(struct device *device)
{
    check(rollbook_tracker_deinit(device->tracker), "deinit");
}

/* Does what a device wants done. Buffers are shared by all of its parts. */
static void drain(struct device *device, struct device *peer)
{
    static uint8_t out[ROLLBOOK_REQUEST_SIZE_MAX];
    static uint8_t response[ROLLBOOK_RESPONSE_SIZE_MAX];
    rollbook_peer_id_t to;
    rollbook_event_t event;
    uint64_t position;
    uint8_t must_sync, verdict;
    size_t size, response_size;
    struct journal *journal = &device->journal;

    while (device->is_on
           && rollbook_tracker_poll_journal(device->tracker, out, sizeof out, &size, &position,
                                            &must_sync) == ROLLBOOK_OK) {
        device->is_on = journal_append(journal, device->tracker, out, size);
        /* What is written to flash stays there. */
        if (device->is_on) {
            check(rollbook_tracker_handle_journal_synced(device->tracker, position), "synced");
        }
    }
    while (device->is_on
           && rollbook_tracker_poll_publication(device->tracker, out, sizeof out, &size)
                  == ROLLBOOK_OK) {
        check(rollbook_tracker_handle_gossip(peer->tracker, mono_ms, unix_s, device->id.bytes,
                                             device->id.size, out, size, &verdict), "gossip");
    }
    while (device->is_on
           && rollbook_tracker_poll_request(device->tracker, mono_ms, unix_s, &to, out, sizeof out,
                                            &size) == ROLLBOOK_OK) {
        int32_t answer = rollbook_tracker_handle_request(
            peer->tracker, mono_ms, unix_s, device->id.bytes, device->id.size, out, size, response,
            sizeof response, &response_size);
        if (answer == ROLLBOOK_OK && peer->is_on) {
            check(rollbook_tracker_handle_response(device->tracker, mono_ms, unix_s, to.bytes,
                                                   to.size, response, response_size), "response");
        } else {
            check(rollbook_tracker_handle_request_failed(device->tracker, mono_ms, unix_s, to.bytes,
                                                         to.size), "failed");
        }
    }
    while (device->is_on
           && rollbook_tracker_poll_event(device->tracker, mono_ms, unix_s, &event, sizeof event)
                  == ROLLBOOK_OK) {
        if (event.kind == ROLLBOOK_EVENT_JOINED) {
            device->joined++;
        } else if (event.kind == ROLLBOOK_EVENT_COMPACTION_DUE) {
            device->is_on = journal_compact(journal, device->tracker);
        }
    }
}

/* Both devices do what there is to do, then a second passes. */
static void turn(void)
{
    drain(&member, &gateway);
    drain(&gateway, &member);
    drain(&member, &gateway);
    mono_ms += 1000;
    unix_s += 1;
    check(rollbook_tracker_handle_timeout(gateway.tracker, mono_ms, unix_s), "time");
    check(rollbook_tracker_handle_timeout(member.tracker, mono_ms, unix_s), "time");
}

/* ---- What the gateway's operator does ---- */

#define DECISIONS 3

/* Which of the decisions were acknowledged: on the flash, so said to be done. */
static int acknowledged;

static void decide_and_wait(int which)
{
    uint64_t receipt, durable = 0;
    check(rollbook_tracker_grant(gateway.tracker, mono_ms, unix_s, member.id.bytes, member.id.size,
                                 (uint8_t)(ROLLBOOK_GRANT_APP + which), &receipt), "grant");
    drain(&gateway, &member);
    check(rollbook_tracker_durable(gateway.tracker, &durable), "durable");
    if (gateway.is_on && durable >= receipt) {
        acknowledged = which + 1;
    }
}

/* Admits as many nodes as there is room for. */
static void admit_all(void)
{
    rollbook_peer_id_t id;
    uint8_t key[32], secret;
    int index;
    for (secret = 3; secret <= 8; secret++) {
        for (index = 0; index < 32; index++) {
            key[index] = secret;
        }
        check(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key, sizeof key, &id), "key");
        check(rollbook_tracker_admit(gateway.tracker, mono_ms, unix_s, id.bytes, id.size, NULL),
              "admit");
        drain(&gateway, &member);
    }
}

/* Takes all of it back. */
static void revoke_all(void)
{
    int which;
    for (which = 0; which < DECISIONS; which++) {
        check(rollbook_tracker_revoke(gateway.tracker, mono_ms, unix_s, member.id.bytes,
                                      member.id.size, (uint8_t)(ROLLBOOK_GRANT_APP + which), NULL),
              "revoke");
        drain(&gateway, &member);
    }
}

/* Each is connected with the other anew. */
static void connect(void)
{
    check(rollbook_tracker_handle_disconnected(member.tracker, mono_ms, unix_s, gateway.id.bytes,
                                               gateway.id.size), "disconnected");
    check(rollbook_tracker_handle_connected(gateway.tracker, mono_ms, unix_s, member.id.bytes,
                                            member.id.size, NULL, 0), "connected");
    check(rollbook_tracker_handle_connected(member.tracker, mono_ms, unix_s, gateway.id.bytes,
                                            gateway.id.size, NULL, 0), "connected");
}

/* A life of both devices until all is done, or the gateway's power is cut after so many bytes. */
static void live(uint32_t power, const rollbook_peer_id_t *authority)
{
    int which;
    mono_ms = 0;
    unix_s = 1790000000;
    acknowledged = 0;
    gateway.flash.power = power;
    member.flash.power = UINT32_MAX;
    (void)flash_erase(&member.flash, 0);
    (void)flash_erase(&member.flash, 1);
    for (which = 0; which < 2; which++) {
        /* As it was delivered. */
        size_t index;
        for (index = 0; index < AREA_SIZE; index++) {
            gateway.flash.area[which][index] = ERASED;
        }
    }
    start(&gateway, 1, authority);
    start(&member, 2, authority);
    if (!gateway.is_on) {
        return;
    }
    connect();
    for (which = 0; which < 4 && gateway.is_on; which++) {
        turn();
    }
    for (which = 0; which < DECISIONS && gateway.is_on; which++) {
        decide_and_wait(which);
        if (which == 1 && gateway.is_on) {
            /* As after the event that it is due. */
            gateway.is_on = journal_compact(&gateway.journal, gateway.tracker);
        }
    }
}

/* Starts the gateway again: it must have whatever it had acknowledged. */
static void start_again(const rollbook_peer_id_t *authority)
{
    static rollbook_node_t seen;
    int32_t answer;
    int which;
    stop(&gateway);
    gateway.flash.power = UINT32_MAX;
    start(&gateway, 1, authority);
    if (!gateway.is_on) {
        fail("the gateway does not start again", ROLLBOOK_E_STATE);
    }
    answer = rollbook_tracker_get(gateway.tracker, mono_ms, unix_s, member.id.bytes,
                                  member.id.size, &seen, sizeof seen);
    check(answer, "get");
    for (which = 0; which < acknowledged; which++) {
        if (answer != ROLLBOOK_OK || !(seen.grants & 1u << (ROLLBOOK_GRANT_APP + which))) {
            fail("an acknowledged decision is lost", ROLLBOOK_E_STATE);
        }
    }
}

/* Both marks are lost, and the journal with them: the gateway may not begin as if it were new, since
 * it would contradict what it said. It gets that back from the member first. */
static void lose_and_recover(const rollbook_peer_id_t *authority)
{
    static rollbook_status_t status;
    int turns;
    /* The member is told all of it. */
    connect();
    for (turns = 0; turns < 30; turns++) {
        turn();
    }
    gateway.flash.area[0][0] = 0;
    gateway.flash.area[1][0] = 0;
    stop(&gateway);
    start(&gateway, 1, authority);
    check(rollbook_tracker_status(gateway.tracker, mono_ms, unix_s, &status, sizeof status),
          "status");
    if (!gateway.is_on || !status.recovering) {
        fail("a lost journal is taken for a new one", ROLLBOOK_E_STATE);
    }
    connect();
    for (turns = 0; status.recovering && turns < 300; turns++) {
        turn();
        check(rollbook_tracker_status(gateway.tracker, mono_ms, unix_s, &status, sizeof status),
              "status");
    }
    if (status.recovering) {
        fail("the gateway does not recover", ROLLBOOK_E_RECOVERING);
    }
    turn();
    start_again(authority);
}

int main(void)
{
    rollbook_peer_id_t authority;
    uint8_t key[32];
    uint32_t bytes, power;
    int index;
    for (index = 0; index < 32; index++) {
        key[index] = 1;
    }
    check(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key, sizeof key, &authority), "key");

    live(UINT32_MAX, &authority);
    bytes = UINT32_MAX - gateway.flash.power;
    if (acknowledged != DECISIONS || gateway.joined < 1 || member.joined < 1) {
        fail("the devices did not live as they should", ROLLBOOK_E_STATE);
    }
    start_again(&authority);
    /* A full roll, and far more decisions than an area has room for. */
    admit_all();
    for (index = 0; index < 200; index++) {
        decide_and_wait(index % DECISIONS);
        revoke_all();
    }
    if (!gateway.is_on) {
        fail("the device does not go on for long", ROLLBOOK_E_FULL);
    }
    acknowledged = 0;
    for (index = 0; index < DECISIONS; index++) {
        decide_and_wait(index);
    }
    start_again(&authority);
    lose_and_recover(&authority);
    stop(&gateway);
    stop(&member);

    for (power = 0; power < bytes; power++) {
        live(power, &authority);
        start_again(&authority);
        stop(&gateway);
        stop(&member);
    }
    port_print("the power was cut at every byte, and nothing acknowledged was lost");
    return 0;
}
