/* What the kernel's assembly and its C tell each other. */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#define KERNEL_PLACE 0x1000000
#define TRAMPOLINE 0x8000
#define LARGE_RWX 0x83
#define TABLE 0x3

#ifndef __ASSEMBLER__
#include <stdint.h>

_Noreturn void start_kernel(const uint8_t *boot_params);
_Noreturn void start_secondary(uint32_t cpu);

#pragma GCC visibility push(hidden)
extern uint64_t initial_stack;   /* of the CPU that is being started */
extern uint32_t smpboot_control; /* its number */
extern uint8_t trampoline_start[], trampoline_start64[], trampoline_end[];
#pragma GCC visibility pop
#endif
#endif
