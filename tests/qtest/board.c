/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "tests/qtest/board.h"

/* Tables and data: far from what firmware would use. */
#define HEAP_BASE 0x01000000u
/* A further unit's part of it. */
#define HEAP_FURTHER 0x02000000u

static void mem_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    if (size == 8 || size == 4) {
        uint64_t value = qtest_read(opaque, addr, size);

        value = GUINT64_TO_LE(value);
        memcpy(buf, &value, size);
    } else {
        qtest_memread(opaque, addr, buf, size);
    }
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    return !size || (!bytes[0] && !memcmp(bytes, bytes + 1, size - 1));
}

static void mem_write(void *opaque, uint64_t addr, const void *buf,
                      size_t size)
{
    if (size == 8 || size == 4) {
        uint64_t value = 0;

        memcpy(&value, buf, size);
        qtest_write(opaque, addr, GUINT64_FROM_LE(value), size);
    } else if (all_zero(buf, size)) {
        qtest_memset(opaque, addr, 0, size);
    } else {
        qtest_memwrite(opaque, addr, buf, size);
    }
}

static uint64_t reg_read(void *opaque, uint64_t offset, unsigned size)
{
    Board *b = opaque;

    return qtest_read(b->q, b->unit + offset, size);
}

static void reg_write(void *opaque, uint64_t offset, uint64_t value,
                      unsigned size)
{
    Board *b = opaque;

    qtest_write(b->q, b->unit + offset, value, size);
}

static char *endpoint_type;      /* or NULL: viommu-testdev */

void board_set_endpoint(const char *type)
{
    g_free(endpoint_type);
    endpoint_type = g_strdup(type);
}

void board_start_with(Board *b, const char *unit, const char *more)
{
    memset(b, 0, sizeof(*b));
    b->q = qtest_start("-machine q35 -m 256M -device intel-iommu%s%s "
                       "-device viommu-sink "
                       "-device %s,addr=3%s%s",
                       *unit ? "," : "", unit,
                       endpoint_type ? endpoint_type : "viommu-testdev",
                       *more == ',' ? "" : " ", more);
    b->mem = (GuestMem) { mem_read, mem_write, b->q };
    b->unit = BOARD_UNIT;
    b->regs = (GuestRegs) { reg_read, reg_write, b };
    guest_alloc_init(&b->alloc, &b->mem, HEAP_BASE, BOARD_RAM - HEAP_BASE);
    pci_bus_init(&b->bus, b->q);
    testdev_init(&b->dev, &b->bus, 0);
    b->source = pci_source(&b->dev.pci);
}

void board_further(Board *b, Board *first, unsigned index, unsigned nth)
{
    *b = (Board) {
        .q = first->q,
        .mem = first->mem,
        .unit = BOARD_UNIT + index * BOARD_STRIDE,
        .regs = { reg_read, reg_write, b },
    };
    guest_alloc_init(&b->alloc, &b->mem, HEAP_BASE + index * HEAP_FURTHER,
                     HEAP_FURTHER);
    /* whose addresses are given away in one place */
    testdev_init(&b->dev, &first->bus, nth);
    b->source = pci_source(&b->dev.pci);
}

void board_start(Board *b, const char *unit)
{
    board_start_with(b, unit, "");
}

void board_end(Board *b)
{
    qtest_end(b->q);
    b->q = NULL;
}

void board_reset(Board *b)
{
    /* A value that a reset must take away again. */
    board_set32(b, SPEC_FEADDR, 0xfee55550);
    g_assert_cmphex(board_reg32(b, SPEC_FEADDR), ==, 0xfee55550);
    qtest_ask_reset(b->q);
    g_assert_true(qtest_wait(b->q, b->unit + SPEC_FEADDR, 4, ~0u, 0));
    pci_bus_init(&b->bus, b->q);
    testdev_reinit(&b->dev, &b->bus, 0);
}

uint32_t board_reg32(Board *b, uint64_t offset)
{
    return qtest_readl(b->q, b->unit + offset);
}

uint64_t board_reg64(Board *b, uint64_t offset)
{
    return qtest_readq(b->q, b->unit + offset);
}

void board_set32(Board *b, uint64_t offset, uint32_t value)
{
    qtest_writel(b->q, b->unit + offset, value);
}

