/* Links beside another archive with Rust in it: both work. */

#include <rollbook.h>

#include <stdio.h>

int32_t other_answer(void);

int main(void)
{
    rollbook_peer_id_t id;
    uint8_t key[32] = {1};
    if (other_answer() != 1
        || rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key, sizeof key, &id) != ROLLBOOK_OK) {
        return 1;
    }
    printf("two libraries with Rust in them work beside each other\n");
    return 0;
}
