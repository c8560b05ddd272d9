/*
 * Answers questions about formats, a line each, so that the golden vectors can be put to the
 * library from C. Bytes are hexadecimal digits, lists have commas, `-` is nothing.
 *
 *   parse BYTES-OF-TEXT            the bytes of a peer id, and its Ethereum address
 *   text BYTES                     the text of a peer id
 *   sign KIND SECRET MESSAGE       a signature
 *   verify ID MESSAGE SIGNATURE    0, or an error
 *   read WIRE                      kind, epoch, number, writer, subject and sizes of a statement
 *   check NETWORK WRITER WIRE      0, or an error
 *   frame BODY                     a journal frame, made here and not by the library
 *   journal ID BYTES               frames, damaged bytes and torn bytes
 *   roll AUTHORITIES STATEMENTS    root, then the nodes
 *   kept AUTHORITIES STATEMENTS    what a snapshot holds of statements
 *   gossip BYTES AUTHORITIES, request BYTES AUTHORITIES
 *                                  what becomes of a message
 */

#include <rollbook.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 400000
#define BYTES_SIZE 200000

static uint8_t hex_digit(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static size_t bytes_of(const char *hex, uint8_t *bytes)
{
    size_t size = 0;
    while (hex[0] != 0 && hex[0] != '-' && hex[0] != ',' && hex[1] != 0) {
        bytes[size++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex += 2;
    }
    return size;
}

static void print_hex(const uint8_t *bytes, size_t size)
{
    size_t index;
    if (size == 0) {
        printf("-");
    }
    for (index = 0; index < size; index++) {
        printf("%02x", bytes[index]);
    }
}

static rollbook_peer_id_t id_of_text(const char *text, size_t size)
{
    rollbook_peer_id_t id;
    if (rollbook_peer_id_parse((const uint8_t *)text, size, &id) != ROLLBOOK_OK) {
        fprintf(stderr, "no peer id: %.*s\n", (int)size, text);
        exit(1);
    }
    return id;
}

/* CRC-32/ISO-HDLC, bit by bit. */
static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffffu;
    size_t index;
    int bit;
    for (index = 0; index < size; index++) {
        crc ^= bytes[index];
        for (bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
    }
    return ~crc;
}

/* A journal frame: the body and its checksum, byte-stuffed, and a zero. */
static size_t frame_of(const uint8_t *body, size_t size, uint8_t *frame)
{
    uint8_t plain[ROLLBOOK_FRAME_SIZE_MAX];
    uint32_t crc = crc_of(body, size);
    size_t index, code = 0, end = 1;
    memcpy(plain, body, size);
    for (index = 0; index < 4; index++) {
        plain[size++] = (uint8_t)(crc >> (8 * index));
    }
    for (index = 0; index < size; index++) {
        if (end - code == 0xff) {
            frame[code] = 0xff;
            code = end++;
        }
        if (plain[index] == 0) {
            frame[code] = (uint8_t)(end - code);
            code = end++;
        } else {
            frame[end++] = plain[index];
        }
    }
    frame[code] = (uint8_t)(end - code);
    frame[end++] = 0;
    return end;
}

/* The body of a frame without its zero. */
static size_t body_of(const uint8_t *frame, size_t size, uint8_t *body)
{
    size_t at = 0, body_size = 0;
    while (at < size) {
        uint8_t code = frame[at++];
        uint8_t left = code;
        while (--left > 0 && at < size) {
            body[body_size++] = frame[at++];
        }
        if (code < 0xff && at < size) {
            body[body_size++] = 0;
        }
    }
    return body_size - 4;
}

/* A tracker with these authorities that nobody else knows. */
static rollbook_tracker_t *tracker_of(const char *authorities, const rollbook_peer_id_t *own)
{
    static uint8_t key[32], seed[32];
    rollbook_config_t config;
    rollbook_tracker_t *tracker;
    rollbook_error_t error;
    int32_t answer;
    rollbook_config_default(&config, sizeof config);
    memcpy(config.network, "main", 4);
    config.network_size = 4;
    while (*authorities != 0) {
        size_t size = strcspn(authorities, ",");
        config.authorities[config.acting_count++] = id_of_text(authorities, size);
        authorities += authorities[size] == ',' ? size + 1 : size;
    }
    memset(key, 77, sizeof key);
    answer = own == NULL
        ? rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_ED25519, key, sizeof key, seed,
                               &tracker, &error)
        : rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_OUTSIDE, own->bytes, own->size,
                               seed, &tracker, &error);
    if (answer != ROLLBOOK_OK) {
        fprintf(stderr, "no tracker: %s\n", error.message);
        exit(1);
    }
    return tracker;
}

