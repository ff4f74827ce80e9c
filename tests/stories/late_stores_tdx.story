# Stores of the OS wait in its store buffer: the AP's wake-up comes later, and in its order.
@ tdx 2
> until wake_aps
reached wake_aps
> inject late-stores 0 30us
inject late-stores 0 30us
> until mailbox_ack
cpu 0: mailbox apic_id = 1
cpu 0: mailbox vector = secondary_start
cpu 0: mailbox command = Wakeup (was Noop)
> findings
no finding up to tick
> run
all 2 CPUs came online
