/* Made by `cargo xtask header`. SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef ROLLBOOK_NODE_H
#define ROLLBOOK_NODE_H

#include "rollbook.h"

/*
 * librollbook_node: a whole node of a peer-to-peer network, with its network, its files, its clock
 * and its threads.
 *
 * It holds all of librollbook too, so a program links one of the two, and includes this header
 * alone. A program starts a node, reads the roll, follows the events, gives commands, stops the node
 * and frees it. How to use it is in docs/c.md.
 *
 * The rules of rollbook.h hold here too, with these differences:
 *
 * - A handle of a running node, rollbook_runtime_t, may be used by any thread, and by several at the
 *   same time: no function answers ROLLBOOK_E_BUSY but rollbook_runtime_free, which wants to be the
 *   last. So one thread may wait while another one reads or stops the node.
 * - Every function that takes one may answer ROLLBOOK_E_NULL, ROLLBOOK_E_HANDLE, ROLLBOOK_E_POISONED
 *   and ROLLBOOK_E_PANIC besides what its description names. A handle that was poisoned can be freed,
 *   which stops its node.
 * - Reads are answered from memory. Commands wait until they are carried out, and decisions until
 *   they are on disk, for as long as timeout_ms says: 0 does not wait, ROLLBOOK_FOREVER waits as
 *   long as it takes. A command that was not carried out in time, ROLLBOOK_E_TIMEOUT, may still be.
 * - The threads of a node belong to the library. They never call into the program, and take no
 *   signals that the process gets. The library changes no signal's disposition and writes nothing
 *   to standard output. When a handle is freed its threads have ended, but for one of the network
 *   stack that keeps the time for all nodes of the process: a shared library is not to be unloaded.
 *   In a child that fork made there are no such threads: a node is not to be used there.
 */


/**
 * The nearest addresses that a node announces, and dials where others announced them, are those of
 * its own machine.
 */
#define ROLLBOOK_REACH_LOOPBACK 1

/**
 * The same: those of private networks.
 */
#define ROLLBOOK_REACH_PRIVATE 2

/**
 * The same: those that everybody can reach.
 */
#define ROLLBOOK_REACH_PUBLIC 3

/**
 * The most addresses of authorities, of which one may have several.
 */
#define ROLLBOOK_AUTHORITY_ADDRESSES_MAX 16

/**
 * How many grants mean what the application says.
 */
#define ROLLBOOK_APP_GRANTS 13

/**
 * A time to wait that does not end.
 */
#define ROLLBOOK_FOREVER 4294967295

/**
 * How many of a node's newest events can be read.
 */
#define ROLLBOOK_EVENTS_KEPT 10000

/**
 * The most nodes that are imported at once.
 */
#define ROLLBOOK_IMPORT_MAX 10000

/**
 * A running node: a tracker with a network, files, a clock and threads of its own.
 *
 * A handle may be used by any thread, and by several at the same time. Only
 * `rollbook_runtime_free` wants to be alone.
 */
typedef struct rollbook_runtime_t rollbook_runtime_t;

/**
 * An authority, and where it is reached. `rollbook_authority_parse` makes one of text.
 */
typedef struct rollbook_authority_t {
  /**
   * Who it is.
   */
  rollbook_peer_id_t peer_id;
  /**
   * Where it is reached; of size 0 where that is found out otherwise.
   */
  rollbook_address_t address;
} rollbook_authority_t;

/**
 * What a node is told once. Zeros stand for the defaults, so a program sets the structure to zeros
 * and then what it wants otherwise.
 */
