/* SPDX-License-Identifier: BSD-3-Clause */
/* A viommu-testdev that has been bound to an iommufd, and its DMA. */
#ifndef TESTS_UAPI_DEVICE_H
#define TESTS_UAPI_DEVICE_H

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"
#include "tests/uapi/uapi.h"

#define PAGE 4096u
/** Behind other PASIDs; Linux has no name for requests without one. */
#define NO_PASID UINT32_MAX

typedef struct UapiDevice {
    Uapi *u;
    int iommu;
    int fd;
    uint32_t id;
    uint64_t bar0, config;      /* offsets */
} UapiDevice;

/** Opens an iommufd and device @n, binds and enables it.  False when there is
 *  none, which is no failure. */
bool uapi_device_open(Uapi *u, unsigned n, UapiDevice *d);
/** The same with an iommufd that is there; it stays the caller's. */
bool uapi_device_open_with(Uapi *u, unsigned n, int iommu, UapiDevice *d);
/** Of a device whose file is open: find its registers, let it be master. */
void uapi_device_enable(UapiDevice *d);
/** Both descriptors. */
void uapi_device_close(UapiDevice *d);

int uapi_bind(Uapi *u, int fd, int iommu, uint32_t *id);
int uapi_attach(UapiDevice *d, uint32_t pasid, uint32_t pt);
int uapi_detach(UapiDevice *d, uint32_t pasid);
/** IOVAs that nobody can map, for interrupt messages are there; *@size is
 *  their number. */
uint64_t uapi_messages(Uapi *u, uint64_t *size);
int uapi_dev_ioctl(UapiDevice *d, unsigned long request, void *arg);
int uapi_iommu_ioctl(UapiDevice *d, unsigned long request, void *arg);

/** 0 or a negative errno. */
int uapi_map(UapiDevice *d, uint32_t ioas, const void *memory, uint64_t size,
             uint64_t iova);
int uapi_unmap(UapiDevice *d, uint32_t ioas, uint64_t iova, uint64_t size);
int uapi_hwpt(UapiDevice *d, uint32_t flags, uint32_t pt, uint32_t *hwpt);
/** A nested one with the tables at @root; -EOPNOTSUPP when the host is no
 *  VT-d. */
int uapi_nested(UapiDevice *d, uint32_t flags, uint32_t parent, uint64_t root,
                uint32_t fault, uint32_t *hwpt);

uint64_t uapi_reg(UapiDevice *d, unsigned offset);
void uapi_set_reg(UapiDevice *d, unsigned offset, uint64_t value);
/** Bus mastering. */
void uapi_master(UapiDevice *d, bool on);

/** What of STATUS matters. */
enum { UAPI_DONE = 0, UAPI_BUSY = 1000 };
/** Fill, or verify, @size bytes at @addr: UAPI_DONE, UAPI_BUSY, or why not
 *  (docs/testdev.md). */
unsigned uapi_fill(UapiDevice *d, uint32_t pasid, uint64_t addr,
                   uint64_t size, uint64_t pattern);
unsigned uapi_verify(UapiDevice *d, uint32_t pasid, uint64_t addr,
                     uint64_t size, uint64_t pattern);
unsigned uapi_status(UapiDevice *d);
/** The same when a command that waited has had time to go on. */
unsigned uapi_status_later(UapiDevice *d);
/** Is the pattern there? */
bool uapi_is_filled(const void *memory, uint64_t size, uint64_t pattern);

/** Pages of zeroes. */
void *uapi_memory(uint64_t size);
void uapi_memory_free(void *memory, uint64_t size);

/** Stage-1 tables of four levels in memory that begins at @base of the
 *  parent: the first page is the root. */
typedef struct UapiTables {
    uint64_t *memory;
    uint64_t base;
    unsigned pages, used;
    uint64_t table_flags, page_flags;
} UapiTables;
/** VT-d's. */
void uapi_tables_init(UapiTables *t, void *memory, uint64_t base,
                      unsigned pages);
/** From now on they are Arm's. */
void uapi_tables_arm(UapiTables *t);
/** One page; 0 takes it away. */
void uapi_tables_map(UapiTables *t, uint64_t addr, uint64_t to);

#endif
