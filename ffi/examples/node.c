/*
 * A whole node that joins a running network and prints the roll.
 *
 *   node DIR AUTHORITY [NODES]
 *
 * Keeps its key and its journal in DIR. AUTHORITY is the address of an authority as that prints it,
 * such as /ip4/127.0.0.1/tcp/7655/p2p/ID; with `-` this node is its own authority, and prints its
 * address for others to join. Tells what happens, prints the roll once so many nodes are online
 * (2 where nothing is said), and leaves when its standard input ends.
 *
 *   cc node.c $(pkg-config --cflags --libs rollbook_node) -o node
 */

#include <rollbook_node.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 16
#define STOP_MS 10000

static const char *const KINDS[] = {
    "?",       "joined",    "returned",  "left",    "unknown",      "changed",
    "admitted", "removed",  "banned",    "forgotten", "pending",    "grants changed",
};

static void print_id(const rollbook_peer_id_t *id)
{
    uint8_t text[ROLLBOOK_PEER_ID_TEXT_MAX];
    size_t size = 0;
    if (rollbook_peer_id_text(id->bytes, id->size, text, sizeof text, &size) == ROLLBOOK_OK) {
        printf("%.*s", (int)size, (const char *)text);
    }
}

/* What is wrong, for a person. */
static int failed(const char *what, int32_t answer, const rollbook_error_t *error)
{
    const char *sentence = error != NULL ? error->message : "";
    fprintf(stderr, "%s: %s%s%s\n", what, rollbook_strerror(answer), *sentence ? ": " : "", sentence);
    return 1;
}

/* Prints every node of the roll, a page at a time. */
static int32_t print_roll(rollbook_runtime_t *runtime)
{
    static const char *const HERE[] = {"unknown", "online", "left"};
    static rollbook_node_t page[PAGE];
    rollbook_peer_id_t last;
    size_t count = PAGE;
    memset(&last, 0, sizeof last);
    while (count == PAGE) {
        size_t i;
        int32_t answer = rollbook_runtime_nodes(runtime, last.bytes, last.size, page, sizeof page[0],
                                                PAGE, &count);
        if (answer != ROLLBOOK_OK) {
            return answer;
        }
        for (i = 0; i < count; i++) {
            printf("  ");
            print_id(&page[i].peer_id);
            printf("  %s  %.*s\n", page[i].here < 3 ? HERE[page[i].here] : "?",
                   (int)page[i].announcement.agent_size, (const char *)page[i].announcement.agent);
            last = page[i].peer_id;
        }
    }
    fflush(stdout);
    return ROLLBOOK_OK;
}

/* Tells of every event that there is; says how many were lost. */
static uint64_t print_events(rollbook_runtime_t *runtime)
{
    rollbook_runtime_event_t event;
    uint64_t lost = 0;
    while (rollbook_runtime_next_event(runtime, &event, sizeof event) == ROLLBOOK_OK) {
        lost += event.lost;
        if (event.kind < sizeof KINDS / sizeof KINDS[0]) {
            printf("%s ", KINDS[event.kind]);
            print_id(&event.peer);
            printf("\n");
        }
    }
    fflush(stdout);
    return lost;
}

/* Follows the network until the standard input ends. */
static int32_t follow(rollbook_runtime_t *runtime, uint32_t nodes)
{
    struct pollfd waited[2];
    int is_printed = 0;
    int32_t answer = rollbook_runtime_descriptor(runtime, &waited[0].fd);
    waited[0].events = POLLIN;
    waited[1].fd = STDIN_FILENO;
    waited[1].events = POLLIN;
    while (answer == ROLLBOOK_OK) {
        rollbook_status_t status;
        char ignored[256];
        if (print_events(runtime) > 0) {
            /* This program keeps nothing of its own; one that does reads the roll anew. */
            printf("some events were lost\n");
        }
        answer = rollbook_runtime_status(runtime, &status, sizeof status);
        if (answer == ROLLBOOK_OK && !is_printed && status.online >= nodes) {
            printf("%u nodes are online:\n", (unsigned)status.online);
            answer = print_roll(runtime);
            is_printed = 1;
        }
        if (is_printed && (waited[1].revents & (POLLIN | POLLHUP)) != 0 &&
            read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
            break;
        }
        /* Readable while there are events, and once the node has stopped. */
        if (rollbook_runtime_wait(runtime, 0) == ROLLBOOK_E_CLOSED) {
            answer = ROLLBOOK_E_CLOSED;
        } else {
            waited[1].revents = 0;
            poll(waited, is_printed ? 2 : 1, -1);
        }
    }
    return answer;
}

int main(int argc, char **argv)
{
    rollbook_settings_t settings;
    rollbook_runtime_t *runtime = NULL;
    rollbook_error_t error;
    uint8_t address[ROLLBOOK_ADDRESS_TEXT_MAX];
    size_t size = 0;
    int32_t answer;
    if (argc < 3) {
        fprintf(stderr, "node DIR AUTHORITY [NODES]\n");
        return 2;
    }
    memset(&error, 0, sizeof error);
    /* Zeros are the defaults. */
    memset(&settings, 0, sizeof settings);
    settings.interval_ms = 1000;
    settings.listen_count = 1;
    answer = rollbook_multiaddr_parse((const uint8_t *)"/ip4/127.0.0.1/tcp/0", 20,
                                      &settings.listen[0], &error);
    if (answer != ROLLBOOK_OK) {
        return failed("where to listen", answer, &error);
    }
    if (strcmp(argv[2], "-") != 0) {
        settings.authority_count = 1;
        answer = rollbook_authority_parse((const uint8_t *)argv[2], strlen(argv[2]),
                                          &settings.authorities[0], &error);
        if (answer != ROLLBOOK_OK) {
            return failed(argv[2], answer, &error);
        }
    }
    memcpy(settings.announcement.agent, "node.c", 6);
    settings.announcement.agent_size = 6;

    answer = rollbook_runtime_start(&settings, sizeof settings, (const uint8_t *)argv[1],
                                    strlen(argv[1]), &runtime, &error);
    if (answer != ROLLBOOK_OK) {
        return failed("start", answer, &error);
    }
    if (rollbook_runtime_listen_address(runtime, 0, address, sizeof address, &size) == ROLLBOOK_OK) {
        printf("this node is %.*s\n", (int)size, (const char *)address);
        fflush(stdout);
    }
    answer = follow(runtime, argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2);
    if (answer != ROLLBOOK_OK) {
        failed("the node", answer, NULL);
    }
    if (answer == ROLLBOOK_OK) {
        answer = rollbook_runtime_stop(runtime, STOP_MS);
    }
    rollbook_runtime_free(runtime);
    return answer == ROLLBOOK_OK ? 0 : 1;
}
