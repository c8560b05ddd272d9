/* What the library for devices, and the example, need of a device. */

#ifndef PORT_H
#define PORT_H

#include <stddef.h>
#include <stdint.h>

/* The library calls these four, as compilers do. */
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);

/* The library calls this where it finds a fault of its own, in that line of that file of its
 * source. It must not return: reset the device, or stop. */
void rollbook_port_panic(const uint8_t *file, size_t file_size, uint32_t line);

/* The example says something, a line. */
void port_print(const char *text);

/* The example ends. */
void port_exit(int code);

#endif
