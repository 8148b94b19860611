/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The endpoint as a PCI Express function: its capabilities by the rules of the
 * specification, power states, and the reset of the function alone.  On the
 * root bus it is integrated into the root complex; behind a port it has a link.
 */
#include <string.h>

#include "tests/qtest/pri.h"
#include "tests/qtest/smmu.h"

#define PORT_SLOT 5
#define WINDOW    UINT64_C(0xe8000000)
#define IOVA      UINT64_C(0x40000)
#define VA        UINT64_C(0x7f0000400000)

enum {
    CFG_VENDOR    = 0x00,
    CFG_COMMAND   = 0x04,
    CFG_STATUS    = 0x06,
    CFG_BAR0      = 0x10,
    CFG_CAPS      = 0x34,
    CFG_FIRST     = 0x40,
    CFG_END       = 0x100,
    CFG_EXT_END   = 0x1000,

    CAP_POWER     = 0x01,
    CAP_MSI       = 0x05,
    CAP_EXPRESS   = 0x10,
    CAP_MSIX      = 0x11,
    EXT_ATS       = 0x0f,
    EXT_PRI       = 0x13,
    EXT_PASID     = 0x1b,

    POWER_CONTROL = 0x04,
    D0            = 0,
    D1            = 1,
    D2            = 2,
    D3HOT         = 3,

    MSI_MASK      = 0x10,
    MSI_PENDING   = 0x14,
    MSIX_CONTROL  = 0x02,
    MSIX_ENABLE   = 0x8000,
    MSIX_MASK_ALL = 0x4000,

    EXP_DEVCAP    = 0x04,
    EXP_DEVCTL    = 0x08,
    EXP_LNKCTL    = 0x10,
    EXP_DEVCTL2   = 0x28,
    EXP_END       = 0x3c,
    DEVCTL_FLR    = 0x8000,
    DEVCTL_INIT   = 0x2000,
    LNKCTL_CCC    = 0x0040,
};

typedef struct Setup {
    Board b;
    PciDev port;
    Testdev dev;        /* on the root bus, or behind the port */
    bool behind;
    uint64_t page;
} Setup;

#define EXTENDED ",pasid-bits=20,ats=on,pri=on"
#define UNIT     "device-iotlb=on"

/* The BARs' places, memory and bus mastering. */
static void enable(Setup *s)
{
    s->b.bus.next_bar = s->behind ? WINDOW : UINT64_C(0xe1000000);
    pci_enable(&s->b.bus, &s->dev.pci);
    s->dev.base = s->dev.pci.bar[0];
}

/* An endpoint for which @options are; one page is mapped at IOVA. */
static void start(Setup *s, bool behind, const char *options)
{
    g_autofree char *more =
        g_strdup_printf("-device pcie-root-port,id=rp,addr=%x,chassis=1,"
                        "slot=1 -device viommu-testdev,%s%s", PORT_SLOT,
                        behind ? "bus=rp" : "addr=6", options);
    GuestContext ctx = { .tt = SPEC_TT_DEVTLB, .levels = 4 };

    board_start_with(&s->b, UNIT, more);
    s->behind = behind;
    s->port = (PciDev) { .q = s->b.q, .devfn = PORT_SLOT << 3 };
    s->dev.pci = (PciDev) {
        .q = s->b.q, .bus = behind, .devfn = behind ? 0 : 6 << 3,
    };
    pci_set_bridge(&s->port, 1, 1, WINDOW);
    g_assert_cmphex(pci_config_read(&s->dev.pci, CFG_VENDOR, 4), ==,
                    0x76d01234);
    enable(s);
    board_translate(&s->b, 4);
    board_queue(&s->b, 0);
    s->page = board_pages(&s->b, 1);
    board_map(&s->b, IOVA, s->page, BOARD_RW);
    ctx.table = s->b.table;
    ctx.domain = BOARD_DOMAIN;
    g_assert_true(guest_context_set(&s->b.alloc, s->b.root,
                                    pci_source(&s->dev.pci), &ctx));
    board_flush(&s->b);
}

static uint32_t get(Setup *s, unsigned offset, unsigned size)
{
    return pci_config_read(&s->dev.pci, offset, size);
}

static void set(Setup *s, unsigned offset, uint32_t value, unsigned size)
{
    pci_config_write(&s->dev.pci, offset, value, size);
}

