/* The hand-off by the wakeup mailbox, for SPIN: wake all APs, let each come back, Test all, wake
 * all again.  One store buffer (x86-TSO) at the OS; every load of an AP is a step of its own.
 *
 *   spin -a -DN=3 -DLOOP=3 -DQACK=0 mailbox.pml && gcc -O2 -DVECTORSZ=2048 -o pan pan.c && ./pan
 *
 * N     APs
 * LOOP  0: command, id   1: id, command   2: command, id, command   3: both by one load
 * QACK  1: the ack clears 64 bits, and so the id; 0: the command's 16 bits
 *
 * What each comes to stands in mailbox_orders.md. */
#ifndef N
#define N 2
#endif
#ifndef LOOP
#define LOOP 3
#endif
#ifndef QACK
#define QACK 0
#endif
#define NOOP 0
#define WAKEUP 1
#define TEST 2
#define VECTOR(wake, who) (10 * (wake) + (who)) /* another for every wake: a stale one shows */

mtype = { COMMAND, ID, VECT };

byte command, id, vector;
byte woken[N + 1];  /* how often each AP has left */
bool back[N + 1];   /* it has come back */
chan buffer = [3] of { mtype, byte };

active proctype drain()
{
    mtype field;
    byte value;
end:
    do
    :: atomic {
        buffer?field, value ->
        if
        :: field == COMMAND -> command = value
        :: field == ID -> id = value
        :: field == VECT -> vector = value
        fi
    }
    od
}

inline ack()
{
#if QACK
    atomic { command = NOOP; id = 0 }
#else
    command = NOOP
#endif
}

/* Which command and id an AP has read when it decides. */
inline look()
{
#if LOOP == 0
    atomic { command != NOOP -> c = command };
    i = id
#elif LOOP == 1
    atomic { id == me -> i = id };
    c = command
#elif LOOP == 2
    atomic { command != NOOP -> c = command };
    i = id;
    if
    :: i == me -> c = command
    :: else -> skip
    fi
#else
    atomic { command != NOOP && id == me -> c = command; i = id }
#endif
}

proctype ap(byte me)
{
    byte c, i, v;
end:
    do
    :: look();
       if
       :: i == me && c == WAKEUP ->
          v = vector;
          ack();
          woken[me]++;
          assert(v == VECTOR(woken[me], me));
          if
          :: woken[me] == 1 -> back[me] = true
          :: else -> break
          fi
       :: i == me && c == TEST -> ack()
       :: else -> skip
       fi
    od
}

inline send(what, who, where)
{
    buffer!ID, who;
    buffer!VECT, where;
    buffer!COMMAND, what;
    empty(buffer);
    command == NOOP
}

active proctype os()
{
    byte who;
    for (who : 1 .. N) { run ap(who) }
    for (who : 1 .. N) { send(WAKEUP, who, VECTOR(1, who)) }
    for (who : 1 .. N) { back[who] }
    for (who : 1 .. N) { send(TEST, who, 0) }
    for (who : 1 .. N) { send(WAKEUP, who, VECTOR(2, who)); woken[who] == 2 }
}
