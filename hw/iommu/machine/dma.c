/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an endpoint puts on the bus: through the unit in front of it to RAM,
 * to a register window, or, in the interrupt range, to the sink.
 */
#include <string.h>

#include "hw/iommu/machine/board.h"

/* A write there is an interrupt message, with and without a unit. */
#define INTERRUPT_FIRST 0xfee00000ull
#define INTERRUPT_LAST  0xfeefffffull

/*
 * DMA to a register window can make another function send a message, whose
 * address can be a register window.  Nothing useful needs more than this.
 */
#define DMA_DEPTH_MAX 4

/* One access on its way. */
typedef struct Dma {
    Board *board;
    Unit *unit;
    ViommuRequest request;
    uint8_t *buf;
    size_t size;
    bool write;
    uint8_t *reason;
    const PciFunction *stalls;  /* told when the access waits; or NULL */
} Dma;

Unit *board_unit(const Board *board, const PciFunction *fn)
{
    return board->unit_of[pci_root_function(fn)->devfn];
}

static bool is_message(uint64_t addr)
{
    return addr >= INTERRUPT_FIRST && addr <= INTERRUPT_LAST;
}

/* Only a doubleword is a message; the local APIC takes nothing else. */
static bool dma_decode(const Dma *dma, uint64_t addr, ViommuMsi *msi)
{
    if (!dma->write || dma->size != 4 || (addr & 3)) {
        return false;
    }
    msi->addr = addr;
    memcpy(&msi->data, dma->buf, sizeof(msi->data));
    msi->data = GUINT32_FROM_LE(msi->data);
    return true;
}

/* On virt a message is a write like others, which the SMMU translates. */
static ViommuDmaResult dma_deliver(Dma *dma, uint64_t addr)
{
    ViommuMsi msi;

    if (!dma_decode(dma, addr, &msi)) {
        return VIOMMU_DMA_NO_TARGET;
    }
    viommu_sink_push(dma->board->sink, dma->request.source, &msi);
    return VIOMMU_DMA_OK;
}

static ViommuDmaResult dma_message(Dma *dma)
{
    ViommuMsi msi, out;

    if (!dma_decode(dma, dma->request.addr, &msi)) {
        return VIOMMU_DMA_NO_TARGET;
    }
    out = msi;
    if (dma->unit) {
        switch (viommu_remap_msi(dma->unit->viommu, dma->request.source,
                                 &msi, false, &out)) {
        case VIOMMU_MSI_DELIVER:
            break;
        case VIOMMU_MSI_POSTED:
            return VIOMMU_DMA_OK;
        default:
            return VIOMMU_DMA_BLOCKED;
        }
    }
    viommu_sink_push(dma->board->sink, dma->request.source, &out);
    return VIOMMU_DMA_OK;
}

/* A register window, outside of DMA sections: it may be a unit's own. */
static ViommuDmaResult dma_window(Dma *dma, uint64_t addr, size_t size)
{
    Board *board = dma->board;
    bool answered;

    if (board->dma_depth >= DMA_DEPTH_MAX) {
        return VIOMMU_DMA_NO_TARGET;
    }
    board->dma_depth++;
    answered = dma->write ? bus_write(board->bus, addr, dma->buf, size)
                          : bus_read(board->bus, addr, dma->buf, size);
    board->dma_depth--;
    return answered ? VIOMMU_DMA_OK : VIOMMU_DMA_NO_TARGET;
}

/* Translated or not, at @addr: RAM.  Returns the bytes moved, 0 is none. */
static size_t dma_ram(Dma *dma, uint64_t addr, size_t size)
{
    uint64_t rest;
    void *ram = bus_ram(dma->board->bus, addr, &rest);

    if (!ram) {
        return 0;
    }
    size = MIN(size, rest);
    if (dma->write) {
        memcpy(ram, dma->buf, size);
    } else {
        memcpy(dma->buf, ram, size);
    }
    return size;
}

/* How much of the access one answer holds for. */
static size_t reply_size(const Dma *dma, const ViommuReply *reply)
{
    uint64_t rest;

    if (!reply->size) {
        return dma->size;
    }
    rest = reply->size - (dma->request.addr & (reply->size - 1));
    return MIN(dma->size, rest);
}

