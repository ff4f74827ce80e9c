# A different choice in the past begins a branch; both futures stay.
@ vbs 2
> run
all 2 CPUs came online and the guest switched off
> goto mailbox_ack
at mailbox_ack
> mark before-ack
before-ack is tick
> step 1 1
cpu 1: mailbox command = Noop (was Wakeup)
> branches
main: power-on
> reverse-step
cpu 1 stepped back
> hold 1
hold 1
> branches
main: power-on
branch2: from main
> run
kernel: 1 of 2 cpus online
1 of 2 CPUs came online; lost: 1
> branch branch2 lost-ap
branch2 is called lost-ap now
> diff main lost-ap
cpu 1  milestone
memory 
> goto main
all 2 CPUs came online
> goto before-ack
at before-ack
> diff now before-ack
no difference
> reverse-finish
error: cpu 1 is in no function that was called
> executed mailbox_ack
mailbox_ack: nobody has executed it up to this moment
