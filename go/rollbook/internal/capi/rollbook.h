/* Made by `cargo xtask header`. SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef ROLLBOOK_H
#define ROLLBOOK_H

#include <stddef.h>
#include <stdint.h>

/*
 * librollbook: the roll of a peer-to-peer network, as a state machine that a program drives.
 *
 * A program makes a tracker, gives it back its journal, and starts it. Then it hands in what
 * happens (messages, connections, time, commands), and after each of these does what the tracker
 * wants done, in this order: signatures, if its key is elsewhere; journal frames; publications;
 * requests; events. It needs no thread, no clock, no socket, no file and, in the caller's memory on
 * a device, no heap. How to use it is in docs/c.md.
 *
 * Rules that hold for every function:
 *
 * - It answers ROLLBOOK_OK (0), ROLLBOOK_NOTHING (1), or an error (below 0). An error changes
 *   nothing, except where a description says otherwise; the time that came with the call has passed
 *   all the same. Every function that takes a tracker may answer ROLLBOOK_E_NULL, ROLLBOOK_E_HANDLE,
 *   ROLLBOOK_E_BUSY, ROLLBOOK_E_POISONED and ROLLBOOK_E_PANIC besides what its description names,
 *   and one whose pointer is not aligned ROLLBOOK_E_MEMORY.
 * - A tracker is used by one thread at a time, whichever that is. Different trackers have nothing
 *   to do with each other. There is no other state: no globals, and no last error.
 * - Pointers are not kept: what they point to is the caller's again when the function returns. No
 *   memory is handed over. What a call writes to overlaps with nothing else that it is given. NULL
 *   stands for bytes that are none, of size 0, and nothing else, except where a description says
 *   that it may be NULL.
 * - Bytes come with their size. Text is UTF-8 and needs no zero at its end; nor has it one where it
 *   comes out, except in static texts and in rollbook_error_t.
 * - A buffer for results comes with its capacity, and with a place for the size that was used. Where
 *   it is too small, the answer is ROLLBOOK_E_BUFSIZE, that place takes the size that suffices, and
 *   nothing was taken: the call can be repeated.
 * - A structure comes with its size, `sizeof` by the header that the program was built with.
 *   Structures grow at their end. A library that is older than the program refuses what it does not
 *   know unless that is zeros.
 * - Whether a pointer is a tracker can be told in most cases, not in all: a tracker that was ended is
 *   not to be used.
 */


/**
 * The version of the ABI that this header describes. The library says by
 * `rollbook_abi_version` which one it has: it works with a program of the same number, and with
 * one of the same upper 16 bits whose lower 16 bits are not greater.
 */
#define ROLLBOOK_ABI_VERSION 65536

/**
 * It worked.
 */
#define ROLLBOOK_OK 0

/**
 * It worked, and there is nothing: no output waits, no such node, the end of a list.
 */
#define ROLLBOOK_NOTHING 1

/**
 * A pointer is NULL that may not be.
 */
#define ROLLBOOK_E_NULL -1

/**
 * The handle is none of this library's: never initialised, ended, or something else.
 */
#define ROLLBOOK_E_HANDLE -2

/**
 * An earlier call failed on a fault of this library. The handle can only be ended.
 */
#define ROLLBOOK_E_POISONED -3

/**
 * A fault of this library was caught. The handle is poisoned now.
 */
#define ROLLBOOK_E_PANIC -4

/**
 * The buffer is too small; the size that suffices was written, and nothing else happened.
 */
#define ROLLBOOK_E_BUFSIZE -5

/**
 * The memory is too small or not aligned, or there is none.
 */
#define ROLLBOOK_E_MEMORY -6

/**
 * A structure is of a size, or asks for something, that this version does not know.
 */
#define ROLLBOOK_E_UNSUPPORTED -7

/**
 * Not now: the call belongs before or after the start.
 */
#define ROLLBOOK_E_STATE -8

/**
 * A value is out of its range.
 */
#define ROLLBOOK_E_ARGUMENT -9

/**
 * A text is not UTF-8.
 */
#define ROLLBOOK_E_UTF8 -10

/**
 * The configuration cannot be used.
 */
#define ROLLBOOK_E_CONFIG -11

/**
 * It is no peer id.
 */
#define ROLLBOOK_E_PEER_ID -12

/**
 * It is no key, or of a kind that is not supported, or weak.
 */
#define ROLLBOOK_E_KEY -13

/**
 * The journal is of a format that this version cannot read.
 */
#define ROLLBOOK_E_FORMAT -14

/**
 * The journal is another node's, or of another network.
 */
#define ROLLBOOK_E_FOREIGN -15

/**
 * There is no room.
 */
#define ROLLBOOK_E_FULL -16

/**
 * This node is not one of its configured authorities.
 */
#define ROLLBOOK_E_NOT_AUTHORITY -17

/**
 * This authority signs nothing until it has back what it said before.
 */
#define ROLLBOOK_E_RECOVERING -18

/**
 * There is no such node in the roll.
 */
#define ROLLBOOK_E_UNKNOWN_NODE -19

/**
 * The node is not admitted.
 */
#define ROLLBOOK_E_NOT_ADMITTED -20

/**
 * The signature does not count.
 */
#define ROLLBOOK_E_SIGNATURE -21

/**
 * The bytes are not what they should be: cut short, over a bound, or of another format.
 */
#define ROLLBOOK_E_MALFORMED -22

/**
 * Reading or writing a file, or the network, failed.
 */
#define ROLLBOOK_E_IO -23

/**
 * The node has stopped.
 */
#define ROLLBOOK_E_CLOSED -24

/**
 * It did not happen in time.
 */
#define ROLLBOOK_E_TIMEOUT -25

/**
 * Another call with this handle has not returned: a handle is used by one thread at a time.
 */
#define ROLLBOOK_E_BUSY -26

/**
 * What the command would do is not done to an authority.
 */
#define ROLLBOOK_E_IS_AUTHORITY -27

/**
 * This node issued statements as an authority, and is listed as none, not even as retired.
 */
#define ROLLBOOK_E_NO_LONGER_AUTHORITY -28

/**
 * A replica that does not hold every node cannot be an authority.
 */
#define ROLLBOOK_E_PARTIAL -29

/**
 * A part of the journal is lost, and the node has to start anew with this list.
 */
#define ROLLBOOK_E_DAMAGED -30

/**
 * The data directory is in use by another process.
 */
#define ROLLBOOK_E_IN_USE -31

/**
 * The most bytes of a peer id.
 */
#define ROLLBOOK_PEER_ID_SIZE_MAX 42

/**
 * The most bytes of a peer id as text.
 */
#define ROLLBOOK_PEER_ID_TEXT_MAX 60

/**
 * The most bytes of a signature.
 */
#define ROLLBOOK_SIGNATURE_SIZE_MAX 72

/**
 * The 32 bytes of the seed of an ed25519 key (RFC 8032).
 */
#define ROLLBOOK_KEY_ED25519 1

/**
 * The 32 bytes of the scalar of a secp256k1 key.
 */
#define ROLLBOOK_KEY_SECP256K1 2

/**
 * A private key of either kind as libp2p stores it: protobuf, as `MarshalPrivateKey` of go-libp2p
 * gives it.
 */
#define ROLLBOOK_KEY_LIBP2P 3

/**
 * A peer id, whose key is elsewhere, a secure element or another process: signatures are asked
 * for by `rollbook_tracker_poll_signature`.
 */
#define ROLLBOOK_KEY_OUTSIDE 4

/**
 * An authority lets in whoever renews a lease, at a limited rate.
 */
#define ROLLBOOK_ADMISSION_OPEN 0

/**
 * An authority lets in whoever is on a list, and whom an operator admits.
 */
#define ROLLBOOK_ADMISSION_ALLOW_LIST 1

/**
 * An authority lets in whom an operator admits.
 */
#define ROLLBOOK_ADMISSION_MANUAL 2