typedef struct rollbook_settings_t {
  /**
   * How often a member asks its home for changes and renews its lease, in milliseconds; 0 for
   * 10 seconds. All nodes of a network have the same, as leases are counted in it.
   */
  uint64_t interval_ms;
  /**
   * The most connections at a time; 0 for 1024. An authority needs one for each member.
   */
  uint32_t max_connections;
  /**
   * The most nodes that the roll holds; 0 for 100,000.
   */
  uint32_t capacity;
  /**
   * How many threads do the node's work, beside the one that writes the journal; 0 for one for
   * each processor.
   */
  uint32_t threads;
  /**
   * Whom it lets in, if it is an authority: one of `ROLLBOOK_ADMISSION_*`. The list of
   * `ROLLBOOK_ADMISSION_ALLOW_LIST` is set by `rollbook_runtime_set_allowed`.
   */
  uint8_t admission;
  /**
   * `ROLLBOOK_KEY_ED25519` or `ROLLBOOK_KEY_SECP256K1`: the kind of key to make where there is
   * none, and to insist on; 0 for ed25519 where there is none, and whatever there is.
   */
  uint8_t key_kind;
  /**
   * One of `ROLLBOOK_REACH_*`; 0 for that of the addresses which it announces anyway.
   */
  uint8_t reach;
  /**
   * 1: looks for nodes on the local network by multicast DNS, and is found there.
   */
  uint8_t mdns;
  /**
   * 1: for an authority that lost its journal. Its operator vouches that nothing which it signed
   * is left anywhere, so it signs at once. For one start.
   */
  uint8_t fresh;
  /**
   * The size of the network's name; 0 for the network `main`.
   */
  uint8_t network_size;
  /**
   * How many addresses to listen on; 0 for port 7655, by TCP and QUIC, on all interfaces.
   */
  uint8_t listen_count;
  /**
   * How many addresses of authorities there are; 0 for a node that is its own authority.
   */
  uint8_t authority_count;
  /**
   * How many retired authorities there are.
   */
  uint8_t retired_count;
  /**
   * How many grants of the application have a name.
   */
  uint8_t grant_name_count;
  /**
   * Zeros.
   */
  uint8_t zero[2];
  /**
   * The name of the network: 1 to 32 characters of `a-z`, `0-9` and `-`.
   */
  uint8_t network[ROLLBOOK_NETWORK_SIZE_MAX];
  /**
   * Where to listen; port 0 takes a free one.
   */
  rollbook_address_t listen[ROLLBOOK_ADDRESSES_MAX];
  /**
   * The authorities in the order of preference. A node whose own peer id is among them is one.
   */
  struct rollbook_authority_t authorities[ROLLBOOK_AUTHORITY_ADDRESSES_MAX];
  /**
   * Authorities that retired: nobody's home, and what they signed still counts.
   */
  rollbook_peer_id_t retired[ROLLBOOK_AUTHORITIES_MAX];
  /**
   * The names of the application's grants, in the order of their numbers: the first is that of
   * `ROLLBOOK_GRANT_APP`. They are for people; a program uses the numbers.
   */
  rollbook_capability_t grant_names[ROLLBOOK_APP_GRANTS];
  /**
   * What the node says of itself: how others reach it, if not by the addresses that it listens
   * on; what it can do; the software that it runs, where the size 0 stands for this library.
   * `extra` is not passed on by a whole node.
   */
  rollbook_announcement_t announcement;
  /**
   * Zeros.
   */
  uint8_t zero_end[7];
} rollbook_settings_t;

/**
 * What a running node has beside its roll, in figures.
 */
typedef struct rollbook_figures_t {
  /**
   * When it was started, in unix seconds.
   */
  uint64_t started_at;
  /**
   * The number of its newest event; 0 before the first.
   */
  uint64_t last_event;
  /**
   * The size of the journal's file, in bytes.
   */
  uint64_t journal_bytes;
  /**
   * How many peers are connected.
   */
  uint32_t connections;
  /**
   * How many warnings there are: see `rollbook_runtime_warning`.
   */
  uint32_t warnings;
  /**
   * 1: the journal cannot be written at the moment, and what changes is in memory only.
   */
  uint8_t has_journal_fault;
  /**
   * Zeros.
   */
  uint8_t zero[7];
} rollbook_figures_t;

/**
 * An authority, as this node sees it.
 */
typedef struct rollbook_authority_seen_t {
  /**
   * The authority.
   */
  rollbook_peer_id_t peer_id;
  /**
   * 1: this node, or its home, heard it within the last lease window.
   */
  uint8_t in_touch;
  /**
   * 1: it retired. It is nobody's home and signs nothing new.
   */
  uint8_t retired;
  /**
   * Zeros.
   */
  uint8_t zero[6];
} rollbook_authority_seen_t;

/**
 * A past fact about the roll, with its place in this node's sequence of events. What it is about is
 * read from the roll.
 */
typedef struct rollbook_runtime_event_t {
  /**
   * Its number: counts up by one, also across restarts of the node.
   */
  uint64_t id;
  /**
   * When this node saw it, in unix seconds.
   */
  uint64_t at;
  /**
   * How many events before it were lost, since they were not read in time: 0 as a rule. A program
   * that lost some reads the roll anew.
   */
  uint64_t lost;
  /**
   * The node that it is about, if it is about one.
   */
  rollbook_peer_id_t peer;
  /**
   * One of `ROLLBOOK_EVENT_*`; later versions may have more.
   */
  uint8_t kind;
  /**
   * Zeros.
   */
  uint8_t zero[7];
} rollbook_runtime_event_t;

