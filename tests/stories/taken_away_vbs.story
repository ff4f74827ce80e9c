# A CPU is taken away in the middle of its hand-off: the OS goes on without it, a rule names the
# command that nobody answered, and before that moment there is nothing to find.
@ vbs 4
> inject rain 2
error: inject: the kinds are
> inject view 2
error: inject view: platform vbs has one view of every page
> inject take-away 2
inject take-away 2
> run
cpu 2: is taken away by the host
host: take-away 2
cpu 2: no ack
kernel: 3 of 4 cpus online
3 of 4 CPUs came online; dead: 2
> findings
dialect acpi (as it looks)
error command-answered: cpu 2
was taken back by the OS without an answer
look at:
> goto take_away
error:
> goto 100000
at tick 100,000
> findings
no finding up to tick 100,000
> goto end
3 of 4 CPUs came online; dead: 2
> findings command-answered
error command-answered: cpu 2
