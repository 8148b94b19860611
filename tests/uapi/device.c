/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/device.h"

#define COMMAND         4
#define COMMAND_MASTER  4

/* --- Bind and attach ----------------------------------------------------- */

int uapi_bind(Uapi *u, int fd, int iommu, uint32_t *id)
{
    VfioBindIommufd bind = { .argsz = sizeof(bind), .iommufd = iommu };
    int ret = uapi_ioctl(u, fd, VFIO_ABI_DEVICE_BIND_IOMMUFD, &bind);

    *id = bind.out_devid;
    return ret;
}

static uint64_t region_offset(UapiDevice *d, uint32_t index)
{
    VfioRegionInfo info = { .argsz = sizeof(info), .index = index };

    uapi_expect(d->u, uapi_dev_ioctl(d, VFIO_ABI_DEVICE_GET_REGION_INFO,
                                     &info), 0, "GET_REGION_INFO");
    return info.offset;
}

void uapi_device_enable(UapiDevice *d)
{
    d->bar0 = region_offset(d, VFIO_ABI_REGION_BAR0);
    d->config = region_offset(d, VFIO_ABI_REGION_CONFIG);
    uapi_master(d, true);
}

bool uapi_device_open_with(Uapi *u, unsigned n, int iommu, UapiDevice *d)
{
    *d = (UapiDevice) { .u = u, .iommu = iommu, .fd = -1 };
    if (!u->device[n]) {
        uapi_skip(u, "no device");
        return false;
    }
    d->fd = uapi_open(u, u->device[n]);
    if (d->fd < 0) {
        uapi_expect(u, d->fd, 0, "open %s", u->device[n]);
        return false;
    }
    uapi_expect(u, uapi_bind(u, d->fd, iommu, &d->id), 0, "BIND_IOMMUFD");
    uapi_device_enable(d);
    return true;
}

bool uapi_device_open(Uapi *u, unsigned n, UapiDevice *d)
{
    int iommu = uapi_iommu(u);

    if (!uapi_device_open_with(u, n, iommu, d)) {
        uapi_close(u, iommu);
        return false;
    }
    return true;
}

void uapi_device_close(UapiDevice *d)
{
    uapi_close(d->u, d->fd);
    uapi_close(d->u, d->iommu);
}

int uapi_dev_ioctl(UapiDevice *d, unsigned long request, void *arg)
{
    return uapi_ioctl(d->u, d->fd, request, arg);
}

int uapi_iommu_ioctl(UapiDevice *d, unsigned long request, void *arg)
{
    return uapi_ioctl(d->u, d->iommu, request, arg);
}

int uapi_attach(UapiDevice *d, uint32_t pasid, uint32_t pt)
{
    VfioAttachPt attach = { .argsz = sizeof(attach), .pt_id = pt };

    if (pasid != NO_PASID) {
        attach.flags = VFIO_ABI_PT_PASID;
        attach.pasid = pasid;
    }
    return uapi_dev_ioctl(d, VFIO_ABI_DEVICE_ATTACH_PT, &attach);
}

int uapi_detach(UapiDevice *d, uint32_t pasid)
{
    VfioDetachPt detach = { .argsz = sizeof(detach) };

    if (pasid != NO_PASID) {
        detach.flags = VFIO_ABI_PT_PASID;
        detach.pasid = pasid;
    }
    return uapi_dev_ioctl(d, VFIO_ABI_DEVICE_DETACH_PT, &detach);
}

int uapi_map(UapiDevice *d, uint32_t ioas, const void *memory, uint64_t size,
             uint64_t iova)
{
    IommufdIoasMap map = {
        .size = sizeof(map), .ioas_id = ioas, .length = size, .iova = iova,
        .flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE |
                 IOMMUFD_MAP_WRITEABLE,
        .user_va = (uintptr_t)memory,
    };

    return uapi_iommu_ioctl(d, IOMMUFD_IOAS_MAP, &map);
}

int uapi_unmap(UapiDevice *d, uint32_t ioas, uint64_t iova, uint64_t size)
{
    IommufdIoasUnmap unmap = {
        .size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = size,
    };

    return uapi_iommu_ioctl(d, IOMMUFD_IOAS_UNMAP, &unmap);
}

int uapi_hwpt(UapiDevice *d, uint32_t flags, uint32_t pt, uint32_t *hwpt)
{
    IommufdHwptAlloc alloc = {
        .size = sizeof(alloc), .flags = flags, .dev_id = d->id, .pt_id = pt,
    };
    int ret = uapi_iommu_ioctl(d, IOMMUFD_HWPT_ALLOC, &alloc);

    *hwpt = alloc.out_hwpt_id;
    return ret;
}

int uapi_nested(UapiDevice *d, uint32_t flags, uint32_t parent, uint64_t root,
                uint32_t fault, uint32_t *hwpt)
{
    IommufdHwptVtdS1 s1 = { .pgtbl_addr = root, .addr_width = 48 };
    IommufdHwptAlloc alloc = {
        .size = sizeof(alloc), .flags = flags, .dev_id = d->id,
        .pt_id = parent, .data_type = IOMMUFD_HWPT_DATA_VTD_S1,
        .data_len = sizeof(s1), .data = (uintptr_t)&s1,
        .fault_id = fault,
    };
    int ret = uapi_iommu_ioctl(d, IOMMUFD_HWPT_ALLOC, &alloc);

    *hwpt = alloc.out_hwpt_id;
    return ret;
}