/* --- The rules ----------------------------------------------------------- */

/*
 * A doubleword of a capability: what it reads after reset but for @any, and
 * what software can write.  @hold is not written: it does something.
 */
typedef struct Word {
    unsigned at;
    uint32_t reads, any, writable, hold;
} Word;

typedef struct Rule {
    unsigned id, size;
    const Word *words;
    unsigned n;
} Rule;

#define WORDS(...) .words = (const Word[]) { __VA_ARGS__ }, \
    .n = sizeof((const Word[]) { __VA_ARGS__ }) / sizeof(Word)

/* [PCIe 7.5.2]: version 3; neither D1, D2 nor PME; No_Soft_Reset */
static const Rule power = {
    CAP_POWER, 8,
    WORDS({ 0x00, 0x00030000 | CAP_POWER, 0xff00, 0, 0 },
          { 0x04, 0x00000008, 0, 0, 3 }),
};

/* [PCIe 7.7.1]: 8 vectors, 64 bits, maskable; the message's data.  More than
 * 8 vectors are not granted. */
static const Rule msi = {
    CAP_MSI, 24,
    WORDS({ 0x00, 0x01860000 | CAP_MSI, 0xff00, 0x00310000, 0x00400000 },
          { 0x04, 0, 0, 0xfffffffc, 0 }, { 0x08, 0, 0, 0xffffffff, 0 },
          { 0x0c, 0, 0, 0x0000ffff, 0 }, { 0x10, 0, 0, 0x000000ff, 0 },
          { 0x14, 0, 0, 0, 0 }),
};

/* [PCIe 7.7.2]: 8 vectors, the table and the pending bits in BAR 1 */
static const Rule msix = {
    CAP_MSIX, 12,
    WORDS({ 0x00, 0x00070000 | CAP_MSIX, 0xff00, 0xc0000000, 0 },
          { 0x04, 0x00000001, 0, 0, 0 }, { 0x08, 0x00000801, 0, 0, 0 }),
};

/*
 * What both kinds of endpoint have [PCIe 7.5.3.2]: tags of 8 bits, role-based
 * error reporting, function-level reset [PCIe 7.5.3.3]; software can enable the
 * tags [PCIe 7.5.3.4]; prefixes from end to end [PCIe 7.5.3.15]; software can
 * disable time-outs [PCIe 7.5.3.16].
 */
#define EXP_DEVICE(type) \
    { 0x00, 0x00020000 | (type) << 20 | CAP_EXPRESS, 0xff00, 0, 0 }, \
    { 0x04, 0x10008020, 0, 0, 0 }, \
    { 0x08, DEVCTL_INIT, 0, 0x0000710f, DEVCTL_FLR }
#define EXP_DEVICE2 \
    { 0x24, 0x00300010, 0, 0, 0 }, { 0x28, 0, 0, 0x00000010, 0 }
/* Slots and the root have none of theirs. */
#define EXP_NOTHING \
    { 0x14, 0, 0, 0, 0 }, { 0x18, 0, 0, 0, 0 }, { 0x1c, 0, 0, 0, 0 }, \
    { 0x20, 0, 0, 0, 0 }, { 0x34, 0, 0, 0, 0 }, { 0x38, 0, 0, 0, 0 }

/* Behind a port: a link of one lane of 2.5 GT/s [PCIe 7.5.3]. */
static const Rule express = {
    CAP_EXPRESS, EXP_END,
    WORDS(EXP_DEVICE(0), { 0x0c, 0x00400011, 0, 0, 0 },
          { 0x10, 0x00110000, 0, 0x000000c8, 0 }, EXP_NOTHING, EXP_DEVICE2,
          { 0x2c, 0x00000002, 0, 0, 0 }, { 0x30, 0x00000001, 0, 0, 0 }),
};

/* Integrated: no link, and so nothing of it [PCIe 7.5.3.6] [PCIe 7.5.3.7]
 * [PCIe 7.5.3.8]. */
static const Rule integrated = {
    CAP_EXPRESS, EXP_END,
    WORDS(EXP_DEVICE(9u), { 0x0c, 0, 0, 0, 0 }, { 0x10, 0, 0, 0, 0 },
          EXP_NOTHING, EXP_DEVICE2, { 0x2c, 0, 0, 0, 0 },
          { 0x30, 0, 0, 0, 0 }),
};