/**
 * A node with its history from before Rollbook.
 */
typedef struct rollbook_import_t {
  /**
   * The node.
   */
  rollbook_peer_id_t peer_id;
  /**
   * Its history. Of the grants `ROLLBOOK_GRANT_STAKED` and `ROLLBOOK_GRANT_VALIDATOR` can be taken
   * over.
   */
  rollbook_history_t history;
} rollbook_import_t;

/**
 * What an import did.
 */
typedef struct rollbook_imported_t {
  /**
   * Nodes of which something was taken over.
   */
  uint64_t imported;
  /**
   * Nodes of which all was known.
   */
  uint64_t unchanged;
  /**
   * Nodes whose uptime was longer than the time since they joined, and was cut to it.
   */
  uint64_t clamped;
  /**
   * Grants that were taken over.
   */
  uint64_t grants_taken;
  /**
   * Nodes that are banned or removed, and stay so.
   */
  uint64_t not_admitted;
  /**
   * Nodes with a key that cannot sign, or a time in the future.
   */
  uint64_t invalid;
} rollbook_imported_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Reads an authority as text: its address, ending in `/p2p/ID`.
 *
 * @param error takes what is wrong; may be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_MALFORMED`
 */
int32_t rollbook_authority_parse(const uint8_t *text,
                                 size_t text_size,
                                 struct rollbook_authority_t *authority,
                                 rollbook_error_t *error);

/**
 * Says that this node leaves, brings everything to disk and stops: within a few seconds, where the
 * disk works. Calls of other threads that wait for events or commands then return. The roll can
 * still be read, as it was. To stop a node that has stopped does nothing, and says again how it
 * ended: also of one that ended by itself.
 *
 * @param timeout_ms how long to wait for it; a node that has not stopped by then goes on stopping,
 *        and the function may be called again to wait for more. `ROLLBOOK_FOREVER` waits until it
 *        has stopped
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_TIMEOUT`; `ROLLBOOK_E_IO` where its last changes did not reach
 *         the disk (nothing that was acknowledged is lost)
 */
int32_t rollbook_runtime_stop(struct rollbook_runtime_t *runtime,
                              uint32_t timeout_ms);

/**
 * Frees a handle, once no call of another thread is in it and none begins any more. A node that
 * runs is stopped first, as by `rollbook_runtime_stop`, for at most some ten seconds. NULL is no
 * error and does nothing.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_HANDLE`; `ROLLBOOK_E_BUSY` where another call has not
 *         returned: nothing happened. Anything else says how the node stopped, as of
 *         `rollbook_runtime_stop`: the handle is freed all the same
 */
int32_t rollbook_runtime_free(struct rollbook_runtime_t *runtime);

/**
 * Starts a node. When this returns, it listens and has read its journal; it joins the network in
 * the background.
 *
 * @param settings see `rollbook_settings_t`
 * @param settings_size `sizeof *settings`
 * @param data_dir the path of the directory of its key and its journal, made if it is missing; NULL
 *        and 0 for `rollbook-data` in the current directory. Without a key there, one is made
 * @param runtime takes the handle; NULL where it failed
 * @param error takes what is wrong; may be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_ARGUMENT`;
 *         `ROLLBOOK_E_CONFIG` for settings that cannot be used; `ROLLBOOK_E_IN_USE` where another
 *         node has the directory; `ROLLBOOK_E_KEY` where the key in it cannot be used, which one
 *         that others can read is not; `ROLLBOOK_E_FOREIGN`, `ROLLBOOK_E_DAMAGED`,
 *         `ROLLBOOK_E_NO_LONGER_AUTHORITY` and `ROLLBOOK_E_FULL` where the journal cannot be used;
 *         `ROLLBOOK_E_IO` where a file, or an address to listen on, failed
 */
int32_t rollbook_runtime_start(const struct rollbook_settings_t *settings,
                               size_t settings_size,
                               const uint8_t *data_dir,
                               size_t data_dir_size,
                               struct rollbook_runtime_t **runtime,
                               rollbook_error_t *error);

/**
 * Starts a node by a configuration in TOML, with the keys of the file that `rollbook start` reads
 * (`docs/config.md`), except those of its HTTP API. Otherwise as `rollbook_runtime_start`.
 *
 * @param toml the text; NULL and 0 for the defaults
 * @param runtime takes the handle; NULL where it failed
 * @param error takes what is wrong and, where it is wrong in the text, where that is; may be NULL
 * @return as `rollbook_runtime_start`; `ROLLBOOK_E_UTF8`
 */
