# VBS: memory is accepted by hypercall, and an AP starts with a full context.
@ vbs 2
> until ap_entry64
cpu 0: hypercall AcceptGpaPages
cpu 0: hypercall GetVpIndexFromApicId
cpu 0: hypercall EnableVpVtl
cpu 0: hypercall StartVirtualProcessor
cpu 1: reached ap_entry64
> waits
cpu 0 waits for
> until mailbox_jump
cpu 1: mailbox command = Noop (was Wakeup)
