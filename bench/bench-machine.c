/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop mode of viommu-testdev in machines: what one small DMA takes.
 *
 * usage: bench-machine OURS STOCK [MODE...]       (default: each of modes.c)
 *
 * OURS and STOCK are QEMUs with our models and with its own; STOCK may be
 * empty.  For each mode there are up to four machines at once: without an
 * IOMMU, with our unit, with one whose cache is so small that each access
 * walks, and with the stock model.  They are measured in turn, many times, and
 * the best counts: so what else the host does at the time hits all of them.
 *
 * Prints lines of "NAME NANOSECONDS".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/modes.h"
#include "tests/lib/qtest.h"
#include "tests/lib/testdev.h"
#include "tests/lib/vtd-spec.h"

/* Offsets into RAM. */
#define DATA        UINT64_C(0x02000000)
#define DATA_PAGES  16384u
#define MIDDLE      (UINT64_C(1) << 37)
#define HEAP        UINT64_C(0x08000000)
#define RAM_END     UINT64_C(0x10000000)
#define FEW         8u
#define MANY        16384u
/* more than the stock model's cache and our glue's hold */
#define MOST        131072u
#define RUNS        40
#define ACCESSES    (1u << 16)
/* With the most pages, fewer and longer runs: each page several times, so that
 * what the machine before has left in the host's caches does not count. */
#define MOST_RUNS   10
#define MOST_ACCESSES (8 * MOST)
#define MACHINES    4
#define LOOP_RANDOM 2u      /* of TD_LOOP_FLAGS; docs/testdev.md */

/** A board: where it has its unit, and so on. */
typedef struct Board {
    const char *target;
    const char *machine;
    const char *with_unit;
    uint64_t unit;
    uint64_t ram;
    uint64_t ecam, bars;        /* 0: configuration through ports */
} Board;

static const Board q35 = {
    "x86_64", "-machine q35", "-machine q35 -device intel-iommu",
    0xfed90000, 0, 0, 0,
};
static const Board virt = {
    "aarch64", "-machine virt", "-machine virt,iommu=smmuv3", 0x09050000,
    0x40000000, 0x4010000000, 0x10000000,
};

typedef struct Machine {
    const Board *board;
    const char *name;       /* what rows begin with */
    QTest *q;
    PciBus bus;
    Testdev dev;
    BenchQueue queue;
    uint64_t addr;
    bool translated;
} Machine;

/* A row of a machine: an order of accesses. */
typedef struct Row {
    const char *name;
    unsigned pages;
    bool random;
    bool with_unit;         /* needs one */
} Row;

static const Row rows[] = {
    { "hit-8", FEW, false, false },
    { "hit-16384", MANY, false, false },
    { "turn-131072", MOST, false, true },
    { "walk-131072", MOST, true, true },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

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
    const Machine *m = opaque;

    return qtest_read(m->q, m->board->unit + offset, size);
}

static void reg_write(void *opaque, uint64_t offset, uint64_t value,
                      unsigned size)
{
    const Machine *m = opaque;

    qtest_write(m->q, m->board->unit + offset, value, size);
}

static void translation_on(Machine *m, const BenchMode *mode)
{
    const BenchTables tables = {
        .pages = MOST, .data = m->board->ram + DATA,
        .data_pages = DATA_PAGES, .middle = MIDDLE,
    };
    GuestMem mem = { mem_read, mem_write, m->q };
    GuestRegs regs = { reg_read, reg_write, m };
    GuestAlloc alloc;

    guest_alloc_init(&alloc, &mem, m->board->ram + HEAP, RAM_END - HEAP);
    if (!bench_mode_start(mode, &tables, &alloc, &regs,
                          pci_source(&m->dev.pci), &m->queue)) {
        qtest_fail(m->q, "%s: the unit does not take its tables",
                   mode->name);
    }
}

/* The command line of a machine with a unit that has these options. */
static char *with_unit(const Board *board, const char *options)
{
    g_auto(GStrv) words = g_strsplit(options, ",", -1);
    GString *line = g_string_new(board->with_unit);

    for (unsigned i = 0; words[i]; i++) {
        /* virt makes the unit itself */
        g_string_append_printf(line, board == &q35
                                     ? ",%s" : " -global arm-smmuv3.%s",
                               words[i]);
    }
    return g_string_free(line, false);
}

