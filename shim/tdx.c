/* A TD: accept memory, share one page with the host, start vCPUs by its hypercalls. */
#include "hyperv.h"
#include "shim.h"
#include "tdcall.h"

#define SHARED (1ull << 47)
#define BUSY_US 1000 /* the module or the host works on the same page */
#define VTL2 2

static uint64_t accept_once(uint64_t gpa, uint64_t level)
{
    uint64_t status, deadline = 0;
    do {
        struct tdcall_regs regs = {.rcx = gpa | level};
        status = TDCALL_STATUS(tdcall(TDG_MEM_PAGE_ACCEPT, &regs));
        if (status != OPERAND_BUSY)
            break;
        if (!deadline)
            deadline = deadline_after_us(BUSY_US);
        cpu_pause();
    } while (!expired(deadline));
    return status;
}

static void accept_small(uint64_t gpa, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t status = accept_once(gpa + i * PAGE_BYTES, 0);
        if (status)
            refuse(status == ACCEPT_ALREADY ? "a page is accepted already"
                                            : "a page cannot be accepted",
                   gpa + i * PAGE_BYTES);
    }
}

void tdx_accept(uint64_t gpa, uint64_t pages)
{
    const uint64_t large_pages = LARGE_BYTES / PAGE_BYTES;
    while (pages) {
        uint64_t now = large_pages - gpa / PAGE_BYTES % large_pages;
        if (now > pages)
            now = pages;
        if (now == large_pages) {
            uint64_t status = accept_once(gpa, 1);
            if (status == ACCEPT_SIZE_MISMATCH)
                accept_small(gpa, now); /* the host mapped small pages */
            else if (status)
                refuse("2 MiB cannot be accepted", gpa);
        } else {
            accept_small(gpa, now);
        }
        gpa += now * PAGE_BYTES;
        pages -= now;
    }
}

void tdx_open(void)
{
    uint64_t page = shim.bounce.start;
    if (shim.bounce.end - page < LARGE_BYTES || page % LARGE_BYTES)
        refuse("no 2 MiB bounce buffer for hypercalls", page);
    set_shared(page, true);
    if (!tdvmcall_mapgpa(page | SHARED, LARGE_BYTES))
        refuse("MapGPA does not share the hypercall page", page);
    if (!tdvmcall_wrmsr(HV_MSR_GUEST_OS_ID, HV_OS_ID))
        refuse("the host refuses GUEST_OS_ID", HV_OS_ID);
}

/* Input of a call about one vCPU, with a context of zeros: it starts at the reset vector. */
static uint64_t vp_call(uint64_t code, uint32_t vp)
{
    struct hv_start_vp *input = (struct hv_start_vp *)shim.bounce.start;
    zero_words(input, sizeof(*input));
    input->partition = HV_PARTITION_SELF;
    input->vp = vp;
    input->vtl = VTL2;
    return tdvmcall_hypercall(code, shim.bounce.start, shim.bounce.start + PAGE_BYTES) & 0xFFFF;
}

void tdx_patch_reset_page(void)
{
    struct tdx_trampoline_context *context = (struct tdx_trampoline_context *)RESET_PAGE;
    struct reset_firmware *firmware = (struct reset_firmware *)(RESET_PAGE + 0x800);
    /* What openhcl_boot leaves for its APs; ours take tables, stack and IDT from records. */
    context->gdtr_limit = 0;
    context->idtr_limit = 0;
    context->code_selector = 0;
    context->task_selector = 0;
    context->cr0 |= CR0_PG | CR0_NE | CR0_PE;
    context->cr4 |= CR4_PAE | CR4_MCE;
    firmware->ap_record_stride = ap_record_stride;
    firmware->ap_count = ap_count;
    firmware->mailbox = RESET_ALIAS;
    shim.reset_vector = RESET_PAGE + firmware->reset_vector;
    /* Last: from now on an AP looks for its record. */
    store_release64(&firmware->ap_records, (uint64_t)ap_records);
}

uint64_t tdx_start(struct ap_record *ap)
{
    uint64_t status = vp_call(HV_ENABLE_VP_VTL, ap->vp_index);
    if (status && status != HV_VTL_ALREADY_ENABLED)
        return status;
    status = vp_call(HV_START_VP, ap->vp_index);
    /* A second request for a vCPU that runs already is how a late one looks. */
    return status == HV_INVALID_VP_STATE && ap->attempts > 1 ? 0 : status;
}

void tdx_close(void)
{
    uint64_t page = shim.bounce.start;
    tdvmcall_wrmsr(HV_MSR_GUEST_OS_ID, 0);
    set_shared(page, false);
    if (!tdvmcall_mapgpa(page, LARGE_BYTES))
        refuse("MapGPA does not take the hypercall page back", page);
    tdx_accept(page, LARGE_BYTES / PAGE_BYTES);
    write_cr3(read_cr3()); /* no stale translation of the shared page may live on */
}
