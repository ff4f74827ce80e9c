/* What the small programs share: ports, the local APIC in either mode, and lines of text. */
#ifndef SMALL_H
#define SMALL_H

#define CODE32 8
#define DATA32 16
#define LOW 0x8000 /* where APs begin */
#define DEBUG_EXIT 0xF4
#define STACK_BYTES 4096
#define CPUS_MAX 16

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

#define COM1 0x3F8
#define FW_CFG 0x510
#define NB_CPUS 5
#define APIC_BASE 0x1B
#define X2APIC 0x400
#define APIC_ID 0x20
#define APIC_EOI 0xB0
#define APIC_SPURIOUS 0xF0
#define APIC_ICR 0x300
#define ICR_INIT 0x4500
#define ICR_SIPI 0x4600
#define ICR_NMI 0x4400
#define ICR_FIXED 0x4000
#define PATIENCE 5000000

struct gate {
    uint16_t low, selector;
    uint16_t type, high;
};
extern struct gate idt[256];
extern volatile uint32_t arrived;
extern const uint8_t low_start[], low_end[];
extern void load_idt(void);
extern void nmi_gate(void), ipi_gate(void);

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void cpu_pause(void) { __asm__ volatile("pause" ::: "memory"); }

uint32_t cpu_count(void);
uint32_t apic_id(void);
void apic_begin(void);
void apic_end(void);
void apic_send(uint32_t id, uint32_t command);
void start_aps(uint32_t count);
bool comes_to(volatile uint32_t *cell, uint32_t wanted);
void gate_to(uint32_t vector, void (*handler)(void));
/* A line "PASS: what" or "FAIL: what"; counts the failures. */
void check(bool good, const char *what);
extern uint32_t failures;

int main(void);
void secondary_main(void);
void nmi_handler(void);
void ipi_handler(void);
#endif
#endif
