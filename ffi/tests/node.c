/*
 * A whole node, as a C program has it: two nodes in one process that find each other, threads that
 * share a handle, the descriptor, signals, connections that are cut, and what careless callers do.
 *
 *   node DIR [quick]
 *
 * DIR is an empty directory. With `quick`, handles that were freed are not used once more: a program
 * whose memory is watched ends there, rightly. The library has the function that panics.
 */

#include "check.h"

#include <rollbook_node.h>
#include <rollbook_node.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 60000
#define ROUNDS 600
#define READERS 4
#define CUTS 64

/* In the library that this is linked to, and in no other. */
#ifdef __cplusplus
extern "C"
#endif
int32_t rollbook_runtime_panic(rollbook_runtime_t *runtime);

static const char *folder;

static rollbook_settings_t settings_of(const char *network)
{
    rollbook_settings_t settings;
    memset(&settings, 0, sizeof settings);
    settings.interval_ms = 500;
    settings.threads = 1;
    settings.network_size = (uint8_t)strlen(network);
    memcpy(settings.network, network, settings.network_size);
    settings.listen_count = 1;
    EXPECT(ROLLBOOK_OK, rollbook_multiaddr_parse((const uint8_t *)"/ip4/127.0.0.1/tcp/0", 20,
                                                 &settings.listen[0], NULL));
    return settings;
}

static int32_t start_in(const char *name, const rollbook_settings_t *settings,
                        rollbook_runtime_t **runtime, rollbook_error_t *error)
{
    char dir[512];
    int size = snprintf(dir, sizeof dir, "%s/%s", folder, name);
    return rollbook_runtime_start(settings, sizeof *settings, (const uint8_t *)dir, (size_t)size,
                                  runtime, error);
}

static rollbook_runtime_t *started(const char *name, const rollbook_settings_t *settings)
{
    rollbook_runtime_t *runtime = NULL;
    rollbook_error_t error;
    int32_t answer;
    memset(&error, 0, sizeof error);
    answer = start_in(name, settings, &runtime, &error);
    if (answer != ROLLBOOK_OK) {
        fprintf(stderr, "%s: %s: %s\n", name, rollbook_strerror(answer), error.message);
        exit(1);
    }
    return runtime;
}

static rollbook_peer_id_t id_of(rollbook_runtime_t *runtime)
{
    rollbook_peer_id_t id;
    EXPECT(ROLLBOOK_OK, rollbook_runtime_peer_id(runtime, &id));
    return id;
}

/* The first address of a node, as text with a zero behind it. */
static size_t address_of(rollbook_runtime_t *runtime, char *text, size_t capacity)
{
    size_t size = 0;
    EXPECT(ROLLBOOK_OK,
           rollbook_runtime_listen_address(runtime, 0, (uint8_t *)text, capacity - 1, &size));
    text[size] = 0;
    return size;
}

