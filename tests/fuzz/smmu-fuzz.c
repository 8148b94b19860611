/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SMMUv3 fuzz target: bytes are decoded into a sequence of things that a
 * guest and its endpoints do: tables with any bits, registers, commands,
 * transactions of each kind, page requests, saved states.
 */
#include <hw/iommu/viommu-smmuv3.h>

#include <errno.h>
#include <string.h>

#include "input.h"
#include "tests/lib/smmu-tables.h"

/* Small, so that random pointers hit it. */
#define RAM_SIZE       (UINT64_C(256) << 10)
/* Beside RAM, something that answers through the callbacks. */
#define DEVICE         (UINT64_C(1) << 20)
#define DEVICE_END     (DEVICE + (UINT64_C(64) << 10))
#define MAX_OPERATIONS 64
#define UNITS          4
/* Where things stand when a guest means well. */
#define STREAMS        UINT64_C(0x1000)
#define STREAMS_LOG2   4
#define DESCRIPTORS    UINT64_C(0x4000)
#define COMMANDS       UINT64_C(0x8000)
#define EVENTS         UINT64_C(0x9000)
#define PAGE_QUEUE     UINT64_C(0xa000)
#define TABLES         UINT64_C(0x10000)

typedef struct Unit {
    Viommu *unit;
    ViommuSmmuv3Config config;
    GuestRegs regs;
    bool run_wanted;
    unsigned stalled;
} Unit;

static Unit units[UNITS];
static uint8_t memory[RAM_SIZE] __attribute__((aligned(4096)));
static GuestRam ram = { .base = 0, .size = RAM_SIZE, .host = memory };
static GuestMem mem;

/* --- What the unit asks for ---------------------------------------------- */

static void on_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    FUZZ_CHECK(!(msi->addr & 3));
}

static void on_line(void *opaque, unsigned line, bool level)
{
    (void)opaque;
    (void)level;
    FUZZ_CHECK(line < VIOMMU_SMMUV3_LINES);
}

static void on_invalidate(void *opaque, const ViommuInvalidation *inv)
{
    (void)opaque;
    FUZZ_CHECK(!(inv->size & (inv->size - 1)));
    FUZZ_CHECK(!(inv->addr & (inv->size - 1)));
}

static bool on_devtlb(void *opaque, const ViommuInvalidation *inv)
{
    on_invalidate(opaque, inv);
    return inv->source & 1;
}

static void on_response(void *opaque, const ViommuPageResponse *response)
{
    (void)opaque;
    FUZZ_CHECK(response->group < VIOMMU_PAGE_GROUPS);
    FUZZ_CHECK(response->code <= VIOMMU_PAGE_FAILURE);
}

/* Each transaction that was stalled goes on once. */
static void on_resume(void *opaque, uint32_t source, uint16_t tag,
                      ViommuResume action)
{
    Unit *u = opaque;

    (void)source;
    (void)tag;
    FUZZ_CHECK(action <= VIOMMU_RESUME_ABORT);
    FUZZ_CHECK(u->stalled > 0);
    u->stalled--;
}

static void on_run_later(void *opaque)
{
    Unit *u = opaque;

    u->run_wanted = true;
}

static int on_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    (void)opaque;
    FUZZ_CHECK(size > 0 && size <= 64);
    if (addr < DEVICE || addr >= DEVICE_END || DEVICE_END - addr < size) {
        return -ENXIO;
    }
    memset(buf, (int)(addr >> 3), size);
    return 0;
}

static int on_write(void *opaque, uint64_t addr, const void *buf, size_t size)
{
    (void)opaque;
    (void)buf;
    FUZZ_CHECK(size > 0 && size <= 64);
    return addr >= DEVICE && addr < DEVICE_END ? 0 : -ENXIO;
}

static void on_written(void *opaque, uint64_t addr, uint64_t size)
{
    (void)opaque;
    FUZZ_CHECK(addr < RAM_SIZE && RAM_SIZE - addr >= size);
}

