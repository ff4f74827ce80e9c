/* Every layout that two parties share: shim, reset page, kernel, VMM, and the debugger.
 *
 * This is the one definition.  The debugger reads it from the image's DWARF; assembly gets its
 * offsets from the constants here, which the assertions below hold to the structs.
 */
#ifndef SHIM_ABI_H
#define SHIM_ABI_H

#define PAGE_BYTES 4096
#define LARGE_BYTES 0x200000
#define CPU_MAX 2048

/* Reset page: mailbox, trampoline context, code (openvmm, vp_context_builder/tdx.rs). */
#define RESET_PAGE 0xFFFFF000
#define RESET_ALIAS 0xFFFFE000 /* where AP tables map the same page writable, not executable */

#define TC_DATA_SELECTOR 0x14
#define TC_STATIC_GDT_LIMIT 0x16
#define TC_STATIC_GDT_BASE 0x18
#define TC_TASK_SELECTOR 0x1C
#define TC_IDTR_LIMIT 0x1E
#define TC_INITIAL_RIP 0x28
#define TC_CODE_SELECTOR 0x30
#define TC_GDTR_LIMIT 0x36
#define TC_RSP 0x40
#define TC_RBP 0x48
#define TC_RSI 0x50
#define TC_R8 0x58
#define TC_R9 0x60
#define TC_R10 0x68
#define TC_R11 0x70
#define TC_CR0 0x78
#define TC_CR3 0x80
#define TC_CR4 0x88
#define TC_TRANSITION_CR3 0x90
#define TC_STATIC_GDT 0x98
#define TC_BYTES 0xA8

/* Firmware half of the reset page. */
#define RF_AP_RECORDS 0x800
#define RF_STRIDE 0x808
#define RF_AP_COUNT 0x80C
#define RF_MAILBOX 0x810
#define RF_RESET_VECTOR 0x818

/* struct ap_record; state and reason are neighbours, so that one swap can change both */
#define AR_STATE 0x00
#define AR_REASON 0x04
#define AR_APIC_ID 0x08
#define AR_VP_INDEX 0x0C
#define AR_CR3 0x10
#define AR_STACK_TOP 0x18
#define AR_IDT 0x20
#define AR_MAILBOX 0x28
#define AR_STATUS 0x30
#define AR_ATTEMPTS 0x38
#define AR_BYTES 0x40

/* The mailbox (ACPI 6.6, 5.2.12.19). */
#define MB_COMMAND 0x00
#define MB_APIC_ID 0x04
#define MB_VECTOR 0x08
#define MAILBOX_NOOP 0
#define MAILBOX_WAKEUP 1
#define MAILBOX_TEST 2

/* States of an AP.  Zero is "nothing started"; every change is one lock cmpxchg. */
#define AP_NOT_STARTED_VALUE 0
#define AP_STARTING_VALUE 1
#define AP_WAIT_FOR_WAKEUP_VALUE 2
#define AP_WOKEN_VALUE 3
#define AP_ONLINE_VALUE 4
#define AP_PARKED_VALUE 5
#define AP_FAILED_VALUE 6

#define REASON_TDCALL_VALUE 3
#define REASON_APIC_ID_VALUE 4
#define REASON_EXCEPTION_VALUE 5

/* struct ap_shared */
#define AS_GDTR 0x00
#define AS_ON_TDX 0x1E

#define MSR_APIC_BASE 0x1B
#define MSR_X2APIC_ID 0x802
#define MSR_X2APIC_ICR 0x830
#define MSR_EFER 0xC0000080
#define MSR_GS_BASE 0xC0000101 /* 0 on the BSP, an AP's record on that AP */
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define EFER_LME_LMA_NXE 0xD00
#define CR0_PE 0x1
#define CR0_NE 0x20
#define CR0_WP 0x10000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define CR4_MCE 0x40

