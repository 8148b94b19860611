/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target for saved states: bytes change words of a state that is as good as
 * new, whose digest is made anew; what loads it is then used.  Of both models.
 */
#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-vtd.h>

#include <errno.h>
#include <string.h>

#include "input.h"
#include "tests/lib/unit/stream.h"

#define RAM_SIZE        (UINT64_C(64) << 10)
#define MAX_CHANGES     16
#define MAX_OPERATIONS  24
/* A queue of 2^19 commands in batches of 256. */
#define MAX_RUNS        5000
#define UNITS           4

typedef struct Unit {
    Viommu *unit;
    TestStream fresh;
    bool run_wanted;
} Unit;

/* What a guest only reads; the same whatever is loaded. */
static const uint16_t vtd_fixed[] = { 0x00, 0x08, 0x0c, 0x10, 0x14, 0x58 };
static const uint16_t smmu_fixed[] = {
    0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c, 0x40, 0xfe0, 0xff0,
};

static Unit units[UNITS];
static uint32_t fixed[UNITS][G_N_ELEMENTS(smmu_fixed)];
static uint8_t memory[RAM_SIZE] __attribute__((aligned(4096)));

static void on_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    (void)msi;
}

static void on_run_later(void *opaque)
{
    Unit *u = opaque;

    u->run_wanted = true;
}

/* Only endpoints that exist are told to go on, and how. */
static void on_resume(void *opaque, uint32_t source, uint16_t tag,
                      ViommuResume action)
{
    (void)opaque;
    FUZZ_CHECK(source >> 16 == 0);
    FUZZ_CHECK(tag < 64);
    FUZZ_CHECK(action <= VIOMMU_RESUME_ABORT);
}

static const ViommuOps ops = {
    .send_msi = on_msi, .run_later = on_run_later, .stall_resume = on_resume,
};

static bool is_vtd(const Unit *u)
{
    return u - units < 2;
}

static unsigned fixed_registers(const Unit *u, const uint16_t **offsets)
{
    *offsets = is_vtd(u) ? vtd_fixed : smmu_fixed;
    return is_vtd(u) ? G_N_ELEMENTS(vtd_fixed) : G_N_ELEMENTS(smmu_fixed);
}

static uint32_t read_fixed(Unit *u, unsigned i)
{
    const uint16_t *offsets;

    fixed_registers(u, &offsets);
    return (uint32_t)viommu_mmio_read(u->unit, offsets[i], 4);
}

static void check_fixed(Unit *u)
{
    const uint16_t *offsets;

    for (unsigned i = 0; i < fixed_registers(u, &offsets); i++) {
        FUZZ_CHECK(read_fixed(u, i) == fixed[u - units][i]);
    }
}

static Viommu *new_vtd(Unit *u, bool all, GError **error)
{
    ViommuVtdConfig c;

    viommu_vtd_config_init(&c);
    c.interrupt_remapping = true;
    c.device_iotlb = true;
    c.protected_memory = all;
    c.fault_records = all ? 3 : 1;
    if (all) {
        c.scalable_mode = c.first_stage = c.nested = true;
        c.page_requests = c.virtual_commands = true;
        c.pasid_bits = 7;
    }
    c.iotlb_bits = 4;
    return viommu_vtd_new(&c, &ops, u, error);
}

static Viommu *new_smmu(Unit *u, bool all, GError **error)
{
    ViommuSmmuv3Config c;

    viommu_smmuv3_config_init(&c);
    c.stage1 = true;
    c.stage2 = all;
    c.sid_bits = 16;
    c.ssid_bits = all ? 5 : 0;
    c.ats = c.pri = c.msi = c.hyp = all;
    c.stall = true;
    c.iotlb_bits = 4;
    return viommu_smmuv3_new(&c, &ops, u, error);
}

static void unit_init(Unit *u)
{
    const ViommuRam ram = { .addr = 0, .size = RAM_SIZE, .host = memory };
    unsigned number = (unsigned)(u - units);
    const uint16_t *offsets;
    GError *error = NULL;

    u->unit = is_vtd(u) ? new_vtd(u, number & 1, &error)
                        : new_smmu(u, number & 1, &error);
    if (!u->unit) {
        g_error("%s", error->message);
    }
    FUZZ_CHECK(!viommu_set_ram(u->unit, &ram, 1));
    test_stream_save(&u->fresh, u->unit);
    for (unsigned i = 0; i < fixed_registers(u, &offsets); i++) {
        fixed[number][i] = read_fixed(u, i);
    }
}