static const ViommuOps ops = {
    .send_msi = on_msi,
    .set_line = on_line,
    .invalidate = on_invalidate,
    .devtlb_invalidate = on_devtlb,
    .page_response = on_response,
    .stall_resume = on_resume,
    .run_later = on_run_later,
    .mem_read = on_read,
    .mem_write = on_write,
    .ram_written = on_written,
};

static void run(Unit *u)
{
    for (unsigned i = 0; u->run_wanted; i++) {
        /* a queue of 2^19 commands in batches of 256 */
        FUZZ_CHECK(i < 5000);
        u->run_wanted = false;
        viommu_run(u->unit);
    }
}

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned size)
{
    Unit *u = opaque;

    return viommu_mmio_read(u->unit, offset, size);
}

static void regs_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    Unit *u = opaque;

    viommu_mmio_write(u->unit, offset, value, size);
    run(u);
}

/* --- What a guest does --------------------------------------------------- */

static uint32_t take_stream(FuzzInput *in)
{
    uint8_t byte = (uint8_t)fuzz_take(in, 1);

    return byte < 0xf0 ? byte & ((1 << STREAMS_LOG2) - 1)
                       : (uint32_t)fuzz_take(in, 4);
}

static uint64_t take_address(FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint64_t addr = 0;

    if (!(shape & 7)) {
        return fuzz_take(in, 8);
    }
    for (unsigned level = 0; level < 5; level++) {
        if (shape & (8 << level)) {
            addr |= (fuzz_take(in, 1) & 3) << (12 + 9 * level);
        }
    }
    return shape & 4 ? addr | UINT64_C(0xffff) << 48 : addr;
}

/* Well-formed, with some bits turned over. */
static void spoil(FuzzInput *in, uint64_t word[8])
{
    uint8_t how = (uint8_t)fuzz_take(in, 1);

    for (unsigned n = how & 3; n > 0; n--) {
        uint64_t bit = fuzz_take(in, 2);

        word[bit >> 6 & 7] ^= UINT64_C(1) << (bit & 63);
    }
}

static void op_stream(Unit *u, FuzzInput *in)
{
    uint8_t bits = (uint8_t)fuzz_take(in, 1);
    GuestSte ste = {
        .config = (bits & 3) | 4, .cd_table = DESCRIPTORS,
        .vmid = (uint16_t)fuzz_take(in, 1) & 3,
        .s2ttb = TABLES + (fuzz_take(in, 1) & 7) * 0x1000,
        .s2t0sz = 64 - 40, .s2sl0 = 1, .s2ps = 5,
        .s2record = true, .s2stall = bits & 4,
        .s1cdmax = bits & 8 ? 4 : 0, .s1dss = bits >> 4 & 3,
        .eats = bits >> 6,
    };
    uint64_t word[8];

    (void)u;
    guest_ste_encode(&ste, word);
    if ((bits & 3) == 1 && (bits & 4)) {
        word[1] |= UINT64_C(2) << 30;           /* EL2's */
    }
    spoil(in, word);
    guest_write_words(&mem, STREAMS + (take_stream(in) & 15) * 64, word, 8);
}

static void op_descriptor(Unit *u, FuzzInput *in)
{
    static const uint8_t tg1[3] = { 2, 3, 1 };
    uint8_t bits = (uint8_t)fuzz_take(in, 1);
    unsigned granule = (bits & 3) % 3;
    GuestCd cd = {
        .ttb = { TABLES + (fuzz_take(in, 1) & 7) * 0x1000,
                 TABLES + (fuzz_take(in, 1) & 7) * 0x1000 },
        .tsz = { 16 + (unsigned)(fuzz_take(in, 1) & 31), 25 },
        .tg = { granule, tg1[granule] }, .ips = 2, .epd = { false, bits & 4 },
        .asid = bits >> 3 & 1, .record = true, .stall = bits & 16,
        .ha = bits & 32, .hd = bits & 32, .wxn = bits & 64, .pan = bits & 128,
    };
    uint64_t word[8];

    (void)u;
    guest_cd_encode(&cd, word);
    spoil(in, word);
    guest_write_words(&mem, DESCRIPTORS + (fuzz_take(in, 1) & 15) * 64, word,
                      8);
}

/* A descriptor of a translation table that leads to another one, or to a
 * page. */
