/* The boot, step by step.  Everything else is one file per step. */
#include "shim.h"

struct shim shim;
struct ap_record *ap_records;
uint32_t ap_count, ap_record_stride;

#define LEAF_HYPERVISOR 0x40000000
#define LEAF_PRIVILEGES 0x40000003
#define ISOLATION_BIT (1u << 22) /* HvPartitionPrivilege bit 54, in EBX */
#define HYPERVISOR_PRESENT (1u << 31)
#define CRYSTAL_DEFAULT 25000000

static uint64_t tsc_frequency(void)
{
    struct cpuid_result r = cpuid(0x15, 0);
    uint64_t crystal = r.ecx ? r.ecx : CRYSTAL_DEFAULT;
    if (!r.eax || !r.ebx)
        refuse("CPUID 0x15 gives no TSC frequency", 0);
    return crystal * r.ebx / r.eax;
}

/* The image says TDX or not; which of the others it is, the hypervisor's leaves say. */
static void find_platform(void)
{
    if (shim.params->supported_isolation_type == 3) {
        shim.isolation = ISOLATION_TDX;
        shim.start = START_RESET_VECTOR;
        ap_shared.on_tdx = true;
        return;
    }
    if (shim.params->supported_isolation_type != 1)
        refuse("unexpected isolation type", shim.params->supported_isolation_type);
    struct cpuid_result vendor = cpuid(LEAF_HYPERVISOR, 0);
    /* "Microsoft Hv" */
    bool hyperv = cpuid(1, 0).ecx & HYPERVISOR_PRESENT && vendor.ebx == 0x7263694D &&
                  vendor.ecx == 0x666F736F && vendor.edx == 0x76482074;
    shim.start = hyperv ? START_HYPERCALL : START_SIPI;
    if (hyperv && cpuid(LEAF_PRIVILEGES, 0).ebx & ISOLATION_BIT)
        shim.isolation = ISOLATION_VBS;
}

const char *isolation_name(void)
{
    static const char names[][5] = {
        [ISOLATION_NONE] = "none", [ISOLATION_VBS] = "vbs", [ISOLATION_TDX] = "tdx"};
    return names[shim.isolation];
}

static bool has_word(const char *text, const char *word)
{
    while (*text) {
        uint32_t i = 0;
        while (word[i] && text[i] == word[i])
            i++;
        if (!word[i] && (!text[i] || text[i] == ' '))
            return true;
        while (*text && *text != ' ')
            text++;
        while (*text == ' ')
            text++;
    }
    return false;
}

/* The loader's page: u16 policy, u16 length, text. */
static void read_command_line(uint64_t page)
{
    const uint16_t *header = (const uint16_t *)page;
    uint32_t room = sizeof(shim.cmdline) - 1;
    copy_bytes(shim.cmdline, header + 2, header[1] < room ? header[1] : room);
    shim.mailbox_off = has_word(shim.cmdline, "mailbox=off");
    shim.sipi_modern = has_word(shim.cmdline, "sipi=modern");
}

static void read_params(const struct shim_params *params)
{
    shim.params = params;
    shim.base = (uint64_t)__ehdr_start;
    uint64_t start = shim.base + (uint64_t)params->memory_start_offset;
    shim.memory = (struct range){start, start + params->memory_size};
    shim.used = (struct range){shim.base + (uint64_t)params->used_start,
                               shim.base + (uint64_t)params->used_end};
    if (params->bounce_size) {
        start = shim.base + (uint64_t)params->bounce_start;
        shim.bounce = (struct range){start, start + params->bounce_size};
    }
    shim.next_page = shim.used.end;
    shim.low_memory_end = LOW_MEMORY_END;
    read_command_line(shim.base + (uint64_t)params->cmdline_offset);
}

static void prepare_memory_and_host(void)
{
    switch (shim.start) {
    case START_RESET_VECTOR:
        accept_memory(); /* the hypercall page must be accepted before it can be shared */
        tdx_open();
        break;
    case START_HYPERCALL:
        hv_open(); /* pages are accepted by hypercall */
        accept_memory();
        break;
    case START_SIPI:
        sipi_open();
        break;
    }
}

/* Without the shim's mailbox the kernel starts its CPUs itself, where it can. */
static void bring_up_aps(void)
{
    if (shim.cpu_count == 1 || (shim.mailbox_off && shim.start == START_HYPERCALL))
        return;
    build_ap_tables();
    start_aps();
}

static void close_host(void)
{
    if (shim.start == START_RESET_VECTOR)
        tdx_close();
    if (shim.start == START_HYPERCALL)
        hv_close();
}

static void say_what_was_found(void)
{
    print("shim: ");
    print_number(shim.cpu_count);
    print(" cpus, ");
    print(shim.start == START_SIPI ? "sipi" : isolation_name());
    print("\n");
}

_Noreturn void shim_main(const struct shim_params *params)
{
    load_idt();
    read_params(params);
    print_open();
    find_platform();
    shim.tsc_hz = tsc_frequency();
    read_host_tree();
    say_what_was_found();
    prepare_memory_and_host();
    bring_up_aps();
    close_host();
    enter_kernel();
}