/* Extended ones, of version 1; the next one's place is anything. */
#define EXT_HEAD(id) { 0x00, 0x00010000 | (id), 0xfff00000, 0, 0 }

/* [PCIe 7.8.9]: 20 bits, execute and privileged */
static const Rule pasid = {
    EXT_PASID, 8,
    WORDS(EXT_HEAD(EXT_PASID), { 0x04, 0x00001406, 0, 0x00070000, 0 }),
};

/* [PCIe 10.5.1]: page aligned requests, global invalidation */
static const Rule ats = {
    EXT_ATS, 8,
    WORDS(EXT_HEAD(EXT_ATS), { 0x04, 0x00000060, 0, 0x801f0000, 0 }),
};

/* [PCIe 10.5.2]: stopped; responses have PASIDs; some capacity.  Enable is
 * left alone, which makes a device ask. */
static const Rule pri = {
    EXT_PRI, 16,
    WORDS(EXT_HEAD(EXT_PRI), { 0x04, 0x81000000, 0, 0, 0x3 },
          { 0x08, 0, 0xffffffff, 0, 0 }, { 0x0c, 0, 0, 0xffffffff, 0 }),
};

static void check_word(Setup *s, const Rule *rule, unsigned base,
                       const Word *word)
{
    unsigned at = base + word->at;
    uint32_t before = get(s, at, 4), after;

    g_test_message("capability %#x at %#x, offset %#x: %#x", rule->id, base,
                   word->at, before);
    g_assert_cmphex(before & ~word->any, ==, word->reads);
    set(s, at, ~before & ~word->hold, 4);
    after = get(s, at, 4);
    g_assert_cmphex(before ^ after, ==, word->writable);
    set(s, at, before & ~word->hold, 4);
    g_assert_cmphex(get(s, at, 4), ==, before);
}

static void check_rule(Setup *s, const Rule *rule, unsigned base)
{
    for (unsigned i = 0; i < rule->n; i++) {
        check_word(s, rule, base, &rule->words[i]);
    }
    /* every doubleword has its rule */
    g_assert_cmpuint(rule->n * 4, ==, rule->size);
}

static const Rule *rule_of(const Rule *const *rules, unsigned n, unsigned id)
{
    for (unsigned i = 0; i < n; i++) {
        if (rules[i]->id == id) {
            return rules[i];
        }
    }
    return NULL;
}

/* The list: places, sizes, each once; nothing between [PCIe 7.5.1.1.11]
 * [PCIe 7.3.1]. */
static void walk(Setup *s, const Rule *const *rules, unsigned n)
{
    bool used[CFG_END] = { false };
    unsigned found = 0, at = get(s, CFG_CAPS, 1);

    g_assert_cmphex(get(s, CFG_STATUS, 2) & 0x10, ==, 0x10);
    while (at) {
        const Rule *rule = rule_of(rules, n, get(s, at, 1));

        g_assert_cmphex(at & 3, ==, 0);
        g_assert_cmphex(at, >=, CFG_FIRST);
        g_assert_nonnull(rule);
        g_assert_cmphex(at + rule->size, <=, CFG_END);
        for (unsigned i = at; i < at + rule->size; i++) {
            g_assert_false(used[i]);
            used[i] = true;
        }
        check_rule(s, rule, at);
        g_assert_cmpuint(++found, <=, n);
        at = get(s, at + 1, 1);
    }
    g_assert_cmpuint(found, ==, n);
    for (unsigned i = CFG_FIRST; i < CFG_END; i++) {
        if (!used[i]) {
            set(s, i, 0xff, 1);
            g_assert_cmphex(get(s, i, 1), ==, 0);
        }
    }
}

/* The extended list, which begins at 0x100 [PCIe 7.6.3]. */
static void walk_extended(Setup *s, const Rule *const *rules, unsigned n)
{
    bool used[CFG_EXT_END] = { false };
    unsigned found = 0, at = CFG_END;

    while (n && at) {
        uint32_t head = get(s, at, 4);
        const Rule *rule = rule_of(rules, n, head & 0xffff);

        g_assert_cmphex(at & 3, ==, 0);
        g_assert_cmphex(at, >=, CFG_END);
        g_assert_nonnull(rule);
        g_assert_cmphex(at + rule->size, <=, CFG_EXT_END);
        for (unsigned i = at; i < at + rule->size; i++) {
            g_assert_false(used[i]);
            used[i] = true;
        }
        check_rule(s, rule, at);
        g_assert_cmpuint(++found, <=, n);
        at = head >> 20;
    }
    g_assert_cmpuint(found, ==, n);
    for (unsigned i = CFG_END; i < CFG_EXT_END; i += 4) {
        if (!used[i]) {
            set(s, i, 0xffffffff, 4);
            g_assert_cmphex(get(s, i, 4), ==, 0);
        }
    }
}

