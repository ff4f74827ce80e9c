# The page of an AP's vector is taken away below it: the AP faults where it would have begun.
@ tdx 2
> break mailbox_ack cpu 1 if mailbox.apic_id == 1
breakpoint 1
> run
cpu 1: break 1 at mailbox_ack
> walk mailbox.vector execute
verdict: ok
> set npt:secondary_start=0
is 0x0 now
> walk mailbox.vector execute
nested fault at the page: not present at L1
> run
fetching GPA 0x8402a00
> reverse-step 1 1
cpu 1 stepped back
