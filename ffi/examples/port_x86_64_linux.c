/*
 * A device that is a Linux process without a C library: all that it has is two system calls.
 *
 *   cc -ffreestanding -nostartfiles -nostdlib -static firmware.c port_x86_64_linux.c librollbook.a
 */

#include "port.h"

static long call(long number, long first, long second, long third)
{
    long answer;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return answer;
}

static void print(const char *text, size_t size)
{
    (void)call(1, 1, (long)text, (long)size);
}

void port_print(const char *text)
{
    size_t size = 0;
    while (text[size] != 0) {
        size++;
    }
    print(text, size);
    print("\n", 1);
}

void port_exit(int code)
{
    for (;;) {
        (void)call(231, code, 0, 0);
    }
}

void rollbook_port_panic(const uint8_t *file, size_t file_size, uint32_t line)
{
    char digits[11];
    size_t place = sizeof digits;
    digits[--place] = '\n';
    do {
        digits[--place] = (char)('0' + line % 10);
        line /= 10;
    } while (line > 0);
    print((const char *)file, file_size);
    print(":", 1);
    print(digits + place, sizeof digits - place);
    port_exit(101);
}

/* The compiler must not make these of themselves. */
#define PLAIN __attribute__((optimize("no-tree-loop-distribute-patterns")))

PLAIN void *memcpy(void *to, const void *from, size_t size)
{
    size_t index;
    for (index = 0; index < size; index++) {
        ((uint8_t *)to)[index] = ((const uint8_t *)from)[index];
    }
    return to;
}

PLAIN void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *into = (uint8_t *)to;
    const uint8_t *of = (const uint8_t *)from;
    if (into < of) {
        return memcpy(to, from, size);
    }
    while (size > 0) {
        size--;
        into[size] = of[size];
    }
    return to;
}

PLAIN void *memset(void *to, int byte, size_t size)
{
    size_t index;
    for (index = 0; index < size; index++) {
        ((uint8_t *)to)[index] = (uint8_t)byte;
    }
    return to;
}

PLAIN int memcmp(const void *one, const void *other, size_t size)
{
    size_t index;
    for (index = 0; index < size; index++) {
        int difference = ((const uint8_t *)one)[index] - ((const uint8_t *)other)[index];
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}

int main(void);
void begin(void);

void begin(void)
{
    port_exit(main());
}

/* The kernel enters here; a function expects an aligned stack with a return address on it. */
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n and $-16, %rsp\n call begin\n");