/* Gives the tracker statements as its journal. */
static void give(rollbook_tracker_t *tracker, const char *statements)
{
    uint8_t body[ROLLBOOK_FRAME_SIZE_MAX], frame[ROLLBOOK_FRAME_SIZE_MAX];
    size_t used;
    while (*statements != 0 && *statements != '-') {
        size_t digits = strcspn(statements, ",");
        size_t size = digits / 2, head = 1, frame_size;
        /* A statement is the frame of kind 2, behind its size. */
        body[0] = 2;
        body[head++] = (uint8_t)(size >= 128 ? (size & 127) | 128 : size);
        if (size >= 128) {
            body[head++] = (uint8_t)(size >> 7);
        }
        bytes_of(statements, body + head);
        frame_size = frame_of(body, head + size, frame);
        if (rollbook_tracker_recover(tracker, frame, frame_size, &used, NULL, 0) != ROLLBOOK_OK
            || used != frame_size) {
            fprintf(stderr, "a statement is not taken\n");
            exit(1);
        }
        statements += statements[digits] == ',' ? digits + 1 : digits;
    }
    rollbook_tracker_start(tracker, 0, 1790000000);
}

static void print_roll(const char *authorities, const char *statements)
{
    rollbook_tracker_t *tracker = tracker_of(authorities, NULL);
    rollbook_node_t node;
    rollbook_peer_id_t after;
    uint8_t root[16], text[ROLLBOOK_PEER_ID_TEXT_MAX];
    size_t count = 1, size;
    give(tracker, statements);
    rollbook_tracker_root(tracker, root);
    print_hex(root, sizeof root);
    memset(&after, 0, sizeof after);
    while (rollbook_tracker_nodes(tracker, 0, 0, after.bytes, after.size, &node, sizeof node, 1,
                                  &count) == ROLLBOOK_OK && count == 1) {
        after = node.peer_id;
        rollbook_peer_id_text(after.bytes, after.size, text, sizeof text, &size);
        printf(" %.*s", (int)size, (const char *)text);
    }
    printf("\n");
    rollbook_tracker_free(tracker);
}

static void print_kept(const char *authorities, const char *statements)
{
    rollbook_tracker_t *tracker = tracker_of(authorities, NULL);
    uint8_t frame[ROLLBOOK_FRAME_SIZE_MAX], body[ROLLBOOK_FRAME_SIZE_MAX];
    size_t size;
    give(tracker, statements);
    rollbook_tracker_snapshot_begin(tracker);
    /* A buffer of the size of one frame takes one at a time. */
    while (rollbook_tracker_snapshot_next(tracker, frame, sizeof frame, &size) == ROLLBOOK_OK) {
        size_t body_size = body_of(frame, size - 1, body);
        if (body[0] == 2) {
            size_t head = body[1] & 128 ? 3 : 2;
            print_hex(body + head, body_size - head);
            printf(" ");
        }
    }
    printf("\n");
    rollbook_tracker_free(tracker);
}

static void print_journal(const char *id, const char *hex)
{
    static uint8_t bytes[BYTES_SIZE];
    rollbook_peer_id_t own = id_of_text(id, strlen(id));
    rollbook_tracker_t *tracker = tracker_of(id, &own);
    rollbook_recovered_t recovered;
    size_t size = bytes_of(hex, bytes), used = 0;
    int32_t answer;
    memset(&recovered, 0, sizeof recovered);
    answer = rollbook_tracker_recover(tracker, bytes, size, &used, &recovered, sizeof recovered);
    printf("%d %lu %lu %lu\n", (int)answer, (unsigned long)recovered.frames,
           (unsigned long)recovered.damaged_bytes, (unsigned long)(size - used));
    rollbook_tracker_free(tracker);
}

static void print_message(const char *authorities, const char *as, const char *hex)
{
    static uint8_t bytes[BYTES_SIZE], response[ROLLBOOK_RESPONSE_SIZE_MAX];
    rollbook_tracker_t *tracker = tracker_of(authorities, NULL);
    rollbook_peer_id_t from = id_of_text(authorities, strcspn(authorities, ","));
    size_t size = bytes_of(hex, bytes), response_size;
    uint8_t verdict = ROLLBOOK_ACCEPT;
    int32_t answer;
    rollbook_tracker_start(tracker, 0, 1790000000);
    rollbook_tracker_handle_connected(tracker, 0, 1790000000, from.bytes, from.size, NULL, 0);
    if (strcmp(as, "gossip") == 0) {
        answer = rollbook_tracker_handle_gossip(tracker, 0, 1790000000, from.bytes, from.size, bytes,
                                                size, &verdict);
        printf("%d %u\n", (int)answer, verdict);
    } else {
        answer = rollbook_tracker_handle_request(tracker, 0, 1790000000, from.bytes, from.size,
                                                 bytes, size, response, sizeof response,
                                                 &response_size);
        printf("%d\n", (int)answer);
    }
    rollbook_tracker_free(tracker);
}

