/* Work that every CPU shares, so that they meet at a lock. */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

#pragma GCC visibility push(hidden)
void work(void);       /* one CPU's share */
void check_work(void); /* prints a line if an increment was lost */
#pragma GCC visibility pop

#endif