/* Waits, by the descriptor, until a node tells of something about another one. */
static int is_told(rollbook_runtime_t *runtime, uint8_t kind, const rollbook_peer_id_t *id)
{
    struct pollfd waited;
    int rounds;
    waited.fd = -1;
    waited.events = POLLIN;
    EXPECT(ROLLBOOK_OK, rollbook_runtime_descriptor(runtime, &waited.fd));
    for (rounds = 0; rounds < ROUNDS; rounds++) {
        rollbook_runtime_event_t event;
        if (poll(&waited, 1, WAIT_MS) != 1) {
            return 0;
        }
        EXPECT(ROLLBOOK_OK, rollbook_runtime_next_event(runtime, &event, sizeof event));
        if (event.kind == kind && memcmp(&event.peer, id, sizeof *id) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What the process does at each signal. */
static void read_signals(struct sigaction actions[65])
{
    int signal;
    memset(actions, 0, 65 * sizeof actions[0]);
    for (signal = 1; signal < 65; signal++) {
        sigaction(signal, NULL, &actions[signal]);
    }
}

static int are_equal(const struct sigaction *left, const struct sigaction *right)
{
    int signal;
    for (signal = 1; signal < 65; signal++) {
        if (left[signal].sa_handler != right[signal].sa_handler ||
            left[signal].sa_flags != right[signal].sa_flags) {
            return 0;
        }
    }
    return 1;
}

/* Connections to a node that are cut in the middle: its answers go nowhere. */
static void cut_connections(const char *address)
{
    unsigned port = 0;
    int i;
    CHECK(sscanf(address, "/ip4/127.0.0.1/tcp/%u/", &port) == 1);
    for (i = 0; i < CUTS; i++) {
        static const char hello[] = "\x13/multistream/1.0.0\n\x07/noise\n";
        struct linger at_once;
        struct sockaddr_in to;
        int connection = socket(AF_INET, SOCK_STREAM, 0);
        memset(&to, 0, sizeof to);
        to.sin_family = AF_INET;
        to.sin_port = htons((uint16_t)port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(connect(connection, (struct sockaddr *)&to, sizeof to) == 0);
        CHECK(send(connection, hello, sizeof hello - 1, 0) == (ssize_t)sizeof hello - 1);
        /* A connection that is closed so is cut without a word. */
        at_once.l_onoff = 1;
        at_once.l_linger = 0;
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(connection);
    }
}

struct reader {
    pthread_t thread;
    rollbook_runtime_t *runtime;
    rollbook_peer_id_t id;
    int32_t end;
};

/* Reads whatever there is, until the node has stopped. */
static void *read_all(void *argument)
{
    struct reader *reader = (struct reader *)argument;
    static const uint8_t nobody[1] = {0};
    for (;;) {
        rollbook_runtime_event_t event;
        rollbook_status_t status;
        rollbook_node_t *seen = (rollbook_node_t *)malloc(sizeof *seen);
        size_t count = 0;
        int32_t answer = rollbook_runtime_wait(reader->runtime, ROLLBOOK_FOREVER);
        if (answer == ROLLBOOK_OK) {
            rollbook_runtime_next_event(reader->runtime, &event, sizeof event);
            rollbook_runtime_get(reader->runtime, reader->id.bytes, reader->id.size, seen,
                                 sizeof *seen);
            rollbook_runtime_nodes(reader->runtime, nobody, 0, seen, sizeof *seen, 1, &count);
            rollbook_runtime_status(reader->runtime, &status, sizeof status);
        }
        free(seen);
        if (answer != ROLLBOOK_OK) {
            reader->end = answer;
            return NULL;
        }
    }
}

static void two_nodes_find_each_other(void)
{
    struct sigaction before[65], after[65];
    struct reader readers[READERS];
    rollbook_settings_t settings = settings_of("c");
    rollbook_runtime_t *authority, *member;
    rollbook_peer_id_t id;
    rollbook_node_t *seen = (rollbook_node_t *)malloc(sizeof *seen);
    char address[ROLLBOOK_ADDRESS_TEXT_MAX + 1];
    size_t size;
    int i;
    read_signals(before);
    authority = started("authority", &settings);
    size = address_of(authority, address, sizeof address);
    settings.authority_count = 1;
    EXPECT(ROLLBOOK_OK, rollbook_authority_parse((const uint8_t *)address, size,
                                                 &settings.authorities[0], NULL));
    member = started("member", &settings);
    id = id_of(member);
    CHECK(is_told(authority, ROLLBOOK_EVENT_JOINED, &id));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_get(authority, id.bytes, id.size, seen, sizeof *seen));
    CHECK(seen->here == ROLLBOOK_HERE_ONLINE && seen->standing == ROLLBOOK_STANDING_ADMITTED);

    for (i = 0; i < READERS; i++) {
        readers[i].runtime = authority;
        readers[i].id = id;
        readers[i].end = ROLLBOOK_OK;
        CHECK(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]) == 0);
    }
    cut_connections(address);
    EXPECT(ROLLBOOK_OK, rollbook_runtime_grant(authority, id.bytes, id.size,
                                               ROLLBOOK_GRANT_STAKED, WAIT_MS));
    CHECK(is_told(member, ROLLBOOK_EVENT_GRANTS_CHANGED, &id));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_stop(member, WAIT_MS));
    read_signals(after);
    CHECK(are_equal(before, after));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_stop(authority, WAIT_MS));
    for (i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        CHECK(readers[i].end == ROLLBOOK_E_CLOSED);
    }
    EXPECT(ROLLBOOK_E_CLOSED, rollbook_runtime_admit(authority, id.bytes, id.size, WAIT_MS));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_free(authority));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_free(member));
    free(seen);
}