int32_t rollbook_runtime_start_toml(const uint8_t *toml,
                                    size_t toml_size,
                                    struct rollbook_runtime_t **runtime,
                                    rollbook_error_t *error);

/**
 * Reads a node, those that wait to be admitted included.
 *
 * @param seen_size `sizeof *seen`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` for a node that is not known, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_get(struct rollbook_runtime_t *runtime,
                             const uint8_t *peer,
                             size_t peer_size,
                             rollbook_node_t *seen,
                             size_t seen_size);

/**
 * Reads nodes in the roll's order, then those that wait to be admitted: a page of them. Whoever
 * asks for one page after another, each behind the last node of the one before, sees every node
 * that stays as it is exactly once, whatever happens in between.
 *
 * @param after the node behind which the page begins; NULL and 0 for the first page
 * @param seen a row of `capacity` structures; the node waits while they are filled in, so some
 *        hundred at a time are enough
 * @param seen_size `sizeof *seen`
 * @param count takes how many were read: fewer than `capacity` at the end
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_nodes(struct rollbook_runtime_t *runtime,
                               const uint8_t *after,
                               size_t after_size,
                               rollbook_node_t *seen,
                               size_t seen_size,
                               size_t capacity,
                               size_t *count);

/**
 * Reads the nodes that can do something, the most reliable first: those that are online, then
 * those that can be reached while nobody can tell whether they are here. Never one that left.
 *
 * @param capability what they say they can do, in UTF-8
 * @param granted what they must have been granted, one of `ROLLBOOK_GRANT_*`; 0 for nothing
 * @param seen a row of `capacity` structures, at most `ROLLBOOK_SELECT_MAX`
 * @param seen_size `sizeof *seen`
 * @param count takes how many were selected
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT`,
 *         `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_select(struct rollbook_runtime_t *runtime,
                                const uint8_t *capability,
                                size_t capability_size,
                                uint8_t granted,
                                rollbook_node_t *seen,
                                size_t seen_size,
                                size_t capacity,
                                size_t *count);

/**
 * Reads one of the facts that are known of a node, with the statement that it stands in. The facts
 * may change between two calls.
 *
 * @param index from 0
 * @param fact_size `sizeof *fact`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_explain(struct rollbook_runtime_t *runtime,
                                 const uint8_t *peer,
                                 size_t peer_size,
                                 uint32_t index,
                                 rollbook_fact_t *fact,
                                 size_t fact_size);

/**
 * Reads the state of the roll in figures, how many nodes there are of each sort among them. Looks
 * at every node.
 *
 * @param status_size `sizeof *status`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_status(struct rollbook_runtime_t *runtime,
                                rollbook_status_t *status,
                                size_t status_size);

/**
 * This node.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
 */
int32_t rollbook_runtime_peer_id(struct rollbook_runtime_t *runtime,
                                 rollbook_peer_id_t *peer_id);

/**
 * Reads what a running node has beside its roll, in figures.
 *
 * @param figures_size `sizeof *figures`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_figures(struct rollbook_runtime_t *runtime,
                                 struct rollbook_figures_t *figures,
                                 size_t figures_size);

/**
 * Reads the authorities, in the order in which they are listed, then the retired ones.
 *
 * @param seen a row of `capacity` structures; `ROLLBOOK_AUTHORITIES_MAX` are enough
 * @param seen_size `sizeof *seen`
 * @param count takes how many were read
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_runtime_authorities(struct rollbook_runtime_t *runtime,
                                     struct rollbook_authority_seen_t *seen,
                                     size_t seen_size,
                                     size_t capacity,
                                     size_t *count);

/**
 * Writes one of the addresses that this node listens on, as others may be given it: text that ends
 * in `/p2p/ID`, without a zero at its end. Port 0 has become the port that was taken.
 *
 * @param index from 0
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_BUFSIZE`
 */
int32_t rollbook_runtime_listen_address(struct rollbook_runtime_t *runtime,
                                        uint32_t index,
                                        uint8_t *text,
                                        size_t text_capacity,
                                        size_t *text_size);

/**
 * Writes one of the things that an operator should look at, a failing disk or a key without its
 * journal: a sentence, without a zero at its end.
 *
 * @param index from 0
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_BUFSIZE`
 */
int32_t rollbook_runtime_warning(struct rollbook_runtime_t *runtime,
                                 uint32_t index,
                                 uint8_t *text,
                                 size_t text_capacity,
                                 size_t *text_size);

