/* An OS that does with its CPUs what a plan says, and tells how each step went.
 *
 * It sends commands as Linux does (arch/x86/kernel/acpi/madt_wakeup.c, acpi_wakeup_cpu and
 * acpi_mp_cpu_die): id, vector, then the command with a release, and no other command before
 * the ack.  What is not in the plan it does not do. */
#include "plan.h"
#include "../kernel/print.h"

#define BP_RSDP 0x70
#define SETUP_CHAIN_MAX 16
#define FIRMWARE_ARGUMENT 0x800 /* where EDK2 and td-shim put the other mailbox */
#define INVALID_ID 0xFFFFFFFFu
#define MOMENT_MS 10 /* for what no firmware has to acknowledge */

_Noreturn void kernel_main(const uint8_t *boot_params) __attribute__((visibility("hidden")));

static const struct plan *plan;
static uint64_t patience_ms = 1000;

/* Before a move the firmware's own; behind it the one that an OS finds. */
static uint64_t mailbox_now;

static volatile struct mailbox *mailbox(void) { return (struct mailbox *)mailbox_now; }

static const struct plan *find_plan(const uint8_t *boot_params)
{
    const struct setup_data *data;

    copy_bytes(&data, boot_params + BP_SETUP_DATA, sizeof data);
    for (int link = 0; data && link < SETUP_CHAIN_MAX; link++) {
        if (data->type == SETUP_PLAN)
            return (const struct plan *)data->data;
        data = (const struct setup_data *)data->next;
    }
    return 0;
}

static void tell(const char *what, const struct plan_step *step, const char *how)
{
    struct line line = {0};

    line_text(&line, what);
    line_text(&line, " ");
    if (step->cpu == EVERYONE)
        line_text(&line, "broadcast");
    else
        line_number(&line, step->cpu);
    line_text(&line, ": ");
    line_text(&line, how);
    line_print(&line);
}

/* Linux's: nothing but the ack ends it. */
static __attribute__((noinline)) void wait_for_ever(void)
{
    while (load_acquire16(&mailbox()->command) != MAILBOX_NOOP)
        cpu_pause();
}

static __attribute__((noinline)) bool wait_for_ack(uint64_t milliseconds)
{
    uint64_t end = tsc_after(milliseconds);

    while (load_acquire16(&mailbox()->command) != MAILBOX_NOOP) {
        if (rdtsc() > end)
            return false;
        cpu_pause();
    }
    return true;
}

static void send(uint16_t command, const struct plan_step *step, uint64_t vector)
{
    mailbox()->apic_id =
        step->cpu == EVERYONE ? MAILBOX_BROADCAST : cpus[step->cpu].apic_id;
    mailbox()->wakeup_vector = vector;
    store_release16(&mailbox()->command, command); /* last: it makes the rest valid */
}

static bool answered(void)
{
    if (!patience_ms) {
        wait_for_ever();
        return true;
    }
    if (wait_for_ack(patience_ms))
        return true;
    store_release16(&mailbox()->command, MAILBOX_NOOP);
    return false;
}

static bool is_meant(const struct plan_step *step, const struct cpu *cpu)
{
    return cpu != boot_cpu && (step->cpu == EVERYONE || cpu->number == step->cpu);
}

static bool begins_to_start(struct cpu *cpu)
{
    cpu->arrival = 0;
    store_release32(&cpu->command, CPU_STAY);
    return cmpxchg32(&cpu->state, AP_NOT_STARTED, AP_STARTING) ||
           cmpxchg32(&cpu->state, AP_PARKED, AP_STARTING);
}

static void wake(const struct plan_step *step)
{
    uint32_t starting = 0, late = 0;

    for (uint32_t index = 0; index < info.cpu_count; index++)
        starting += is_meant(step, &cpus[index]) && begins_to_start(&cpus[index]);
    if (!starting) {
        tell("wake", step, "not sent: it is not where it could start");
        return;
    }
    send(MAILBOX_WAKEUP, step, (uint64_t)secondary_start);
    bool good = answered();
    uint64_t end = tsc_after(good ? ONLINE_MS : MOMENT_MS);
    for (uint32_t index = 0; index < info.cpu_count; index++) {
        struct cpu *cpu = &cpus[index];
        if (is_meant(step, cpu) && (cpu->state == AP_STARTING || cpu->state == AP_WOKEN))
            late += !wait_until_online(cpu, end);
    }
    tell("wake", step, !good ? "no ack" : late ? "ack, but not online" : "ack, online");
}