static void a_node_starts_from_toml(void)
{
    char toml[1024];
    rollbook_runtime_t *runtime = NULL;
    rollbook_error_t error;
    int size = snprintf(toml, sizeof toml,
                        "data-dir = \"%s/toml\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\n"
                        "sync-interval = \"500ms\"\ncapability = [\"storage\"]\n",
                        folder);
    EXPECT(ROLLBOOK_OK, rollbook_runtime_start_toml((const uint8_t *)toml, (size_t)size, &runtime,
                                                    NULL));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_free(runtime));
    EXPECT(ROLLBOOK_E_CONFIG, rollbook_runtime_start_toml((const uint8_t *)"network = \"a\"\nno = 1",
                                                          20, &runtime, &error));
    CHECK(runtime == NULL && error.code == ROLLBOOK_E_CONFIG && error.offset == 19);
    CHECK(strcmp(error.message, "no: there is no such key") == 0);
}

static void careless_callers_are_answered(void)
{
    union {
        uint64_t alignment;
        uint8_t bytes[512];
    } foreign;
    rollbook_settings_t settings = settings_of("careless");
    rollbook_runtime_t *runtime = started("careless", &settings), *other = NULL;
    rollbook_runtime_t *zeros = (rollbook_runtime_t *)(void *)foreign.bytes;
    rollbook_status_t status;
    rollbook_error_t error;
    memset(&foreign, 0, sizeof foreign);
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_runtime_status(zeros, &status, sizeof status));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_runtime_free(zeros));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_free(NULL));
    EXPECT(ROLLBOOK_E_NULL, rollbook_runtime_status(NULL, &status, sizeof status));
    EXPECT(ROLLBOOK_E_NULL, rollbook_runtime_status(runtime, NULL, sizeof status));
    EXPECT(ROLLBOOK_E_UNSUPPORTED, rollbook_runtime_status(runtime, &status, 0));
    EXPECT(ROLLBOOK_E_IN_USE, start_in("careless", &settings, &other, &error));
    CHECK(other == NULL && error.message[0] != 0);
    EXPECT(ROLLBOOK_E_NULL, start_in("none", NULL, &other, NULL));
    EXPECT(ROLLBOOK_E_NULL, start_in("none", &settings, NULL, NULL));
    settings.zero[0] = 1;
    EXPECT(ROLLBOOK_E_CONFIG, start_in("none", &settings, &other, &error));
    EXPECT(ROLLBOOK_E_ARGUMENT,
           rollbook_runtime_start(&settings, sizeof settings, (const uint8_t *)"a\0b", 3, &other,
                                  NULL));
    EXPECT(ROLLBOOK_E_PANIC, rollbook_runtime_panic(runtime));
    EXPECT(ROLLBOOK_E_POISONED, rollbook_runtime_status(runtime, &status, sizeof status));
    EXPECT(ROLLBOOK_OK, rollbook_runtime_free(runtime));
}

static void freed_handles_are_told(void)
{
    rollbook_settings_t settings = settings_of("freed");
    rollbook_runtime_t *runtime = started("freed", &settings);
    rollbook_status_t status;
    EXPECT(ROLLBOOK_OK, rollbook_runtime_free(runtime));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_runtime_status(runtime, &status, sizeof status));
    EXPECT(ROLLBOOK_E_HANDLE, rollbook_runtime_free(runtime));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "node DIR [quick]\n");
        return 2;
    }
    folder = argv[1];
    CHECK(rollbook_abi_version() == ROLLBOOK_ABI_VERSION);
    two_nodes_find_each_other();
    a_node_starts_from_toml();
    careless_callers_are_answered();
    if (argc < 3) {
        freed_handles_are_told();
    }
    return checks_end();
}