/**
 * The most authorities of a network, retired ones included.
 */
#define ROLLBOOK_AUTHORITIES_MAX 8

/**
 * The most bytes of a network's name.
 */
#define ROLLBOOK_NETWORK_SIZE_MAX 32

/**
 * Pass the message on: it advanced the roll.
 */
#define ROLLBOOK_ACCEPT 0

/**
 * Neither pass the message on nor hold it against the sender: it held nothing new.
 */
#define ROLLBOOK_IGNORE 1

/**
 * Hold the message against the sender: it is malformed or forged.
 */
#define ROLLBOOK_REJECT 2

/**
 * The most bytes of a journal frame.
 */
#define ROLLBOOK_FRAME_SIZE_MAX 1024

/**
 * The most bytes of a gossip message.
 */
#define ROLLBOOK_GOSSIP_SIZE_MAX 4096

/**
 * The bytes of a request that always suffice.
 */
#define ROLLBOOK_REQUEST_SIZE_MAX 8192

/**
 * The bytes of a response that always suffice.
 */
#define ROLLBOOK_RESPONSE_SIZE_MAX 16384

/**
 * The most bytes that are to be signed.
 */
#define ROLLBOOK_SIGNING_SIZE_MAX 832

/**
 * A node came online in a session that was not told of, or after it left.
 */
#define ROLLBOOK_EVENT_JOINED 1

/**
 * A node of which nobody in touch could say is online, in the session that it joined in.
 */
#define ROLLBOOK_EVENT_RETURNED 2

/**
 * A node left.
 */
#define ROLLBOOK_EVENT_LEFT 3

/**
 * Nobody in touch can say any more whether a node is here.
 */
#define ROLLBOOK_EVENT_UNKNOWN 4

/**
 * A node changed what it says of itself.
 */
#define ROLLBOOK_EVENT_CHANGED 5

/**
 * A node was admitted.
 */
#define ROLLBOOK_EVENT_ADMITTED 6

/**
 * A node was removed.
 */
#define ROLLBOOK_EVENT_REMOVED 7

/**
 * A node was banned.
 */
#define ROLLBOOK_EVENT_BANNED 8

/**
 * No authority vouches for a node any more. It is not in the roll.
 */
#define ROLLBOOK_EVENT_FORGOTTEN 9

/**
 * A node waits to be admitted.
 */
#define ROLLBOOK_EVENT_PENDING 10

/**
 * What a node was granted changed.
 */
#define ROLLBOOK_EVENT_GRANTS_CHANGED 11

/**
 * A writer made two statements with one version: `peer` is whom they are about, `other` the
 * writer.
 */
#define ROLLBOOK_EVENT_EQUIVOCATION 12

/**
 * This replica and that of `peer` hold different rolls, and find nothing to tell each other.
 */
#define ROLLBOOK_EVENT_ROOTS_DIFFER 13

/**
 * The replica of `peer` lists none of the authorities that this one does.
 */
#define ROLLBOOK_EVENT_NOTHING_IN_COMMON 14

/**
 * Somebody else keeps speaking in this node's name: two machines with one key.
 */
#define ROLLBOOK_EVENT_DUPLICATE_IDENTITY 15

/**
 * An authority is in touch again.
 */
#define ROLLBOOK_EVENT_AUTHORITY_IN_TOUCH 16

/**
 * An authority was not heard for a lease window.
 */
#define ROLLBOOK_EVENT_AUTHORITY_LOST 17

/**
 * The list of authorities was replaced.
 */
#define ROLLBOOK_EVENT_AUTHORITIES_CHANGED 18

/**
 * This node has another home, `peer`, or none.
 */
#define ROLLBOOK_EVENT_HOME_CHANGED 19

/**
 * This authority lost its journal, or a part of it, and signs nothing until others gave it back.
 */
#define ROLLBOOK_EVENT_RECOVERING 20

/**
 * This authority has what it said before and signs again.
 */
#define ROLLBOOK_EVENT_RECOVERED 21

/**
 * There is something that this replica has no room for or cannot check.
 */
#define ROLLBOOK_EVENT_BECAME_PARTIAL 22

/**
 * This replica has room again, and holds every node.
 */
#define ROLLBOOK_EVENT_BECAME_WHOLE 23

/**
 * The journal has grown to several times what it holds: time for
 * `rollbook_tracker_snapshot_begin`.
 */
#define ROLLBOOK_EVENT_COMPACTION_DUE 24

/**
 * Something that this header does not know.
 */
#define ROLLBOOK_EVENT_OTHER 255

/**
 * Something to sign; `number` is its id. See `rollbook_tracker_poll_signature`.
 */
#define ROLLBOOK_OUTPUT_SIGNATURE 1

/**
 * A journal frame; `number` is its position. See `rollbook_tracker_poll_journal`.
 */
#define ROLLBOOK_OUTPUT_JOURNAL 2

/**
 * A gossip message. See `rollbook_tracker_poll_publication`.
 */
#define ROLLBOOK_OUTPUT_PUBLICATION 3

/**
 * A request to `peer`. See `rollbook_tracker_poll_request`.
 */
#define ROLLBOOK_OUTPUT_REQUEST 4

/**
 * An event: the data is a `rollbook_event_t`. See `rollbook_tracker_poll_event`.
 */
#define ROLLBOOK_OUTPUT_EVENT 5

/**
 * The room that `rollbook_tracker_drain` needs: for the largest output.
 */
#define ROLLBOOK_DRAIN_SIZE_MIN 8264

/**
 * The most addresses that a node announces.
 */
#define ROLLBOOK_ADDRESSES_MAX 8

/**
 * The most bytes of an address.
 */
#define ROLLBOOK_ADDRESS_SIZE_MAX 96

/**
 * The most capabilities that a node announces.
 */
#define ROLLBOOK_CAPABILITIES_MAX 12

/**
 * The most bytes of a capability's name.
 */
#define ROLLBOOK_CAPABILITY_SIZE_MAX 32

/**
 * The most bytes of the agent.
 */
#define ROLLBOOK_AGENT_SIZE_MAX 48

/**
 * The most opaque bytes of the application.
 */
#define ROLLBOOK_EXTRA_SIZE_MAX 64

/**
 * The node did what it was asked to do.
 */
#define ROLLBOOK_COUNTER_SUCCESSES 0

/**
 * The node did not answer in time.
 */
#define ROLLBOOK_COUNTER_TIMEOUTS 1

/**
 * The node answered that there is nothing to find.
 */
#define ROLLBOOK_COUNTER_NOT_FOUND 2

/**
 * The first of five counters that mean what the application says.
 */
#define ROLLBOOK_COUNTER_APP 3

/**
 * How many counters there are.
 */
#define ROLLBOOK_COUNTERS 8

/**
 * The node has a stake.
 */
#define ROLLBOOK_GRANT_STAKED 1

/**
 * The node validates for others.
 */
#define ROLLBOOK_GRANT_VALIDATOR 2

/**
 * The first of 13 grants that mean what the application says.
 */
#define ROLLBOOK_GRANT_APP 3

/**
 * The number of the last grant.
 */
#define ROLLBOOK_GRANT_LAST 15

/**
 * The node waits for a decision or a first vouching.
 */
#define ROLLBOOK_STANDING_PENDING 0

/**
 * The node was taken off the roll; it may be admitted again.
 */
#define ROLLBOOK_STANDING_REMOVED 1

/**
 * The node is kept out.
 */
#define ROLLBOOK_STANDING_BANNED 2

/**
 * The node belongs to the network. Codes with this bit that a program does not know admit too.
 */
#define ROLLBOOK_STANDING_ADMITTED 128

/**
 * Nobody in touch can say whether the node is here.
 */
#define ROLLBOOK_HERE_UNKNOWN 0

/**
 * The node is here.
 */
#define ROLLBOOK_HERE_ONLINE 1

/**
 * The node left.
 */
