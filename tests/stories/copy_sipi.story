# An AP runs a trampoline that was copied to low memory: it has the original's names and lines.
@ sipi 2
# Between CR0.PG and the far jump the segment has neither L nor D: it is code of 16 bits still.
> until 0x9e047
cpu 1: reached trampoline_paging+0x12
> list
     ljmpl   *T(trampoline_far)
0x9e047  ljmp fword ptr [0x68]  [0x9e068] = 0x100009e04c
> until 0x9e04e
cpu 1: reached trampoline_64+0x2
> list
     mov     T(trampoline_stack)(%rbx), %rsp
0x9e04e  mov rsp, qword ptr [rbx + 0x80]
     jmp     *T(trampoline_entry)(%rbx)
> cpus
cpu 1  apic 1  running  trampoline_64+0x2  shim/trampoline.S:
