/* Starting CPUs by Hyper-V hypercall, as Linux does in VTL 2 when there is no mailbox. */
#include "kernel.h"
#include "print.h"

#define MSR_GUEST_OS_ID 0x40000000
#define MSR_HYPERCALL 0x40000001
#define MSR_PAT 0x277
#define HYPERCALL_ENABLE 1
#define OS_ID (1ull << 40) /* openhcl_boot's: os_id 1 */

#define CALL_ENABLE_VP_VTL 0x0F
#define CALL_START_VP 0x99
#define CALL_VP_INDEX_FROM_APIC_ID 0x9A
#define ONE_ELEMENT (1ull << 32)
#define STATUS_MASK 0xFFFF
#define VTL_ALREADY_ENABLED 0x86
#define PARTITION_SELF ~0ull
#define OUR_VTL 2

struct vp_index_input { /* TLFS, HvCallGetVpIndexFromApicId */
    uint64_t partition;
    uint8_t vtl, padding[7];
    uint32_t apic_id;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint8_t *hypercall_page, *input, *output;

static uint64_t hypercall(uint64_t control)
{
    uint64_t status;
    register uint64_t r8 __asm__("r8") = (uint64_t)output;
    uint64_t in = (uint64_t)input;

    __asm__ volatile("call *%[page]"
                     : "=a"(status), "+c"(control), "+d"(in), "+r"(r8)
                     : [page] "r"(hypercall_page)
                     : "r9", "r10", "r11", "cc", "memory");
    return status & STATUS_MASK;
}

static bool is_hyperv(void)
{
    if (info.is_tdx || !(cpuid(1, 0).ecx >> 31))
        return false;
    return cpuid(0x40000000, 0).ebx == 0x7263694D; /* "Micr" */
}

bool hypercall_prepare(void)
{
    if (!is_hyperv())
        return false;
    hypercall_page = allocate_pages(PAGE_BYTES);
    input = allocate_pages(PAGE_BYTES);
    output = allocate_pages(PAGE_BYTES);
    if (!hypercall_page || !input || !output)
        return false;
    wrmsr(MSR_GUEST_OS_ID, OS_ID);
    wrmsr(MSR_HYPERCALL, (uint64_t)hypercall_page | HYPERCALL_ENABLE);
    return rdmsr(MSR_HYPERCALL) & HYPERCALL_ENABLE;
}

static void fill_tables(struct hv_vp_context *context)
{
    struct table_register gdt, idt;

    __asm__ volatile("sgdt %0" : "=m"(gdt));
    __asm__ volatile("sidt %0" : "=m"(idt));
    context->gdtr.base = gdt.base;
    context->gdtr.limit = gdt.limit;
    context->idtr.base = idt.base;
    context->idtr.limit = idt.limit;
}

/* Attributes are VMX access rights without their unused bits; all segments are flat. */
static void fill_context(struct hv_vp_context *context, const struct cpu *cpu)
{
    const struct hv_segment data = {0, ~0u, KERNEL_DATA, 0xC093};

    context->rip = (uint64_t)secondary_start;
    context->rsp = cpu->stack_top;
    context->rflags = 2;
    context->cs = (struct hv_segment){0, ~0u, KERNEL_CODE, 0xA09B};
    context->ds = context->es = context->fs = context->gs = context->ss = data;
    context->tr = (struct hv_segment){0, 0xFFFF, 0, 0x8B};
    context->ldtr = (struct hv_segment){0, 0, 0, 0x82};
    fill_tables(context);
    context->efer = rdmsr(MSR_EFER);
    __asm__ volatile("mov %%cr0, %0" : "=r"(context->cr0));
    context->cr3 = read_cr3();
    __asm__ volatile("mov %%cr4, %0" : "=r"(context->cr4));
    context->pat = rdmsr(MSR_PAT);
}

static bool refused(const struct cpu *cpu, const char *call, uint64_t status)
{
    struct line line = {0};

    line_text(&line, "cpu ");
    line_number(&line, cpu->number);
    line_text(&line, ": ");
    line_text(&line, call);
    line_text(&line, " gave status ");
    line_hex(&line, status);
    line_print(&line);
    return false;
}

/* VTL 0 is asked: a VP without VTL 2 has no index there yet. */
static bool vp_index_of(const struct cpu *cpu, uint32_t *index)
{
    *(struct vp_index_input *)input = (struct vp_index_input){
        .partition = PARTITION_SELF, .vtl = 0, .apic_id = cpu->apic_id};
    uint64_t status = hypercall(CALL_VP_INDEX_FROM_APIC_ID | ONE_ELEMENT);
    *index = *(uint32_t *)output;
    return status ? refused(cpu, "GetVpIndexFromApicId", status) : true;
}

bool hypercall_start(struct cpu *cpu)
{
    struct hv_start_vp *start = (struct hv_start_vp *)input;
    uint32_t index;

    if (!vp_index_of(cpu, &index))
        return false;
    zero_words(start, sizeof *start);
    start->partition = PARTITION_SELF;
    start->vp = index;
    start->vtl = OUR_VTL;
    fill_context(&start->context, cpu);
    uint64_t status = hypercall(CALL_ENABLE_VP_VTL);
    if (status && status != VTL_ALREADY_ENABLED)
        return refused(cpu, "EnableVpVtl", status);
    status = hypercall(CALL_START_VP);
    return status ? refused(cpu, "StartVirtualProcessor", status) : true;
}
