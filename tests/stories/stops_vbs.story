# Catches, logs and lockstep.
@ vbs 3
> catch hypercall StartVirtual
breakpoint 1: catch hypercall StartVirtual
> run
cpu 0: catch 1 hypercall: hypercall StartVirtualProcessor
> run
cpu 0: catch 1 hypercall: hypercall StartVirtualProcessor
> delete 1
> break secondary_start log
breakpoint 2 at secondary_start
> catch milestone kernel_done
> run
cpu 0: catch 3 milestone: reaches kernel_done
> breakpoints
cpu 1: break 2 at secondary_start
cpu 2: break 2 at secondary_start
> reverse-run
reaches kernel_done