void board_set64(Board *b, uint64_t offset, uint64_t value)
{
    qtest_writeq(b->q, b->unit + offset, value);
}

void board_command(Board *b, uint32_t set, uint32_t clear)
{
    g_assert_true(guest_command(&b->regs, set, clear));
}

uint64_t board_pages(Board *b, unsigned pages)
{
    uint64_t addr = guest_alloc_pages(&b->alloc, pages);

    g_assert_cmphex(addr, !=, 0);
    return addr;
}

uint64_t board_get64(Board *b, uint64_t addr)
{
    return qtest_readq(b->q, addr);
}

void board_put64(Board *b, uint64_t addr, uint64_t value)
{
    qtest_writeq(b->q, addr, value);
}

/* --- Tables -------------------------------------------------------------- */

void board_translate(Board *b, unsigned levels)
{
    GuestContext ctx = {
        .tt = SPEC_TT_MULTI,
        .levels = levels,
        .domain = BOARD_DOMAIN,
    };

    b->levels = levels;
    b->table = guest_ss_new(&b->alloc);
    ctx.table = b->table;
    b->root = guest_root_new(&b->alloc);
    g_assert_true(guest_context_set(&b->alloc, b->root, b->source, &ctx));
    g_assert_true(guest_set_root(&b->regs, b->root));
    board_flush(b);
    board_command(b, SPEC_GCMD_TE, 0);
}

void board_context(Board *b, uint64_t lo, uint64_t hi)
{
    g_assert_true(guest_context_set_raw(&b->alloc, b->root, b->source, lo,
                                        hi));
}

uint64_t board_context_lo(Board *b)
{
    return SPEC_CTX_P | b->table;
}

uint64_t board_context_hi(Board *b)
{
    return (b->levels - 2) |
           (uint64_t)BOARD_DOMAIN << SPEC_CTX_HI_DID_SHIFT;
}

void board_map_leaf(Board *b, uint64_t iova, uint64_t pa, unsigned leaf,
                    uint64_t flags)
{
    g_assert_true(guest_ss_map(&b->alloc, b->table, b->levels, iova, pa,
                               leaf, flags));
}

void board_map(Board *b, uint64_t iova, uint64_t pa, uint64_t flags)
{
    board_map_leaf(b, iova, pa, 1, flags);
}

uint64_t board_entry(Board *b, uint64_t iova, unsigned level)
{
    uint64_t addr = guest_ss_entry(&b->alloc, b->table, b->levels, iova,
                                   level);

    g_assert_cmphex(addr, !=, 0);
    return addr;
}

void board_flush(Board *b)
{
    unsigned actual;

    g_assert_true(guest_ccmd(&b->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, &actual));
    g_assert_cmpuint(actual, ==, SPEC_GRAN_GLOBAL);
    g_assert_true(guest_iotlb(&b->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                              &actual));
    g_assert_cmpuint(actual, ==, SPEC_GRAN_GLOBAL);
}

void board_queue(Board *b, unsigned qs)
{
    g_assert_true(guest_queue_init(&b->queue, &b->alloc, &b->regs, qs));
}

void board_sync(Board *b)
{
    if (!guest_queue_wait(&b->queue) &&
        !qtest_wait(b->q, b->queue.status, 4, UINT32_MAX,
                    b->queue.sequence)) {
        g_error("the queue does not reach its wait: head %#x, tail %#x, "
                "FSTS %#x, IQERCD %#" G_GINT64_MODIFIER "x",
                board_reg32(b, SPEC_IQH), board_reg32(b, SPEC_IQT),
                board_reg32(b, SPEC_FSTS), board_reg64(b, SPEC_IQERCD));
    }
}

void board_remap(Board *b, unsigned s, bool eime)
{
    b->irt = board_pages(b, ((16u << (s + 1)) + 4095) / 4096);
    g_assert_true(guest_set_irta(&b->regs, b->irt, s, eime));
    board_command(b, SPEC_GCMD_IRE, 0);
}

/* --- Expectations -------------------------------------------------------- */

void board_dma_reads(Board *b, uint64_t iova, uint64_t pa)
{
    testdev_expect_read(&b->dev, iova, pa);
}

void board_dma_writes(Board *b, uint64_t iova, uint64_t pa)
{
    testdev_expect_write(&b->dev, iova, pa);
}

void board_dma_good(Board *b, uint64_t iova, uint64_t pa)
{
    board_dma_reads(b, iova, pa);
    board_dma_writes(b, iova, pa);
}

void board_dma_blocked(Board *b, uint64_t iova, bool write)
{
    testdev_expect_blocked(&b->dev, iova, 4096 - iova % 4096, write);
}

void board_dma_fault(Board *b, uint64_t iova, bool write, uint8_t reason)
{
    uint8_t told;
    Fault fault;

    board_no_fault(b);
    told = testdev_expect_blocked(&b->dev, iova, 4096 - iova % 4096, write);
    fault = board_take_fault(b);
    g_assert_cmphex(fault.reason, ==, reason);
    g_assert_cmphex(fault.source, ==, b->source);
    g_assert_cmphex(fault.info, ==, iova & ~UINT64_C(0xfff));
    g_assert_cmpint(fault.read, ==, !write);
    g_assert_cmpuint(fault.at, ==, 0);
    g_assert_cmphex(fault.rest, ==, 0);
    /* The endpoint need not know; but what it knows must be right. */
    if (told) {
        g_assert_cmphex(told, ==, reason);
    }
    board_no_fault(b);
}

Fault board_fault(Board *b, unsigned record)
{
    uint64_t offset = guest_frcd_offset(&b->regs, record);
    uint64_t lo = board_reg64(b, offset);
    uint64_t hi = board_reg64(b, offset + 8);

    return (Fault) {
        .valid = hi & SPEC_FRCD_HI_F,
        .info = lo & SPEC_FRCD_LO_FI,
        .source = hi & SPEC_FRCD_HI_SID,
        .reason = (hi & SPEC_FRCD_HI_FR) >> SPEC_FRCD_HI_FR_SHIFT,
        .read = hi & SPEC_FRCD_HI_T1,
        .at = (hi & SPEC_FRCD_HI_AT) >> SPEC_FRCD_HI_AT_SHIFT,
        .rest = (lo & 0xfff) |
                (hi & (SPEC_FRCD_HI_PN | SPEC_FRCD_HI_PP |
                       SPEC_FRCD_HI_EXE | SPEC_FRCD_HI_PRIV |
                       SPEC_FRCD_HI_T2 | SPEC_BITS(27, 16))),
    };
}

void board_clear_fault(Board *b, unsigned record)
{
    board_set32(b, guest_frcd_offset(&b->regs, record) + 12,
                SPEC_FRCD_HI_F >> 32);
    g_assert_false(board_fault(b, record).valid);
}

void board_no_fault(Board *b)
{
    unsigned n = guest_frcd_count(&b->regs);

    for (unsigned i = 0; i < MIN(n, 4); i++) {
        Fault fault = board_fault(b, i);

        if (fault.valid) {
            g_error("record %u is valid: reason %#x, source %#x, info %#"
                    G_GINT64_MODIFIER "x", i, fault.reason, fault.source,
                    fault.info);
        }
    }
    g_assert_cmphex(board_reg32(b, SPEC_FSTS) &
                    (SPEC_FSTS_PPF | SPEC_FSTS_PFO), ==, 0);
}

Fault board_take_fault(Board *b)
{
    uint32_t fsts = board_reg32(b, SPEC_FSTS);
    unsigned record = (fsts & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT;
    Fault fault = board_fault(b, record);

    g_assert_cmphex(fsts & SPEC_FSTS_PPF, ==, SPEC_FSTS_PPF);
    g_assert_cmphex(fsts & SPEC_FSTS_PFO, ==, 0);
    g_assert_true(fault.valid);
    board_clear_fault(b, record);
    return fault;
}

void board_expect_event(Board *b, uint64_t addr, uint32_t data)
{
    SinkMessage msg;

    g_assert_true(sink_pop(b->q, &msg));
    g_assert_cmphex(msg.addr, ==, addr);
    g_assert_cmphex(msg.data, ==, data);
    g_assert_cmphex(msg.source, ==,
                    SINK_UNIT + (b->unit - BOARD_UNIT) / BOARD_STRIDE);
    g_assert_cmpuint(sink_count(b->q), ==, 0);
}
