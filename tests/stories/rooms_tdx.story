# Every room by its words, while the first AP is about to acknowledge its wake-up.
@ tdx 3
> until mailbox_ack
cpu 1: reached mailbox_ack
> cpus parked
cpu 2  apic 2  parked  mailbox_wait
> waits
cpu 2 waits for mailbox command != 1, mailbox apic_id == 2
> walk secondary_start execute
verdict: ok
> tables w
rw
> tables diff 0
rx
> npt 0x8804000
page state: private
> npt absent shared-view
absent
> mem gpa:0xfffff000 as mailbox
command         0x1 Wakeup
secondary_start
> find gpa:0x8000000 "intel,wakeup-mailbox"
is at gpa:
> dtb diff
+ /openhcl/isolation-type
- /openhcl/memory-allocation-mode
> dtb reserved-memory
reg = 0xfffff000..0xffffffff
> exits cpuid
cpuid 0x15 0x0
> events mailbox
mailbox command = Wakeup (was Noop)
> list mailbox_ack
mov word ptr [r13], 0
> print mailbox.command == 1 and cpu == 1
= 0x1 1