uint64_t uapi_messages(Uapi *u, uint64_t *size)
{
    *size = 0x100000;
    return u->arch == UAPI_SMMUV3 ? 0x08000000 : 0xfee00000;
}

/* --- The endpoint -------------------------------------------------------- */

uint64_t uapi_reg(UapiDevice *d, unsigned offset)
{
    uint64_t value = 0;

    uapi_expect(d->u, d->u->calls.pread(d->u->calls.opaque, d->fd, &value, 8,
                                        d->bar0 + offset), 8, "read BAR 0");
    return value;
}

void uapi_set_reg(UapiDevice *d, unsigned offset, uint64_t value)
{
    uapi_expect(d->u, d->u->calls.pwrite(d->u->calls.opaque, d->fd, &value, 8,
                                         d->bar0 + offset), 8, "write BAR 0");
}

void uapi_master(UapiDevice *d, bool on)
{
    uint16_t command = 0;

    uapi_expect(d->u, d->u->calls.pread(d->u->calls.opaque, d->fd, &command,
                                        2, d->config + COMMAND), 2,
                "read COMMAND");
    command = on ? command | COMMAND_MASTER : command & ~COMMAND_MASTER;
    uapi_expect(d->u, d->u->calls.pwrite(d->u->calls.opaque, d->fd, &command,
                                         2, d->config + COMMAND), 2,
                "write COMMAND");
}

unsigned uapi_status(UapiDevice *d)
{
    uint64_t status = uapi_reg(d, TESTDEV_STATUS);

    switch (status & TESTDEV_STATE) {
    case TESTDEV_STATE_DONE:
        return UAPI_DONE;
    case TESTDEV_STATE_FAILED:
        return status >> TESTDEV_WHY_SHIFT & 0xff;
    default:
        return UAPI_BUSY;
    }
}

unsigned uapi_status_later(UapiDevice *d)
{
    unsigned status = uapi_status(d);

    for (unsigned i = 0; i < UAPI_PATIENCE_MS / 10 && status == UAPI_BUSY; i++) {
        usleep(10000);
        status = uapi_status(d);
    }
    return status;
}

static unsigned run(UapiDevice *d, unsigned command, uint32_t pasid,
                    uint64_t addr, uint64_t size, uint64_t pattern)
{
    uapi_set_reg(d, TESTDEV_PASID,
                 pasid == NO_PASID ? 0 : TESTDEV_PASID_VALID | pasid);
    uapi_set_reg(d, TESTDEV_SRC, addr);
    uapi_set_reg(d, TESTDEV_DST, addr);
    uapi_set_reg(d, TESTDEV_LENGTH, size);
    uapi_set_reg(d, TESTDEV_PATTERN, pattern);
    uapi_set_reg(d, TESTDEV_COMMAND, command);
    return uapi_status(d);
}

unsigned uapi_fill(UapiDevice *d, uint32_t pasid, uint64_t addr,
                   uint64_t size, uint64_t pattern)
{
    return run(d, TESTDEV_CMD_FILL, pasid, addr, size, pattern);
}

unsigned uapi_verify(UapiDevice *d, uint32_t pasid, uint64_t addr,
                     uint64_t size, uint64_t pattern)
{
    return run(d, TESTDEV_CMD_VERIFY, pasid, addr, size, pattern);
}

bool uapi_is_filled(const void *memory, uint64_t size, uint64_t pattern)
{
    const uint64_t *word = memory;

    for (uint64_t i = 0; i < size / 8; i++) {
        if (word[i] != pattern + i * UINT64_C(0x9e3779b97f4a7c15)) {
            return false;
        }
    }
    return true;
}

/* --- Memory -------------------------------------------------------------- */

void *uapi_memory(uint64_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void uapi_memory_free(void *memory, uint64_t size)
{
    munmap(memory, size);
}

/* First-stage entries (VT-d, 9.7): present, writable, user. */
#define S1_FLAGS UINT64_C(7)
#define S1_ADDR  UINT64_C(0x0000fffffffff000)
/* VMSAv8-64, stage 1: a table; a page that user accesses may use (AP[1]),
 * inner shareable, accessed, not global. */
#define ARM_TABLE_FLAGS UINT64_C(3)
#define ARM_PAGE_FLAGS  UINT64_C(0xf43)

void uapi_tables_init(UapiTables *t, void *memory, uint64_t base,
                      unsigned pages)
{
    memset(memory, 0, (size_t)pages * PAGE);
    *t = (UapiTables) { memory, base, pages, 1, S1_FLAGS, S1_FLAGS };
}

void uapi_tables_arm(UapiTables *t)
{
    t->table_flags = ARM_TABLE_FLAGS;
    t->page_flags = ARM_PAGE_FLAGS;
}

void uapi_tables_map(UapiTables *t, uint64_t addr, uint64_t to)
{
    uint64_t *table = t->memory;

    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t *entry = &table[addr >> shift & 511];

        if (!*entry) {
            *entry = (t->base + (uint64_t)t->used++ * PAGE) | t->table_flags;
        }
        table = t->memory + ((*entry & S1_ADDR) - t->base) / 8;
    }
    __atomic_store_n(&table[addr >> 12 & 511], to ? to | t->page_flags : 0,
                     __ATOMIC_RELEASE);
}
