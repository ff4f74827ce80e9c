/* The kernel's tree, in which CPUs that may come are disabled, and not okay. */
#include "hotplug/firmware/absent.h"
#include "fdt.h"
#include "shim.h"

static void put_text(struct fdt_writer *w, const char *name, const char *text);

#define fdt_text put_text
#include "tree.c"
#undef fdt_text

/* Of all nodes only those of CPUs have a status, each one, in the order of shim.cpus. */
static void put_text(struct fdt_writer *w, const char *name, const char *text)
{
    static uint32_t cpu;

    if (!fdt_name_is(name, "status") || cpu++ < present_count) {
        fdt_text(w, name, text);
        return;
    }
    fdt_text(w, name, "disabled");
    fdt_text(w, "enable-method", "apdbg,hot-plug"); /* Devicetree 0.4, 3.8.1 wants one named */
    fdt_text(w, "apdbg,reason", NOT_THERE);
}