/**
 * Waits until `rollbook_runtime_next_event` has an event. Several threads may wait; an event wakes
 * all of them, and one of them gets it.
 *
 * @param timeout_ms how long at most; 0 only looks, `ROLLBOOK_FOREVER` waits as long as it takes
 * @return `ROLLBOOK_OK`; `ROLLBOOK_NOTHING` where none came in that time; `ROLLBOOK_E_CLOSED` once
 *         the node has stopped and every event was taken
 */
int32_t rollbook_runtime_wait(struct rollbook_runtime_t *runtime,
                              uint32_t timeout_ms);

/**
 * Takes the next event. It does not wait. The first one is the first that happened after the start
 * had returned; what happened before is in the roll by then.
 *
 * @param event_size `sizeof *event`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`;
 *         `ROLLBOOK_E_CLOSED` once the node has stopped and every event was taken
 */
int32_t rollbook_runtime_next_event(struct rollbook_runtime_t *runtime,
                                    struct rollbook_runtime_event_t *event,
                                    size_t event_size);

/**
 * Goes to another place in the events: the next one is the one that follows number `after`, of this
 * run or an earlier one. A node keeps its newest `ROLLBOOK_EVENTS_KEPT`; how many are gone, the
 * first event says.
 *
 * @param after the number of the last event that the program knows; 0 for all that are kept; a
 *        number that is still to come stands for the newest
 * @return `ROLLBOOK_OK`
 */
int32_t rollbook_runtime_seek_event(struct rollbook_runtime_t *runtime,
                                    uint64_t after);

/**
 * A descriptor for `poll`, `select`, `epoll` or `kqueue`: readable while
 * `rollbook_runtime_next_event` has an event, and once the node has stopped. It belongs to the
 * node: the program only waits on it, and neither reads from it nor closes it. It ends with
 * `rollbook_runtime_free`.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
 */
int32_t rollbook_runtime_descriptor(struct rollbook_runtime_t *runtime,
                                    int32_t *descriptor);

/**
 * Changes what this node says of itself. Where it is what it said last, nothing happens.
 *
 * @param announcement how it is reached, where no address stands for those that it listens on; what
 *        it can do; the software that it runs, where the size 0 leaves it as it is. `extra` is not
 *        passed on by a whole node
 * @param announcement_size `sizeof *announcement`
 * @param timeout_ms how long to wait for it
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT` for a size over
 *         its bound or an address that is none, `ROLLBOOK_E_FULL` where all of it together is too
 *         long, `ROLLBOOK_E_UNSUPPORTED` for a size of the structure that is not known and for
 *         `extra`, `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED`
 */
int32_t rollbook_runtime_announce(struct rollbook_runtime_t *runtime,
                                  const rollbook_announcement_t *announcement,
                                  size_t announcement_size,
                                  uint32_t timeout_ms);

/**
 * Counts something about another node: `counter` grew by `count`. It is handed to the home, which
 * publishes what all observers say; what was not acknowledged when this node stops is lost.
 *
 * @param counter below `ROLLBOOK_COUNTERS`
 * @param timeout_ms how long to wait until it is noted
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_ARGUMENT` for another
 *         counter or this node itself, `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_FULL` where too much
 *         waits, `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED`
 */
int32_t rollbook_runtime_observe(struct rollbook_runtime_t *runtime,
                                 const uint8_t *peer,
                                 size_t peer_size,
                                 uint8_t counter,
                                 uint32_t count,
                                 uint32_t timeout_ms);

/**
 * Decides that a node belongs to the network. When this returns, the decision is on disk.
 *
 * @param timeout_ms how long to wait for that
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY`,
 *         `ROLLBOOK_E_NOT_AUTHORITY`, `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_FULL`;
 *         `ROLLBOOK_E_TIMEOUT` and `ROLLBOOK_E_CLOSED`: whether it takes effect is not known, and
 *         it may be given again; `ROLLBOOK_E_IO` where the disk takes no writes
 */
int32_t rollbook_runtime_admit(struct rollbook_runtime_t *runtime,
                               const uint8_t *peer,
                               size_t peer_size,
                               uint32_t timeout_ms);

/**
 * Keeps a node out of the network until it is admitted.
 *
 * @param timeout_ms as of `rollbook_runtime_admit`
 * @return as `rollbook_runtime_admit`; `ROLLBOOK_E_IS_AUTHORITY`
 */
