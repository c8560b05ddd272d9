/* The header may be included twice in a unit, and in two units of one program. */

#include <rollbook.h>
#include <rollbook.h>

#ifdef __cplusplus
extern "C"
#endif
int32_t answer_from_the_other_unit(void);

int main(void)
{
    return rollbook_abi_version() == ROLLBOOK_ABI_VERSION
                && answer_from_the_other_unit() == ROLLBOOK_OK
            ? 0
            : 1;
}