/* [PCIe 7.7.2]: in a BAR of memory, aligned, one beside the other */
static void check_msix_places(Setup *s)
{
    unsigned at = pci_find_capability(&s->dev.pci, CAP_MSIX);
    uint32_t table = get(s, at + 4, 4), pba = get(s, at + 8, 4);
    unsigned n = (get(s, at + 2, 2) & 0x7ff) + 1;
    uint64_t size = s->dev.pci.bar_size[table & 7];

    g_assert_cmpuint(table & 7, ==, pba & 7);
    table &= ~7u;
    pba &= ~7u;
    g_assert_cmphex(table + 16 * n, <=, size);
    g_assert_cmphex(pba + 8 * ((n + 63) / 64), <=, size);
    g_assert_true(table + 16 * n <= pba || pba + 8 <= table);
}

static void test_capabilities(gconstpointer data)
{
    bool behind = GPOINTER_TO_UINT(data);
    const Rule *rules[] = {
        &power, &msi, &msix, behind ? &express : &integrated,
    };
    const Rule *extended[] = { &pasid, &ats, &pri };
    Setup s;

    start(&s, behind, EXTENDED);
    check_msix_places(&s);
    walk(&s, rules, G_N_ELEMENTS(rules));
    walk_extended(&s, extended, G_N_ELEMENTS(extended));
    board_end(&s.b);
    start(&s, behind, "");
    walk(&s, rules, G_N_ELEMENTS(rules));
    walk_extended(&s, NULL, 0);
    board_end(&s.b);
}

/* --- Power --------------------------------------------------------------- */

static void set_power(Setup *s, unsigned state)
{
    unsigned at = pci_find_capability(&s->dev.pci, CAP_POWER);

    set(s, at + POWER_CONTROL, state, 2);
}

static unsigned power_state(Setup *s)
{
    unsigned at = pci_find_capability(&s->dev.pci, CAP_POWER);

    return get(s, at + POWER_CONTROL, 2) & 3;
}

static void dma_good(Setup *s)
{
    const uint64_t value = 0x1122334455667788;

    board_put64(&s->b, s->page, 0);
    g_assert_cmpint(testdev_dma_write(&s->dev, IOVA, &value, 8).why, ==,
                    TD_OK);
    g_assert_cmphex(board_get64(&s->b, s->page), ==, value);
}

/*
 * D1 and D2 are not there; in D3hot nothing but configuration space answers,
 * and the way back loses nothing (No_Soft_Reset) [PCIe 5.3.1.4] [PCIe 7.5.2.2]
 * [PCIe 5.3.1].
 */
static void test_power(gconstpointer data)
{
    unsigned control;
    Setup s;

    start(&s, GPOINTER_TO_UINT(data), EXTENDED);
    control = pci_find_capability(&s.dev.pci, CAP_EXPRESS) + EXP_DEVCTL;
    set(&s, control, 0x5005, 2);
    dma_good(&s);
    testdev_set(&s.dev, TD_PATTERN, 0x77);
    for (unsigned state = D1; state <= D2; state++) {
        set_power(&s, state);
        g_assert_cmpuint(power_state(&s), ==, D0);
        g_assert_cmphex(testdev_get(&s.dev, TD_PATTERN), ==, 0x77);
    }
    set_power(&s, D3HOT);
    g_assert_cmpuint(power_state(&s), ==, D3HOT);
    g_assert_cmphex(testdev_get(&s.dev, TD_PATTERN), !=, 0x77);
    testdev_set(&s.dev, TD_PATTERN, 0x78);
    g_assert_cmphex(get(&s, CFG_VENDOR, 4), ==, 0x76d01234);
    g_assert_cmphex(get(&s, control, 2), ==, 0x5005);
    /* a BAR that is written now is there later */
    set(&s, CFG_BAR0, s.dev.base, 4);
    set_power(&s, D1);
    g_assert_cmpuint(power_state(&s), ==, D3HOT);
    set_power(&s, D0);
    g_assert_cmpuint(power_state(&s), ==, D0);
    g_assert_cmphex(testdev_get(&s.dev, TD_PATTERN), ==, 0x77);
    g_assert_cmphex(get(&s, control, 2), ==, 0x5005);
    dma_good(&s);
    board_end(&s.b);
}