/* The first part of the access; *@moved gets its size. */
static ViommuDmaResult dma_translated(Dma *dma, size_t *moved)
{
    ViommuReply reply;
    ViommuStatus status;
    size_t part = 0;

    viommu_dma_begin();
    status = viommu_translate(dma->unit->viommu, &dma->request, &reply);
    if (status == VIOMMU_OK && !reply.interrupt) {
        part = reply_size(dma, &reply);
        *moved = dma_ram(dma, reply.addr, part);
    }
    if (status == VIOMMU_STALLED && dma->stalls) {
        dma->stalls->stalled(dma->stalls, reply.stall_tag);
    }
    viommu_dma_end();

    if (status == VIOMMU_STALLED && dma->stalls) {
        return VIOMMU_DMA_STALLED;
    }
    if (status != VIOMMU_OK) {
        *dma->reason = reply.reason;
        return VIOMMU_DMA_BLOCKED;
    }
    if (reply.interrupt) {
        *moved = dma->size;
        return dma_message(dma);
    }
    if (*moved) {
        return VIOMMU_DMA_OK;
    }
    *moved = part;
    if (dma->board->kind == MACHINE_VIRT && is_message(reply.addr)) {
        return dma_deliver(dma, reply.addr);
    }
    return dma_window(dma, reply.addr, part);
}

/* The same without a unit. */
static ViommuDmaResult dma_direct(Dma *dma, size_t *moved)
{
    uint64_t addr = dma->request.addr;

    if (is_message(addr)) {
        *moved = dma->size;
        return dma_message(dma);
    }
    *moved = dma_ram(dma, addr, dma->size);
    if (*moved) {
        return VIOMMU_DMA_OK;
    }
    *moved = dma->size;
    return dma_window(dma, addr, dma->size);
}

/* Memory requests, among them messages that interrupt. */
static bool may_send(const PciFunction *fn)
{
    return (pci_command(fn) & PCI_COMMAND_MASTER) && pci_is_awake(fn);
}

static ViommuRequest request_of(const PciFunction *fn,
                                const ViommuTestdevAccess *access)
{
    return (ViommuRequest) {
        .source = pci_source(fn),
        .pasid = access->pasid,
        .addr = access->addr,
        .access = access->access,
        .kind = access->kind,
    };
}

ViommuDmaResult board_dma(Board *board, const PciFunction *fn,
                          const ViommuTestdevAccess *access, uint8_t *reason)
{
    Dma dma = {
        .board = board,
        .unit = board_unit(board, fn),
        .request = request_of(fn, access),
        .buf = access->buf,
        .size = access->size,
        .write = access->access & VIOMMU_WRITE,
        .reason = reason,
        .stalls = access->can_stall ? fn : NULL,
    };

    if (!may_send(fn)) {
        return VIOMMU_DMA_NO_MASTER;
    }
    while (dma.size) {
        size_t moved = 0;
        ViommuDmaResult result = dma.unit ? dma_translated(&dma, &moved)
                                          : dma_direct(&dma, &moved);

        if (result != VIOMMU_DMA_OK) {
            return result;
        }
        dma.request.addr += moved;
        dma.buf += moved;
        dma.size -= moved;
    }
    return VIOMMU_DMA_OK;
}

ViommuDmaResult board_translate(Board *board, const PciFunction *fn,
                                const ViommuTestdevAccess *access,
                                ViommuReply *reply)
{
    ViommuRequest request = request_of(fn, access);
    Unit *unit = board_unit(board, fn);
    ViommuStatus status;

    *reply = (ViommuReply) { .size = 4096 };
    request.kind = VIOMMU_TRANSLATION;
    if (!may_send(fn)) {
        return VIOMMU_DMA_NO_MASTER;
    }
    if (!unit) {
        return VIOMMU_DMA_NO_TARGET;
    }
    viommu_dma_begin();
    status = viommu_translate(unit->viommu, &request, reply);
    viommu_dma_end();
    return status == VIOMMU_OK ? VIOMMU_DMA_OK : VIOMMU_DMA_BLOCKED;
}

/* A message: bus mastering, which is about memory requests, does not matter. */
bool board_page_request(Board *board, const PciFunction *fn,
                        ViommuPageRequest *req)
{
    Unit *unit = pci_is_awake(fn) ? board_unit(board, fn) : NULL;

    req->source = pci_source(fn);
    if (unit) {
        viommu_page_request(unit->viommu, req);
    }
    return unit != NULL;
}
