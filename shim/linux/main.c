/* A kernel that is booted as Linux is, and brings its CPUs up as Linux does: told of them by the
 * MADT, by INIT and SIPI, or through the mailbox that the MADT names. */
#include "abi.h"
#include "arch.h"
#include "linux/kernel.h"
#include "tdcall.h"

#define POWER_PORT 0x604
#define POWER_OFF 0x2000 /* SLP_EN of the ACPI PM1 control register */

uint64_t tsc_hz;
bool is_td;

__attribute__((noinline)) static void native_smp_cpus_done(uint32_t up)
{
    stamp();
    put("smp: Brought up 1 node, ");
    put_number(up, 0, ' ');
    put(up == 1 ? " CPU\n" : " CPUs\n");
}

_Noreturn void start_kernel(const uint8_t *boot_params)
{
    const char *line = (const char *)at(boot_params + BP_CMDLINE, 4);
    struct cpuid_result ratio = cpuid(0x15, 0);
    tsc_hz = ratio.eax ? (uint64_t)ratio.ecx * ratio.ebx / ratio.eax : 0;
    tsc_hz = tsc_hz ? tsc_hz : 1000000000;
    is_td = is_trust_domain();
    printk("Linux version 0.0-sample, which is none");
    stamp();
    put("Command line: ");
    put(line);
    put("\n");
    find_cpus(find_rsdp(boot_params, line));
    printk("smp: Bringing up secondary CPUs ...");
    native_smp_cpus_done(bringup_nonboot_cpus(line));
    if (is_td)
        tdvmcall_out(POWER_PORT, POWER_OFF, 2);
    else
        out16(POWER_PORT, POWER_OFF);
    cpu_startup_entry();
}