static void op_entry(Unit *u, FuzzInput *in)
{
    uint64_t table = TABLES + (fuzz_take(in, 1) & 7) * 0x1000;
    uint64_t index = fuzz_take(in, 1) & 3;
    uint64_t attributes = fuzz_take(in, 2);
    uint64_t word = TABLES + (fuzz_take(in, 1) & 15) * 0x1000;

    (void)u;
    word |= (attributes & 0xfff) | (attributes & 0xf000) << 39;
    if (!(attributes & 0x100)) {
        word |= 3;
    }
    guest_write64(&mem, table + index * 8, word);
}

static void op_memory(Unit *u, FuzzInput *in)
{
    uint64_t at = (fuzz_take(in, 3) & (RAM_SIZE - 1)) & ~UINT64_C(7);

    (void)u;
    guest_write64(&mem, at, fuzz_take(in, 8));
}

static void op_register(Unit *u, FuzzInput *in)
{
    uint64_t offset = fuzz_take(in, 2);
    unsigned size = 1 + (unsigned)(fuzz_take(in, 1) & 7);

    if (offset & 0x8000) {
        offset = (offset & 0xff) | 0x10000;
    } else if (!(offset & 0x4000)) {
        offset &= 0x1ff;
    }
    if (size & 1) {
        guest_reg64(&u->regs, offset);
        FUZZ_CHECK(viommu_mmio_read(u->unit, offset, 0) == 0);
    }
    regs_write(u, offset, fuzz_take(in, 8), size);
}

static void op_command(Unit *u, FuzzInput *in)
{
    static const uint8_t opcodes[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12, 0x13,
        0x20, 0x21, 0x22, 0x23, 0x28, 0x2a, 0x30, 0x40, 0x41, 0x44, 0x45, 0x46,
        0x46, 0x46,
    };
    uint8_t which = (uint8_t)fuzz_take(in, 1);
    uint64_t w0 = fuzz_take(in, which & 0x80 ? 8 : 4) << 8;
    GuestSmmuCommands queue = { .mem = &mem, .regs = &u->regs,
                                .base = COMMANDS, .log2 = 6 };

    w0 |= opcodes[(which & 0x7f) % G_N_ELEMENTS(opcodes)];
    guest_smmu_command(&queue, w0, fuzz_take(in, which & 0x40 ? 8 : 3));
    if (which & 0x20) {
        /* Whatever error there is, acknowledge it. */
        guest_set_reg32(&u->regs, SMMUV3_GERRORN,
                        guest_reg32(&u->regs, SMMUV3_GERROR));
    }
}

static void op_translate(Unit *u, FuzzInput *in)
{
    uint8_t bits = (uint8_t)fuzz_take(in, 1);
    ViommuRequest req = {
        .source = take_stream(in),
        .pasid = bits & 1 ? VIOMMU_NO_PASID
                          : (uint32_t)fuzz_take(in, 1) & 31,
        .addr = take_address(in),
        .access = bits >> 1 & 15,
        .kind = (bits >> 5 & 3) % 3,
        .probe = bits & 128,
    };
    uint64_t low = fuzz_take(in, 2) & 0xfff;
    ViommuReply reply;
    ViommuStatus status;

    req.addr |= low;
    viommu_dma_begin();
    status = viommu_translate(u->unit, &req, &reply);
    viommu_dma_end();
    u->stalled += status == VIOMMU_STALLED;
    FUZZ_CHECK(!(reply.size & (reply.size - 1)));
    FUZZ_CHECK(status != VIOMMU_STALLED || !req.probe);
    if (status != VIOMMU_OK) {
        FUZZ_CHECK(reply.access == 0);
        return;
    }
    FUZZ_CHECK(reply.reason == 0);
    if (reply.access) {
        FUZZ_CHECK(!((reply.addr ^ req.addr) & (reply.size - 1)));
        FUZZ_CHECK(!(reply.addr >> 52) || reply.addr == req.addr);
    }
}

