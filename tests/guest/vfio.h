/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An endpoint in the hands of a process, through Linux's VFIO and iommufd:
 * what the checks of "vfio" share.  A call that fails leaves its name and
 * the kernel's reason in Vfio.text.
 */
#ifndef TESTS_GUEST_VFIO_H
#define TESTS_GUEST_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "testdev.h"
#include "uapi.h"

#define PAGE            4096ul
#define NO_PASID        0xffffffffu
#define PASIDS          32u     /* those that checks attach are below */
#define ARENA_PAGES     512u
#define OBJECTS_MAX     64u     /* that one check makes */

/* Outcomes as the report has them. */
extern const char *const outcome_words[];

typedef enum Outcome {
    OUTCOME_OK,
    OUTCOME_FAIL,
    OUTCOME_SKIP,           /* the kernel or the unit does not have it */
} Outcome;

typedef struct Vfio {
    int iommufd;
    int device;
    uint32_t dev_id;
    volatile uint8_t *bar;
    uint32_t source;        /* bus, device, function */
    bool has_ats;           /* the kernel has switched it on */
    bool stalls;            /* faults come by stalls, not by page requests */
    bool can_fault;         /* either way, with this unit and endpoint */
    uint8_t *arena;         /* ARENA_PAGES pages; zeros when a check starts */
    uint32_t pasids;        /* which are attached, one bit each */
    uint32_t pasid;         /* of the DMA to come, or NO_PASID */
    unsigned levels;        /* of the program's own tables: 4, 5 */
    /* what the check has made: iommufd's objects and files */
    uint32_t objects[OBJECTS_MAX];
    int files[OBJECTS_MAX];
    unsigned n_objects, n_files;
    bool ats;               /* the DMA to come: translated first */
    bool pri;               /* and asks for pages that are not there */
    uint64_t seed;
    char text[512];         /* what the check found */
} Vfio;

/* The ends of a check: each sets the text. */
Outcome found(Vfio *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
Outcome wrong(Vfio *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* After a call that failed: a skip if it is not supported. */
Outcome lacking(Vfio *v);

bool vfio_open(Vfio *v, const char *name);
/* What vfio_open() finds out about the endpoint @name. */
void vfio_find_out(Vfio *v, const char *name);

/* To be destroyed and closed after the check, the last one first. */
void vfio_own_object(Vfio *v, uint32_t id);
void vfio_own_file(Vfio *v, int fd);
/* Destroys the last one of vfio_own_object() now. */
bool vfio_destroy(Vfio *v, uint32_t id);

/* An address space of its own; 0 after an error. */
uint32_t vfio_ioas(Vfio *v);
bool vfio_map(Vfio *v, uint32_t ioas, const void *memory, uint64_t iova,
              uint64_t size, uint32_t flags);
bool vfio_unmap(Vfio *v, uint32_t ioas, uint64_t iova, uint64_t size);
/* A page table object below @parent; @fault may be 0. */
uint32_t vfio_hwpt(Vfio *v, uint32_t parent, uint32_t flags, uint32_t fault);
/* The same with first-stage tables: data of HWPT_DATA_... @type. */
uint32_t vfio_hwpt_s1(Vfio *v, uint32_t parent, uint32_t flags,
                      uint32_t type, const void *data, uint32_t size,
                      uint32_t fault);
bool vfio_attach(Vfio *v, uint32_t pt, uint32_t pasid);
bool vfio_detach(Vfio *v, uint32_t pasid);
/* An ioctl of /dev/iommu. */
bool vfio_call(Vfio *v, const char *name, unsigned long request, void *arg);

/* Runs a command of the endpoint and returns its STATUS. */
uint64_t vfio_dma(Vfio *v, unsigned command, uint64_t src, uint64_t dst,
                  uint64_t length);
/* The same in two halves, for commands that wait for something. */
void vfio_dma_start(Vfio *v, unsigned command, uint64_t src, uint64_t dst,
                    uint64_t length);
bool vfio_dma_ended(Vfio *v, uint64_t *status);
void vfio_dma_state(const Vfio *v, uint64_t *status);
bool dma_done(uint64_t status);
/* Did it end because software refused the page? */
bool dma_page_refused(const Vfio *v, uint64_t status);
/* Did the unit refuse it, or the translation that it gave? */
bool dma_blocked(uint64_t status);
unsigned dma_why(uint64_t status);
unsigned dma_reason(uint64_t status);

/* The size of the translation that an ATS request for @iova gives, for
 * reading and writing; 0 if it gives none. */
uint64_t dma_translation_size(Vfio *v, uint64_t iova);

/* Page number @page of the arena. */
uint8_t *arena_page(const Vfio *v, unsigned page);
/* Fills a page with data of its own, which depends on @tag. */
void arena_fill(Vfio *v, unsigned page, unsigned tag);
void memory_fill(Vfio *v, void *memory, unsigned tag);
/* Does the endpoint read at @iova the data with this @tag? */
bool dma_reads(Vfio *v, uint64_t iova, unsigned tag);
/* Does it read zeros there? */
bool dma_reads_zeros(Vfio *v, uint64_t iova);
/* Page requests that the endpoint has sent. */
uint64_t dma_page_requests(const Vfio *v);
/* Does a page hold what TESTDEV_CMD_FILL writes? */
bool memory_written(const void *memory);
/* Has the endpoint written (TESTDEV_CMD_FILL) the page? */
bool dma_written(const Vfio *v, unsigned page);

/*
 * A check is told by its name.  Those that need the device-TLB use it; those
 * that fault use what the architecture has for it.
 */
typedef struct Check {
    const char *name;
    Outcome (*run)(Vfio *v);
    enum { PLAIN, ATS, FAULTS } kind;
    unsigned levels;        /* 0: 4 */
} Check;

/* What only one architecture has (amd64/, arm64/); ends without a name. */
extern const Check arch_checks[];
/* Do faults come by stalls there?  Can they, at the endpoint @name? */
bool arch_stalls(void);
bool arch_can_fault(const Vfio *v, const char *name);
/* After reading the bitmap: what the kernel leaves undone. */
bool arch_forget_dirty(Vfio *v, uint32_t hwpt);

Outcome check_hw_info(Vfio *v);
Outcome check_stale(Vfio *v);
Outcome check_ioas(Vfio *v);
Outcome check_dirty(Vfio *v);
Outcome check_pasid(Vfio *v);
Outcome check_nested(Vfio *v);
Outcome check_nested_change(Vfio *v);
Outcome check_nested_parent(Vfio *v);
Outcome check_nested_pasid(Vfio *v);
Outcome check_huge(Vfio *v);
Outcome check_nested_huge(Vfio *v);
Outcome check_fault(Vfio *v);
Outcome check_fault_map(Vfio *v);
Outcome check_fault_pasid(Vfio *v);
Outcome check_fault_refused(Vfio *v);

#endif
