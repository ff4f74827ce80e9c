/* CPUs that the host may plug in: behind the others in shim.cpus, with records like theirs. */
#ifndef HOTPLUG_ABSENT_H
#define HOTPLUG_ABSENT_H

#include <stdint.h>

#define NOT_THERE "not there yet" /* what the kernel's tree says of such a CPU */

#pragma GCC visibility push(hidden)
extern uint32_t present_count; /* so many of shim.cpus are there: the boot CPU and its APs */
#pragma GCC visibility pop
#endif
