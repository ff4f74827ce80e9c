"""What the guest talks to: hypercalls, TDX module, MSRs, CPUID, APIC, clock and ports."""
