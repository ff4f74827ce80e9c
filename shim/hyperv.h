/* What the shim uses of the Hyper-V interface (TLFS), by MSRs or through the TDX module. */
#ifndef SHIM_HYPERV_H
#define SHIM_HYPERV_H

#define HV_MSR_GUEST_OS_ID 0x40000000
#define HV_MSR_HYPERCALL 0x40000001
#define HV_MSR_CRASH_P0 0x40000100
#define HV_MSR_CRASH_P1 0x40000101
#define HV_MSR_CRASH_P3 0x40000103 /* address of a text */
#define HV_MSR_CRASH_P4 0x40000104 /* its length */
#define HV_MSR_CRASH_CONTROL 0x40000105
#define HV_OS_ID (1ull << 40) /* as openhcl_boot: it only must not be zero */
#define HV_CRASH_NOTIFY (1ull << 63)
#define HV_CRASH_MESSAGE (1ull << 62)

#define HV_ENABLE_VP_VTL 0x0F
#define HV_GET_VP_REGISTERS 0x50
#define HV_START_VP 0x99
#define HV_GET_VP_INDEX_FROM_APIC_ID 0x9A
#define HV_ACCEPT_GPA_PAGES 0xD9
#define HV_REPS(count) ((uint64_t)(count) << 32)

#define HV_REGISTER_VSM_VP_STATUS 0xD0003
#define HV_PARTITION_SELF (~0ull)
#define HV_VP_SELF 0xFFFFFFFE

/* The result of a call. */
#define HV_STATUS(result) ((result) & 0xFFFF)
#define HV_REPS_DONE(result) ((result) >> 32 & 0xFFF)
#define HV_INVALID_VP_INDEX 0x0E
#define HV_INVALID_VP_STATE 0x15
#define HV_VTL_ALREADY_ENABLED 0x86

#endif