#define ROLLBOOK_HERE_LEFT 2

/**
 * The most nodes that are selected at once.
 */
#define ROLLBOOK_SELECT_MAX 64

/**
 * Whether it belongs to the network: `value` is the standing.
 */
#define ROLLBOOK_FACT_STANDING 1

/**
 * A grant, whose number is in `number`: `value` is 1 or 0.
 */
#define ROLLBOOK_FACT_GRANT 2

/**
 * Its run, in `bytes`.
 */
#define ROLLBOOK_FACT_SESSION 3

/**
 * The authority that it names as its home, in `bytes`; none, or one that is not configured, is
 * none.
 */
#define ROLLBOOK_FACT_HOME 4

/**
 * Whether it means to stay: `value` is 0 for staying and 1 for leaving.
 */
#define ROLLBOOK_FACT_INTENT 5

/**
 * The software that it runs, in `bytes`.
 */
#define ROLLBOOK_FACT_AGENT 6

/**
 * How it is reached: a binary multiaddr in `bytes`.
 */
#define ROLLBOOK_FACT_ADDRESS 7

/**
 * What it can do: a name in `bytes`.
 */
#define ROLLBOOK_FACT_CAPABILITY 8

/**
 * What an authority last saw of the session in `bytes`: `number` is 1 for online, 2 for left, 3 for
 * moved; `value` is the epoch and `other` the number of the announcement that it rests on.
 */
#define ROLLBOOK_FACT_PRESENCE 9

/**
 * When it first joined there, in unix seconds.
 */
#define ROLLBOOK_FACT_FIRST_JOINED 10

/**
 * When it last joined there.
 */
#define ROLLBOOK_FACT_JOINED 11

/**
 * When it last left there.
 */
#define ROLLBOOK_FACT_LEFT 12

/**
 * For how long it was there in its ended sessions, in seconds.
 */
#define ROLLBOOK_FACT_UPTIME 13

/**
 * Its history from before Rollbook: `value` is when it first joined, `other` for how long it was
 * here.
 */
#define ROLLBOOK_FACT_IMPORTED 14

/**
 * What others counted about it: `number` is the counter, `value` how often, `other` when last.
 */
#define ROLLBOOK_FACT_TALLY 15

/**
 * Something that this header does not know.
 */
#define ROLLBOOK_FACT_OTHER 255

/**
 * Any node that is not an authority.
 */
#define ROLLBOOK_ROLE_MEMBER 0

/**
 * One of its configured authorities.
 */
#define ROLLBOOK_ROLE_AUTHORITY 1

/**
 * What an authority's operator decided about a node.
 */
#define ROLLBOOK_STATEMENT_DECISION 1

/**
 * What an authority observed of a node.
 */
#define ROLLBOOK_STATEMENT_PRESENCE 2

/**
 * What a node says of itself.
 */
#define ROLLBOOK_STATEMENT_ANNOUNCEMENT 3

/**
 * The most bytes that the text of an address has.
 */
#define ROLLBOOK_ADDRESS_TEXT_MAX 672

/**
 * A tracker: the roll of one node, and what it does to keep it.
 *
 * A handle is used by one thread at a time, whichever it is; different handles have nothing to do
 * with each other. A call with a handle in which another call has not returned answers
 * `ROLLBOOK_E_BUSY` where the processor can tell, and does nothing.
 */
typedef struct rollbook_tracker_t rollbook_tracker_t;

/**
 * A peer id: the multihash of a public key, or with the key in it.
 */
typedef struct rollbook_peer_id_t {
  /**
   * How many bytes it has, at most `ROLLBOOK_PEER_ID_SIZE_MAX`; 0 for nobody.
   */
  uint8_t size;
  /**
   * The bytes, then zeros.
   */
  uint8_t bytes[47];
} rollbook_peer_id_t;

/**
 * What a tracker is told once. Filled in by `rollbook_config_default`; then the network and its
 * authorities are set.
 */
typedef struct rollbook_config_t {
  /**
   * How often a member asks its home for changes and renews its lease, in milliseconds, from 10
   * to a day. Shorter finds out sooner, longer costs less; a lease lasts three of them.
   */
  uint64_t interval_ms;
  /**
   * The size of journal, in bytes, below which no compaction is asked for.
   */
  uint64_t compaction_floor;
  /**
   * After how long an authority publishes what others counted about a node, in milliseconds,
   * where nothing else is to be said of it.
   */
  uint64_t tallies_interval_ms;
  /**
   * The most nodes that the roll holds. A member of a larger network becomes partial.
   */
  uint32_t capacity;
  /**
   * The largest message of synchronisation that is taken, in bytes, from 16 KiB to 1 MiB.
   */
  uint32_t message_size_max;
  /**
   * Whom it lets in, if it is an authority: one of `ROLLBOOK_ADMISSION_*`.
   */
  uint8_t admission;
  /**
   * 1: hold only this node, the authorities and what `rollbook_tracker_hold` names.
   */
  uint8_t partial;
  /**
   * How many of `authorities` act: at least 1. A node that is among them is one.
   */
  uint8_t acting_count;
  /**
   * How many behind them are retired: nobody's home, and what they signed still counts.
   */
  uint8_t retired_count;
  /**
   * The size of the network's name, at least 1.
   */
  uint8_t network_size;
  /**
   * Zeros.
   */
  uint8_t zero[3];
  /**
   * The name of the network: part of every signature.
   */
  uint8_t network[ROLLBOOK_NETWORK_SIZE_MAX];
  /**
   * The authorities in the order in which a member tries them, then the retired ones.
   */
  struct rollbook_peer_id_t authorities[ROLLBOOK_AUTHORITIES_MAX];
} rollbook_config_t;

/**
 * What is wrong with something that a person wrote: a configuration, a text, an address. Filled in
 * where a function takes one and fails, whatever it fails on.
 */
typedef struct rollbook_error_t {
  /**
   * The code that the function answered.
   */
  int32_t code;
  /**
   * Where in the input, in bytes from its beginning, where that is known.
   */
  uint32_t offset;
  /**
   * A sentence, ended by a zero.
   */
  char message[112];
} rollbook_error_t;

/**
 * What was found in a journal so far.
 */
typedef struct rollbook_recovered_t {
  /**
   * Whole frames.
   */
  uint64_t frames;
  /**
   * Of these: statements that this version cannot read, of a later one. Others hold them too.
   */
  uint64_t unread;
  /**
   * Of these: statements that a partial replica left out, as it does what it has no room for.
   */
  uint64_t no_room;
  /**
   * Bytes of damaged frames that were skipped. An authority of which some are damaged recovers
   * first.
   */
  uint64_t damaged_bytes;
} rollbook_recovered_t;

/**
 * A past fact about the roll. What it is about is read from the roll.
 */
typedef struct rollbook_event_t {
  /**
   * One of `ROLLBOOK_EVENT_*`; later versions may have more.
   */
  uint8_t kind;
  /**
   * Zeros.
   */
  uint8_t zero[7];
  /**
   * The node that it is about, if it is about one.
   */
  struct rollbook_peer_id_t peer;
  /**
   * The writer of an equivocation.
   */
  struct rollbook_peer_id_t other;
} rollbook_event_t;

/**
 * An address: a binary multiaddr without the trailing peer id. `rollbook_multiaddr_parse` makes
 * one of text.
 */
typedef struct rollbook_address_t {
  /**
   * How many bytes it has.
   */
  uint8_t size;
  /**
   * The bytes, then zeros.
   */
  uint8_t bytes[ROLLBOOK_ADDRESS_SIZE_MAX];
} rollbook_address_t;

/**
 * A capability: something that a node can do, by its name.
 */
typedef struct rollbook_capability_t {
  /**
   * How many bytes its name has.
   */
  uint8_t size;
  /**
   * The name in UTF-8, then zeros.
   */
  uint8_t name[ROLLBOOK_CAPABILITY_SIZE_MAX];
} rollbook_capability_t;