static void answer_about_ids(const char *what, const char *argument)
{
    static uint8_t bytes[BYTES_SIZE];
    uint8_t text[ROLLBOOK_PEER_ID_TEXT_MAX], address[20];
    rollbook_peer_id_t id;
    size_t size;
    int32_t answer;
    size = bytes_of(argument, bytes);
    if (strcmp(what, "parse") == 0) {
        answer = rollbook_peer_id_parse(bytes, size, &id);
        if (answer != ROLLBOOK_OK) {
            printf("%d\n", (int)answer);
            return;
        }
        print_hex(id.bytes, id.size);
        printf(" ");
        answer = rollbook_ethereum_address(id.bytes, id.size, address);
        print_hex(address, answer == ROLLBOOK_OK ? sizeof address : 0);
        printf("\n");
        return;
    }
    answer = rollbook_peer_id_text(bytes, size, text, sizeof text, &size);
    if (answer == ROLLBOOK_OK) {
        printf("%.*s\n", (int)size, (const char *)text);
    } else {
        printf("%d\n", (int)answer);
    }
}

static void print_signature(const char *kind, const char *secret, const char *message)
{
    static uint8_t bytes[BYTES_SIZE];
    uint8_t key[32], signature[ROLLBOOK_SIGNATURE_SIZE_MAX];
    size_t size = bytes_of(message, bytes), signature_size = 0;
    uint8_t key_kind =
        strcmp(kind, "ed25519") == 0 ? ROLLBOOK_KEY_ED25519 : ROLLBOOK_KEY_SECP256K1;
    bytes_of(secret, key);
    rollbook_sign(key_kind, key, sizeof key, bytes, size, signature, sizeof signature,
                  &signature_size);
    print_hex(signature, signature_size);
    printf("\n");
}

static void print_statement(const char *wire)
{
    static uint8_t bytes[BYTES_SIZE];
    rollbook_statement_t statement;
    size_t size = bytes_of(wire, bytes);
    int32_t answer = rollbook_statement_read(bytes, size, &statement, sizeof statement);
    if (answer != ROLLBOOK_OK) {
        printf("%d\n", (int)answer);
        return;
    }
    printf("%u %lu %lu ", statement.kind, (unsigned long)statement.epoch,
           (unsigned long)statement.seq);
    print_hex(statement.writer, sizeof statement.writer);
    printf(" ");
    print_hex(statement.subject.bytes, statement.subject.size);
    printf(" %lu %lu\n", (unsigned long)statement.payload_size,
           (unsigned long)statement.signature_size);
}

int main(void)
{
    static char line[LINE_SIZE];
    static uint8_t one[BYTES_SIZE], other[BYTES_SIZE];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[4];
        size_t count = 0;
        char *word = strtok(line, " \n");
        while (word != NULL && count < 4) {
            words[count++] = word;
            word = strtok(NULL, " \n");
        }
        if (count == 2 && (strcmp(words[0], "parse") == 0 || strcmp(words[0], "text") == 0)) {
            answer_about_ids(words[0], words[1]);
        } else if (count == 4 && strcmp(words[0], "sign") == 0) {
            print_signature(words[1], words[2], words[3]);
        } else if (count == 4 && strcmp(words[0], "verify") == 0) {
            rollbook_peer_id_t id = id_of_text(words[1], strlen(words[1]));
            size_t size = bytes_of(words[2], one);
            printf("%d\n", (int)rollbook_verify(id.bytes, id.size, one, size, other,
                                                bytes_of(words[3], other)));
        } else if (count == 2 && strcmp(words[0], "read") == 0) {
            print_statement(words[1]);
        } else if (count == 4 && strcmp(words[0], "check") == 0) {
            rollbook_peer_id_t id = id_of_text(words[2], strlen(words[2]));
            printf("%d\n", (int)rollbook_statement_verify((const uint8_t *)words[1],
                                                          strlen(words[1]), id.bytes, id.size, one,
                                                          bytes_of(words[3], one)));
        } else if (count == 2 && strcmp(words[0], "frame") == 0) {
            size_t size = frame_of(one, bytes_of(words[1], one), other);
            print_hex(other, size);
            printf("\n");
        } else if (count == 3 && strcmp(words[0], "journal") == 0) {
            print_journal(words[1], words[2]);
        } else if (count == 3 && strcmp(words[0], "roll") == 0) {
            print_roll(words[1], words[2]);
        } else if (count == 3 && strcmp(words[0], "kept") == 0) {
            print_kept(words[1], words[2]);
        } else if (count == 3) {
            print_message(words[2], words[0], words[1]);
        } else {
            printf("no such question\n");
        }
        fflush(stdout);
    }
    return 0;
}
