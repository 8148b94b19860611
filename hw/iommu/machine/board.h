/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board: everything that a test can reach, put together.
 */
#ifndef HW_IOMMU_MACHINE_BOARD_H
#define HW_IOMMU_MACHINE_BOARD_H

#include <hw/iommu/viommu-firmware.h>
#include <hw/iommu/viommu-testdev.h>

#include "hw/iommu/machine/options.h"
#include "hw/iommu/machine/pci/pci.h"

/* Register windows of remapping units on q35: unit k is BOARD_UNIT_STRIDE * k
 * higher; the sink follows behind the last. */
#define BOARD_UNIT_BASE   0xfed90000ull
#define BOARD_UNIT_STRIDE 0x2000ull
#define BOARD_UNITS       4
/* ... and that of the SMMUv3 on virt. */
#define BOARD_SMMU_BASE   0x09050000ull
#define BOARD_SMMU_SIZE   0x20000ull

typedef struct Board Board;

/* One remapping unit on its board. */
typedef struct Unit {
    Board *board;
    unsigned index;
    Viommu *viommu;
    BusWindow window;
    bool run_pending;
    /* has what no other unit has */
    bool takes_rest;
} Unit;

struct Board {
    MachineKind kind;
    Bus *bus;
    PciRoot pci;
    Unit unit[BOARD_UNITS];
    unsigned n_units;
    /* which unit is in front of which function of the root bus, and what is
     * behind it; NULL is none */
    Unit *unit_of[PCI_FUNCTIONS];
    /* of PciFunction, those that endpoint_new() made */
    GPtrArray *endpoints;
    /* devices of hosts; NULL is none.  See passthrough.h */
    struct Passthrough *passthrough;
    ViommuSink *sink;
    /* the table for firmware (DMAR or IORT); NULL without a unit */
    GByteArray *table;
    BusWindow sink_window;
    uint8_t reset_control;
    unsigned dma_depth;
};

/* Build what @options asks for; each error names the option. */
Board *board_new(const MachineOptions *options, GError **error);
void board_free(Board *board);
void board_reset(Board *board);

/* I/O ports, @size 1, 2 or 4.  A port that nothing answers reads as ones. */
uint32_t board_port_read(Board *board, uint16_t port, unsigned size);
void board_port_write(Board *board, uint16_t port, unsigned size,
                      uint32_t value);

/* Make board->table, for q35 once everything is plugged, or for the SMMUv3
 * with @options. */
bool board_make_dmar(Board *board, const MachineOptions *options,
                     GError **error);
bool board_make_iort(Board *board, const DeviceOptions *options,
                     GError **error);
/* Who made the table. */
extern const ViommuAcpiHeader board_acpi_header;

/* Let units and endpoints go on with what they put off. */
void board_run(Board *board);

/* The unit in front of @fn, or NULL. */
Unit *board_unit(const Board *board, const PciFunction *fn);

/*
 * DMA of @fn, as ViommuTestdevOps.dma describes; also its interrupt
 * messages, which are nothing else.
 */
ViommuDmaResult board_dma(Board *board, const PciFunction *fn,
                          const ViommuTestdevAccess *access, uint8_t *reason);

/* Other requests of @fn, as ViommuTestdevOps describes them. */
ViommuDmaResult board_translate(Board *board, const PciFunction *fn,
                                const ViommuTestdevAccess *access,
                                ViommuReply *reply);
bool board_page_request(Board *board, const PciFunction *fn,
                        ViommuPageRequest *req);

/* An endpoint with viommu-testdev in it. */
PciFunction *endpoint_new(Board *board, const PciBus *bus,
                          const ViommuTestdevConfig *config, GError **error);
/* What the unit before it has to say. */
bool endpoint_invalidate(PciFunction *fn, const ViommuInvalidation *inv);
void endpoint_page_response(PciFunction *fn,
                            const ViommuPageResponse *response);
void endpoint_resume(PciFunction *fn, uint16_t tag, ViommuResume action);
/* Go on with what was put off; returns whether there was something. */
bool endpoint_run(PciFunction *fn);

#endif