/**
 * What a node says of itself.
 */
typedef struct rollbook_announcement_t {
  /**
   * How many addresses there are.
   */
  uint8_t address_count;
  /**
   * How many capabilities there are.
   */
  uint8_t capability_count;
  /**
   * How many bytes the agent has.
   */
  uint8_t agent_size;
  /**
   * How many bytes of the application there are.
   */
  uint8_t extra_size;
  /**
   * 1 where the node said that it leaves. Not read by `rollbook_tracker_announce`.
   */
  uint8_t leaving;
  /**
   * Zeros.
   */
  uint8_t zero[3];
  /**
   * How the node is reached.
   */
  struct rollbook_address_t addresses[ROLLBOOK_ADDRESSES_MAX];
  /**
   * What it can do.
   */
  struct rollbook_capability_t capabilities[ROLLBOOK_CAPABILITIES_MAX];
  /**
   * The software that it runs, in UTF-8.
   */
  uint8_t agent[ROLLBOOK_AGENT_SIZE_MAX];
  /**
   * Opaque bytes of the application.
   */
  uint8_t extra[ROLLBOOK_EXTRA_SIZE_MAX];
} rollbook_announcement_t;

/**
 * What was counted about a node: how often, and when last, in unix seconds; 0 for never.
 */
typedef struct rollbook_tally_t {
  /**
   * How often.
   */
  uint64_t count;
  /**
   * When last.
   */
  uint64_t last;
} rollbook_tally_t;

/**
 * A node's history from before Rollbook.
 */
typedef struct rollbook_history_t {
  /**
   * When it first joined, in unix seconds; 0 if that is not known.
   */
  uint64_t first_joined;
  /**
   * For how long it was here in all, in seconds.
   */
  uint64_t uptime;
  /**
   * The grants that it had: bit n for the grant of number n. They are taken over, unverified.
   */
  uint64_t grants;
  /**
   * What was counted about it: successes, timeouts, nothing found.
   */
  struct rollbook_tally_t counted[3];
} rollbook_history_t;

/**
 * What an application sees of a node. Times are unix seconds by the clocks of those who say them,
 * 0 where there is none.
 */
typedef struct rollbook_node_t {
  /**
   * When it first joined.
   */
  uint64_t first_joined;
  /**
   * When it last joined.
   */
  uint64_t last_joined;
  /**
   * When it last left.
   */
  uint64_t last_left;
  /**
   * The newest time of issue in its statements: shown, never compared.
   */
  uint64_t last_updated;
  /**
   * How long the running session lasts, in seconds; 0 unless it is online.
   */
  uint64_t uptime;
  /**
   * The sum of its sessions at all authorities, history included, in seconds.
   */
  uint64_t accumulated_uptime;
  /**
   * What others counted about it, by counter.
   */
  struct rollbook_tally_t tallies[ROLLBOOK_COUNTERS];
  /**
   * The node.
   */
  struct rollbook_peer_id_t peer_id;
  /**
   * The authority that it names as its home.
   */
  struct rollbook_peer_id_t home;
  /**
   * The version of its announcement: the epoch and the number in it.
   */
  uint32_t epoch;
  /**
   * See `epoch`.
   */
  uint32_t seq;
  /**
   * What it was granted: bit n for the grant of number n.
   */
  uint32_t grants;
  /**
   * The run that it announced.
   */
  uint8_t session[4];
  /**
   * Its Ethereum address, where its key is of secp256k1.
   */
  uint8_t ethereum_address[20];
  /**
   * One of `ROLLBOOK_STANDING_*`, or a later code.
   */
  uint8_t standing;
  /**
   * One of `ROLLBOOK_HERE_*`.
   */
  uint8_t here;
  /**
   * What was last known of it, one of `ROLLBOOK_HERE_*`.
   */
  uint8_t last_known;
  /**
   * 1 where it is admitted and online, or last known online while nobody in touch can say.
   */
  uint8_t is_active;
  /**
   * 1 where there is an announcement.
   */
  uint8_t has_announcement;
  /**
   * 1 where there is an Ethereum address.
   */
  uint8_t has_ethereum_address;
  /**
   * Zeros.
   */
  uint8_t zero[10];
  /**
   * What it says of itself.
   */
  struct rollbook_announcement_t announcement;
} rollbook_node_t;

/**
 * A fact about a node, and the statement that it stands in.
 */
typedef struct rollbook_fact_t {
  /**
   * What is said, by the kind of fact.
   */
  uint64_t value;
  /**
   * The same.
   */
  uint64_t other;
  /**
   * The version of the statement: of statements of one writer the greatest stands.
   */
  uint32_t epoch;
  /**
   * See `epoch`.
   */
  uint32_t seq;
  /**
   * The stamp of what was decided, 0 for what was not: of several authorities the greatest
   * counts.
   */
  uint32_t stamp;
  /**
   * One of `ROLLBOOK_FACT_*`.
   */
  uint8_t fact;
  /**
   * The kind of statement, one of `ROLLBOOK_STATEMENT_*`.
   */
  uint8_t statement;
  /**
   * 1 where what an application sees has it from here.
   */
  uint8_t counts;
  /**
   * What is said, by the kind of fact.
   */
  uint8_t number;
  /**
   * Who says it.
   */
  struct rollbook_peer_id_t writer;
  /**
   * How many bytes there are.
   */
  uint8_t size;
  /**
   * What is said, by the kind of fact.
   */
  uint8_t bytes[103];
} rollbook_fact_t;

/**
 * The state of a node in figures.
 */
typedef struct rollbook_status_t {
  /**
   * The size of all statements in the roll, in bytes.
   */
  uint64_t roll_bytes;
  /**
   * How much of what this node counted about others no authority has acknowledged.
   */
  uint64_t observations_waiting;
  /**
   * Nodes that belong to the network.
   */
  uint32_t admitted;
  /**
   * Of these: nodes that are online.
   */
  uint32_t online;
  /**
   * Of these: nodes that left.
   */
  uint32_t left;
  /**
   * Of these: nodes of which nobody in touch can say.
   */
  uint32_t unknown;
  /**
   * Nodes that wait to be admitted.
   */
  uint32_t pending;
  /**
   * Removed nodes.
   */
  uint32_t removed;
  /**
   * Banned nodes.
   */
  uint32_t banned;
  /**
   * Sessions that this authority knows to be here.
   */
  uint32_t leases;
  /**
   * This node.
   */
  struct rollbook_peer_id_t peer_id;
  /**
   * The authority that it renews its lease with; for one that knows of no other, itself.
   */
  struct rollbook_peer_id_t home;
  /**
   * The digest of the roll: equal rolls have equal roots.
   */
  uint8_t root[16];
  /**
   * This run of the node.
   */
  uint8_t session[4];
  /**
   * One of `ROLLBOOK_ROLE_*`.
   */
  uint8_t role;
  /**
   * 1: it is an authority that signs nothing until it has back what it said before.
   */
  uint8_t recovering;
  /**
   * 1: it is an authority that takes itself to be cut off.
   */
  uint8_t isolated;
  /**
   * 1: it does not hold every node.
   */
  uint8_t partial;
  /**
   * 1: it has no home, so nobody vouches that it is here.
   */
  uint8_t degraded;
  /**
   * Zeros.
   */
  uint8_t zero[7];
} rollbook_status_t;

/**
 * A signed, versioned fact by one writer about one node.
 */
typedef struct rollbook_statement_t {
  /**
   * Its version: the epoch and the number in it. It orders the statements of one writer.
   */
  uint32_t epoch;
  /**
   * See `epoch`.
   */
  uint32_t seq;
  /**
   * How many bytes were signed, without what stands around them in the envelope.
   */
  uint32_t payload_size;
  /**
   * How many bytes the signature has.
   */
  uint32_t signature_size;
  /**
   * What stands for the writer: the first 4 bytes of the SHA-256 of its peer id. Zeros in an
   * announcement, whose writer is its subject.
   */
  uint8_t writer[4];
  /**
   * One of `ROLLBOOK_STATEMENT_*`.
   */
  uint8_t kind;
  /**
   * Zeros.
   */
  uint8_t zero[3];
  /**
   * The node that it is about.
   */
  struct rollbook_peer_id_t subject;
} rollbook_statement_t;

