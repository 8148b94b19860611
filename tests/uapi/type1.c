/* SPDX-License-Identifier: BSD-3-Clause */
/* A container's address space: what it tells, mappings, dirty pages. */
#include <errno.h>
#include <string.h>

#include "tests/uapi/container.h"

#define ROOM 4096
#define LAST UINT64_C(0xfffffffffffff000)   /* page */

/** The capability @id of a chain, or NULL. */
static void *find_capability(Uapi *u, void *info, uint32_t size, uint32_t at,
                             uint16_t id)
{
    /* each takes at least 8 bytes */
    for (unsigned i = 0; at && i < ROOM / 8; i++) {
        VfioCapHeader *header;

        if (at % 8 || at + sizeof(*header) > size) {
            break;
        }
        header = (VfioCapHeader *)(void *)((uint8_t *)info + at);
        if (header->id == id) {
            uapi_expect(u, header->version, 1, "version of capability %u",
                        id);
            return header;
        }
        at = header->next;
    }
    return NULL;
}

static int get_info(const Container *c, void *buf, uint32_t argsz)
{
    VfioIommuInfo *info = buf;

    info->argsz = argsz;
    return uapi_ioctl(c->u, c->fd, VFIO_ABI_IOMMU_GET_INFO, info);
}

/* [UAPI 002 "specific to the capability id"] */
static void test_info(Uapi *u)
{
    union {
        VfioIommuInfo info;
        uint64_t room[ROOM / 8];
    } buf = { .room = { 0 } };
    const VfioIommuCapMigration *migration;
    const VfioIommuCapIovaRange *iova;
    const VfioIommuCapDmaAvail *avail;
    uint32_t size;
    Container c;

    if (!have_group(u) || !container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    uapi_expect(u, get_info(&c, &buf, 15), -EINVAL, "an argsz of 15");
    /* an old caller knows no chain */
    memset(&buf, 0xaa, sizeof(buf));
    uapi_expect(u, get_info(&c, &buf, 16), 0, "an argsz of 16");
    uapi_expect(u, buf.info.cap_offset, 0xaaaaaaaa, "what was not asked for");
    uapi_check(u, buf.info.iova_pgsizes & PAGE, "no pages of 4 KiB");
    /* one that has room for none is told how much there is */
    uapi_expect(u, get_info(&c, &buf, sizeof(buf.info)), 0, "no room");
    uapi_expect(u, buf.info.cap_offset, 0, "cap_offset without room");
    uapi_check(u, buf.info.flags & VFIO_ABI_IOMMU_INFO_CAPS, "no chain");
    size = buf.info.argsz;
    uapi_check(u, size > sizeof(buf.info) && size <= ROOM,
               "a chain of %u bytes", size);
    uapi_expect(u, get_info(&c, &buf, size - 1), 0, "a byte too little");
    uapi_expect(u, buf.info.cap_offset, 0, "cap_offset, a byte too little");
    uapi_expect(u, get_info(&c, &buf, size), 0, "all of it");
    migration = find_capability(u, &buf, size, buf.info.cap_offset,
                                VFIO_ABI_IOMMU_CAP_MIGRATION);
    iova = find_capability(u, &buf, size, buf.info.cap_offset,
                           VFIO_ABI_IOMMU_CAP_IOVA_RANGE);
    avail = find_capability(u, &buf, size, buf.info.cap_offset,
                            VFIO_ABI_IOMMU_CAP_DMA_AVAIL);
    uapi_check(u, migration && migration->pgsize_bitmap == PAGE &&
               migration->max_dirty_bitmap_size == 1u << 28,
               "the migration capability");
    uapi_check(u, iova && iova->nr_iovas && iova->ranges[0].start == 0,
               "the IOVA capability");
    uapi_check(u, avail && avail->avail == 65535, "mappings available");
    container_close(&c);
}

/* 0x100000 .. 0x101fff is mapped */
static const ContainerMap map_cases[] = {
    { "little room", MAP_SIZE - 1, MAP_RW, 0, 0, PAGE, -EINVAL },
    { "more room", MAP_SIZE + 8, MAP_RW, 0, 0, PAGE, 0 },
    { "no access", MAP_SIZE, 0, 0, 0, PAGE, -EINVAL },
    { "an unknown flag", MAP_SIZE, MAP_RW | 8, 0, 0, PAGE, -EINVAL },
    { "read", MAP_SIZE, VFIO_ABI_MAP_READ, 0, 0, PAGE, 0 },
    { "write", MAP_SIZE, VFIO_ABI_MAP_WRITE, 0, 0, PAGE, 0 },
    { "nothing", MAP_SIZE, MAP_RW, 0, 0, 0, -EINVAL },
    { "half a page", MAP_SIZE, MAP_RW, 0, 0, PAGE / 2, -EINVAL },
    { "between pages", MAP_SIZE, MAP_RW, 0, PAGE / 2, PAGE, -EINVAL },
    { "memory between pages", MAP_SIZE, MAP_RW, PAGE / 2, 0, PAGE, -EINVAL },
    { "the end of addresses", MAP_SIZE, MAP_RW, 0, LAST, 2 * PAGE, -EOVERFLOW },
    { "the end of memory", MAP_SIZE, MAP_RW, LAST, 0, LAST, -EOVERFLOW },
    { "beyond the IOMMU", MAP_SIZE, MAP_RW, 0, LAST, PAGE, -EINVAL },
    { "the same again", MAP_SIZE, MAP_RW, 0, 0x100000, 2 * PAGE, -EEXIST },
    { "around it", MAP_SIZE, MAP_RW, 0, 0xff000, 4 * PAGE, -EEXIST },
    { "its end", MAP_SIZE, MAP_RW, 0, 0x101000, 2 * PAGE, -EEXIST },
    { "before it", MAP_SIZE, MAP_RW, 0, 0xff000, PAGE, 0 },
    { "behind it", MAP_SIZE, MAP_RW, 0, 0x102000, PAGE, 0 },
};

static void test_map(Uapi *u)
{
    uint8_t *memory = uapi_memory(4 * PAGE);
    uint64_t size;
    Container c;

    if (!have_group(u) || !container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    uapi_expect(u, container_map(&c, 0x100000, memory, 2 * PAGE), 0,
                "MAP_DMA");
    for (size_t i = 0; i < sizeof(map_cases) / sizeof(map_cases[0]); i++) {
        const ContainerMap *m = &map_cases[i];

        container_try_map(&c, m, memory);
        if (!m->want) {
            size = m->size;
            uapi_expect(u, container_unmap(&c, m->iova, &size), 0,
                        "unmap after: %s", m->what);
        }
    }
    uapi_expect(u, container_map(&c, 0, NULL, PAGE), -EFAULT,
                "memory that is not there");
    container_close(&c);
    uapi_memory_free(memory, 4 * PAGE);
}

/** Neither the window of messages on a PC, nor a part of it. */
static void test_reserved(Uapi *u)
{
    uint8_t *memory = uapi_memory(PAGE);
    uint64_t first, size;
    Container c;

    first = uapi_messages(u, &size);
    if (!have_group(u) || !container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    uapi_expect(u, container_map(&c, first, memory, PAGE), -EINVAL,
                "the first page");
    uapi_expect(u, container_map(&c, first + size - PAGE, memory, PAGE),
                -EINVAL, "the last page");
    uapi_expect(u, container_map(&c, first - PAGE, memory, PAGE), 0,
                "the page before");
    uapi_expect(u, container_map(&c, first + size, memory, PAGE), 0,
                "the page behind");
    container_close(&c);
    uapi_memory_free(memory, PAGE);
}

typedef struct UnmapCase {
    const char *what;
    uint64_t iova, size;
    int want;
    uint64_t unmapped;
} UnmapCase;

/* 0x1000 .. 0x2fff and 0x4000 .. 0x4fff are mapped */
static const UnmapCase v2_cases[] = {
    { "the first one", 0x1000, 0x2000, 0, 0x2000 },
    { "both", 0x1000, 0x4000, 0, 0x3000 },
    { "more than both", 0, 0x10000, 0, 0x3000 },
    { "none", 0x10000, 0x1000, 0, 0 },
    { "its first half", 0x1000, 0x1000, -EINVAL, 0 },
    { "its second half", 0x2000, 0x1000, -EINVAL, 0 },
    { "half and the other", 0x2000, 0x3000, -EINVAL, 0 },
    { "nothing", 0x1000, 0, -EINVAL, 0 },
    { "half a page", 0x1000, 0x800, -EINVAL, 0 },
    { "between pages", 0x1800, 0x1000, -EINVAL, 0 },
    { "beyond the end", LAST, 0x2000, -EOVERFLOW, 0 },
};

/* the old type unmaps what begins in the range */
static const UnmapCase v1_cases[] = {
    { "its first half", 0x1000, 0x1000, 0, 0x2000 },
    { "its second half", 0x2000, 0x1000, 0, 0 },
    { "both", 0x1000, 0x4000, 0, 0x3000 },
};

static void run_unmap(Uapi *u, unsigned long type, const UnmapCase *cases,
                      size_t n)
{
    uint8_t *memory = uapi_memory(2 * PAGE);

    for (size_t i = 0; i < n; i++) {
        uint64_t size = cases[i].size;
        Container c;

        if (!container_open(u, &c, type)) {
            return;
        }
        uapi_expect(u, container_map(&c, 0x1000, memory, 2 * PAGE), 0, "map");
        uapi_expect(u, container_map(&c, 0x4000, memory, PAGE), 0, "map");
        uapi_expect(u, container_unmap(&c, cases[i].iova, &size),
                    cases[i].want, "%s", cases[i].what);
        if (!cases[i].want) {
            uapi_expect(u, size, cases[i].unmapped, "size of: %s",
                        cases[i].what);
        }
        container_close(&c);
    }
    uapi_memory_free(memory, 2 * PAGE);
}

static void test_unmap(Uapi *u)
{
    if (have_group(u)) {
        run_unmap(u, VFIO_ABI_TYPE1V2, v2_cases,
                  sizeof(v2_cases) / sizeof(v2_cases[0]));
        run_unmap(u, VFIO_ABI_TYPE1, v1_cases,
                  sizeof(v1_cases) / sizeof(v1_cases[0]));
    }
}

static void test_unmap_all(Uapi *u)
{
    VfioDmaUnmap unmap = {
        .argsz = sizeof(unmap), .flags = VFIO_ABI_UNMAP_ALL_FLAG,
    };
    uint8_t *memory = uapi_memory(PAGE);
    Container c;

    if (!have_group(u) || !container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        uapi_expect(u, container_map(&c, i * 0x100000, memory, PAGE), 0,
                    "map %u", i);
    }
    unmap.size = PAGE;
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &unmap), -EINVAL,
                "all, and a size");
    unmap.size = 0;
    unmap.argsz--;
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &unmap), -EINVAL,
                "little room");
    unmap.argsz++;
    unmap.flags |= 8;
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &unmap), -EINVAL,
                "an unknown flag");
    unmap.flags = VFIO_ABI_UNMAP_ALL_FLAG;
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &unmap), 0, "all");
    uapi_expect(u, unmap.size, 8 * PAGE, "the size of all");
    container_close(&c);
    uapi_memory_free(memory, PAGE);
}

