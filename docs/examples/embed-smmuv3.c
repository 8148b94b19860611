/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An embedder of libviommu's SMMUv3 in one file: 16 MiB of RAM, one unit with
 * wired interrupts, and two DMAs of the endpoint with StreamID 8, of which one
 * goes through a page table that this program writes as a guest would, and the
 * other one ends as an event in the guest's queue.
 */
#include <hw/iommu/viommu-smmuv3.h>
#include <stdio.h>
#include <string.h>

#define RAM_SIZE    (16 << 20)
#define STREAM_ID   8

typedef struct Machine {
    uint64_t *ram;
    Viommu *iommu;
    bool run_later;
    bool event;             /* the event queue's line has pulsed */
} Machine;

/* With config.msi: a message to what is not RAM, which is a write of 32 bits,
 * say to the interrupt controller's frame. */
static void send_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    printf("message: %#" G_GINT64_MODIFIER "x <- %#x\n", msi->addr, msi->data);
}

/* Lines pulse: high, then low.  An edge is what the guest expects. */
static void set_line(void *opaque, unsigned line, bool level)
{
    if (line == VIOMMU_SMMUV3_LINE_EVENTQ && level) {
        ((Machine *)opaque)->event = true;
    }
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

enum { STREAMS = 0x1000, CONTEXT = 0x2000, TOP = 0x3000, EVENTS = 0x5000 };

/* A guest's work: tables that map bus address 0x200000 to 0x800000. */
static void guest_enables_translation(Machine *m)
{
    const uint64_t ste = STREAMS + STREAM_ID * 64;

    /* stream table entry: valid, stage 1; incoming shareability */
    guest_writes(m, ste, CONTEXT | 5 << 1 | 1);
    guest_writes(m, ste + 8, UINT64_C(1) << 44);
    /* context descriptor: 39 bits, TTB0 only, valid, 44 bits out, AArch64,
     * faults are recorded and abort, ASID 7 */
    guest_writes(m, CONTEXT, UINT64_C(7) << 48 | UINT64_C(3) << 45 |
                 UINT64_C(1) << 41 | UINT64_C(4) << 32 | UINT64_C(1) << 31 |
                 1 << 30 | 25);
    guest_writes(m, CONTEXT + 8, TOP);
    guest_writes(m, TOP, (TOP + 0x1000) | 3);
    /* a block of 2 MiB: accessed, inner shareable, for everybody */
    guest_writes(m, TOP + 0x1000 + 8, 0x800000 | 1 << 10 | 3 << 8 | 1 << 6 |
                 1);

    viommu_mmio_write(m->iommu, 0x80, STREAMS, 8);      /* STRTAB_BASE */
    viommu_mmio_write(m->iommu, 0x88, 4, 4);            /* of 16 entries */
    viommu_mmio_write(m->iommu, 0xa0, EVENTS | 4, 8);   /* EVENTQ_BASE */
    viommu_mmio_write(m->iommu, 0x50, 1 << 2, 4);       /* its interrupt */
    viommu_mmio_write(m->iommu, 0x20, 1 << 2 | 1, 4);   /* EVENTQEN, SMMUEN */
    main_loop_step(m);
}

/* What an endpoint does for each access to memory. */
static bool dma_write(Machine *m, uint64_t addr, uint64_t value)
{
    ViommuRequest request = {
        .source = STREAM_ID,
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
    return ok;
}

int main(void)
{
    ViommuSmmuv3Config config;
    ViommuOps ops = {
        .send_msi = send_msi, .set_line = set_line, .run_later = run_later,
    };
    GError *error = NULL;
    Machine m = { .ram = g_malloc0(RAM_SIZE) };
    ViommuRam ram = { .addr = 0, .size = RAM_SIZE, .host = m.ram };
    uint64_t event;
    bool good;

    viommu_smmuv3_config_init(&config);
    m.iommu = viommu_smmuv3_new(&config, &ops, &m, &error);
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

    event = GUINT64_FROM_LE(m.ram[EVENTS / 8]);
    printf("event %#x of StreamID %u%s\n", (unsigned)event & 0xff,
           (unsigned)(event >> 32), m.event ? ", signalled" : "");
    good = good && m.event && (event & 0xff) == 0x10 &&
           event >> 32 == STREAM_ID;
    printf(good ? "as expected\n" : "not as expected\n");

    viommu_free(m.iommu);
    g_free(m.ram);
    return good ? 0 : 1;
}
