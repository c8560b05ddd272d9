/* What the test programs of the tracker share: trackers to begin with. */

#ifndef TRACKERS_H
#define TRACKERS_H

#include "check.h"

/* The key of a node in the tests. */
static const uint8_t *secret_of(uint8_t secret)
{
    static uint8_t keys[256][32];
    memset(keys[secret], secret, 32);
    return keys[secret];
}

static rollbook_peer_id_t id_of(uint8_t secret)
{
    rollbook_peer_id_t id;
    EXPECT(ROLLBOOK_OK,
           rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, secret_of(secret), 32, &id));
    return id;
}

/* The configuration of a network whose authority is node 1. */
static rollbook_config_t config_of_main(void)
{
    rollbook_config_t config;
    EXPECT(ROLLBOOK_OK, rollbook_config_default(&config, sizeof config));
    memcpy(config.network, "main", 4);
    config.network_size = 4;
    config.authorities[0] = id_of(1);
    config.acting_count = 1;
    return config;
}

/* A tracker that is not started. */
static rollbook_tracker_t *tracker_of(uint8_t secret)
{
    rollbook_config_t config = config_of_main();
    rollbook_tracker_t *tracker = NULL;
    EXPECT(ROLLBOOK_OK,
           rollbook_tracker_new(&config, sizeof config, ROLLBOOK_KEY_ED25519, secret_of(secret), 32,
                                secret_of((uint8_t)(secret + 100)), &tracker, NULL));
    return tracker;
}

/* A tracker with the journal of a new identity, started at time 0. */
static rollbook_tracker_t *started(uint8_t secret)
{
    rollbook_tracker_t *tracker = tracker_of(secret);
    rollbook_peer_id_t id = id_of(secret);
    uint8_t frame[ROLLBOOK_FRAME_SIZE_MAX];
    size_t size = 0, used = 0;
    EXPECT(ROLLBOOK_OK, rollbook_journal_begin(id.bytes, id.size, frame, sizeof frame, &size));
    EXPECT(ROLLBOOK_OK, rollbook_tracker_recover(tracker, frame, size, &used, NULL, 0));
    CHECK(used == size);
    EXPECT(ROLLBOOK_OK, rollbook_tracker_start(tracker, 0, 1790000000));
    return tracker;
}

#endif
