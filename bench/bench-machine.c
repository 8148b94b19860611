/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop mode of viommu-testdev in a machine: what one small DMA takes.
 *
 * usage: bench-machine PREFIX none|unit [OPTIONS-OF-INTEL-IOMMU]
 *
 * "none" has no IOMMU in the machine, "unit" has one with 4 KiB mappings.
 * Prints lines of "PREFIX-PAGES NANOSECONDS", the best of several runs.  The
 * machine is $QTEST_QEMU_BINARY.
 */
#include <stdio.h>
#include <string.h>

#include "tests/lib/qtest.h"
#include "tests/lib/testdev.h"
#include "tests/lib/vtd-spec.h"
#include "tests/lib/vtd-tables.h"

#define UNIT        UINT64_C(0xfed90000)
#define PAGE        UINT64_C(4096)
#define DATA        UINT64_C(0x02000000)
#define HEAP        UINT64_C(0x08000000)
#define RAM_END     UINT64_C(0x10000000)
#define IOVA        UINT64_C(0x4000000000)
#define MANY        16384u
#define FEW         8u
/* more than any cache holds, so that each access walks */
#define MOST        (8 * MANY)
#define DOMAIN      5
#define RUNS        5
#define ACCESSES    (1u << 22)

static void mem_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    qtest_memread(opaque, addr, buf, size);
}

static void mem_write(void *opaque, uint64_t addr, const void *buf,
                      size_t size)
{
    qtest_memwrite(opaque, addr, buf, size);
}

static uint64_t reg_read(void *opaque, uint64_t offset, unsigned size)
{
    return qtest_read(opaque, UNIT + offset, size);
}

static void reg_write(void *opaque, uint64_t offset, uint64_t value,
                      unsigned size)
{
    qtest_write(opaque, UNIT + offset, value, size);
}

/* The data again and again. */
static bool map_most(GuestAlloc *alloc, const GuestContext *ctx)
{
    for (uint64_t at = 0; at < MOST * PAGE; at += MANY * PAGE) {
        if (!guest_ss_map_range(alloc, ctx->table, ctx->levels, IOVA + at,
                                DATA, MANY * PAGE, SPEC_SS_R | SPEC_SS_W)) {
            return false;
        }
    }
    return true;
}

static void translation_on(QTest *q, uint16_t source)
{
    GuestMem mem = { mem_read, mem_write, q };
    GuestRegs regs = { reg_read, reg_write, q };
    GuestContext ctx = {
        .tt = SPEC_TT_MULTI, .levels = 3, .domain = DOMAIN,
    };
    GuestAlloc alloc;
    uint64_t root;

    /* as many levels as a unit of default width has */
    ctx.levels = guest_reg64(&regs, SPEC_CAP) >> 10 & 1 ? 4 : 3;
    guest_alloc_init(&alloc, &mem, HEAP, RAM_END - HEAP);
    root = guest_root_new(&alloc);
    ctx.table = guest_ss_new(&alloc);
    if (!guest_context_set(&alloc, root, source, &ctx) ||
        !map_most(&alloc, &ctx) ||
        !guest_set_root(&regs, root) ||
        !guest_command(&regs, SPEC_GCMD_TE, 0)) {
        qtest_fail(q, "the unit does not take its tables");
    }
}

static double loop_ns(QTest *q, Testdev *dev, uint64_t addr, unsigned pages)
{
    uint64_t best = UINT64_MAX;

    testdev_set(dev, TD_SRC, addr);
    testdev_set(dev, TD_LENGTH, pages * PAGE);
    testdev_set(dev, TD_LOOP_COUNT, ACCESSES);
    testdev_set(dev, TD_LOOP_SIZE, 8);
    testdev_set(dev, TD_LOOP_STRIDE, PAGE);
    testdev_set(dev, TD_LOOP_FLAGS, 0);
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t ns;

        if (testdev_run(dev, TD_LOOP).why != TD_OK ||
            testdev_get(dev, TD_LOOP_FAILURES) != 0) {
            qtest_fail(q, "the loop had failures");
        }
        ns = testdev_get(dev, TD_LOOP_NS);
        best = MIN(best, ns);
    }
    return (double)best / ACCESSES;
}

int main(int argc, char **argv)
{
    bool unit = argc > 2 && !strcmp(argv[2], "unit");
    const char *options = argc > 3 ? argv[3] : "";
    uint64_t addr = unit ? IOVA : DATA;
    g_autofree char *device = NULL;
    PciBus bus;
    Testdev dev;
    QTest *q;

    if (argc < 3 || (!unit && strcmp(argv[2], "none"))) {
        fprintf(stderr,
                "usage: bench-machine PREFIX none|unit [OPTIONS]\n");
        return 1;
    }
    device = unit ? g_strdup_printf("-device intel-iommu%s%s",
                                    *options ? "," : "", options)
                  : g_strdup("");
    q = qtest_start("-machine q35 -m 256M %s -device viommu-testdev,addr=3",
                    device);
    pci_bus_init(&bus, q);
    testdev_init(&dev, &bus, 0);
    if (unit) {
        translation_on(q, pci_source(&dev.pci));
    }
    printf("%s-%u %.1f\n", argv[1], FEW, loop_ns(q, &dev, addr, FEW));
    printf("%s-%u %.1f\n", argv[1], MANY, loop_ns(q, &dev, addr, MANY));
    if (unit) {
        printf("%s-%u %.1f\n", argv[1], MOST, loop_ns(q, &dev, addr, MOST));
    }
    qtest_end(q);
    return 0;
}