/**
 * The beginning of an output, aligned to 8 bytes from the beginning of the buffer. Its data
 * follows, then zeros up to the next one.
 */
typedef struct rollbook_output_t {
  /**
   * From here to the next output, in bytes.
   */
  uint32_t size;
  /**
   * The bytes of data.
   */
  uint32_t data_size;
  /**
   * What names it, by its kind.
   */
  uint64_t number;
  /**
   * One of `ROLLBOOK_OUTPUT_*`.
   */
  uint8_t kind;
  /**
   * 1 where something waits for this frame to be durable.
   */
  uint8_t must_sync;
  /**
   * Zeros.
   */
  uint8_t zero[6];
  /**
   * To whom a request goes.
   */
  struct rollbook_peer_id_t peer;
} rollbook_output_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the ABI that the library has. See `ROLLBOOK_ABI_VERSION`.
 */
uint32_t rollbook_abi_version(void);

/**
 * The version of the library, as text. Never NULL; the text is static.
 */
const char *rollbook_version(void);

/**
 * The text of `code`, for people. Never NULL; the text is static.
 */
const char *rollbook_strerror(int32_t code);

/**
 * Reads a peer id as text: base58btc, as libp2p writes it.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_PEER_ID`
 */
int32_t rollbook_peer_id_parse(const uint8_t *text,
                               size_t text_size,
                               struct rollbook_peer_id_t *peer_id);

/**
 * Checks that bytes are a peer id, and takes them.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`
 */
int32_t rollbook_peer_id_from_bytes(const uint8_t *bytes,
                                    size_t size,
                                    struct rollbook_peer_id_t *peer_id);

/**
 * Writes a peer id as text, without a zero at its end.
 *
 * @param text room for `ROLLBOOK_PEER_ID_TEXT_MAX` bytes
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_PEER_ID`
 */
int32_t rollbook_peer_id_text(const uint8_t *peer_id,
                              size_t peer_id_size,
                              uint8_t *text,
                              size_t text_capacity,
                              size_t *text_size);

/**
 * The peer id of a private key.
 *
 * @param key_kind one of `ROLLBOOK_KEY_*`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_ARGUMENT`, `ROLLBOOK_E_KEY`,
 *         `ROLLBOOK_E_PEER_ID`
 */
int32_t rollbook_peer_id_of_key(uint8_t key_kind,
                                const uint8_t *key,
                                size_t key_size,
                                struct rollbook_peer_id_t *peer_id);

/**
 * Signs `message`, as `rollbook_verify` checks it.
 *
 * @param key_kind one of `ROLLBOOK_KEY_*`, with the key in memory
 * @param signature room for `ROLLBOOK_SIGNATURE_SIZE_MAX` bytes
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_KEY`,
 *         `ROLLBOOK_E_ARGUMENT` for a key that is outside
 */
int32_t rollbook_sign(uint8_t key_kind,
                      const uint8_t *key,
                      size_t key_size,
                      const uint8_t *message,
                      size_t message_size,
                      uint8_t *signature,
                      size_t signature_capacity,
                      size_t *signature_size);

/**
 * Checks that a signature over `message` is that of the key in a peer id: ed25519 strictly, and
 * secp256k1 as ECDSA over SHA-256 with low s in strict DER.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY` where the id
 *         holds no key that can be checked, or a weak one, `ROLLBOOK_E_SIGNATURE`
 */
int32_t rollbook_verify(const uint8_t *peer_id,
                        size_t peer_id_size,
                        const uint8_t *message,
                        size_t message_size,
                        const uint8_t *signature,
                        size_t signature_size);

/**
 * The Ethereum address of a peer id with a secp256k1 key, computed from it: 20 bytes.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` for other keys, or where the library was built without
 *         them; `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`
 */
int32_t rollbook_ethereum_address(const uint8_t *peer_id,
                                  size_t peer_id_size,
                                  uint8_t *address);

/**
 * Fills in the defaults: an interval of 10 s, 100,000 nodes, open admission, 256 KiB of journal,
 * tallies every hour, messages of 16 KiB; no network and no authorities, which have to be set.
 *
 * @param config_size `sizeof *config`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_config_default(struct rollbook_config_t *config,
                                size_t config_size);

/**
 * How much memory a tracker takes, and the alignment that it needs, in bytes. In a hosted library
 * the tables are on the heap, and this is the handle alone; in a library for devices it is all
 * that the tracker ever takes.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
 */
int32_t rollbook_tracker_layout(size_t *size,
                                size_t *alignment);

/**
 * Makes a tracker in the caller's memory, which belongs to it until `rollbook_tracker_deinit`. It
 * is where the memory is: it must not be moved or copied.
 *
 * Then the journal is given back by `rollbook_tracker_recover`, and `rollbook_tracker_start`
 * begins the run.
 *
 * @param memory at least as much as `rollbook_tracker_layout` says, and aligned
 * @param config see `rollbook_config_t`
 * @param config_size `sizeof *config`
 * @param key_kind one of `ROLLBOOK_KEY_*`
 * @param seed 32 bytes that differ at every start and that nobody else knows
 * @param tracker takes the handle; NULL where it failed
 * @param error takes what is wrong, with the configuration above all; may be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_MEMORY`, `ROLLBOOK_E_UNSUPPORTED`,
 *         `ROLLBOOK_E_CONFIG`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY`, `ROLLBOOK_E_ARGUMENT`
 */
int32_t rollbook_tracker_init(uint8_t *memory,
                              size_t memory_size,
                              const struct rollbook_config_t *config,
                              size_t config_size,
                              uint8_t key_kind,
                              const uint8_t *key,
                              size_t key_size,
                              const uint8_t *seed,
                              struct rollbook_tracker_t **tracker,
                              struct rollbook_error_t *error);

/**
 * Ends a tracker and overwrites its memory, secrets included. The memory is the caller's again.
 * Nothing is said to anybody: that is for `rollbook_tracker_leave`.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_HANDLE`, `ROLLBOOK_E_BUSY`;
 *         `ROLLBOOK_E_HANDLE` for one made by `rollbook_tracker_new` too
 */
int32_t rollbook_tracker_deinit(struct rollbook_tracker_t *tracker);

/**
 * Makes a tracker on the heap, in a hosted library; else as `rollbook_tracker_init`.
 *
 * @return as `rollbook_tracker_init`; `ROLLBOOK_E_MEMORY` where there is no heap
 */
int32_t rollbook_tracker_new(const struct rollbook_config_t *config,
                             size_t config_size,
                             uint8_t key_kind,
                             const uint8_t *key,
                             size_t key_size,
                             const uint8_t *seed,
                             struct rollbook_tracker_t **tracker,
                             struct rollbook_error_t *error);

/**
 * Ends a tracker that `rollbook_tracker_new` made. NULL is no error and does nothing.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_HANDLE`, `ROLLBOOK_E_BUSY`; `ROLLBOOK_E_HANDLE` for one made
 *         by `rollbook_tracker_init` too
 */
int32_t rollbook_tracker_free(struct rollbook_tracker_t *tracker);

/**
 * Writes what a journal begins with, to be stored when an identity is made: whose journal it is.
 * So a journal that was lost later is told from one that never was.
 *
 * @param out room for `ROLLBOOK_FRAME_SIZE_MAX` bytes
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_BUFSIZE`
 */
int32_t rollbook_journal_begin(const uint8_t *peer_id,
                               size_t peer_id_size,
                               uint8_t *out,
                               size_t capacity,
                               size_t *size);

