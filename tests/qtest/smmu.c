/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "tests/qtest/smmu.h"

/* Tables and data: far from what a machine puts into RAM. */
#define HEAP_BASE    (SMMU_RAM + 0x01000000u)
#define STREAMS_LOG2 8
#define CDS          256

#define WAIT_TRIES   5000

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

static void mem_write(void *opaque, uint64_t addr, const void *buf,
                      size_t size)
{
    const uint8_t *bytes = buf;

    if (size == 8 || size == 4) {
        uint64_t value = 0;

        memcpy(&value, buf, size);
        qtest_write(opaque, addr, GUINT64_FROM_LE(value), size);
    } else if (size && !bytes[0] && !memcmp(bytes, bytes + 1, size - 1)) {
        qtest_memset(opaque, addr, 0, size);
    } else {
        qtest_memwrite(opaque, addr, buf, size);
    }
}

static uint64_t reg_read(void *opaque, uint64_t offset, unsigned size)
{
    return qtest_read(opaque, SMMU_UNIT + offset, size);
}

static void reg_write(void *opaque, uint64_t offset, uint64_t value,
                      unsigned size)
{
    qtest_write(opaque, SMMU_UNIT + offset, value, size);
}

void smmu_start(SmmuBoard *b, const char *unit, const char *more)
{
    g_autoptr(GString) globals = g_string_new(NULL);
    g_auto(GStrv) words = g_strsplit(unit, ",", -1);

    for (unsigned i = 0; words[i] && *words[i]; i++) {
        g_string_append_printf(globals, "-global arm-smmuv3.%s ", words[i]);
    }
    memset(b, 0, sizeof(*b));
    qtest_set_target("aarch64");
    b->q = qtest_start("-machine virt,iommu=smmuv3 -m 256M %s"
                       "-device viommu-sink -device viommu-testdev,addr=3%s%s",
                       globals->str, *more == ',' ? "" : " ", more);
    b->mem = (GuestMem) { mem_read, mem_write, b->q };
    b->regs = (GuestRegs) { reg_read, reg_write, b->q };
    guest_alloc_init(&b->alloc, &b->mem, HEAP_BASE,
                     SMMU_RAM + SMMU_RAM_SIZE - HEAP_BASE);
    pci_bus_init_at(&b->bus, b->q, strstr(more, "highmem-ecam=off")
                                   ? SMMU_ECAM_LOW : SMMU_ECAM_HIGH,
                    SMMU_PCI_MMIO);
    testdev_init(&b->dev, &b->bus, 0);
    b->sid = pci_source(&b->dev.pci);
}

void smmu_end(SmmuBoard *b)
{
    qtest_end(b->q);
    b->q = NULL;
}

uint32_t smmu_reg(SmmuBoard *b, uint64_t offset)
{
    return qtest_readl(b->q, SMMU_UNIT + offset);
}

uint64_t smmu_reg64(SmmuBoard *b, uint64_t offset)
{
    return qtest_readq(b->q, SMMU_UNIT + offset);
}

void smmu_set(SmmuBoard *b, uint64_t offset, uint32_t value)
{
    qtest_writel(b->q, SMMU_UNIT + offset, value);
}

void smmu_set64(SmmuBoard *b, uint64_t offset, uint64_t value)
{
    qtest_writeq(b->q, SMMU_UNIT + offset, value);
}

uint64_t smmu_get64(SmmuBoard *b, uint64_t addr)
{
    return qtest_readq(b->q, addr);
}

void smmu_put64(SmmuBoard *b, uint64_t addr, uint64_t value)
{
    qtest_writeq(b->q, addr, value);
}

uint64_t smmu_pages(SmmuBoard *b, unsigned pages)
{
    uint64_t addr = guest_alloc_pages(&b->alloc, pages);

    g_assert_cmphex(addr, !=, 0);
    return addr;
}

/* --- Queues and tables --------------------------------------------------- */

/* An output queue of @log2 records of @size bytes, off and on again. */
static uint64_t queue_new(SmmuBoard *b, uint32_t enable, uint64_t base,
                          uint64_t prod, uint64_t cons, unsigned log2,
                          size_t size)
{
    uint32_t cr0 = smmu_reg(b, SMMUV3_CR0);
    uint64_t at = smmu_pages(b, ((size << log2) + 4095) / 4096);

    smmu_set(b, SMMUV3_CR0, cr0 & ~enable);
    smmu_set64(b, base, at | log2);
    smmu_set(b, prod, 0);
    smmu_set(b, cons, 0);
    smmu_set(b, SMMUV3_CR0, cr0 | enable);
    g_assert_cmphex(smmu_reg(b, SMMUV3_CR0ACK), ==, cr0 | enable);
    return at;
}