/* --- Mappings that get another address of the process's ------------------- */

static int unsettle(const Container *c, uint64_t iova, uint64_t size,
                    uint32_t flags, uint64_t *unsettled)
{
    VfioDmaUnmap unmap = {
        .argsz = sizeof(unmap), .flags = VFIO_ABI_UNMAP_VADDR | flags,
        .iova = iova, .size = size,
    };
    int ret = uapi_ioctl(c->u, c->fd, VFIO_ABI_UNMAP_DMA, &unmap);

    *unsettled = unmap.size;
    return ret;
}

static int settle(const Container *c, uint64_t iova, uint64_t vaddr,
                  uint64_t size, uint32_t flags)
{
    VfioDmaMap map = {
        .argsz = sizeof(map), .flags = VFIO_ABI_MAP_VADDR | flags,
        .vaddr = vaddr, .iova = iova, .size = size,
    };

    return uapi_ioctl(c->u, c->fd, VFIO_ABI_MAP_DMA, &map);
}

static void check_unsettle(const Container *c)
{
    Uapi *u = c->u;
    uint64_t size;

    uapi_expect(u, unsettle(c, 0x1000, PAGE, 0, &size), -EINVAL,
                "half a mapping");
    uapi_expect(u, unsettle(c, 0x1000, 0, 0, &size), -EINVAL, "nothing");
    uapi_expect(u, unsettle(c, 0x1000, PAGE, VFIO_ABI_UNMAP_ALL_FLAG, &size),
                -EINVAL, "all, and an address");
    uapi_expect(u, unsettle(c, 0x1000, 2 * PAGE,
                            VFIO_ABI_UNMAP_GET_DIRTY_BITMAP, &size), -EINVAL,
                "with dirty pages");
    uapi_expect(u, unsettle(c, 0x10000, PAGE, 0, &size), 0, "a hole");
    uapi_expect(u, size, 0, "the size of a hole");
    uapi_expect(u, unsettle(c, 0x4000, PAGE, 0, &size), 0, "the second one");
    uapi_expect(u, size, PAGE, "its size");
    /* none of them, when one is already */
    uapi_expect(u, unsettle(c, 0, 0, VFIO_ABI_UNMAP_ALL_FLAG, &size), -EINVAL,
                "all again");
    uapi_expect(u, unsettle(c, 0x1000, 2 * PAGE, 0, &size), 0,
                "the first one");
}