/**
 * Gives the tracker a part of its journal, before the start: any number of bytes, in order. Whole
 * frames of it are taken; what is behind the last of them belongs in front of the next part. What
 * is behind the last frame of all was never finished: the next frame is appended in its place.
 *
 * Of `ROLLBOOK_FRAME_SIZE_MAX` bytes or more something is taken, unless they are no frame and have
 * no end. Where the journal goes on behind them, they are damage: they are skipped, and
 * `rollbook_tracker_note_damage` says so.
 *
 * Where it fails, the frames before the one that was refused were taken, and `used` says where
 * that one begins.
 *
 * @param used takes how many bytes were taken
 * @param recovered takes what was found so far, in all parts; may be NULL
 * @param recovered_size `sizeof *recovered`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`, `ROLLBOOK_E_UNSUPPORTED`,
 *         `ROLLBOOK_E_FORMAT`, `ROLLBOOK_E_FOREIGN`, `ROLLBOOK_E_NO_LONGER_AUTHORITY`;
 *         `ROLLBOOK_E_FULL` where an authority has no room
 */
int32_t rollbook_tracker_recover(struct rollbook_tracker_t *tracker,
                                 const uint8_t *part,
                                 size_t part_size,
                                 size_t *used,
                                 struct rollbook_recovered_t *recovered,
                                 size_t recovered_size);

/**
 * Notes, before the start, that a part of the journal could not even be read: an authority
 * recovers first. Damage that `rollbook_tracker_recover` found is noted by itself.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_note_damage(struct rollbook_tracker_t *tracker);

/**
 * Begins a compacted journal of all that the tracker holds. One is under way at a time: another
 * beginning gives the one before up.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_snapshot_begin(struct rollbook_tracker_t *tracker);

/**
 * Writes the next part of a compacted journal. Other calls may come in between: the frames that
 * `rollbook_tracker_poll_journal` gives out after the first part belong behind the last one. All
 * parts together, with these frames behind them, take the place of the journal, once all of it is
 * durable.
 *
 * @param out room for `ROLLBOOK_FRAME_SIZE_MAX` bytes at least; it is filled with whole frames
 * @param size takes how much of it is used: 0 where a statement waits for its signature
 *        (`ROLLBOOK_KEY_OUTSIDE`), and the call is to be repeated once that came
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` when all of it was written, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_STATE` where none was begun
 */
int32_t rollbook_tracker_snapshot_next(struct rollbook_tracker_t *tracker,
                                       uint8_t *out,
                                       size_t capacity,
                                       size_t *size);

/**
 * Begins the run, after the journal was given back: takes the next epoch, whose frame comes out of
 * `rollbook_tracker_poll_journal` first.
 *
 * @param mono_ms milliseconds by a clock that never goes back, from any start, in every call
 * @param unix_s seconds since 1970 by the wall clock, in every call. It seeds the first epoch and
 *        is shown to people; it never decides anything between statements
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE` where it was started before
 */
int32_t rollbook_tracker_start(struct rollbook_tracker_t *tracker,
                               uint64_t mono_ms,
                               uint64_t unix_s);

/**
 * Takes in a gossip message, whoever wrote it.
 *
 * @param from the connected peer that passed it on, as the transport authenticated it
 * @param verdict takes `ROLLBOOK_ACCEPT`, `ROLLBOOK_IGNORE` or `ROLLBOOK_REJECT`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_gossip(struct rollbook_tracker_t *tracker,
                                       uint64_t mono_ms,
                                       uint64_t unix_s,
                                       const uint8_t *from,
                                       size_t from_size,
                                       const uint8_t *message,
                                       size_t message_size,
                                       uint8_t *verdict);

/**
 * Takes in a request of the protocol of synchronisation and writes its answer.
 *
 * @param from who asks, as the transport authenticated it
 * @param response room for `ROLLBOOK_RESPONSE_SIZE_MAX` bytes, apart from the request; more is
 *        used where the peer takes more
 * @param response_size takes the size of the answer
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_BUFSIZE`,
 *         `ROLLBOOK_E_STATE`; `ROLLBOOK_E_ARGUMENT` where the answer would be written over the
 *         request; `ROLLBOOK_E_MALFORMED` for what is no request: nothing is answered
 */
int32_t rollbook_tracker_handle_request(struct rollbook_tracker_t *tracker,
                                        uint64_t mono_ms,
                                        uint64_t unix_s,
                                        const uint8_t *from,
                                        size_t from_size,
                                        const uint8_t *request,
                                        size_t request_size,
                                        uint8_t *response,
                                        size_t response_capacity,
                                        size_t *response_size);

/**
 * Takes in the answer to this node's request to `from`.
 *
 * @return `ROLLBOOK_OK`, also for an answer that nobody waits for any more: it is counted and
 *         nothing else; `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`;
 *         `ROLLBOOK_E_MALFORMED` for what is no answer, or one of a peer that had too much checked in
 *         vain of late: the request has failed, and is made again in its turn
 */
int32_t rollbook_tracker_handle_response(struct rollbook_tracker_t *tracker,
                                         uint64_t mono_ms,
                                         uint64_t unix_s,
                                         const uint8_t *from,
                                         size_t from_size,
                                         const uint8_t *response,
                                         size_t response_size);

/**
 * Notes that the request to `peer` failed: it could not be sent or was not answered.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_request_failed(struct rollbook_tracker_t *tracker,
                                               uint64_t mono_ms,
                                               uint64_t unix_s,
                                               const uint8_t *peer,
                                               size_t peer_size);

/**
 * Notes the first connection to a peer.
 *
 * @param remote the binary multiaddr that it is connected from, where that is known; of none, NULL
 *        and 0. One address counts for one place, whatever the peer announces
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_connected(struct rollbook_tracker_t *tracker,
                                          uint64_t mono_ms,
                                          uint64_t unix_s,
                                          const uint8_t *peer,
                                          size_t peer_size,
                                          const uint8_t *remote,
                                          size_t remote_size);

/**
 * Notes that the last connection to a peer was closed.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_disconnected(struct rollbook_tracker_t *tracker,
                                             uint64_t mono_ms,
                                             uint64_t unix_s,
                                             const uint8_t *peer,
                                             size_t peer_size);

/**
 * Notes that time passed: to be called no later than `rollbook_tracker_poll_timeout` says.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_timeout(struct rollbook_tracker_t *tracker,
                                        uint64_t mono_ms,
                                        uint64_t unix_s);

/**
 * Notes that all journal frames up to `position` are durable.
 *
 * @return `ROLLBOOK_OK`
 */
int32_t rollbook_tracker_handle_journal_synced(struct rollbook_tracker_t *tracker,
                                               uint64_t position);

