# One AP of a TD from the reset vector to the kernel, seen through the mailbox page.
@ tdx 2
> until start_aps
cpu 0: reaches accept_memory
cpu 0: reaches build_ap_tables
cpu 0: reached start_aps
> until mailbox_wait
cpu 0: starts cpu 1
cpu 1: reaches reset_entry
cpu 1: reaches mailbox_wait
cpu 1: reached mailbox_wait
> until mailbox_ack
cpu 0: reaches kernel_start
cpu 0: mailbox apic_id = 1
cpu 0: mailbox vector = secondary_start
cpu 0: mailbox command = Wakeup (was Noop)
cpu 1: reached mailbox_ack
> mailbox
command   0001 Wakeup
cpu 1: woken; next: it reads the vector and clears the command
> step 1 1
cpu 1: mailbox command = Noop (was Wakeup)
> until secondary_online
cpu 1: reaches mailbox_jump
cpu 1: reaches secondary_start
cpu 1: reached secondary_online
> run
cpu 1: reaches mailbox_reset_vector
cpu 0: mailbox command = Test (was Noop)
cpu 1: reaches mailbox_wait
cpu 1: mailbox command = Noop (was Test)
cpu 0: cpu 1 offline (handed back)
cpu 0: kernel: 2 of 2 cpus online
all 2 CPUs came online and the guest switched off
> step
error: the boot is over