static void check_settle(const Container *c, uint64_t vaddr)
{
    Uapi *u = c->u;

    uapi_expect(u, settle(c, 0x10000, vaddr, PAGE, 0), -ENOENT, "a hole");
    uapi_expect(u, settle(c, 0x1000, vaddr, PAGE, 0), -EINVAL, "half of it");
    uapi_expect(u, settle(c, 0x1000, vaddr, 3 * PAGE, 0), -EINVAL,
                "more than it");
    uapi_expect(u, settle(c, 0x1000, vaddr + 8, 2 * PAGE, 0), -EINVAL,
                "between pages");
    uapi_expect(u, settle(c, 0x1000, vaddr, 0, 0), -EINVAL, "nothing");
    uapi_expect(u, settle(c, 0x1000, vaddr, 2 * PAGE, VFIO_ABI_MAP_READ),
                -EINVAL, "with an access");
    uapi_expect(u, settle(c, 0x1000, vaddr, 2 * PAGE, 0), 0, "it");
    uapi_expect(u, settle(c, 0x1000, vaddr, 2 * PAGE, 0), -EINVAL, "again");
}

static void test_vaddr(Uapi *u)
{
    uintptr_t extension = VFIO_ABI_UPDATE_VADDR;
    uint8_t *memory = uapi_memory(2 * PAGE);
    uint64_t size = PAGE;
    int32_t second;
    Container c;

    if (!have_group(u) || !container_open(u, &c, 0)) {
        return;
    }
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_CHECK_EXTENSION,
                              (void *)extension), 0, "without a type");
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_SET_IOMMU,
                              (void *)(uintptr_t)VFIO_ABI_TYPE1V2), 0,
                "SET_IOMMU");
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_CHECK_EXTENSION,
                              (void *)extension), 1, "with one");
    uapi_expect(u, container_map(&c, 0x1000, memory, 2 * PAGE), 0, "map");
    uapi_expect(u, container_map(&c, 0x4000, memory, PAGE), 0, "map");
    check_unsettle(&c);
    second = uapi_open(u, u->group[1]);
    uapi_expect(u, uapi_ioctl(u, second, VFIO_ABI_GROUP_SET_CONTAINER, &c.fd),
                -EBUSY, "a group that comes meanwhile");
    check_settle(&c, (uintptr_t)memory);
    /* what waits can be unmapped */
    uapi_expect(u, container_unmap(&c, 0x4000, &size), 0, "UNMAP_DMA");
    uapi_expect(u, size, PAGE, "its size");
    uapi_expect(u, uapi_ioctl(u, second, VFIO_ABI_GROUP_SET_CONTAINER, &c.fd),
                0, "a group that comes later");
    uapi_close(u, second);
    container_close(&c);
    uapi_memory_free(memory, 2 * PAGE);
}