/**
 * Takes in the signature that `rollbook_tracker_poll_signature` asked for: of ed25519 the 64 bytes,
 * of secp256k1 ECDSA over SHA-256 with low s in DER.
 *
 * @param id as `rollbook_tracker_poll_signature` gave it
 * @return `ROLLBOOK_OK`; `ROLLBOOK_NOTHING` where the statement was superseded meanwhile;
 *         `ROLLBOOK_E_SIGNATURE` where it is not this node's over these bytes: they are asked for
 *         again; `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_signature(struct rollbook_tracker_t *tracker,
                                          uint64_t mono_ms,
                                          uint64_t unix_s,
                                          uint64_t id,
                                          const uint8_t *signature,
                                          size_t signature_size);

/**
 * Notes that the signature of that id could not be made: it is asked for again.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_handle_signature_failed(struct rollbook_tracker_t *tracker,
                                                 uint64_t id);

/**
 * Writes what is to be signed next, where the key is outside (`ROLLBOOK_KEY_OUTSIDE`). The
 * signature comes back by `rollbook_tracker_handle_signature` or
 * `rollbook_tracker_handle_signature_failed`; until then nothing else is asked for, and what
 * depends on it waits.
 *
 * @param out room for `ROLLBOOK_SIGNING_SIZE_MAX` bytes
 * @param id takes what names it
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_poll_signature(struct rollbook_tracker_t *tracker,
                                        uint8_t *out,
                                        size_t capacity,
                                        size_t *size,
                                        uint64_t *id);

/**
 * Writes the next frame of the journal, to be appended to it.
 *
 * @param out room for `ROLLBOOK_FRAME_SIZE_MAX` bytes
 * @param position takes its number, for `rollbook_tracker_handle_journal_synced`
 * @param must_sync takes 1 where something waits for it to be durable
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_poll_journal(struct rollbook_tracker_t *tracker,
                                      uint8_t *out,
                                      size_t capacity,
                                      size_t *size,
                                      uint64_t *position,
                                      uint8_t *must_sync);

/**
 * Writes the next gossip message.
 *
 * @param out room for `ROLLBOOK_GOSSIP_SIZE_MAX` bytes
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_poll_publication(struct rollbook_tracker_t *tracker,
                                          uint8_t *out,
                                          size_t capacity,
                                          size_t *size);

/**
 * Writes the next request and says to whom. Its answer comes back by
 * `rollbook_tracker_handle_response` or `rollbook_tracker_handle_request_failed`.
 *
 * @param out room for `ROLLBOOK_REQUEST_SIZE_MAX` bytes; more is used where the peer takes more
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_poll_request(struct rollbook_tracker_t *tracker,
                                      uint64_t mono_ms,
                                      uint64_t unix_s,
                                      struct rollbook_peer_id_t *to,
                                      uint8_t *out,
                                      size_t capacity,
                                      size_t *size);

/**
 * When `rollbook_tracker_handle_timeout` is to be called at the latest.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` where nothing waits for a time, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_poll_timeout(struct rollbook_tracker_t *tracker,
                                      uint64_t *mono_ms);

/**
 * Takes the next thing to tell the application. Several changes of a node between two drains are
 * told as what they come to.
 *
 * @param event_size `sizeof *event`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_poll_event(struct rollbook_tracker_t *tracker,
                                    uint64_t mono_ms,
                                    uint64_t unix_s,
                                    struct rollbook_event_t *event,
                                    size_t event_size);

/**
 * Takes what is to be done, as much as there is room for, in the order in which it is to be done:
 * what to sign, journal frames, publications, requests, events. All of it is taken when nothing
 * was used. It is to be called again after `rollbook_tracker_handle_journal_synced` and
 * `rollbook_tracker_handle_signature`, which let out what waited.
 *
 * @param out room for `ROLLBOOK_DRAIN_SIZE_MIN` bytes at least, aligned as a `uint64_t` where it
 *        is read as structures
 * @param size takes how much of it is used: whole outputs, each a `rollbook_output_t` with its data
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_drain(struct rollbook_tracker_t *tracker,
                               uint64_t mono_ms,
                               uint64_t unix_s,
                               uint8_t *out,
                               size_t capacity,
                               size_t *size);

/**
 * Says what this node is: kept outside the roll until an authority admits the node, and passed on.
 * Where it is what it said last, nothing happens.
 *
 * @param announcement_size `sizeof *announcement`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`,
 *         `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT` for a size over its bound or an address that is
 *         none, `ROLLBOOK_E_FULL` where all of it together is too long
 */
int32_t rollbook_tracker_announce(struct rollbook_tracker_t *tracker,
                                  uint64_t mono_ms,
                                  uint64_t unix_s,
                                  const struct rollbook_announcement_t *announcement,
                                  size_t announcement_size);

/**
 * Says that this node stops. What is left to do is to drain the outputs, and to wait a moment for
 * `rollbook_tracker_is_leave_acknowledged`.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_leave(struct rollbook_tracker_t *tracker,
                               uint64_t mono_ms,
                               uint64_t unix_s);

/**
 * Whether an authority holds this node's newest announcement, or nobody is there to hold it.
 *
 * @return `ROLLBOOK_OK` if so, else `ROLLBOOK_NOTHING`; `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_is_leave_acknowledged(struct rollbook_tracker_t *tracker);

/**
 * Counts something about another node: `counter` grew by `count`. It is handed to the home, which
 * publishes what all observers say; what was not acknowledged when this node stops is lost.
 *
 * @param counter below `ROLLBOOK_COUNTERS`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`,
 *         `ROLLBOOK_E_ARGUMENT` for another counter or this node itself,
 *         `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_FULL` where too much waits
 */
int32_t rollbook_tracker_observe(struct rollbook_tracker_t *tracker,
                                 uint64_t mono_ms,
                                 uint64_t unix_s,
                                 const uint8_t *peer,
                                 size_t peer_size,
                                 uint8_t counter,
                                 uint32_t count);

/**
 * Lets a partial replica hold a node, beside itself and the authorities, and fetches what is known
 * of it. Said before the journal is given back, what that holds of the node is taken back. A
 * replica that is not partial notes it for when it becomes so.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_FULL`
 */
int32_t rollbook_tracker_hold(struct rollbook_tracker_t *tracker,
                              const uint8_t *peer,
                              size_t peer_size);

/**
 * Takes `rollbook_tracker_hold` back: a partial replica forgets the node.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`
 */
int32_t rollbook_tracker_release(struct rollbook_tracker_t *tracker,
                                 const uint8_t *peer,
                                 size_t peer_size);

/**
 * Decides that a node belongs to the network.
 *
 * @param receipt takes the number of the change: the decision is on disk, and acknowledged, once
 *        `rollbook_tracker_durable` has come to it. May be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY`,
 *         `ROLLBOOK_E_NOT_AUTHORITY`, `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_FULL`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_admit(struct rollbook_tracker_t *tracker,
                               uint64_t mono_ms,
                               uint64_t unix_s,
                               const uint8_t *peer,
                               size_t peer_size,
                               uint64_t *receipt);

/**
 * Keeps a node out of the network until it is admitted.
 *
 * @param receipt as of `rollbook_tracker_admit`
 * @return as `rollbook_tracker_admit`; `ROLLBOOK_E_IS_AUTHORITY`
 */
int32_t rollbook_tracker_ban(struct rollbook_tracker_t *tracker,
                             uint64_t mono_ms,
                             uint64_t unix_s,
                             const uint8_t *peer,
                             size_t peer_size,
                             uint64_t *receipt);

/**
 * Takes a node off the roll until it is admitted.
 *
 * @param receipt as of `rollbook_tracker_admit`
 * @return as `rollbook_tracker_admit`; `ROLLBOOK_E_IS_AUTHORITY`, `ROLLBOOK_E_UNKNOWN_NODE`
 */
int32_t rollbook_tracker_remove(struct rollbook_tracker_t *tracker,
                                uint64_t mono_ms,
                                uint64_t unix_s,
                                const uint8_t *peer,
                                size_t peer_size,
                                uint64_t *receipt);

/**
 * Grants something to a node.
 *
 * @param grant one of `ROLLBOOK_GRANT_*`, up to `ROLLBOOK_GRANT_LAST`
 * @param receipt as of `rollbook_tracker_admit`
 * @return as `rollbook_tracker_admit`; `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_NOT_ADMITTED`,
 *         `ROLLBOOK_E_ARGUMENT`
 */
int32_t rollbook_tracker_grant(struct rollbook_tracker_t *tracker,
                               uint64_t mono_ms,
                               uint64_t unix_s,
                               const uint8_t *peer,
                               size_t peer_size,
                               uint8_t grant,
                               uint64_t *receipt);

/**
 * Revokes a grant.
 *
 * @param grant as of `rollbook_tracker_grant`
 * @param receipt as of `rollbook_tracker_admit`
 * @return as `rollbook_tracker_grant`
 */
int32_t rollbook_tracker_revoke(struct rollbook_tracker_t *tracker,
                                uint64_t mono_ms,
                                uint64_t unix_s,
                                const uint8_t *peer,
                                size_t peer_size,
                                uint8_t grant,
                                uint64_t *receipt);