/* A command that waited for a page goes on in D3hot, where neither its access
 * nor its message leaves the function; the message does in D0. */
static void test_asleep_while_waiting(gconstpointer data)
{
    bool with_msix = GPOINTER_TO_UINT(data);
    SinkMessage msg;
    PciDev *dev;
    unsigned at;
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    dev = &p.s.b.dev.pci;
    p.page = board_pages(&p.s.b, 1);
    if (with_msix) {
        pci_msix_enable(dev);
        pci_msix_set(dev, 0, 0xfee01000, 0x41);
    } else {
        pci_msi_enable(dev, 0xfee01000, 0x41, 0);
    }
    testdev_set(&p.s.b.dev, TD_CONTROL,
                TD_CONTROL_ATS | TD_CONTROL_PRI | TD_CONTROL_IRQ);
    sm_use(&p.s, SM_PASID);
    g_assert_cmpint(testdev_dma_read(&p.s.b.dev, VA, NULL, 8).why, ==,
                    TD_WAITS);
    at = pci_find_capability(dev, CAP_POWER) + POWER_CONTROL;
    pci_config_write(dev, at, D3HOT, 2);
    sm_map(&p.s, VA, p.page, 1);
    pri_respond(&p, SM_PASID, 0, SPEC_PRESP_SUCCESS);
    board_sync(&p.s.b);
    sink_clear(p.s.b.q);
    g_assert_cmpuint(sink_count(p.s.b.q), ==, 0);
    pci_config_write(dev, at, D0, 2);
    g_assert_true(sink_pop(p.s.b.q, &msg));
    g_assert_cmphex(msg.data, ==, 0x41);
    g_assert_cmpuint(sink_count(p.s.b.q), ==, 0);
    g_assert_cmpint(testdev_finish(&p.s.b.dev).why, ==, TD_NO_MASTER);
    board_end(&p.s.b);
}

/* A message that waits behind a mask stays there while the function sleeps,
 * whatever software unmasks, and goes out when it is awake [PCIe 5.3.1.4]. */
static void test_asleep_with_message(gconstpointer data)
{
    unsigned at;
    Setup s;

    start(&s, GPOINTER_TO_UINT(data), "");
    pci_msi_enable(&s.dev.pci, 0xfee01000, 0x40, 0);
    at = s.dev.pci.msi;
    set(&s, at + MSI_MASK, 1, 4);
    sink_clear(s.b.q);
    testdev_interrupt(&s.dev, 0);
    g_assert_cmphex(get(&s, at + MSI_PENDING, 4), ==, 1);
    set_power(&s, D3HOT);
    set(&s, at + MSI_MASK, 0, 4);
    g_assert_cmpuint(sink_count(s.b.q), ==, 0);
    g_assert_cmphex(get(&s, at + MSI_PENDING, 4), ==, 1);
    set_power(&s, D0);
    g_assert_cmpuint(sink_count(s.b.q), ==, 1);
    g_assert_cmphex(get(&s, at + MSI_PENDING, 4), ==, 0);
    pci_msi_disable(&s.dev.pci);

    pci_msix_enable(&s.dev.pci);
    pci_msix_set(&s.dev.pci, 0, 0xfee01000, 0x41);
    at = s.dev.pci.msix + MSIX_CONTROL;
    set(&s, at, MSIX_ENABLE | MSIX_MASK_ALL, 2);
    sink_clear(s.b.q);
    testdev_interrupt(&s.dev, 0);
    g_assert_cmphex(qtest_readq(s.b.q, s.dev.pci.msix_pba), ==, 1);
    set_power(&s, D3HOT);
    set(&s, at, MSIX_ENABLE, 2);
    g_assert_cmpuint(sink_count(s.b.q), ==, 0);
    set_power(&s, D0);
    g_assert_cmpuint(sink_count(s.b.q), ==, 1);
    g_assert_cmphex(qtest_readq(s.b.q, s.dev.pci.msix_pba), ==, 0);
    board_end(&s.b);
}