#define TDVMCALL_CPUID 0x0A
#define TDVMCALL_RDMSR 0x1F
#define TDVMCALL_HLT 0x0C
#define TDVMCALL_MASK_R10_R12 0x1C00
#define TDVMCALL_MASK_R10_R15 0xFC00
#define CPUID_TOPOLOGY 0xB /* EDX: the x2APIC id */
#define TDCALL_VP_INFO 1

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ap_state {
    AP_NOT_STARTED = AP_NOT_STARTED_VALUE,
    AP_STARTING = AP_STARTING_VALUE,
    AP_WAIT_FOR_WAKEUP = AP_WAIT_FOR_WAKEUP_VALUE,
    AP_WOKEN = AP_WOKEN_VALUE,
    AP_ONLINE = AP_ONLINE_VALUE,
    AP_PARKED = AP_PARKED_VALUE,
    AP_FAILED = AP_FAILED_VALUE,
};

enum ap_reason {
    REASON_NONE = 0,
    REASON_START = 1,   /* the host refused it; see ap_record.status */
    REASON_TIMEOUT = 2, /* started, but never reached the mailbox */
    REASON_TDCALL = REASON_TDCALL_VALUE,       /* the AP's own TDCALL failed */
    REASON_APIC_ID = REASON_APIC_ID_VALUE,     /* its APIC id is not the device tree's */
    REASON_EXCEPTION = REASON_EXCEPTION_VALUE, /* it took an exception on the shim's IDT */
};

struct mailbox {
    uint16_t command; /* written by the OS, cleared by the addressed AP */
    uint16_t reserved;
    uint32_t apic_id;
    uint64_t wakeup_vector;
    uint8_t os[0x800 - 16];
    uint8_t firmware[0x800];
};
_Static_assert(sizeof(struct mailbox) == PAGE_BYTES, "the mailbox is one page");
_Static_assert(offsetof(struct mailbox, apic_id) == MB_APIC_ID, "ACPI");
_Static_assert(offsetof(struct mailbox, wakeup_vector) == MB_VECTOR, "ACPI");
_Static_assert(offsetof(struct mailbox, firmware) == 0x800, "ACPI");

struct tdx_trampoline_context {
    uint16_t mailbox_command;
    uint16_t mailbox_reserved;
    uint32_t mailbox_apic_id;
    uint64_t mailbox_wakeup_vector;
    uint32_t padding;
    uint16_t data_selector;
    uint16_t static_gdt_limit;
    uint32_t static_gdt_base;
    uint16_t task_selector;
    uint16_t idtr_limit;
    uint64_t idtr_base;
    uint64_t initial_rip;
    uint16_t code_selector;
    uint16_t padding_2[2];
    uint16_t gdtr_limit;
    uint64_t gdtr_base;
    uint64_t rsp, rbp, rsi, r8, r9, r10, r11;
    uint64_t cr0, cr3, cr4;
    uint32_t transition_cr3;
    uint32_t padding_3;
    uint8_t static_gdt[16];
};
_Static_assert(sizeof(struct tdx_trampoline_context) == TC_BYTES, "openhcl_boot's layout");
_Static_assert(offsetof(struct tdx_trampoline_context, static_gdt_limit) ==
                   TC_STATIC_GDT_LIMIT, "");
_Static_assert(offsetof(struct tdx_trampoline_context, task_selector) == TC_TASK_SELECTOR, "");
_Static_assert(offsetof(struct tdx_trampoline_context, idtr_limit) == TC_IDTR_LIMIT, "");
_Static_assert(offsetof(struct tdx_trampoline_context, initial_rip) == TC_INITIAL_RIP, "");
_Static_assert(offsetof(struct tdx_trampoline_context, code_selector) == TC_CODE_SELECTOR, "");
_Static_assert(offsetof(struct tdx_trampoline_context, gdtr_limit) == TC_GDTR_LIMIT, "");
_Static_assert(offsetof(struct tdx_trampoline_context, rsp) == TC_RSP, "");
_Static_assert(offsetof(struct tdx_trampoline_context, r11) == TC_R11, "");
_Static_assert(offsetof(struct tdx_trampoline_context, cr0) == TC_CR0, "");
_Static_assert(offsetof(struct tdx_trampoline_context, cr3) == TC_CR3, "");
_Static_assert(offsetof(struct tdx_trampoline_context, cr4) == TC_CR4, "");
_Static_assert(offsetof(struct tdx_trampoline_context, transition_cr3) ==
                   TC_TRANSITION_CR3, "");
