/* Hyper-V without TDX: hypercall page, VBS page acceptance, VPs started with a full context. */
#include "shim.h"

#define GUEST_OS_ID 0x40000000
#define HYPERCALL_MSR 0x40000001
#define OS_ID (1ull << 40)
#define ENABLE_VP_VTL 0x0F
#define GET_VP_REGISTERS 0x50
#define START_VP 0x99
#define GET_VP_INDEX 0x9A
#define ACCEPT_GPA_PAGES 0xD9
#define REGISTER_VSM_VP_STATUS 0xD0003
#define VTL_ALREADY_ENABLED 0x86
#define INVALID_VP_INDEX 0x0E
#define INVALID_VP_STATE 0x15
#define SELF_VP 0xFFFFFFFE
#define ACCEPT_ATTRIBUTES 0x401 /* RAM, private, VTL 2 */
#define ACCEPT_BATCH 509
#define STATUS(result) ((result) & 0xFFFF)
#define REPS(result) ((result) >> 32 & 0xFFF)
#define CODE_ATTRIBUTES 0xA09B
#define DATA_ATTRIBUTES 0xC093
#define CR0_AP 0x80010031 /* PG, WP, NE, ET, PE */
#define CR4_AP 0x20       /* PAE */
#define PAT_DEFAULT 0x0007040600070406

static uint8_t hypercall_page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static uint8_t hypercall_input[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
uint8_t hypercall_output[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static uint64_t call(uint64_t control)
{
    uint64_t result;
    register uint64_t output __asm__("r8") = (uint64_t)hypercall_output;
    __asm__ volatile("call *%[page]"
                     : "=a"(result)
                     : [page] "r"(hypercall_page), "c"(control), "d"(hypercall_input),
                       "r"(output)
                     : "memory", "r9", "r10", "r11", "cc");
    return result;
}

uint64_t hypercall(uint64_t control, const void *input, uint32_t bytes)
{
    copy_bytes(hypercall_input, input, bytes);
    return call(control);
}

void hv_open(void)
{
    wrmsr(GUEST_OS_ID, OS_ID);
    uint64_t value = rdmsr(HYPERCALL_MSR);
    if (value & 1)
        refuse("the hypercall page is enabled already", value);
    wrmsr(HYPERCALL_MSR, (value & 0xFFE) | (uint64_t)hypercall_page | 1);
    if (rdmsr(HYPERCALL_MSR) != ((value & 0xFFE) | (uint64_t)hypercall_page | 1))
        refuse("the hypercall page does not stay enabled", value);
    struct {
        uint64_t partition;
        uint32_t vp;
        uint8_t vtl, reserved[3];
        uint32_t name;
    } query = {~0ull, SELF_VP, 0, {0}, REGISTER_VSM_VP_STATUS};
    /* An error is legal here: there are no VTLs, so this is VTL 0. */
    if (!STATUS(hypercall(GET_VP_REGISTERS | 1ull << 32, &query, sizeof(query))))
        shim.vtl = *(const uint64_t *)hypercall_output & 0xF;
}

void hv_accept(uint64_t gpa, uint64_t pages)
{
    struct {
        uint64_t partition;
        uint32_t attributes;
        uint16_t permissions[2];
        uint64_t first_page;
    } input = {~0ull, ACCEPT_ATTRIBUTES, {0, 0}, gpa / PAGE_BYTES};
    while (pages) {
        uint64_t now = pages < ACCEPT_BATCH ? pages : ACCEPT_BATCH;
        uint64_t result = hypercall(ACCEPT_GPA_PAGES | now << 32, &input, sizeof(input));
        uint64_t done = REPS(result);
        /* The host may stop early without an error, but it must get on. */
        if (STATUS(result) || !done || done > now)
            refuse("AcceptGpaPages", STATUS(result));
        input.first_page += done;
        pages -= done;
    }
}

static void fill_context(struct hv_vp_context *c, const struct ap_record *ap)
{
    const struct hv_segment data = {0, 0xFFFFFFFF, 0x18, DATA_ATTRIBUTES};
    *c = (struct hv_vp_context){
        .rip = (uint64_t)ap_entry64,
        .rsp = ap->stack_top - 8,
        .rflags = 2,
        .cs = {0, 0xFFFFFFFF, 0x10, CODE_ATTRIBUTES},
        .ds = data,
        .es = data,
        .fs = data,
        .gs = data,
        .ss = data,
        .tr = {0, 0xFFFF, 0, 0x8B},
        .ldtr = {0, 0xFFFF, 0, 0x82},
        .idtr = {{0}, ap_shared.idtr.limit, ap_shared.idtr.base},
        .gdtr = {{0}, ap_shared.gdtr.limit, ap_shared.gdtr.base},
        .efer = EFER_LME_LMA_NXE,
        .cr0 = CR0_AP,
        .cr3 = ap->cr3,
        .cr4 = CR4_AP,
        .pat = PAT_DEFAULT,
    };
}

/* The VP that has an APIC id; all ones if the host does not know.  Asked at VTL 0, because
 * VTL 2 of that VP is not enabled yet. */
static uint32_t vp_index_of(uint32_t apic_id)
{
    struct {
        uint64_t partition;
        uint8_t vtl, reserved[7];
        uint32_t apic_id;
    } input = {~0ull, 0, {0}, apic_id};
    uint64_t result = hypercall(GET_VP_INDEX | 1ull << 32, &input, sizeof(input));
    if (STATUS(result) || REPS(result) != 1)
        return ~0u;
    return *(const uint32_t *)hypercall_output;
}

uint64_t hv_start(uint32_t index)
{
    struct ap_record *ap = ap_record(index);
    uint32_t vp = vp_index_of(ap->apic_id);
    if (vp == ~0u)
        return INVALID_VP_INDEX;
    ap->vp_index = vp;
    *(uint64_t *)(ap->stack_top - 8) = (uint64_t)ap;
    struct hv_start_vp input = {
        .partition = ~0ull, .vp = ap->vp_index, .vtl = (uint8_t)shim.vtl};
    fill_context(&input.context, ap);
    uint64_t status = STATUS(hypercall(ENABLE_VP_VTL, &input, sizeof(input)));
    if (status && status != VTL_ALREADY_ENABLED)
        return status;
    status = STATUS(hypercall(START_VP, &input, sizeof(input)));
    return status == INVALID_VP_STATE && ap->attempts > 1 ? 0 : status;
}

void hv_close(void)
{
    wrmsr(HYPERCALL_MSR, rdmsr(HYPERCALL_MSR) & ~1ull);
    wrmsr(GUEST_OS_ID, 0);
}
