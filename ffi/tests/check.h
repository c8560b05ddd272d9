/* What the test programs share: expectations that are counted. */

#ifndef CHECK_H
#define CHECK_H

#include <rollbook.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks_passed, checks_failed;

/* Expects that an expression is an answer. */
#define EXPECT(expected, expression) \
    check_answer((expected), (expression), #expression, __FILE__, __LINE__)

/* Expects that something holds. */
#define CHECK(condition) check_that((condition) ? 1 : 0, #condition, __FILE__, __LINE__)

static void check_that(int holds, const char *text, const char *file, int line)
{
    if (holds) {
        checks_passed++;
    } else {
        checks_failed++;
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    }
}

static void check_answer(int32_t expected, int32_t answer, const char *text, const char *file,
                         int line)
{
    if (answer == expected) {
        checks_passed++;
    } else {
        checks_failed++;
        fprintf(stderr, "%s:%d: %d (%s) and not %d: %s\n", file, line, (int)answer,
                rollbook_strerror(answer), (int)expected, text);
    }
}

/* Ends a test program: says how many expectations held. */
static int checks_end(void)
{
    printf("%d passed, %d failed\n", checks_passed, checks_failed);
    return checks_failed > 0;
}

#endif
