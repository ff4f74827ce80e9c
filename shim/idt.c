/* One GDT and two IDTs in one page that every AP may read and none may write. */
#include "shim.h"

#define BSP_CODE 0x10 /* the loader's GDT */
#define AP_CODE 0x08  /* the reset page's GDT */
#define PRESENT_INTERRUPT_GATE 0x8E00

struct ap_shared ap_shared __attribute__((aligned(PAGE_BYTES)));

static void set_gate(uint8_t *gate, uint16_t selector, uint64_t handler)
{
    uint16_t *words = (uint16_t *)gate;
    words[0] = (uint16_t)handler;
    words[1] = selector;
    words[2] = PRESENT_INTERRUPT_GATE;
    words[3] = (uint16_t)(handler >> 16);
    *(uint32_t *)(gate + 8) = (uint32_t)(handler >> 32);
}

void load_idt(void)
{
    /* Accessed bits are set already, so that loading a segment writes nothing. */
    ap_shared.gdt[2] = 0x00AF9B000000FFFF;
    ap_shared.gdt[3] = 0x00CF93000000FFFF;
    for (uint32_t i = 0; i < 32; i++) {
        uint64_t handler = (uint64_t)exception_stubs + exception_stubs[i];
        set_gate(ap_shared.idt[i], BSP_CODE, handler);
        set_gate(ap_shared.ap_idt[i], AP_CODE, handler);
    }
    ap_shared.idtr.limit = sizeof(ap_shared.idt) - 1;
    ap_shared.idtr.base = (uint64_t)ap_shared.idt;
    ap_shared.ap_idtr.limit = sizeof(ap_shared.ap_idt) - 1;
    ap_shared.ap_idtr.base = (uint64_t)ap_shared.ap_idt;
    ap_shared.gdtr.limit = sizeof(ap_shared.gdt) - 1;
    ap_shared.gdtr.base = (uint64_t)ap_shared.gdt;
    __asm__ volatile("lidt %0" ::"m"(ap_shared.idtr));
}
