/* CPUs that come and go while the kernel runs. */
#ifndef KERNEL_HOTPLUG_H
#define KERNEL_HOTPLUG_H

#define NOTICE_VECTOR 0x50

#ifndef __ASSEMBLER__
#include <stdint.h>

#pragma GCC visibility push(hidden)
/* Serves the host's notices until so many CPUs have come or gone as `hotplug=N` on the command
 * line says, two without it. */
void serve_notices(const uint8_t *boot_params);
/* How CPUs are started that are as at power-on: start.c has hypercall_start for both ways. */
void find_way_to_start(const uint8_t *boot_params);
#pragma GCC visibility pop
#endif
#endif