/* Pages of this memory, some bits, or anything. */
static uint64_t take_word(FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);

    switch (shape & 3) {
    case 0:
        return (fuzz_take(in, 1) & 15) << 12 | fuzz_take(in, 1);
    case 1:
        return UINT64_C(1) << (shape >> 2);
    case 2:
        return fuzz_take(in, 4);
    default:
        return fuzz_take(in, 8);
    }
}

static bool load_changed(Unit *u, FuzzInput *in)
{
    unsigned changes = 1 + (unsigned)fuzz_take(in, 1) % MAX_CHANGES;
    TestStream s = u->fresh;
    bool loaded;

    s.data = g_memdup2(u->fresh.data, u->fresh.size);
    for (unsigned i = 0; i < changes && in->size; i++) {
        unsigned at = (unsigned)fuzz_take(in, 2) % s.words;
        uint64_t word = take_word(in);

        if (fuzz_take(in, 1) & 1) {
            word ^= test_stream_word(&s, at);
        }
        test_stream_set(&s, at, word);
    }
    loaded = test_stream_load(&s, u->unit);
    test_stream_free(&s);
    return loaded;
}

/* What was loaded is saved, and that is taken again. */
static void check_saved(Unit *u)
{
    g_autofree char *before = test_dump(u->unit), *after = NULL;
    TestStream s;

    test_stream_save(&s, u->unit);
    FUZZ_CHECK(test_stream_load(&s, u->unit));
    after = test_dump(u->unit);
    FUZZ_CHECK(!strcmp(before, after));
    test_stream_free(&s);
}

static void run(Unit *u)
{
    for (unsigned i = 0; u->run_wanted; i++) {
        FUZZ_CHECK(i < MAX_RUNS);
        u->run_wanted = false;
        viommu_run(u->unit);
    }
}

static void translate(Unit *u, FuzzInput *in)
{
    uint8_t bits = (uint8_t)fuzz_take(in, 1);
    ViommuRequest req = {
        .source = (uint32_t)fuzz_take(in, 1), .access = 1 + bits % 3,
        .pasid = bits & 0x80 ? (uint32_t)fuzz_take(in, 1) : VIOMMU_NO_PASID,
        .kind = (bits >> 2) % 3,
    };
    ViommuReply reply;

    req.addr = take_word(in);
    viommu_dma_begin();
    viommu_translate(u->unit, &req, &reply);
    viommu_dma_end();
}

static void use(Unit *u, FuzzInput *in)
{
    uint8_t what = (uint8_t)fuzz_take(in, 1);
    ViommuPageRequest page = { .pasid = VIOMMU_NO_PASID, .last = true };
    uint64_t offset;

    switch (what % 5) {
    case 0:
        translate(u, in);
        break;
    case 1:
        page.source = (uint32_t)fuzz_take(in, 1);
        page.access = VIOMMU_READ;
        viommu_page_request(u->unit, &page);
        break;
    case 2:
        viommu_unexpected_completion(u->unit, what);
        break;
    default:
        offset = (fuzz_take(in, 1) & 0x7f) * 4;
        if (!is_vtd(u) && (what & 0x80)) {
            offset |= 0x10000;
        }
        viommu_mmio_write(u->unit, offset, take_word(in),
                          what & 0x40 ? 8 : 4);
        break;
    }
    run(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, size };
    Unit *u = &units[fuzz_take(&in, 1) % UNITS];

    if (!u->unit) {
        unit_init(u);
    }
    memset(memory, 0, sizeof(memory));
    viommu_reset(u->unit);
    u->run_wanted = false;
    if (load_changed(u, &in)) {
        check_fixed(u);
        check_saved(u);
        run(u);
        for (unsigned i = 0; i < MAX_OPERATIONS && in.size; i++) {
            use(u, &in);
        }
        check_fixed(u);
        check_saved(u);
    }
    return 0;
}
