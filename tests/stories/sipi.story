# The classic way: INIT, SIPI, real mode, and into the same mailbox loop.
@ sipi 2
> until ap_entry64
cpu 0: sends INIT to cpu 1 by X2APIC_ICR
cpu 1: INIT from cpu 0 arrives: it waits for a SIPI
cpu 0: sends SIPI 0x9e to cpu 1 by X2APIC_ICR
cpu 1: SIPI 0x9e from cpu 0 arrives: it starts at 0x9e000
cpu 1: reached ap_entry64
> registers
rsp
cr0            0000000080010031  PE ET NE WP PG
efer           0000000000000d00  LME LMA NXE
> until secondary_online
cpu 0: sends SIPI 0x9e to cpu 1 by X2APIC_ICR
cpu 1: SIPI 0x9e from cpu 0 is dropped: cpu 1 is not waiting for one
cpu 1: reached secondary_online
