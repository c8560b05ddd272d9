/*
 * Whoever listened to the nodes of udp.c, and sends again what it heard, is not believed: neither
 * while a node is known, nor after it went silent, nor after this node started anew.
 */

#include <time.h>

/* Time passes when the test says so. */
static time_t test_time(time_t *at);

#define time test_time
#define main udp_main
#include "../examples/udp.c"
#undef main
#undef time

static time_t now_s = 1790000000;

static time_t test_time(time_t *at)
{
    (void)at;
    return now_s;
}

static int failed;

static void expect(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        failed = 1;
    }
}

int main(void)
{
    static uint8_t datagram[DATAGRAM_SIZE_MAX], later[DATAGRAM_SIZE_MAX];
    struct sockaddr_in here = loopback(0);
    socklen_t here_size = sizeof here;
    ssize_t size, later_size;
    memset(key, 1, sizeof key);
    check(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key, sizeof key, &own), "key");
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (sock < 0 || bind(sock, (struct sockaddr *)&here, sizeof here) != 0
        || getsockname(sock, (struct sockaddr *)&here, &here_size) != 0) {
        perror("socket");
        return 1;
    }
    start(&own, ntohs(here.sin_port));
    /* It sends to itself, and the test listens. */
    send_to(&own, &here, HELLO, NULL, 0);
    size = recvfrom(sock, datagram, sizeof datagram, 0, NULL, NULL);
    send_to(&own, &here, HELLO, NULL, 0);
    later_size = recvfrom(sock, later, sizeof later, 0, NULL, NULL);
    expect(size > 0 && later_size > 0, "datagrams arrive");

    expect(authenticated(datagram, (size_t)size, &here) != NULL, "a datagram is believed");
    expect(authenticated(datagram, (size_t)size, &here) == NULL, "but not twice");
    expect(authenticated(later, (size_t)later_size, &here) != NULL, "the next one is");
    later[HEAD_SIZE - 9] ^= 1;
    expect(authenticated(later, (size_t)later_size, &here) == NULL, "nor one that was changed");

    /* It is silent for so long that it is given up. */
    now_s += SILENCE_MS / 1000;
    peer_count = 0;
    expect(authenticated(datagram, (size_t)size, &here) == NULL, "nor after a silence");
    now_s -= 2 * SILENCE_MS / 1000;
    expect(authenticated(datagram, (size_t)size, &here) == NULL, "nor one of times to come");
    now_s += 2 * SILENCE_MS / 1000;
    send_to(&own, &here, HELLO, NULL, 0);
    size = recvfrom(sock, datagram, sizeof datagram, 0, NULL, NULL);
    expect(authenticated(datagram, (size_t)size, &here) != NULL, "who is back is believed");
    check(rollbook_tracker_free(tracker), "free");
    close(sock);
    return failed;
}
