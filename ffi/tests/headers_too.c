/* The other unit. */

#include <rollbook.h>

#ifdef __cplusplus
extern "C"
#endif
int32_t answer_from_the_other_unit(void);

int32_t answer_from_the_other_unit(void)
{
    return rollbook_tracker_free(NULL);
}
