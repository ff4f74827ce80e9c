/* The two 8259 are masked, and the 8254 counts: what old kernels do before they do anything. */
#include "small.h"

#define PIC_1 0x20
#define PIC_2 0xA0
#define PIT_0 0x40
#define PIT_2 0x42
#define PIT_MODE 0x43
#define SPEAKER 0x61
#define TEN_MS 11932 /* of 1,193,182 Hz */

void nmi_handler(void) {}
void ipi_handler(void) {}
void secondary_main(void) {}

static void remap(uint16_t port, uint8_t vector, uint8_t cascade)
{
    out8(port, 0x11);
    out8(port + 1, vector);
    out8(port + 1, cascade);
    out8(port + 1, 1);
}

static uint16_t latched(void)
{
    out8(PIT_MODE, 0x00);
    uint16_t low = in8(PIT_0);
    return (uint16_t)(low | in8(PIT_0) << 8);
}

int main(void)
{
    remap(PIC_1, 0x20, 4);
    remap(PIC_2, 0x28, 2);
    check(in8(PIC_1 + 1) == 0 && in8(PIC_2 + 1) == 0, "ICW1 clears the masks");
    out8(PIC_1 + 1, 0xFB);
    out8(PIC_2 + 1, 0xFF);
    check(in8(PIC_1 + 1) == 0xFB && in8(PIC_2 + 1) == 0xFF, "masks are read back");
    out8(PIC_1, 0x0B);
    check(in8(PIC_1) == 0, "nothing is in service");

    out8(PIT_MODE, 0x34); /* channel 0, both bytes, mode 2 */
    out8(PIT_0, 0);
    out8(PIT_0, 0);
    uint16_t first = latched();
    for (uint32_t left = 20000; left; left--)
        cpu_pause();
    check(latched() != first, "channel 0 counts");

    out8(SPEAKER, (in8(SPEAKER) & ~2) | 1);
    out8(PIT_MODE, 0xB0); /* channel 2, both bytes, mode 0 */
    out8(PIT_2, TEN_MS & 0xFF);
    out8(PIT_2, TEN_MS >> 8);
    check(!(in8(SPEAKER) & 0x20), "its output is low at first");
    bool came = false;
    for (uint32_t left = PATIENCE; left && !came; left--)
        came = in8(SPEAKER) & 0x20;
    check(came, "and high once it has counted down");
    return (int)failures;
}