static void test(const struct plan_step *step)
{
    send(MAILBOX_TEST, step, 0);
    tell("test", step, answered() ? "ack" : "no ack");
}

/* td-shim's first loop leaves the command and clears the id (ResetVector/Main.asm). */
static void send_any(const struct plan_step *step)
{
    send((uint16_t)step->value, step, step->vector);
    bool good = wait_for_ack(MOMENT_MS);
    bool by_id = !good && mailbox()->apic_id == INVALID_ID;
    if (!good)
        store_release16(&mailbox()->command, MAILBOX_NOOP);
    tell("send", step, good ? "ack" : by_id ? "ack by the id" : "no ack");
}

__attribute__((noinline)) static void offline_ap(const struct plan_step *step)
{
    struct cpu *cpu = &cpus[step->cpu];

    if (!info.reset_vector || cpu->state != AP_ONLINE || cpu == boot_cpu) {
        tell("back", step, info.reset_vector ? "is not online" : "there is no way back");
        return;
    }
    store_release32(&cpu->command, CPU_GO_OFFLINE);
    bool left = wait_for_state(cpu, AP_PARKED, tsc_after(ONLINE_MS));
    tell("back", step, left ? "left" : "did not go");
}

/* As EDK2 and td-shim bring APs from the loop of power-on to the one that the OS finds: nobody
 * acknowledges, and those that wait have a moment to see it. */
__attribute__((noinline)) static void move_aps(const struct plan_step *step)
{
    move_mailbox = info.mailbox;
    move_loop = plan->loop;
    *(volatile uint64_t *)(mailbox_now + FIRMWARE_ARGUMENT) = info.mailbox;
    send(MAILBOX_WAKEUP, step, step->vector ? step->vector : (uint64_t)move_start);
    bool good = wait_for_ack(MOMENT_MS);
    mailbox_now = info.mailbox;
    tell("move", step, good ? "ack" : "no ack, as firmwares do it");
}

static void carry_out(const struct plan_step *step)
{
    if (step->kind == PLAN_PATIENCE)
        patience_ms = step->value;
    else if (step->cpu != EVERYONE && step->cpu >= info.cpu_count)
        tell("plan", step, "there is no such cpu");
    else if (step->kind == PLAN_WAKE)
        wake(step);
    else if (step->kind == PLAN_TEST)
        test(step);
    else if (step->kind == PLAN_SEND)
        send_any(step);
    else if (step->kind == PLAN_BACK)
        offline_ap(step);
    else if (step->kind == PLAN_MOVE)
        move_aps(step);
}

__attribute__((noinline)) static void carry_out_plan(void)
{
    for (uint32_t index = 0; index < plan->count; index++)
        carry_out(&plan->steps[index]);
}

__attribute__((noinline)) void kernel_done(void)
{
    struct line line = {0};
    uint32_t count = 0;

    for (uint32_t index = 0; index < info.cpu_count; index++)
        count += cpus[index].state == AP_ONLINE;
    line_text(&line, "os: ");
    line_number(&line, count);
    line_text(&line, " of ");
    line_number(&line, info.cpu_count);
    line_text(&line, " cpus online");
    line_print(&line);
    power_off();
    halt_forever();
}

static bool find_mailbox(const uint8_t *boot_params)
{
    const uint8_t *root;

    if (plan->by_acpi) {
        copy_bytes(&root, boot_params + BP_RSDP, sizeof root);
        return acpi_mailbox(root, &info.mailbox, &info.reset_vector);
    }
    return info.mailbox != 0;
}

void kernel_main(const uint8_t *boot_params)
{
    idt_build();
    idt_load();
    memory_init(boot_params);
    plan = find_plan(boot_params);
    if (!tree_read(boot_params) || !plan || !find_mailbox(boot_params)) {
        serial_regardless();
        print("os: refused: no plan, no tree, or no mailbox");
        halt_forever();
    }
    if (!smp_prepare()) {
        print("os: refused: no memory for the cpus, or the boot cpu is not in the tree");
        halt_forever();
    }
    mailbox_now = plan->early ? plan->early : info.mailbox;
    carry_out_plan();
    kernel_done();
}