void smmu_events(SmmuBoard *b, unsigned log2)
{
    b->events_log2 = log2;
    b->events = queue_new(b, SMMUV3_CR0_EVENTQEN, SMMUV3_EVENTQ_BASE,
                          SMMUV3_EVENTQ_PROD, SMMUV3_EVENTQ_CONS, log2,
                          SMMUV3_EVENT_SIZE);
}

void smmu_priq(SmmuBoard *b, unsigned log2)
{
    b->priq_log2 = log2;
    b->priq = queue_new(b, SMMUV3_CR0_PRIQEN, SMMUV3_PRIQ_BASE,
                        SMMUV3_PRIQ_PROD, SMMUV3_PRIQ_CONS, log2,
                        SMMUV3_PPR_SIZE);
}

void smmu_command(SmmuBoard *b, uint64_t w0, uint64_t w1)
{
    guest_smmu_command(&b->commands, w0, w1);
}

void smmu_sync(SmmuBoard *b)
{
    smmu_command(b, CMD_SYNC, 0);
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        if (guest_smmu_commands_done(&b->commands)) {
            return;
        }
        g_usleep(1000);
    }
    g_error("the queue does not reach its CMD_SYNC: PROD %#x, CONS %#x, "
            "GERROR %#x", smmu_reg(b, SMMUV3_CMDQ_PROD),
            smmu_reg(b, SMMUV3_CMDQ_CONS), smmu_reg(b, SMMUV3_GERROR));
}

void smmu_put_ste(SmmuBoard *b)
{
    uint64_t word[8];

    guest_ste_encode(&b->ste, word);
    guest_write_words(&b->mem, b->strtab + b->sid * SMMUV3_STE_SIZE, word, 8);
    smmu_command(b, CMD_CFGI_STE | CMD_SID(b->sid), CMD_LEAF);
    smmu_sync(b);
}

void smmu_put_cd(SmmuBoard *b, unsigned ssid)
{
    uint64_t word[8];

    g_assert_cmpuint(ssid, <, CDS);
    guest_cd_encode(&b->cd, word);
    guest_write_words(&b->mem, b->cds + ssid * SMMUV3_CD_SIZE, word, 8);
    smmu_command(b, CMD_CFGI_CD | CMD_SID(b->sid) | CMD_SSID(ssid), CMD_LEAF);
    smmu_sync(b);
}

void smmu_map(SmmuBoard *b, uint64_t addr, uint64_t to)
{
    bool s1 = b->ste.config & 1;

    g_assert_true(guest_tables_map(s1 ? &b->s1 : &b->s2, addr, to, 3,
                                   s1 ? SMMUV3_PAGE_S1 : SMMUV3_PAGE_S2));
}