_Static_assert(offsetof(struct tdx_trampoline_context, static_gdt) == TC_STATIC_GDT, "");

struct reset_firmware {    /* at RESET_PAGE + 0x800 */
    uint64_t ap_records;   /* below 4 GiB; 0: all APs use the context's cr3 (openhcl_boot) */
    uint32_t ap_record_stride;
    uint32_t ap_count;     /* records, VP index 1 first */
    uint64_t mailbox;      /* through which address an AP writes the mailbox */
    uint64_t reset_vector; /* offset in the page where the OS hands a CPU back */
};
_Static_assert(sizeof(struct reset_firmware) == 32, "the reset page's own half");
_Static_assert(0x800 + offsetof(struct reset_firmware, ap_records) == RF_AP_RECORDS, "");
_Static_assert(0x800 + offsetof(struct reset_firmware, ap_record_stride) == RF_STRIDE, "");
_Static_assert(0x800 + offsetof(struct reset_firmware, ap_count) == RF_AP_COUNT, "");
_Static_assert(0x800 + offsetof(struct reset_firmware, mailbox) == RF_MAILBOX, "");
_Static_assert(0x800 + offsetof(struct reset_firmware, reset_vector) == RF_RESET_VECTOR, "");

struct ap_record {
    uint32_t state;  /* enum ap_state; lock cmpxchg only */
    uint32_t reason; /* enum ap_reason; changes in the same swap as state */
    uint32_t apic_id;
    uint32_t vp_index;
    uint64_t cr3;       /* below 4 GiB */
    uint64_t stack_top; /* 16-byte aligned */
    uint64_t idt;       /* address of a 10-byte IDT descriptor; 0: none */
    uint64_t mailbox;   /* through which address this AP writes the mailbox */
    uint64_t status;    /* the last status of a call made for or by this AP */
    uint32_t attempts;
    uint32_t padding;
};
_Static_assert(sizeof(struct ap_record) == AR_BYTES, "assembly uses AR_*");
_Static_assert(offsetof(struct ap_record, state) == AR_STATE && AR_STATE % 8 == 0, "");
_Static_assert(offsetof(struct ap_record, reason) == AR_REASON, "");
_Static_assert(AR_REASON == AR_STATE + 4, "one swap of 8 bytes changes both");
_Static_assert(offsetof(struct ap_record, apic_id) == AR_APIC_ID, "");
_Static_assert(offsetof(struct ap_record, vp_index) == AR_VP_INDEX, "");
_Static_assert(offsetof(struct ap_record, cr3) == AR_CR3, "");
_Static_assert(offsetof(struct ap_record, stack_top) == AR_STACK_TOP, "");
_Static_assert(offsetof(struct ap_record, idt) == AR_IDT, "");
_Static_assert(offsetof(struct ap_record, mailbox) == AR_MAILBOX, "");
_Static_assert(offsetof(struct ap_record, status) == AR_STATUS, "");
_Static_assert(offsetof(struct ap_record, attempts) == AR_ATTEMPTS, "");

struct table_pointer { /* what LGDT and LIDT take in 64-bit mode */
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct table_pointer) == 10, "SDM 3, 3.5.1");

/* The page that every AP may read and none may write. */
struct ap_shared {
    struct table_pointer gdtr, idtr, ap_idtr;
    uint16_t on_tdx; /* HLT is a call to the host, not an instruction */
    uint64_t gdt[4];
    uint8_t idt[32][16];    /* gates with the loader's code selector 0x10 */
    uint8_t ap_idt[32][16]; /* gates with the reset page's code selector 8 */
};
_Static_assert(sizeof(struct ap_shared) <= PAGE_BYTES, "one page");
_Static_assert(offsetof(struct ap_shared, gdtr) == AS_GDTR, "");
_Static_assert(offsetof(struct ap_shared, on_tdx) == AS_ON_TDX, "");
_Static_assert(offsetof(struct ap_shared, gdt) % 8 == 0, "descriptors are aligned");

