/* Hyper-V without TDX: hypercall page, VBS page acceptance, VPs started with a full context. */
#include "hyperv.h"
#include "shim.h"

#define ACCEPT_ATTRIBUTES 0x401 /* RAM, private, VTL 2 */
#define ACCEPT_BATCH 509
#define CODE_ATTRIBUTES 0xA09B
#define DATA_ATTRIBUTES 0xC093
#define CR0_ET 0x10
#define PAT_DEFAULT 0x0007040600070406

static uint8_t hypercall_page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static uint8_t hypercall_input[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static uint8_t hypercall_output[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

/* The result: status in bits 15:0, repetitions done in 43:32. */
static uint64_t hypercall(uint64_t control, const void *input, uint32_t bytes)
{
    copy_bytes(hypercall_input, input, bytes);
    uint64_t result, in = (uint64_t)hypercall_input;
    register uint64_t out __asm__("r8") = (uint64_t)hypercall_output;
    __asm__ volatile("call *%[page]"
                     : "=a"(result), "+c"(control), "+d"(in), "+r"(out)
                     : [page] "r"(hypercall_page)
                     : "memory", "r9", "r10", "r11", "cc");
    return result;
}

void hv_open(void)
{
    wrmsr(HV_MSR_GUEST_OS_ID, HV_OS_ID);
    uint64_t value = rdmsr(HV_MSR_HYPERCALL);
    if (value & 1)
        refuse("the hypercall page is enabled already", value);
    wrmsr(HV_MSR_HYPERCALL, (value & 0xFFE) | (uint64_t)hypercall_page | 1);
    if (rdmsr(HV_MSR_HYPERCALL) != ((value & 0xFFE) | (uint64_t)hypercall_page | 1))
        refuse("the hypercall page does not stay enabled", value);
    struct {
        uint64_t partition;
        uint32_t vp;
        uint8_t vtl, reserved[3];
        uint32_t name;
    } query = {HV_PARTITION_SELF, HV_VP_SELF, 0, {0}, HV_REGISTER_VSM_VP_STATUS};
    /* An error is legal here: there are no VTLs, so this is VTL 0. */
    if (!HV_STATUS(hypercall(HV_GET_VP_REGISTERS | HV_REPS(1), &query, sizeof(query))))
        shim.vtl = *(const uint64_t *)hypercall_output & 0xF;
}

void hv_accept(uint64_t gpa, uint64_t pages)
{
    struct {
        uint64_t partition;
        uint32_t attributes;
        uint16_t permissions[2];
        uint64_t first_page;
    } input = {HV_PARTITION_SELF, ACCEPT_ATTRIBUTES, {0, 0}, gpa / PAGE_BYTES};
    while (pages) {
        uint64_t now = pages < ACCEPT_BATCH ? pages : ACCEPT_BATCH;
        uint64_t result = hypercall(HV_ACCEPT_GPA_PAGES | HV_REPS(now), &input, sizeof(input));
        uint64_t done = HV_REPS_DONE(result);
        /* The host may stop early without an error, but it must get on. */
        if (HV_STATUS(result) || !done || done > now)
            refuse("AcceptGpaPages", HV_STATUS(result));
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
        .cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE,
        .cr3 = ap->cr3,
        .cr4 = CR4_PAE,
        .pat = PAT_DEFAULT,
    };
}

/* The VP that has an APIC id; all ones if the host knows none.  Asked at VTL 0, because VTL 2
 * of that VP is not enabled yet. */
static uint32_t vp_index_of(uint32_t apic_id)
{
    struct {
        uint64_t partition;
        uint8_t vtl, reserved[7];
        uint32_t apic_id;
    } input = {HV_PARTITION_SELF, 0, {0}, apic_id};
    uint64_t control = HV_GET_VP_INDEX_FROM_APIC_ID | HV_REPS(1);
    uint64_t result = hypercall(control, &input, sizeof(input));
    if (HV_STATUS(result) || HV_REPS_DONE(result) != 1)
        return ~0u;
    return *(const uint32_t *)hypercall_output;
}

uint64_t hv_start(struct ap_record *ap)
{
    uint32_t vp = vp_index_of(ap->apic_id);
    if (vp == ~0u)
        return HV_INVALID_VP_INDEX;
    ap->vp_index = vp;
    *(uint64_t *)(ap->stack_top - 8) = (uint64_t)ap;
    struct hv_start_vp input = {
        .partition = HV_PARTITION_SELF, .vp = vp, .vtl = (uint8_t)shim.vtl};
    fill_context(&input.context, ap);
    uint64_t status = HV_STATUS(hypercall(HV_ENABLE_VP_VTL, &input, sizeof(input)));
    if (status && status != HV_VTL_ALREADY_ENABLED)
        return status;
    status = HV_STATUS(hypercall(HV_START_VP, &input, sizeof(input)));
    /* A second request for a VP that runs already is how a late one looks. */
    return status == HV_INVALID_VP_STATE && ap->attempts > 1 ? 0 : status;
}

void hv_close(void)
{
    wrmsr(HV_MSR_HYPERCALL, rdmsr(HV_MSR_HYPERCALL) & ~1ull);
    wrmsr(HV_MSR_GUEST_OS_ID, 0);
}