/* @options NULL: without an IOMMU. */
static void machine_start(Machine *m, const char *name, const char *binary,
                          const BenchMode *mode, const char *options)
{
    const Board *board = mode->smmu ? &virt : &q35;
    g_autofree char *machine = options ? with_unit(board, options)
                                       : g_strdup(board->machine);

    m->board = board;
    m->name = name;
    g_setenv("QTEST_QEMU_BINARY", binary, true);
    qtest_set_target(board->target);
    m->q = qtest_start("%s -m 256M -device viommu-testdev,addr=3", machine);
    if (board->ecam) {
        pci_bus_init_at(&m->bus, m->q, board->ecam, board->bars);
    } else {
        pci_bus_init(&m->bus, m->q);
    }
    testdev_init(&m->dev, &m->bus, 0);
    m->addr = board->ram + DATA;
    m->translated = options && mode->pgtt != SPEC_PGTT_PASS;
    if (options) {
        translation_on(m, mode);
    }
    if (m->translated) {
        m->addr = BENCH_IOVA;
    }
    testdev_set(&m->dev, TD_PASID,
                options && mode->with_pasid ? TD_PASID_ENABLE | BENCH_PASID
                                            : 0);
    testdev_set(&m->dev, TD_SRC, m->addr);
    testdev_set(&m->dev, TD_LOOP_SIZE, 8);
    testdev_set(&m->dev, TD_LOOP_STRIDE, BENCH_PAGE);
}

static double loop_ns(Machine *m, const Row *row)
{
    /* Without a unit, as many pages as there are, for comparison. */
    unsigned pages = m->translated ? row->pages
                                   : MIN(row->pages, DATA_PAGES);
    unsigned accesses = row->pages == MOST ? MOST_ACCESSES : ACCESSES;

    testdev_set(&m->dev, TD_LOOP_COUNT, accesses);
    testdev_set(&m->dev, TD_LENGTH, pages * BENCH_PAGE);
    testdev_set(&m->dev, TD_LOOP_FLAGS, row->random ? LOOP_RANDOM : 0);
    if (testdev_run(&m->dev, TD_LOOP).why != TD_OK ||
        testdev_get(&m->dev, TD_LOOP_FAILURES) != 0) {
        qtest_fail(m->q, "%s: the loop had failures", m->name);
    }
    return (double)testdev_get(&m->dev, TD_LOOP_NS) / accesses;
}

static bool has_row(const Machine *m, const Row *row, const BenchMode *mode)
{
    return row->with_unit ? mode->pgtt != SPEC_PGTT_PASS
                          : strcmp(m->name, "walking") != 0;
}

static void measure(const BenchMode *mode, const char *ours,
                    const char *stock)
{
    Machine machines[MACHINES];
    double best[MACHINES][ROWS];
    unsigned n = 0;

    machine_start(&machines[n++], "none", ours, mode, NULL);
    machine_start(&machines[n++], "qemu", ours, mode, mode->options);
    if (mode->pgtt != SPEC_PGTT_PASS) {
        g_autofree char *small = g_strconcat("iotlb-bits=4",
                                             *mode->options ? "," : "",
                                             mode->options, NULL);

        machine_start(&machines[n++], "walking", ours, mode, small);
    }
    if (*stock && mode->stock) {
        machine_start(&machines[n++], "stock", stock, mode, mode->stock);
    }
    /* Each row to its end: the next one wants other pages kept. */
    for (unsigned k = 0; k < ROWS; k++) {
        unsigned runs = rows[k].pages == MOST ? MOST_RUNS : RUNS;

        for (unsigned run = 0; run < runs; run++) {
            for (unsigned i = 0; i < n; i++) {
                if (has_row(&machines[i], &rows[k], mode)) {
                    double ns = loop_ns(&machines[i], &rows[k]);

                    best[i][k] = run ? MIN(best[i][k], ns) : ns;
                }
            }
        }
    }
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < ROWS; k++) {
            if (has_row(&machines[i], &rows[k], mode)) {
                printf("%s-%s-%s %.1f\n", machines[i].name, mode->name,
                       rows[k].name, best[i][k]);
            }
        }
        qtest_end(machines[i].q);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench-machine OURS STOCK [MODE...]\n");
        return 1;
    }
    for (int i = 3; i < argc; i++) {
        if (!bench_mode_find(argv[i])) {
            fprintf(stderr, "bench-machine: no mode '%s'\n", argv[i]);
            return 1;
        }
    }
    for (unsigned i = 0; i < bench_modes_n; i++) {
        if (argc == 3 || g_strv_contains((const char *const *)argv + 3,
                                         bench_modes[i].name)) {
            measure(&bench_modes[i], argv[1], argv[2]);
        }
    }
    return 0;
}