/* --- Dirty pages --------------------------------------------------------- */

static int dirty_pages(const Container *c, uint32_t flags)
{
    VfioDirtyBitmap dirty = { .argsz = sizeof(dirty), .flags = flags };

    return uapi_ioctl(c->u, c->fd, VFIO_ABI_DIRTY_PAGES, &dirty);
}

static int get_dirty(const Container *c, uint64_t iova, uint64_t size,
                     uint64_t pgsize, uint64_t bytes, uint64_t *bitmap)
{
    struct {
        uint32_t argsz, flags;
        VfioDirtyGet get;
    } arg = {
        .argsz = sizeof(arg),
        .flags = VFIO_ABI_DIRTY_GET_BITMAP,
        .get = {
            .iova = iova, .size = size,
            .bitmap = {
                .pgsize = pgsize, .size = bytes, .data = (uintptr_t)bitmap,
            },
        },
    };

    return uapi_ioctl(c->u, c->fd, VFIO_ABI_DIRTY_PAGES, &arg);
}

static void test_dirty(Uapi *u)
{
    uint8_t *memory = uapi_memory(4 * PAGE);
    uint64_t bitmap[2];
    Container c;

    if (!have_group(u)) {
        return;
    }
    if (container_open(u, &c, VFIO_ABI_TYPE1)) {
        uapi_expect(u, dirty_pages(&c, VFIO_ABI_DIRTY_START), -EACCES,
                    "the old type");
        container_close(&c);
    }
    if (!container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    uapi_expect(u, container_map(&c, 0x3000, memory, 2 * PAGE), 0, "map");
    uapi_expect(u, container_map(&c, 0x8000, memory, 4 * PAGE), 0, "map");
    uapi_expect(u, get_dirty(&c, 0, 0x10000, PAGE, 8, bitmap), -EINVAL,
                "before the start");
    uapi_expect(u, dirty_pages(&c, 3), -EINVAL, "start and stop");
    uapi_expect(u, dirty_pages(&c, 8), -EINVAL, "an unknown flag");
    uapi_expect(u, dirty_pages(&c, VFIO_ABI_DIRTY_START), 0, "start");
    uapi_expect(u, dirty_pages(&c, VFIO_ABI_DIRTY_START), 0, "start again");

    memset(bitmap, 0, sizeof(bitmap));
    uapi_expect(u, get_dirty(&c, 0, 0x10000, PAGE, 8, bitmap), 0, "get");
    /* all that devices could write to */
    uapi_check(u, bitmap[0] == 0xf18 && !bitmap[1],
               "the bitmap is %#lx %#lx", (long)bitmap[0], (long)bitmap[1]);
    memset(bitmap, 0, sizeof(bitmap));
    uapi_expect(u, get_dirty(&c, 0x8000, 0x4000, PAGE, 8, bitmap), 0,
                "one mapping");
    /* Linux leaves bits of earlier calls behind the range's */
    uapi_check(u, (bitmap[0] & 0xf) == 0xf, "its bitmap is %#lx",
               (long)bitmap[0]);

    uapi_expect(u, get_dirty(&c, 0x8000, 0x2000, PAGE, 8, bitmap), -EINVAL,
                "half a mapping");
    uapi_expect(u, get_dirty(&c, 0x8000, 0x4000, 2 * PAGE, 8, bitmap),
                -EINVAL, "large pages");
    uapi_expect(u, get_dirty(&c, 0, 0x100000, PAGE, 8, bitmap), -EINVAL,
                "a small bitmap");
    uapi_expect(u, get_dirty(&c, 0x8000, 0x4000, PAGE, (1u << 28) + 8,
                             bitmap), -EINVAL, "an enormous bitmap");
    uapi_expect(u, get_dirty(&c, 0x8000, 0, PAGE, 8, bitmap), -EINVAL,
                "nothing");
    uapi_expect(u, get_dirty(&c, 0x8800, 0x4000, PAGE, 8, bitmap), -EINVAL,
                "between pages");
    uapi_expect(u, get_dirty(&c, LAST, 2 * PAGE, PAGE, 8, bitmap),
                -EOVERFLOW, "beyond the end");
    uapi_expect(u, get_dirty(&c, 0x8000, 0x4000, PAGE, 8, NULL), -EFAULT,
                "no memory");
    uapi_expect(u, dirty_pages(&c, VFIO_ABI_DIRTY_STOP), 0, "stop");
    uapi_expect(u, get_dirty(&c, 0, 0x10000, PAGE, 8, bitmap), -EINVAL,
                "after the stop");
    container_close(&c);
    uapi_memory_free(memory, 4 * PAGE);
}

static void test_unmap_dirty(Uapi *u)
{
    uint64_t bitmap[1] = { 0 };
    struct {
        uint32_t argsz, flags;
        uint64_t iova, size;
        VfioBitmap bitmap;
    } arg = {
        .argsz = sizeof(arg),
        .flags = VFIO_ABI_UNMAP_GET_DIRTY_BITMAP,
        .size = 0x10000,
        .bitmap = {
            .pgsize = PAGE, .size = 8, .data = (uintptr_t)bitmap,
        },
    };
    uint8_t *memory = uapi_memory(2 * PAGE);
    Container c;

    if (!have_group(u) || !container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    uapi_expect(u, container_map(&c, 0x3000, memory, 2 * PAGE), 0, "map");
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &arg), -EINVAL,
                "before the start");
    uapi_expect(u, dirty_pages(&c, VFIO_ABI_DIRTY_START), 0, "start");
    arg.argsz = sizeof(VfioDmaUnmap);
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &arg), -EINVAL,
                "without the bitmap");
    arg.argsz = sizeof(arg);
    arg.flags |= VFIO_ABI_UNMAP_ALL_FLAG;
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &arg), -EINVAL,
                "with all");
    arg.flags = VFIO_ABI_UNMAP_GET_DIRTY_BITMAP;
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_UNMAP_DMA, &arg), 0,
                "UNMAP_DMA");
    uapi_expect(u, arg.size, 2 * PAGE, "what was unmapped");
    uapi_check(u, bitmap[0] == 0x18, "the bitmap is %#lx", (long)bitmap[0]);
    container_close(&c);
    uapi_memory_free(memory, 2 * PAGE);
}

const UapiTest uapi_type1_tests[] = {
    { "type1: what it tells", test_info },
    { "type1: mapping", test_map },
    { "type1: reserved addresses", test_reserved },
    { "type1: unmapping, in both ways", test_unmap },
    { "type1: unmapping everything", test_unmap_all },
    { "type1: other addresses of the process's", test_vaddr },
    { "type1: dirty pages", test_dirty },
    { "type1: dirty pages of what is unmapped", test_unmap_dirty },
    { NULL, NULL },
};
