/* The instructions that C has no words for, one inline function each. */
#ifndef SHIM_ARCH_H
#define SHIM_ARCH_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_pause(void) { __asm__ volatile("pause" ::: "memory"); }

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline void write_cr3(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}

static inline uint64_t read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline void invlpg(const void *address)
{
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

/* One compare-and-swap that every CPU sees in one order; it is also a full barrier. */
static inline bool cmpxchg32(volatile uint32_t *cell, uint32_t expected, uint32_t desired)
{
    return __atomic_compare_exchange_n((uint32_t *)cell, &expected, desired, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The same for two neighbours that change together. */
static inline bool cmpxchg64(volatile uint64_t *cell, uint64_t expected, uint64_t desired)
{
    return __atomic_compare_exchange_n((uint64_t *)cell, &expected, desired, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* x86 keeps stores in order; this keeps the compiler from moving what was stored before. */
static inline void store_release64(volatile uint64_t *cell, uint64_t value)
{
    __atomic_store_n((uint64_t *)cell, value, __ATOMIC_RELEASE);
}

static inline void store_release32(volatile uint32_t *cell, uint32_t value)
{
    __atomic_store_n((uint32_t *)cell, value, __ATOMIC_RELEASE);
}

static inline void store_release16(volatile uint16_t *cell, uint16_t value)
{
    __atomic_store_n((uint16_t *)cell, value, __ATOMIC_RELEASE);
}

/* What is read after this was stored before the value that is read here. */
static inline uint32_t load_acquire32(const volatile uint32_t *cell)
{
    return __atomic_load_n((const uint32_t *)cell, __ATOMIC_ACQUIRE);
}

static inline uint16_t load_acquire16(const volatile uint16_t *cell)
{
    return __atomic_load_n((const uint16_t *)cell, __ATOMIC_ACQUIRE);
}

static inline void *fill_bytes(void *target, uint8_t value, uint64_t count)
{
    void *start = target;
    __asm__ volatile("rep stosb" : "+D"(target), "+c"(count) : "a"(value) : "memory");
    return start;
}

/* Eight bytes a step: `target` is 8-byte aligned, `count` in bytes a multiple of 8. */
static inline void zero_words(void *target, uint64_t count)
{
    count /= 8;
    __asm__ volatile("rep stosq" : "+D"(target), "+c"(count) : "a"(0ull) : "memory");
}

static inline void *copy_bytes(void *target, const void *source, uint64_t count)
{
    void *start = target;
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(count)::"memory");
    return start;
}

/* As zero_words, from another place. */
static inline void copy_words(void *target, const void *source, uint64_t count)
{
    count /= 8;
    __asm__ volatile("rep movsq" : "+D"(target), "+S"(source), "+c"(count)::"memory");
}

#endif
