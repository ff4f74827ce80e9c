/* CPUs that are there already, parked, and are then started by a store.
 *
 *   wait=spin       each polls a word of its own
 *   wait=pause      with PAUSE between two looks
 *   wait=hlt        it halts, and an interrupt makes it look
 *   wait=mwait      it waits for a store to its line, as light as can be
 *   wait=mwait-c6   as deep as C6
 *   parked=US       for how long all of them wait before the first is started
 *
 * They are brought here before the time begins. POST code 4: all are parked. */
#define start_secondary start_released
#define bringup_nonboot_cpus bring_up_others
#include "strategies/smp.c"
#undef start_secondary
#undef bringup_nonboot_cpus

#define POST_PARKED 4
#define SPURIOUS 0x80F
#define APIC_ON 0x1FF
#define VECTOR 0x40
#define ICR_FIXED 0x4000
#define KERNEL_CODE 0x10
#define INTERRUPT_GATE 0x8E00
#define C6 0x20

_Noreturn void start_secondary(uint32_t cpu) __attribute__((visibility("hidden")));
uint32_t bringup_nonboot_cpus(const char *line) __attribute__((visibility("hidden")));
extern uint8_t woken[] __attribute__((visibility("hidden")));

static struct { /* nobody looks at another's line */
    volatile uint32_t here;
    volatile uint32_t go __attribute__((aligned(64)));
} __attribute__((aligned(64))) places[CPUS_MAX];
static void (*wait_at)(volatile uint32_t *cell);
static uint32_t hint;
static struct {
    uint16_t low, selector, kind, middle;
    uint32_t high, none;
} gates[VECTOR + 1] __attribute__((aligned(16)));
static struct {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed)) idtr;

__asm__(".text\n"
        "woken:\n" /* an interrupt: EOI to the x2APIC, and back */
        "  push %rax; push %rcx; push %rdx\n"
        "  mov $0x80B, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr\n"
        "  pop %rdx; pop %rcx; pop %rax\n"
        "  iretq\n");

__attribute__((noinline)) static void wait_spinning(volatile uint32_t *cell)
{
    while (!load_acquire32(cell))
        ;
}

__attribute__((noinline)) static void wait_pausing(volatile uint32_t *cell)
{
    while (!load_acquire32(cell))
        cpu_pause();
}

/* STI holds an interrupt back for one more instruction: none is lost before HLT. */
__attribute__((noinline)) static void wait_halted(volatile uint32_t *cell)
{
    while (!load_acquire32(cell))
        __asm__ volatile("sti\n hlt\n cli" ::: "memory");
}

__attribute__((noinline)) static void wait_monitoring(volatile uint32_t *cell)
{
    while (!load_acquire32(cell)) {
        __asm__ volatile("monitor" ::"a"(cell), "c"(0), "d"(0) : "memory");
        if (load_acquire32(cell))
            return;
        __asm__ volatile("mwait" ::"a"(hint), "c"(0) : "memory");
    }
}

static void let_interrupts_in(void)
{
    wrmsr(SPURIOUS, APIC_ON);
    __asm__ volatile("lidt %0" ::"m"(idtr));
}

_Noreturn void start_secondary(uint32_t cpu)
{
    if (wait_at == wait_halted)
        let_interrupts_in();
    store_release32(&places[cpu].here, 1);
    wait_at(&places[cpu].go);
    start_released(cpu);
}

static void make_gate(void)
{
    uint64_t to = (uint64_t)woken;

    gates[VECTOR].low = (uint16_t)to;
    gates[VECTOR].selector = KERNEL_CODE;
    gates[VECTOR].kind = INTERRUPT_GATE;
    gates[VECTOR].middle = (uint16_t)(to >> 16);
    gates[VECTOR].high = (uint32_t)(to >> 32);
    idtr.limit = sizeof(gates) - 1;
    idtr.base = (uint64_t)gates;
}

static void read_wait(const char *line)
{
    hint = is_said(line, "wait=mwait-c6") ? C6 : 0;
    wait_at = is_said(line, "wait=spin")    ? wait_spinning
              : is_said(line, "wait=pause") ? wait_pausing
              : is_said(line, "wait=hlt")   ? wait_halted
                                            : wait_monitoring;
}

static void park_all(void)
{
    make_gate();
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        kick(cpu);
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        wait_pausing(&places[cpu].here);
}

static void release(uint32_t cpu)
{
    store_release32(&places[cpu].go, 1);
    if (wait_at == wait_halted)
        send_ipi(apic_ids[numbers[cpu]], ICR_FIXED | VECTOR);
}

uint32_t bringup_nonboot_cpus(const char *line)
{
    copy_bytes((void *)TRAMPOLINE, trampoline_start,
               (uint64_t)(trampoline_end - trampoline_start));
    number_cpus();
    read_line(line);
    read_wait(line);
    park_all();
    out_byte(POST, POST_PARKED);
    udelay(number_behind(line, "parked="));
    out_byte(POST, 1);
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        release(cpu);
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        take_online(cpu);
    out_byte(POST, 2);
    return cpu_count;
}