/* --- Function-level reset ------------------------------------------------ */

static void reset_function(PciDev *dev)
{
    unsigned at = pci_find_capability(dev, CAP_EXPRESS) + EXP_DEVCTL;
    uint16_t before = pci_config_read(dev, at, 2);

    pci_config_write(dev, at, before | DEVCTL_FLR, 2);
    g_assert_cmphex(pci_config_read(dev, at, 2) & DEVCTL_FLR, ==, 0);
}

/* Everything has its first value but for the link's own [PCIe 6.6.2]. */
static void test_reset(gconstpointer data)
{
    bool behind = GPOINTER_TO_UINT(data);
    uint8_t before[CFG_END], after[CFG_END];
    unsigned express_at;
    Setup s;

    start(&s, behind, EXTENDED);
    express_at = pci_find_capability(&s.dev.pci, CAP_EXPRESS);
    set(&s, CFG_COMMAND, 0, 2);
    for (unsigned i = 0; i < 2; i++) {
        set(&s, CFG_BAR0 + 4 * i, 0, 4);
    }
    for (unsigned i = 0; i < CFG_END; i++) {
        before[i] = get(&s, i, 1);
    }
    enable(&s);
    testdev_enable(&s.dev, 32);
    pci_msix_enable(&s.dev.pci);
    pci_msix_set(&s.dev.pci, 0, 0xfee01000, 0x41);
    pci_msi_enable(&s.dev.pci, 0xfee01000, 0x40, 0);
    set(&s, express_at + EXP_DEVCTL, 0x7107, 2);
    set(&s, express_at + EXP_DEVCTL2, 0x0010, 2);
    set(&s, express_at + EXP_LNKCTL, LNKCTL_CCC, 2);
    testdev_set(&s.dev, TD_CONTROL, TD_CONTROL_ATS);
    dma_good(&s);
    testdev_set(&s.dev, TD_PATTERN, 0x99);
    g_assert_cmpuint(testdev_get(&s.dev, TD_ATC_ENTRIES), ==, 1);

    reset_function(&s.dev.pci);
    for (unsigned i = 0; i < CFG_END; i++) {
        after[i] = get(&s, i, 1);
    }
    g_assert_cmphex(after[express_at + EXP_LNKCTL], ==,
                    behind ? LNKCTL_CCC : 0);
    after[express_at + EXP_LNKCTL] = 0;
    g_assert_cmpmem(after, CFG_END, before, CFG_END);
    g_assert_cmphex(pci_config_read(&s.dev.pci,
                                    pci_find_extended(&s.dev.pci, EXT_ATS) + 4,
                                    4), ==, 0x00000060);
    enable(&s);
    g_assert_cmphex(testdev_get(&s.dev, TD_PATTERN), ==, 0);
    g_assert_cmpuint(testdev_get(&s.dev, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmphex(qtest_read(s.b.q, s.dev.pci.msix_table + 12, 4), ==, 1);
    dma_good(&s);
    board_end(&s.b);
}

/* Out of D3hot, too; only the function, and not its neighbour. */
static void test_reset_alone(void)
{
    Setup s;

    start(&s, false, "");
    testdev_set(&s.b.dev, TD_PATTERN, 0x55);
    set_power(&s, D3HOT);
    reset_function(&s.dev.pci);
    g_assert_cmpuint(power_state(&s), ==, D0);
    enable(&s);
    dma_good(&s);
    g_assert_cmphex(testdev_get(&s.b.dev, TD_PATTERN), ==, 0x55);
    board_end(&s.b);
}

/* What waits for a page is gone, and an answer that comes then is nobody's. */
static void test_reset_while_waiting(void)
{
    Board *b;
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    b = &p.s.b;
    p.page = board_pages(b, 1);
    testdev_set(&b->dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    sm_use(&p.s, SM_PASID);
    g_assert_cmpint(testdev_dma_read(&b->dev, VA, NULL, 8).why, ==, TD_WAITS);
    reset_function(&b->dev.pci);
    b->bus.next_bar = UINT64_C(0xe1000000);
    pci_enable(&b->bus, &b->dev.pci);
    b->dev.base = b->dev.pci.bar[0];
    testdev_enable(&b->dev, 32);
    g_assert_cmphex(testdev_get(&b->dev, TD_STATUS), ==, 0);
    sm_map(&p.s, VA, p.page, 1);
    pri_respond(&p, SM_PASID, 0, SPEC_PRESP_SUCCESS);
    board_sync(b);
    g_assert_cmpuint(testdev_get(&b->dev, TD_COMMANDS), ==, 0);
    g_assert_cmpuint(testdev_get(&b->dev, TD_PAGE_UNEXPECTED), ==, 1);
    sm_use(&p.s, SM_PASID);
    g_assert_cmpint(testdev_dma_read(&b->dev, VA, NULL, 8).why, ==, TD_OK);
    board_end(b);
}

/* The same with an access that waits in an SMMUv3. */
static void test_reset_while_stalled(void)
{
    const uint64_t to = SMMU_RAM + UINT64_C(0x08000000);
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stall=on", "", SMMUV3_S1);
    b.cd.stall = true;
    smmu_put_cd(&b, 0);
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, NULL, 8).why, ==, TD_WAITS);
    g_assert_true(smmu_event(&b, word));
    reset_function(&b.dev.pci);
    pci_enable(&b.bus, &b.dev.pci);
    b.dev.base = b.dev.pci.bar[0];
    g_assert_cmphex(testdev_get(&b.dev, TD_STATUS), ==, 0);
    smmu_map(&b, VA, to);
    smmu_command(&b, CMD_RESUME | CMD_SID(b.sid) | UINT64_C(1) << 12,
                 EVENT_STAG(word));
    smmu_sync(&b);
    g_assert_cmpuint(testdev_get(&b.dev, TD_COMMANDS), ==, 0);
    smmu_dma_good(&b, VA, to);
    smmu_end(&b);
}

/* --- The port ------------------------------------------------------------ */

/* A root port's read completion boundary is what it is [PCIe 7.5.3.7], and it
 * cannot be reset alone [PCIe 7.5.3.3].  QEMU's port is not ours. */
static void test_port(void)
{
    unsigned at;
    Setup s;

    start(&s, true, "");
    if (!qtest_is_qemu()) {
        at = pci_find_capability(&s.port, CAP_EXPRESS);
        pci_config_write(&s.port, at + EXP_LNKCTL, 0xffff, 2);
        g_assert_cmphex(pci_config_read(&s.port, at + EXP_LNKCTL, 2), ==,
                        0x00c0);
        g_assert_cmphex(pci_config_read(&s.port, at + EXP_DEVCAP, 4), ==,
                        0x00008000);
        pci_config_write(&s.port, at + EXP_DEVCTL, 0xffff, 2);
        g_assert_cmphex(pci_config_read(&s.port, at + EXP_DEVCTL, 2), ==,
                        0x000f);
    }
    dma_good(&s);
    board_end(&s.b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/capabilities/root-bus", GUINT_TO_POINTER(false),
                         test_capabilities);
    g_test_add_data_func("/capabilities/port", GUINT_TO_POINTER(true),
                         test_capabilities);
    g_test_add_data_func("/power/root-bus", GUINT_TO_POINTER(false),
                         test_power);
    g_test_add_data_func("/power/port", GUINT_TO_POINTER(true), test_power);
    g_test_add_data_func("/power/waiting/msi", GUINT_TO_POINTER(false),
                         test_asleep_while_waiting);
    g_test_add_data_func("/power/waiting/msix", GUINT_TO_POINTER(true),
                         test_asleep_while_waiting);
    g_test_add_data_func("/power/message/root-bus", GUINT_TO_POINTER(false),
                         test_asleep_with_message);
    g_test_add_data_func("/power/message/port", GUINT_TO_POINTER(true),
                         test_asleep_with_message);
    g_test_add_data_func("/reset/root-bus", GUINT_TO_POINTER(false),
                         test_reset);
    g_test_add_data_func("/reset/port", GUINT_TO_POINTER(true), test_reset);
    g_test_add_func("/reset/alone", test_reset_alone);
    g_test_add_func("/reset/waiting", test_reset_while_waiting);
    g_test_add_func("/reset/stalled", test_reset_while_stalled);
    g_test_add_func("/port", test_port);
    return g_test_run();
}