void smmu_start_stream(SmmuBoard *b, const char *unit, const char *more,
                       unsigned config)
{
    smmu_start(b, unit, more);
    b->strtab = smmu_pages(b, 4);
    b->cds = smmu_pages(b, CDS * SMMUV3_CD_SIZE / 4096);
    g_assert_true(guest_smmu_commands_init(&b->commands, &b->alloc, &b->regs,
                                           6));
    g_assert_true(guest_tables_init(&b->s1, &b->alloc, 12, 48, 0));
    g_assert_true(guest_tables_init(&b->s2, &b->alloc, 12, 40, 1));
    smmu_set64(b, SMMUV3_STRTAB_BASE, b->strtab);
    smmu_set(b, SMMUV3_STRTAB_BASE_CFG, STREAMS_LOG2);
    smmu_set(b, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    smmu_events(b, 6);
    b->ste = (GuestSte) {
        .config = config, .cd_table = b->cds, .vmid = SMMU_VMID,
        .s2ttb = b->s2.ttb, .s2t0sz = 64 - 40, .s2sl0 = 1, .s2ps = 2,
        .s2record = true,
    };
    /* 40 bits of output, which is what stage 2 takes */
    b->cd = (GuestCd) {
        .ttb = { b->s1.ttb, 0 }, .tsz = { 16, 16 }, .epd = { false, true },
        .tg = { 0, 2 }, .ips = 2, .asid = SMMU_ASID, .record = true,
    };
    if (smmu_reg(b, SMMUV3_IDR0) & 2) {
        smmu_put_cd(b, 0);
    }
    smmu_put_ste(b);
    for (uint64_t at = SMMU_RAM; config == SMMUV3_NESTED &&
         at < SMMU_RAM + SMMU_RAM_SIZE; at += 0x200000) {
        g_assert_true(guest_tables_map(&b->s2, at, at, 2, SMMUV3_PAGE_S2));
    }
    smmu_set(b, SMMUV3_IRQ_CTRL, 7);
    smmu_set(b, SMMUV3_CR0, smmu_reg(b, SMMUV3_CR0) | SMMUV3_CR0_SMMUEN |
                            SMMUV3_CR0_ATSCHK);
    sink_clear(b->q);
}

/* --- Expectations -------------------------------------------------------- */

void smmu_dma_reads(SmmuBoard *b, uint64_t addr, uint64_t pa)
{
    testdev_expect_read(&b->dev, addr, pa);
}

void smmu_dma_good(SmmuBoard *b, uint64_t addr, uint64_t pa)
{
    testdev_expect_read(&b->dev, addr, pa);
    testdev_expect_write(&b->dev, addr, pa);
}

/* As much as one request can be. */
static uint8_t dma_blocked(SmmuBoard *b, uint64_t addr, bool write)
{
    return testdev_expect_blocked(&b->dev, addr, 4096 - addr % 4096, write);
}

void smmu_dma_blocked(SmmuBoard *b, uint64_t addr, bool write)
{
    dma_blocked(b, addr, write);
}

void smmu_dma_fault(SmmuBoard *b, uint64_t addr, bool write, unsigned id,
                    uint64_t word[4])
{
    uint64_t other[4];
    uint8_t told = dma_blocked(b, addr, write);

    g_assert_true(smmu_await_event(b, word));
    g_assert_cmphex(EVENT_ID(word), ==, id);
    g_assert_cmphex(EVENT_SID(word), ==, b->sid);
    if (smmu_event(b, other)) {
        g_error("a second event: %#" G_GINT64_MODIFIER "x %#" G_GINT64_MODIFIER
                "x %#" G_GINT64_MODIFIER "x, after %#" G_GINT64_MODIFIER
                "x %#" G_GINT64_MODIFIER "x %#" G_GINT64_MODIFIER "x",
                other[0], other[1], other[2], word[0], word[1], word[2]);
    }
    if (told) {
        g_assert_cmphex(told, ==, id);
    }
}

/* The next record of an output queue. */
static bool take(SmmuBoard *b, uint64_t prod_reg, uint64_t cons_reg,
                 uint64_t base, unsigned log2, unsigned words, uint64_t *word)
{
    uint32_t mask = (2u << log2) - 1;
    uint32_t prod = smmu_reg(b, prod_reg), cons = smmu_reg(b, cons_reg);
    uint64_t at = base + (uint64_t)(cons & (mask >> 1)) * words * 8;

    if (((prod ^ cons) & mask) == 0) {
        return false;
    }
    for (unsigned i = 0; i < words; i++) {
        word[i] = smmu_get64(b, at + 8 * i);
    }
    smmu_set(b, cons_reg, ((cons + 1) & mask) | (cons & 0x80000000u));
    return true;
}

bool smmu_event(SmmuBoard *b, uint64_t word[4])
{
    return take(b, SMMUV3_EVENTQ_PROD, SMMUV3_EVENTQ_CONS, b->events,
                b->events_log2, 4, word);
}

bool smmu_await_event(SmmuBoard *b, uint64_t word[4])
{
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        if (smmu_event(b, word)) {
            return true;
        }
        g_usleep(1000);
    }
    return false;
}

bool smmu_page_request(SmmuBoard *b, uint64_t word[2])
{
    return take(b, SMMUV3_PRIQ_PROD, SMMUV3_PRIQ_CONS, b->priq, b->priq_log2,
                2, word);
}

static SinkMessage next_message(SmmuBoard *b)
{
    SinkMessage msg;

    /* QEMU delivers some of them a little later. */
    for (unsigned i = 0; i < WAIT_TRIES && !sink_count(b->q); i++) {
        g_usleep(1000);
    }
    g_assert_true(sink_pop(b->q, &msg));
    return msg;
}

static void check_message(const SinkMessage *msg, uint32_t source,
                          uint64_t addr, uint32_t data)
{
    g_assert_cmphex(msg->source, ==, source);
    g_assert_cmphex(msg->addr, ==, addr);
    g_assert_cmphex(msg->data, ==, data);
}

void smmu_expect_line(SmmuBoard *b, unsigned line)
{
    SinkMessage msg = next_message(b);

    check_message(&msg, SINK_LINE, 0, line);
}

void smmu_expect_msi(SmmuBoard *b, uint64_t addr, uint32_t data,
                     unsigned line)
{
    SinkMessage msg[2] = { next_message(b), next_message(b) };
    bool first = msg[0].source == SINK_UNIT;

    check_message(&msg[!first], SINK_UNIT, addr, data);
    check_message(&msg[first], SINK_LINE, 0, line);
}
