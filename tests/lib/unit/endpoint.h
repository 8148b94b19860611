/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The core of viommu-testdev with an IOMMU of a few lines behind it, which
 * does what a test says and records what it is asked.
 */
#ifndef TESTS_LIB_UNIT_ENDPOINT_H
#define TESTS_LIB_UNIT_ENDPOINT_H

#include <hw/iommu/viommu-testdev.h>

#include "tests/lib/testdev.h"

#define EP_PAGE   4096ull
/* The bus has this many pages, translated to others one by one. */
#define EP_PAGES  1024
/* Memory; what is behind is no target. */
#define EP_MEMORY (EP_PAGES * EP_PAGE)

typedef struct EpPage {
    uint64_t to;
    uint64_t size;          /* of the mapping that it is in; 0 is one page */
    uint8_t access;
    /* privileged: told to users, too; for_users: told to the privileged */
    bool snoop, global, privileged, for_users, untranslated_only, interrupt;
} EpPage;

typedef struct Ep Ep;
struct Ep {
    ViommuTestdev *dev;
    uint8_t *memory;
    EpPage page[EP_PAGES];

    /* what it was asked last, and how often */
    ViommuTestdevAccess dma, asked;
    ViommuPageRequest page_request;
    unsigned dmas, translations, page_requests, runs_wanted, interrupts;
    /* what it answers, if not OK */
    ViommuDmaResult dma_result, translate_result;
    bool no_page_requests;
    uint16_t stall_tag;         /* with VIOMMU_DMA_STALLED */
    /* called in the middle of it; each may be NULL */
    void (*on_dma)(Ep *ep);
    void (*on_stall)(Ep *ep);       /* the access waits now */
    void (*on_translate)(Ep *ep);
    void (*on_page_request)(Ep *ep);
    int64_t now;
};

Ep *ep_new(const ViommuTestdevConfig *config);
/** With all capabilities, enabled; all pages mapped, page n to
 *  EP_PAGES - 1 - n. */
Ep *ep_start(void);
void ep_free(Ep *ep);

uint64_t ep_get(Ep *ep, unsigned reg);
void ep_set(Ep *ep, unsigned reg, uint64_t value);
/** Run a command; returns STATUS. */
uint64_t ep_run(Ep *ep, TestdevCommand command);
/** STATUS as a TestdevWhy; TD_OK when done, TD_WAITS when busy. */
unsigned ep_why(Ep *ep);
/** One READ or WRITE of @size bytes at @addr. */
unsigned ep_read(Ep *ep, uint64_t addr, uint64_t size);
unsigned ep_write(Ep *ep, uint64_t addr, uint64_t size);

/** Where the capability @id is, or 0. */
unsigned ep_find(Ep *ep, uint16_t id);
uint32_t ep_config(Ep *ep, unsigned at, unsigned size);
void ep_set_config(Ep *ep, unsigned at, uint32_t value, unsigned size);

bool ep_invalidate(Ep *ep, uint32_t pasid, uint64_t addr, uint64_t size);
bool ep_invalidate_global(Ep *ep, uint64_t addr, uint64_t size);
/** Answer the page request that came last. */
void ep_respond(Ep *ep, uint8_t code);
/** viommu_testdev_run(), if it was asked for. */
void ep_go_on(Ep *ep);

void ep_respond_to(Ep *ep, uint32_t pasid, unsigned group, unsigned code);

/** A register of the PRI capability, and its status. */
unsigned ep_pri(Ep *ep, unsigned reg);
uint16_t ep_pri_status(Ep *ep);

/** ep_start(), then a READ of pages 5, 6 and 7 with interrupt, which waits
 *  for page 6. */
Ep *ep_waiting(void);

/** Where @addr on the bus is in memory. */
uint8_t *ep_at(Ep *ep, uint64_t addr);

#endif