struct shim_params { /* openhcl_boot's ShimParamsRaw; offsets are relative to __ehdr_start */
    int64_t kernel_entry_offset;
    int64_t cmdline_offset;
    int64_t initrd_offset;
    uint64_t initrd_size;
    uint32_t initrd_crc;
    uint32_t supported_isolation_type; /* 1 VBS or none, 2 SNP, 3 TDX */
    int64_t memory_start_offset;
    uint64_t memory_size;
    int64_t parameter_region_offset;
    uint64_t parameter_region_size;
    int64_t vtl2_reserved_offset;
    uint64_t vtl2_reserved_size;
    int64_t sidecar_offset;
    uint64_t sidecar_size;
    int64_t sidecar_entry_offset;
    int64_t used_start;
    int64_t used_end;
    int64_t bounce_start;
    uint64_t bounce_size;
    int64_t log_offset;
    uint64_t log_size;
    int64_t heap_offset;
    uint64_t heap_size;
    int64_t persisted_offset;
    uint64_t persisted_size;
};
_Static_assert(sizeof(struct shim_params) == 0xC0, "openhcl_boot's layout");
_Static_assert(offsetof(struct shim_params, supported_isolation_type) == 0x24, "");
_Static_assert(offsetof(struct shim_params, parameter_region_offset) == 0x38, "");
_Static_assert(offsetof(struct shim_params, used_start) == 0x70, "");
_Static_assert(offsetof(struct shim_params, persisted_offset) == 0xB0, "");

struct imported_region { /* 24 bytes each from byte 48 of the imported-regions page */
    uint64_t base_page;
    uint64_t page_count; /* 0 ends the list */
    uint8_t accepted;
    uint8_t padding[7];
};
_Static_assert(sizeof(struct imported_region) == 24, "openhcl_boot's layout");

#define PARAMETER_DT_OFFSET 0x28000
#define PARAMETER_DT_BYTES 0x40000
#define PARAMETER_IMPORTED_OFFSET 0x68000

struct hv_segment {
    uint64_t base;
    uint32_t limit;
    uint16_t selector;
    uint16_t attributes;
};
struct hv_table {
    uint16_t padding[3];
    uint16_t limit;
    uint64_t base;
};
struct hv_vp_context { /* TLFS, HV_INITIAL_VP_CONTEXT */
    uint64_t rip, rsp, rflags;
    struct hv_segment cs, ds, es, fs, gs, ss, tr, ldtr;
    struct hv_table idtr, gdtr;
    uint64_t efer, cr0, cr3, cr4, pat;
};
_Static_assert(sizeof(struct hv_segment) == 16 && sizeof(struct hv_table) == 16, "TLFS");
_Static_assert(sizeof(struct hv_vp_context) == 224, "TLFS");
_Static_assert(offsetof(struct hv_vp_context, cs) == 0x18, "TLFS");
_Static_assert(offsetof(struct hv_vp_context, idtr) == 0x98, "TLFS");
_Static_assert(offsetof(struct hv_vp_context, efer) == 0xB8, "TLFS");

struct hv_start_vp { /* HvCallEnableVpVtl and HvCallStartVirtualProcessor */
    uint64_t partition; /* all ones: this partition */
    uint32_t vp;
    uint8_t vtl;
    uint8_t reserved[3];
    struct hv_vp_context context;
};
_Static_assert(sizeof(struct hv_start_vp) == 240, "TLFS");
_Static_assert(offsetof(struct hv_start_vp, vtl) == 0xC, "TLFS");
_Static_assert(offsetof(struct hv_start_vp, context) == 0x10, "TLFS");

#define BP_E820_COUNT 0x1E8
#define BP_TYPE_OF_LOADER 0x210
#define BP_RAMDISK_IMAGE 0x218
#define BP_RAMDISK_SIZE 0x21C
#define BP_CMDLINE 0x228
#define BP_SETUP_DATA 0x250
#define BP_E820_TABLE 0x2D0
#define BP_E820_MAX 128
#define E820_RAM 1
#define E820_RESERVED 2
#define SETUP_DTB 2

struct e820_entry {
    uint64_t base, size;
    uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct e820_entry) == 20, "Linux boot protocol");

struct setup_data {
    uint64_t next;
    uint32_t type, length;
    uint8_t data[];
};
_Static_assert(sizeof(struct setup_data) == 16, "Linux boot protocol");

#endif
#endif
