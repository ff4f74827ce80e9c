/* Memory of a TD that nobody has accepted, and CPUs that are brought up beside it.
 *
 *   accept=first    the boot CPU accepts all of it before it starts anybody
 *   accept=lazy     each CPU accepts 2 MiB before its first store there: one such unit before
 *                   it reports, the others of its share once it is online
 *   accept=all      each CPU accepts its share before it reports
 *   mib=N           how much; from ACCEPT_FROM on
 *
 * All are started at once. The memory is made pending before the time begins: shared with the
 * host and taken back. POST code 3 comes when all of it is accepted. */
#include "abi.h"
#include "arch.h"
#include "strategies/ways.h"
#include "tdcall.h"

#define ACCEPT_FROM 0x20000000ull
#define SHARED (1ull << 47)

static enum { FIRST, LAZY, ALL } when;
static uint64_t units; /* of 2 MiB; that of a CPU's number, and every cpu_count-th behind it */
static struct {
    volatile uint32_t done;
} __attribute__((aligned(64))) shares[CPUS_MAX];

static _Noreturn void stop(const char *text)
{
    printk(text);
    cpu_startup_entry();
}

static uint64_t accept(uint64_t gpa, uint64_t level)
{
    uint64_t status;

    do {
        struct tdcall_regs regs = {.rcx = gpa | level};
        status = TDCALL_STATUS(tdcall(TDG_MEM_PAGE_ACCEPT, &regs));
    } while (status == OPERAND_BUSY);
    return status;
}

/* A host that maps small pages refuses the large one. */
static void accept_unit(uint64_t unit)
{
    uint64_t gpa = ACCEPT_FROM + unit * LARGE_BYTES, status = accept(gpa, 1);

    for (uint64_t at = 0; status == ACCEPT_SIZE_MISMATCH && at < LARGE_BYTES; at += PAGE_BYTES)
        if (accept(gpa + at, 0))
            stop("4 KiB cannot be accepted");
    if (status && status != ACCEPT_SIZE_MISMATCH)
        stop("2 MiB cannot be accepted");
    *(volatile uint64_t *)gpa = unit;
}

static void accept_each(uint64_t first, uint64_t end, uint64_t step)
{
    for (uint64_t unit = first; unit < end; unit += step)
        accept_unit(unit);
}

static void before_it_reports(uint32_t cpu)
{
    accept_each(cpu, when == LAZY && cpu < units ? cpu + 1 : units, cpu_count);
}

static void once_it_is_online(uint32_t cpu)
{
    accept_each(cpu + (uint64_t)cpu_count, units, cpu_count);
    store_release32(&shares[cpu].done, 1);
}

static _Noreturn void start_secondary_accepting(uint32_t cpu)
{
    if (own_us)
        udelay(own_us);
    if (when != FIRST)
        before_it_reports(cpu);
    if (when == ALL)
        store_release32(&shares[cpu].done, 1);
    come_online(cpu);
    if (when == LAZY)
        once_it_is_online(cpu);
    cpu_startup_entry();
}

static void wait_for_all(void)
{
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        wait_for(&shares[cpu].done);
    out_byte(POST, POST_ACCEPTED);
}

static void read_accept(const char *line)
{
    when = is_said(line, "accept=first") ? FIRST : is_said(line, "accept=lazy") ? LAZY : ALL;
    units = number_behind(line, "mib=") * 1024 * 1024 / LARGE_BYTES;
    secondary = start_secondary_accepting;
}

static void make_pending(void)
{
    uint64_t bytes = units * LARGE_BYTES;

    if (bytes && !(tdvmcall_mapgpa(ACCEPT_FROM | SHARED, bytes) &&
                   tdvmcall_mapgpa(ACCEPT_FROM, bytes)))
        stop("MapGPA does not make memory pending");
}

bool bring_up_and_accept(const char *line)
{
    if (!is_said(line, "accept="))
        return false;
    read_accept(line);
    make_pending();
    out_byte(POST, POST_BEGIN);
    if (when == FIRST) {
        accept_each(0, units, 1);
        out_byte(POST, POST_ACCEPTED);
    }
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        kick(cpu);
    if (when != FIRST)
        before_it_reports(0);
    if (when == ALL)
        wait_for_all();
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        take_online(cpu);
    out_byte(POST, POST_ONLINE);
    if (when == LAZY) {
        once_it_is_online(0);
        wait_for_all();
    }
    return true;
}
