# Who cleared the mailbox command? Boot to the end, watch the field, and run backwards.
@ vbs 4
> run
all 4 CPUs came online and the guest switched off
> watch mailbox.command
watchpoint 1 on mailbox.command (gpa:0x8414000/2)
> reverse-run
watch 1: mailbox.command 0x1 -> 0x0 by cpu 3 at mailbox_ack (mailbox_loop.inc:60)
> last-writer mailbox.command
mailbox.command: 0x0 -> 0x1 by cpu 0 at wake_cpu
> reverse-run
watch 1: mailbox.command 0x0 -> 0x1 by cpu 0 at wake_cpu
> run
watch 1: mailbox.command 0x0 -> 0x1 by cpu 0 at wake_cpu
> run
cpu 3: mailbox command = Noop (was Wakeup)
watch 1: mailbox.command 0x1 -> 0x0 by cpu 3 at mailbox_ack (mailbox_loop.inc:60)
> delete 1
> goto end
all 4 CPUs came online and the guest switched off
> last-writer mailbox.command
mailbox.command: 0x1 -> 0x0 by cpu 3 at mailbox_ack (mailbox_loop.inc:60)