int32_t rollbook_runtime_ban(struct rollbook_runtime_t *runtime,
                             const uint8_t *peer,
                             size_t peer_size,
                             uint32_t timeout_ms);

/**
 * Takes a node off the roll until it is admitted.
 *
 * @param timeout_ms as of `rollbook_runtime_admit`
 * @return as `rollbook_runtime_admit`; `ROLLBOOK_E_IS_AUTHORITY`, `ROLLBOOK_E_UNKNOWN_NODE`
 */
int32_t rollbook_runtime_remove(struct rollbook_runtime_t *runtime,
                                const uint8_t *peer,
                                size_t peer_size,
                                uint32_t timeout_ms);

/**
 * Grants something to a node.
 *
 * @param grant one of `ROLLBOOK_GRANT_*`, up to `ROLLBOOK_GRANT_LAST`
 * @param timeout_ms as of `rollbook_runtime_admit`
 * @return as `rollbook_runtime_admit`; `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_NOT_ADMITTED`,
 *         `ROLLBOOK_E_ARGUMENT`
 */
int32_t rollbook_runtime_grant(struct rollbook_runtime_t *runtime,
                               const uint8_t *peer,
                               size_t peer_size,
                               uint8_t grant,
                               uint32_t timeout_ms);

/**
 * Revokes a grant.
 *
 * @param grant as of `rollbook_runtime_grant`
 * @param timeout_ms as of `rollbook_runtime_admit`
 * @return as `rollbook_runtime_grant`
 */
int32_t rollbook_runtime_revoke(struct rollbook_runtime_t *runtime,
                                const uint8_t *peer,
                                size_t peer_size,
                                uint8_t grant,
                                uint32_t timeout_ms);

/**
 * Replaces the list of whom this authority lets in under `ROLLBOOK_ADMISSION_ALLOW_LIST`. Who is
 * not on it any more stays until it is removed. The list is not kept over a restart.
 *
 * @param peers a row of `count` peer ids; NULL and 0 for nobody
 * @param timeout_ms how long to wait until it is replaced
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_NOT_AUTHORITY`,
 *         `ROLLBOOK_E_FULL` for more than there can be leases, `ROLLBOOK_E_TIMEOUT`,
 *         `ROLLBOOK_E_CLOSED`
 */
int32_t rollbook_runtime_set_allowed(struct rollbook_runtime_t *runtime,
                                     const rollbook_peer_id_t *peers,
                                     size_t count,
                                     uint32_t timeout_ms);

/**
 * Replaces the list of authorities, in which this node may become one, or retire. What authorities
 * said who are not on it any more counts no longer. Nodes need not have the same list at the same
 * time. The list is not kept over a restart: the settings of the next start have it.
 *
 * @param acting those that act, in the order in which a member tries them, as in
 *        `rollbook_settings_t`; NULL and 0 for this node alone
 * @param retired those that did; NULL and 0 for none
 * @param timeout_ms how long to wait until it is replaced
 * @param error takes what is wrong with the list; may be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_ARGUMENT` for more than
 *         `ROLLBOOK_AUTHORITY_ADDRESSES_MAX`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_CONFIG`: the list
 *         before it stays in use; `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED`
 */
int32_t rollbook_runtime_set_authorities(struct rollbook_runtime_t *runtime,
                                         const struct rollbook_authority_t *acting,
                                         size_t acting_count,
                                         const rollbook_peer_id_t *retired,
                                         size_t retired_count,
                                         uint32_t timeout_ms,
                                         rollbook_error_t *error);

/**
 * Takes over the history of nodes from before Rollbook, on an authority. It makes nobody online,
 * and taking the same over again, here or at another authority, changes nothing. When this returns,
 * all of it is on disk.
 *
 * @param nodes a row of `count` structures, at most `ROLLBOOK_IMPORT_MAX`
 * @param node_size `sizeof *nodes`
 * @param timeout_ms how long to wait for that
 * @param imported takes what was done; may not be NULL
 * @param imported_size `sizeof *imported`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_ARGUMENT` for more
 *         nodes or another grant, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_NOT_AUTHORITY`,
 *         `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_FULL`; `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED` and
 *         `ROLLBOOK_E_IO` as of `rollbook_runtime_admit`
 */
int32_t rollbook_runtime_import(struct rollbook_runtime_t *runtime,
                                const struct rollbook_import_t *nodes,
                                size_t node_size,
                                size_t count,
                                uint32_t timeout_ms,
                                struct rollbook_imported_t *imported,
                                size_t imported_size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ROLLBOOK_NODE_H */
