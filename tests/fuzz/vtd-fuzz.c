/* SPDX-License-Identifier: BSD-3-Clause */
/* The units, their callbacks, and the entry point. */
#include "vtd-fuzz.h"

#include <errno.h>
#include <string.h>

#define UNITS 12
#define LEGACY_UNITS 8      /* the first ones */

static FuzzUnit units[UNITS];
static uint8_t ram[FUZZ_RAM] __attribute__((aligned(4096)));

static void on_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    (void)msi;
}

static void on_invalidate(void *opaque, const ViommuInvalidation *inv)
{
    (void)opaque;
    fuzz_check_invalidation(inv);
}

static void on_page_response(void *opaque, const ViommuPageResponse *response)
{
    fuzz_check_response(opaque, response);
}

static void on_run_later(void *opaque)
{
    FuzzUnit *u = opaque;

    u->run_wanted = true;
}

bool fuzz_device_read(uint64_t addr, void *buf, size_t size)
{
    if (addr < FUZZ_DEVICE || addr >= FUZZ_DEVICE_END ||
        FUZZ_DEVICE_END - addr < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)((addr + i) * 167 >> 3);
    }
    return true;
}

static int on_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    (void)opaque;
    FUZZ_CHECK(size > 0 && size <= 64);
    return fuzz_device_read(addr, buf, size) ? 0 : -ENXIO;
}

/* Takes each write and forgets it. */
static int on_write(void *opaque, uint64_t addr, const void *buf, size_t size)
{
    (void)opaque;
    (void)buf;
    FUZZ_CHECK(size > 0 && size <= 64);
    return addr >= FUZZ_DEVICE && addr < FUZZ_DEVICE_END ? 0 : -ENXIO;
}

static void on_written(void *opaque, uint64_t addr, uint64_t size)
{
    (void)opaque;
    FUZZ_CHECK(addr < FUZZ_RAM && FUZZ_RAM - addr >= size);
}

static const ViommuOps ops = {
    .send_msi = on_msi,
    .invalidate = on_invalidate,
    .page_response = on_page_response,
    .run_later = on_run_later,
    .mem_read = on_read,
    .mem_write = on_write,
    .ram_written = on_written,
};

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned size)
{
    FuzzUnit *u = opaque;

    return viommu_mmio_read(u->unit, offset, size);
}

static void regs_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    FuzzUnit *u = opaque;

    viommu_mmio_write(u->unit, offset, value, size);
}

static void unit_init(FuzzUnit *u, unsigned number)
{
    ViommuVtdConfig *c = &u->config;
    GError *error = NULL;

    viommu_vtd_config_init(c);
    c->aw_bits = (uint8_t)(39 + 9 * (number % 3));
    c->haw_bits = number % 2 ? 39 : 46;
    c->fault_records = number == 7 ? 256 : (uint16_t)(1 + number);
    c->caching_mode = (number & 1) != 0;
    c->pass_through = number != 2;
    c->snoop_control = (number & 2) != 0;
    c->device_iotlb = (number & 4) != 0;
    c->stale_tm = (number & 4) && (number & 1);
    c->interrupt_remapping = true;
    c->extended_interrupt_mode = (number & 2) != 0;
    c->posted_interrupts = number != 1;
    c->protected_memory = true;
    c->enhanced_set_pointer = (number & 4) != 0;
    c->iotlb_bits = (uint8_t)(4 + number % 3);
    c->strict = (number & 1) != 0;

    if (number >= LEGACY_UNITS) {
        c->device_iotlb = true;
        c->scalable_mode = true;
        c->first_stage = number != LEGACY_UNITS;
        c->nested = number > LEGACY_UNITS + 1;
        c->aw_bits = MAX(c->aw_bits, c->nested ? 48 : 39);
        c->pasid_bits = number == LEGACY_UNITS + 3 ? 7 : 20;
        c->dirty_tracking = (number & 1) && (!c->first_stage || c->nested);
        c->extended_access = c->first_stage && (number & 2);
        c->fs1gp = (number & 1) != 0;
        c->page_requests = number != LEGACY_UNITS + 1;
        c->virtual_commands = (number & 1) != 0;
        c->rid_pasid = (number & 2) != 0;
        c->rid_priv = (number & 1) != 0;
        c->abort_dma = (number & 2) != 0;
    }

    u->ram = (GuestRam) { .base = 0, .size = FUZZ_RAM, .host = ram };
    u->mem = guest_mem_from_ram(&u->ram);
    u->regs = (GuestRegs) { regs_read, regs_write, u };
    u->unit = viommu_vtd_new(c, &ops, u, &error);
    if (!u->unit) {
        g_error("%s", error->message);
    }
    u->cap = guest_reg64(&u->regs, SPEC_CAP);
    u->ecap = guest_reg64(&u->regs, SPEC_ECAP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, size };
    uint8_t which = (uint8_t)fuzz_take(&in, 1);
    FuzzUnit *u = &units[which < 128 ? which % LEGACY_UNITS
                                     : LEGACY_UNITS + which % 4];

    if (!u->unit) {
        unit_init(u, (unsigned)(u - units));
    }
    fuzz_run(u, &in);
    return 0;
}