/**
 * Takes over a node's history from before Rollbook. It makes nobody online, and taking the same
 * over again, here or at another authority, changes nothing.
 *
 * @param history_size `sizeof *history`
 * @param receipt as of `rollbook_tracker_admit`
 * @return as `rollbook_tracker_admit`; `ROLLBOOK_NOTHING` where all of it was known,
 *         `ROLLBOOK_E_NOT_ADMITTED` for a node that is removed or banned, `ROLLBOOK_E_ARGUMENT`,
 *         `ROLLBOOK_E_UNSUPPORTED`
 */
int32_t rollbook_tracker_import(struct rollbook_tracker_t *tracker,
                                uint64_t mono_ms,
                                uint64_t unix_s,
                                const uint8_t *peer,
                                size_t peer_size,
                                const struct rollbook_history_t *history,
                                size_t history_size,
                                uint64_t *receipt);

/**
 * Up to which receipt commands are on disk.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_durable(struct rollbook_tracker_t *tracker,
                                 uint64_t *receipt);

/**
 * Replaces the list of whom this authority lets in under `ROLLBOOK_ADMISSION_ALLOW_LIST`. It is no
 * part of the journal: it is set again at each start, before or after it.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_NOT_AUTHORITY`,
 *         `ROLLBOOK_E_FULL` for more than there can be leases: nothing changed
 */
int32_t rollbook_tracker_set_allowed(struct rollbook_tracker_t *tracker,
                                     const struct rollbook_peer_id_t *peers,
                                     size_t peer_count);

/**
 * Replaces the list of authorities, in which this node may become one, or retire. What
 * authorities said who are not on it any more counts no longer. Nodes need not have the same list
 * at the same time.
 *
 * @param acting those that act, in the order in which a member tries them; `acting_count` of them
 * @param retired those that did; `retired_count` of them; NULL for none
 * @param admission_kind one of `ROLLBOOK_ADMISSION_*`, for a node that becomes an authority
 * @param error takes what is wrong, with the list above all; may be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_CONFIG`, `ROLLBOOK_E_PEER_ID`,
 *         `ROLLBOOK_E_KEY`, `ROLLBOOK_E_PARTIAL`, `ROLLBOOK_E_NO_LONGER_AUTHORITY`,
 *         `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_DAMAGED`, `ROLLBOOK_E_ARGUMENT`,
 *         `ROLLBOOK_E_STATE`: the list before it stays in use
 */
int32_t rollbook_tracker_set_authorities(struct rollbook_tracker_t *tracker,
                                         uint64_t mono_ms,
                                         uint64_t unix_s,
                                         const struct rollbook_peer_id_t *acting,
                                         size_t acting_count,
                                         const struct rollbook_peer_id_t *retired,
                                         size_t retired_count,
                                         uint8_t admission_kind,
                                         struct rollbook_error_t *error);

/**
 * Ends the recovery of an authority whose operator vouches that it never said anything that it
 * does not hold. It ends by itself once its roll equals that of another replica that holds what
 * this authority said.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_end_recovery(struct rollbook_tracker_t *tracker,
                                      uint64_t mono_ms,
                                      uint64_t unix_s);

/**
 * Reads a node, those that wait to be admitted included.
 *
 * @param seen_size `sizeof *seen`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` for a node that is not known, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_get(struct rollbook_tracker_t *tracker,
                             uint64_t mono_ms,
                             uint64_t unix_s,
                             const uint8_t *peer,
                             size_t peer_size,
                             struct rollbook_node_t *seen,
                             size_t seen_size);

/**
 * Reads nodes in the roll's order, those that wait to be admitted among them: a page of them. Whoever
 * asks for one page after another, each behind the last node of the one before, sees every node
 * that stays as it is exactly once, whatever happens in between.
 *
 * @param after the node behind which the page begins; NULL and 0 for the first page
 * @param seen a row of `capacity` structures
 * @param seen_size `sizeof *seen`
 * @param count takes how many were read: fewer than `capacity` at the end
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`,
 *         `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_nodes(struct rollbook_tracker_t *tracker,
                               uint64_t mono_ms,
                               uint64_t unix_s,
                               const uint8_t *after,
                               size_t after_size,
                               struct rollbook_node_t *seen,
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
 *         `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_select(struct rollbook_tracker_t *tracker,
                                uint64_t mono_ms,
                                uint64_t unix_s,
                                const uint8_t *capability,
                                size_t capability_size,
                                uint8_t granted,
                                struct rollbook_node_t *seen,
                                size_t seen_size,
                                size_t capacity,
                                size_t *count);

/**
 * Reads one of the facts that are known of a node.
 *
 * @param index from 0
 * @param fact_size `sizeof *fact`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
 *         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_explain(struct rollbook_tracker_t *tracker,
                                 const uint8_t *peer,
                                 size_t peer_size,
                                 uint32_t index,
                                 struct rollbook_fact_t *fact,
                                 size_t fact_size);

/**
 * Reads the state in figures. Looks at every node.
 *
 * @param status_size `sizeof *status`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_status(struct rollbook_tracker_t *tracker,
                                uint64_t mono_ms,
                                uint64_t unix_s,
                                struct rollbook_status_t *status,
                                size_t status_size);

/**
 * This node.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
 */
int32_t rollbook_tracker_peer_id(struct rollbook_tracker_t *tracker,
                                 struct rollbook_peer_id_t *peer_id);

/**
 * The digest of the roll, 16 bytes: equal rolls have equal roots.
 *
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`
 */
int32_t rollbook_tracker_root(struct rollbook_tracker_t *tracker,
                              uint8_t *root);

/**
 * One of the counters of what happened since the start, what was dropped on purpose included.
 *
 * @param index from 0
 * @param name takes its name, which is static and has no zero at its end
 * @param name_size takes the size of the name
 * @param value takes how often it happened
 * @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`
 */
int32_t rollbook_tracker_counter(struct rollbook_tracker_t *tracker,
                                 uint32_t index,
                                 const uint8_t **name,
                                 size_t *name_size,
                                 uint64_t *value);

/**
 * Reads a statement as on the wire. Its signature is not looked at.
 *
 * @param statement_size `sizeof *statement`
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_MALFORMED`, `ROLLBOOK_E_UNSUPPORTED` for
 *         one of a kind that this version does not know
 */
int32_t rollbook_statement_read(const uint8_t *bytes,
                                size_t size,
                                struct rollbook_statement_t *statement,
                                size_t statement_size);

/**
 * Checks the signature of a statement as on the wire.
 *
 * @param network the network's name, which is in what was signed
 * @param writer who must have signed it
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_CONFIG` for a name that
 *         is none, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_MALFORMED`, `ROLLBOOK_E_UNSUPPORTED`,
 *         `ROLLBOOK_E_KEY`, `ROLLBOOK_E_SIGNATURE`
 */
int32_t rollbook_statement_verify(const uint8_t *network,
                                  size_t network_size,
                                  const uint8_t *writer,
                                  size_t writer_size,
                                  const uint8_t *bytes,
                                  size_t size);

/**
 * Reads an address as text, such as `/ip4/192.0.2.1/tcp/7655`.
 *
 * @param error takes where the text is wrong; may be NULL
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_MALFORMED`
 */
int32_t rollbook_multiaddr_parse(const uint8_t *text,
                                 size_t text_size,
                                 struct rollbook_address_t *address,
                                 struct rollbook_error_t *error);

/**
 * Writes an address as text, without a zero at its end.
 *
 * @param text room for `ROLLBOOK_ADDRESS_TEXT_MAX` bytes
 * @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_MALFORMED` for bytes
 *         that are no address, or one of a protocol that has no text here
 */
int32_t rollbook_multiaddr_text(const uint8_t *address,
                                size_t address_size,
                                uint8_t *text,
                                size_t text_capacity,
                                size_t *text_size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ROLLBOOK_H */
