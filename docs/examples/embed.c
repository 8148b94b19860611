/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole embedder of libviommu in one file: 16 MiB of RAM, one VT-d unit,
 * and a DMA of endpoint 00:01.0 through a page table that this program
 * writes as a guest would.  docs/embedding.md walks through it.
 */
#include <hw/iommu/viommu-vtd.h>
#include <stdio.h>
#include <string.h>

#define RAM_SIZE (16 << 20)

typedef struct Machine {
    uint64_t *ram;
    Viommu *iommu;
    bool run_later;
} Machine;

static void send_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    printf("interrupt message: %#" G_GINT64_MODIFIER "x <- %#x\n",
           msi->addr, msi->data);
}

static void run_later(void *opaque)
{
    ((Machine *)opaque)->run_later = true;
}

/* What the main loop of a VMM does between two guest accesses. */
static void main_loop_step(Machine *m)
{
    if (m->run_later) {
        m->run_later = false;
        viommu_run(m->iommu);
    }
}

/* The unit's tables are little-endian, whatever the host is. */
static void guest_writes(Machine *m, uint64_t addr, uint64_t word)
{
    m->ram[addr / 8] = GUINT64_TO_LE(word);
}

/* A guest's work: tables that map bus address 0x200000 to 0x800000. */
static void guest_enables_translation(Machine *m)
{
    enum { ROOT = 0x1000, CONTEXT = 0x2000, TOP = 0x3000 };

    guest_writes(m, ROOT, CONTEXT | 1);             /* bus 0, present */
    guest_writes(m, CONTEXT + 8 * 16, TOP | 1);     /* device 1, function 0 */
    guest_writes(m, CONTEXT + 8 * 16 + 8, 1 | 7 << 8);  /* 3 levels, domain 7 */
    guest_writes(m, TOP, (TOP + 0x1000) | 3);       /* read and write */
    guest_writes(m, TOP + 0x1000 + 8, 0x800000 | 1 << 7 | 3);  /* 2 MiB */

    viommu_mmio_write(m->iommu, 0x20, ROOT, 8);         /* RTADDR */
    viommu_mmio_write(m->iommu, 0x18, 1u << 30, 4);     /* GCMD.SRTP */
    viommu_mmio_write(m->iommu, 0x18, 1u << 31, 4);     /* GCMD.TE */
    main_loop_step(m);
}

/* What an endpoint does for each access to memory. */
static bool dma_write(Machine *m, uint64_t addr, uint64_t value)
{
    ViommuRequest request = {
        .source = 0x0008,               /* 00:01.0 */
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = VIOMMU_WRITE,
        .kind = VIOMMU_UNTRANSLATED,
    };
    ViommuReply reply;
    bool ok;

    viommu_dma_begin();
    ok = viommu_translate(m->iommu, &request, &reply) == VIOMMU_OK &&
         reply.addr <= RAM_SIZE - sizeof(value);
    if (ok) {
        memcpy((char *)m->ram + reply.addr, &value, sizeof(value));
    }
    viommu_dma_end();
    if (!ok) {
        printf("DMA to %#" G_GINT64_MODIFIER "x blocked, reason %#x\n", addr,
               reply.reason);
    }
    return ok;
}

int main(void)
{
    ViommuVtdConfig config;
    ViommuOps ops = { .send_msi = send_msi, .run_later = run_later };
    GError *error = NULL;
    Machine m = { .ram = g_malloc0(RAM_SIZE) };
    ViommuRam ram = { .addr = 0, .size = RAM_SIZE, .host = m.ram };
    bool good;

    viommu_vtd_config_init(&config);
    config.aw_bits = 39;
    m.iommu = viommu_vtd_new(&config, &ops, &m, &error);
    if (!m.iommu) {
        fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
        return 1;
    }
    viommu_set_ram(m.iommu, &ram, 1);

    guest_enables_translation(&m);
    good = dma_write(&m, 0x200010, 0x1234);
    good = good && m.ram[0x800010 / 8] == 0x1234;
    good = !dma_write(&m, 0x400000, 0x5678) && good;
    printf(good ? "as expected\n" : "not as expected\n");

    viommu_free(m.iommu);
    g_free(m.ram);
    return good ? 0 : 1;
}