static void op_page_request(Unit *u, FuzzInput *in)
{
    uint8_t bits = (uint8_t)fuzz_take(in, 1);
    ViommuPageRequest req = {
        .source = take_stream(in),
        .pasid = bits & 1 ? VIOMMU_NO_PASID : (uint32_t)fuzz_take(in, 1),
        .addr = take_address(in),
        .access = bits >> 1 & 15,
        .last = bits & 32,
        .group = (uint16_t)fuzz_take(in, 2) % VIOMMU_PAGE_GROUPS,
    };

    viommu_page_request(u->unit, &req);
}

static void op_state(Unit *u, FuzzInput *in)
{
    GBytes *state = viommu_save(u->unit);
    gsize size;
    const uint8_t *data = g_bytes_get_data(state, &size);
    uint8_t *copy = g_memdup2(data, size);
    uint64_t at = fuzz_take(in, 2) % size;

    if (fuzz_take(in, 1) & 1) {
        copy[at] ^= 1;
        FUZZ_CHECK(!viommu_load(u->unit, copy, size, NULL));
    } else {
        /* The stalled ones stay; their endpoints do not ask again. */
        FUZZ_CHECK(viommu_load(u->unit, copy, size, NULL));
        run(u);
    }
    g_free(copy);
    g_bytes_unref(state);
}

/* --- An input ------------------------------------------------------------ */

static void start(Unit *u)
{
    memset(memory, 0, sizeof(memory));
    viommu_reset(u->unit);
    u->run_wanted = false;
    u->stalled = 0;
    guest_set_reg64(&u->regs, SMMUV3_STRTAB_BASE, STREAMS);
    guest_set_reg32(&u->regs, SMMUV3_STRTAB_BASE_CFG, STREAMS_LOG2);
    guest_set_reg64(&u->regs, SMMUV3_CMDQ_BASE, COMMANDS | 6);
    guest_set_reg64(&u->regs, SMMUV3_EVENTQ_BASE, EVENTS | 3);
    guest_set_reg64(&u->regs, SMMUV3_PRIQ_BASE, PAGE_QUEUE | 2);
    guest_set_reg32(&u->regs, SMMUV3_IRQ_CTRL, 7);
    guest_set_reg32(&u->regs, SMMUV3_CR2, u->config.hyp ? 3 : 2);
    guest_set_reg32(&u->regs, SMMUV3_CR0, 0x1f);
}

static void (*const operations[])(Unit *, FuzzInput *) = {
    op_stream, op_descriptor, op_entry, op_entry, op_entry, op_memory,
    op_register, op_command, op_command, op_translate, op_translate,
    op_translate, op_page_request, op_state,
};

static void unit_init(Unit *u, unsigned number)
{
    ViommuSmmuv3Config *c = &u->config;
    GError *error = NULL;

    mem = guest_mem_from_ram(&ram);
    viommu_smmuv3_config_init(c);
    c->stage1 = number != 1;
    c->stage2 = number != 0;
    c->ssid_bits = c->stage1 ? 5 : 0;
    c->oas_bits = number == 3 ? 52 : 40;
    c->ats = number > 0;
    c->pri = number > 1;
    c->stall = number != 1;
    c->httu = (uint8_t)(number == 3 ? 2 : number & 1);
    c->msi = number & 1;
    c->hyp = c->stage1 && c->stage2;
    c->atos = number != 1;
    c->attr_perms_ovr = number != 0;
    c->iotlb_bits = 4;
    u->unit = viommu_smmuv3_new(c, &ops, u, &error);
    if (!u->unit) {
        g_error("%s", error->message);
    }
    u->regs = (GuestRegs) { regs_read, regs_write, u };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, size };
    Unit *u = &units[fuzz_take(&in, 1) % UNITS];
    const ViommuRam range = { .addr = 0, .size = RAM_SIZE, .host = memory };

    if (!u->unit) {
        unit_init(u, (unsigned)(u - units));
        FUZZ_CHECK(!viommu_set_ram(u->unit, &range, 1));
    }
    start(u);
    for (unsigned i = 0; i < MAX_OPERATIONS && in.size; i++) {
        operations[fuzz_take(&in, 1) % G_N_ELEMENTS(operations)](u, &in);
    }
    return 0;
}
