/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "vfio DEVICE": viommu-testdev, bound to vfio-pci, is driven through Linux's
 * own VFIO and iommufd.  Prints one line for each check,
 *
 *     vfio NAME ok|fail|skip TEXT
 *
 * and at the end "vfio-end count=N".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "pattern.h"
#include "vfio.h"

#define PCI_COMMAND         4
#define PCI_COMMAND_MASTER  (1u << 2)
#define WORDS               (PAGE / sizeof(uint64_t))
#define FILL_PATTERN        0x5a17c0de12345678ull
#define FILL_STEP           0x9e3779b97f4a7c15ull
#define DMA_WAIT_MS         5000

const char *const outcome_words[] = { "ok", "fail", "skip" };

Outcome found(Vfio *v, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(v->text, sizeof(v->text), format, ap);
    va_end(ap);
    return OUTCOME_OK;
}

Outcome wrong(Vfio *v, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(v->text, sizeof(v->text), format, ap);
    va_end(ap);
    return OUTCOME_FAIL;
}

Outcome lacking(Vfio *v)
{
    (void)v;
    return errno == EOPNOTSUPP || errno == ENOTTY ? OUTCOME_SKIP
                                                  : OUTCOME_FAIL;
}

/* Keeps errno. */
static bool failed(Vfio *v, const char *name)
{
    int error = errno;

    snprintf(v->text, sizeof(v->text), "%s: %s", name, strerror(error));
    errno = error;
    return false;
}

bool vfio_call(Vfio *v, const char *name, unsigned long request, void *arg)
{
    return !ioctl(v->iommufd, request, arg) || failed(v, name);
}

static bool device_call(Vfio *v, const char *name, unsigned long request,
                        void *arg)
{
    return !ioctl(v->device, request, arg) || failed(v, name);
}

/* /dev/vfio/devices/vfioN of the PCI device @name */
static bool open_device(Vfio *v, const char *name)
{
    char path[320];
    DIR *dir;
    struct dirent *entry;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", name);
    dir = opendir(path);
    if (!dir) {
        return failed(v, path);
    }
    do {
        entry = readdir(dir);
    } while (entry && entry->d_name[0] == '.');
    snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
             entry ? entry->d_name : "none");
    closedir(dir);
    v->device = open(path, O_RDWR);
    return v->device >= 0 || failed(v, path);
}

static bool open_bar(Vfio *v)
{
    VfioRegionInfo config = {
        .argsz = sizeof(config), .index = VFIO_REGION_CONFIG,
    };
    VfioRegionInfo bar = {
        .argsz = sizeof(bar), .index = VFIO_REGION_BAR0,
    };
    uint16_t command;
    void *at;

    if (!device_call(v, "VFIO_DEVICE_GET_REGION_INFO", VFIO_GET_REGION_INFO,
                     &config) ||
        !device_call(v, "VFIO_DEVICE_GET_REGION_INFO", VFIO_GET_REGION_INFO,
                     &bar)) {
        return false;
    }
    if (pread(v->device, &command, 2, config.offset + PCI_COMMAND) != 2) {
        return failed(v, "PCI command register");
    }
    command |= PCI_COMMAND_MASTER;
    if (pwrite(v->device, &command, 2, config.offset + PCI_COMMAND) != 2) {
        return failed(v, "PCI command register");
    }
    at = mmap(NULL, TESTDEV_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
              v->device, bar.offset);
    v->bar = at;
    return at != MAP_FAILED || failed(v, "mmap of BAR 0");
}

void vfio_find_out(Vfio *v, const char *name)
{
    unsigned domain = 0, bus = 0, slot = 0, function = 0;

    sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
    v->source = bus << 8 | slot << 3 | function;
    v->has_ats = ats_enabled(name);
    v->stalls = arch_stalls();
    v->can_fault = arch_can_fault(v, name);
}

void vfio_own_object(Vfio *v, uint32_t id)
{
    if (v->n_objects < OBJECTS_MAX) {
        v->objects[v->n_objects++] = id;
    }
}

void vfio_own_file(Vfio *v, int fd)
{
    if (v->n_files < OBJECTS_MAX) {
        v->files[v->n_files++] = fd;
    }
}

bool vfio_destroy(Vfio *v, uint32_t id)
{
    IommufdDestroy destroy = { .size = sizeof(destroy), .id = id };

    if (v->n_objects && v->objects[v->n_objects - 1] == id) {
        v->n_objects--;
    }
    return vfio_call(v, "IOMMU_DESTROY", IOMMUFD_DESTROY, &destroy);
}

/* What a check has made, in the reverse order; false says what stayed. */
static bool destroy_all(Vfio *v)
{
    bool ok = true;

    while (v->n_files) {
        close(v->files[--v->n_files]);
    }
    while (v->n_objects) {
        ok &= vfio_destroy(v, v->objects[v->n_objects - 1]);
    }
    return ok;
}

uint32_t vfio_ioas(Vfio *v)
{
    IoasAlloc ioas = { .size = sizeof(ioas) };

    if (!vfio_call(v, "IOMMU_IOAS_ALLOC", IOMMUFD_IOAS_ALLOC, &ioas)) {
        return 0;
    }
    vfio_own_object(v, ioas.out_ioas_id);
    return ioas.out_ioas_id;
}

bool vfio_map(Vfio *v, uint32_t ioas, const void *memory, uint64_t iova,
              uint64_t size, uint32_t flags)
{
    IoasMap map = {
        .size = sizeof(map), .flags = flags | IOAS_MAP_FIXED_IOVA,
        .ioas_id = ioas, .user_va = (uintptr_t)memory, .length = size,
        .iova = iova,
    };

    return vfio_call(v, "IOMMU_IOAS_MAP", IOMMUFD_IOAS_MAP, &map);
}

bool vfio_unmap(Vfio *v, uint32_t ioas, uint64_t iova, uint64_t size)
{
    IoasUnmap unmap = {
        .size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = size,
    };

    return vfio_call(v, "IOMMU_IOAS_UNMAP", IOMMUFD_IOAS_UNMAP, &unmap);
}

uint32_t vfio_hwpt(Vfio *v, uint32_t parent, uint32_t flags, uint32_t fault)
{
    return vfio_hwpt_s1(v, parent, flags, HWPT_DATA_NONE, NULL, 0, fault);
}

uint32_t vfio_hwpt_s1(Vfio *v, uint32_t parent, uint32_t flags,
                      uint32_t type, const void *data, uint32_t size,
                      uint32_t fault)
{
    HwptAlloc alloc = {
        .size = sizeof(alloc),
        .flags = flags | (fault ? HWPT_FAULT_ID_VALID : 0),
        .dev_id = v->dev_id, .pt_id = parent, .fault_id = fault,
        .data_type = type, .data_len = size, .data = (uintptr_t)data,
    };
    char name[64];

    if (!fault) {
        /* the size before there were fault queues */
        alloc.size = 40;
    }
    snprintf(name, sizeof(name), "IOMMU_HWPT_ALLOC with flags 0x%x%s",
             alloc.flags, data ? " and a first stage" : "");
    if (!vfio_call(v, name, IOMMUFD_HWPT_ALLOC, &alloc)) {
        return 0;
    }
    vfio_own_object(v, alloc.out_hwpt_id);
    return alloc.out_hwpt_id;
}

bool vfio_attach(Vfio *v, uint32_t pt, uint32_t pasid)
{
    VfioAttach attach = {
        .argsz = pasid == NO_PASID ? 12 : sizeof(attach),
        .flags = pasid == NO_PASID ? 0 : VFIO_PT_PASID,
        .pt_id = pt, .pasid = pasid == NO_PASID ? 0 : pasid,
    };
    char name[64] = "VFIO_DEVICE_ATTACH_IOMMUFD_PT";

    if (pasid != NO_PASID) {
        snprintf(name, sizeof(name), "VFIO_DEVICE_ATTACH_IOMMUFD_PT with "
                 "PASID %" PRIu32, pasid);
    }
    if (!device_call(v, name, VFIO_ATTACH_PT, &attach)) {
        return false;
    }
    if (pasid != NO_PASID) {
        v->pasids |= 1u << pasid;
    }
    return true;
}

bool vfio_detach(Vfio *v, uint32_t pasid)
{
    VfioDetach detach = {
        .argsz = pasid == NO_PASID ? 8 : sizeof(detach),
        .flags = pasid == NO_PASID ? 0 : VFIO_PT_PASID,
        .pasid = pasid == NO_PASID ? 0 : pasid,
    };

    if (pasid != NO_PASID) {
        v->pasids &= ~(1u << pasid);
    }
    return device_call(v, "VFIO_DEVICE_DETACH_IOMMUFD_PT", VFIO_DETACH_PT,
                       &detach);
}

/* Linux may have ATS on only while there is an address space. */
static bool find_ats(Vfio *v, const char *name)
{
    uint32_t ioas = vfio_ioas(v);
    bool ok = ioas && vfio_attach(v, ioas, NO_PASID);

    v->has_ats = ok && ats_enabled(name);
    return ok && vfio_detach(v, NO_PASID) && vfio_destroy(v, ioas);
}

bool vfio_open(Vfio *v, const char *name)
{
    VfioBind bind = { .argsz = sizeof(bind) };

    v->arena = mmap(NULL, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (v->arena == MAP_FAILED) {
        return failed(v, "mmap");
    }
    v->iommufd = open("/dev/iommu", O_RDWR);
    if (v->iommufd < 0) {
        return failed(v, "/dev/iommu");
    }
    if (!open_device(v, name)) {
        return false;
    }
    bind.iommufd = v->iommufd;
    if (!device_call(v, "VFIO_DEVICE_BIND_IOMMUFD", VFIO_BIND_IOMMUFD,
                     &bind)) {
        return false;
    }
    v->dev_id = bind.out_devid;
    vfio_find_out(v, name);
    return find_ats(v, name) && open_bar(v);
}

/* --- the endpoint -------------------------------------------------------- */

static uint64_t get(const Vfio *v, unsigned offset)
{
    return *(volatile uint64_t *)(v->bar + offset);
}

static void set(const Vfio *v, unsigned offset, uint64_t value)
{
    *(volatile uint64_t *)(v->bar + offset) = value;
}

void vfio_dma_start(Vfio *v, unsigned command, uint64_t src, uint64_t dst,
                    uint64_t length)
{
    set(v, TESTDEV_CONTROL, (v->ats ? TESTDEV_CONTROL_ATS : 0) |
                            (v->ats && v->pri ? TESTDEV_CONTROL_PRI : 0));
    set(v, TESTDEV_PASID, v->pasid == NO_PASID
                          ? 0 : TESTDEV_PASID_VALID | v->pasid);
    set(v, TESTDEV_PATTERN, FILL_PATTERN);
    set(v, TESTDEV_SRC, src);
    set(v, TESTDEV_DST, dst);
    set(v, TESTDEV_LENGTH, length);
    set(v, TESTDEV_COMMAND, command);
}

void vfio_dma_state(const Vfio *v, uint64_t *status)
{
    *status = get(v, TESTDEV_STATUS);
}

bool vfio_dma_ended(Vfio *v, uint64_t *status)
{
    uint64_t until = now_ms() + DMA_WAIT_MS;

    do {
        *status = get(v, TESTDEV_STATUS);
        if ((*status & TESTDEV_STATE) == TESTDEV_STATE_DONE ||
            (*status & TESTDEV_STATE) == TESTDEV_STATE_FAILED) {
            return true;
        }
        usleep(1000);
    } while (now_ms() < until);
    return false;
}

uint64_t vfio_dma(Vfio *v, unsigned command, uint64_t src, uint64_t dst,
                  uint64_t length)
{
    uint64_t status;

    vfio_dma_start(v, command, src, dst, length);
    vfio_dma_ended(v, &status);
    return status;
}

bool dma_done(uint64_t status)
{
    return (status & TESTDEV_STATE) == TESTDEV_STATE_DONE;
}

unsigned dma_why(uint64_t status)
{
    return (status & TESTDEV_STATE) == TESTDEV_STATE_FAILED
           ? status >> TESTDEV_WHY_SHIFT & 0xff : 0;
}

bool dma_page_refused(const Vfio *v, uint64_t status)
{
    return dma_why(status) == (v->stalls ? TESTDEV_BLOCKED
                                         : TESTDEV_PAGE_INVALID);
}

bool dma_blocked(uint64_t status)
{
    return dma_why(status) == TESTDEV_BLOCKED ||
           dma_why(status) == TESTDEV_NOT_PERMITTED;
}

unsigned dma_reason(uint64_t status)
{
    return status >> TESTDEV_REASON_SHIFT & 0xff;
}

uint64_t dma_translation_size(Vfio *v, uint64_t iova)
{
    uint64_t status;

    set(v, TESTDEV_REQUEST, TESTDEV_REQUEST_RW);
    status = vfio_dma(v, TESTDEV_CMD_TRANSLATE, iova, 0, PAGE);
    return dma_done(status) && (get(v, TESTDEV_TRANS_FLAGS) &
                                TESTDEV_TRANS_RW) == TESTDEV_TRANS_RW
           ? get(v, TESTDEV_TRANS_SIZE) : 0;
}

uint64_t dma_page_requests(const Vfio *v)
{
    return get(v, TESTDEV_PAGE_REQUESTS);
}

/* --- data ---------------------------------------------------------------- */

uint8_t *arena_page(const Vfio *v, unsigned page)
{
    return v->arena + page * PAGE;
}

void memory_fill(Vfio *v, void *memory, unsigned tag)
{
    pattern_fill(memory, WORDS, v->seed, (uint64_t)tag << 32);
}

void arena_fill(Vfio *v, unsigned page, unsigned tag)
{
    memory_fill(v, arena_page(v, page), tag);
}

bool dma_reads(Vfio *v, uint64_t iova, unsigned tag)
{
    uint64_t status = vfio_dma(v, TESTDEV_CMD_READ, iova, 0, PAGE);
    uint64_t bad = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        bad += get(v, TESTDEV_BUFFER + i * 8) !=
               pattern_word(v->seed, ((uint64_t)tag << 32) + i);
    }
    if (!dma_done(status) || bad) {
        snprintf(v->text, sizeof(v->text), "read of 0x%" PRIx64 ": status "
                 "0x%" PRIx64 ", %" PRIu64 " of %lu words differ", iova,
                 status, bad, WORDS);
        return false;
    }
    return true;
}

bool dma_reads_zeros(Vfio *v, uint64_t iova)
{
    uint64_t status = vfio_dma(v, TESTDEV_CMD_READ, iova, 0, PAGE);
    uint64_t bad = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        bad += get(v, TESTDEV_BUFFER + i * 8) != 0;
    }
    if (!dma_done(status) || bad) {
        snprintf(v->text, sizeof(v->text), "read of 0x%" PRIx64 ": status "
                 "0x%" PRIx64 ", %" PRIu64 " of %lu words are not zero", iova,
                 status, bad, WORDS);
        return false;
    }
    return true;
}

bool memory_written(const void *memory)
{
    const uint64_t *at = memory;
    uint64_t bad = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        bad += at[i] != FILL_PATTERN + i * FILL_STEP;
    }
    return !bad;
}

bool dma_written(const Vfio *v, unsigned page)
{
    return memory_written(arena_page(v, page));
}

/* --- the list ------------------------------------------------------------ */

/* The endpoint's device-TLB must not have outlived any invalidation, nor been
 * told what PCIe forbids. */
Outcome check_stale(Vfio *v)
{
    uint64_t requests = get(v, TESTDEV_ATC_REQUESTS);
    uint64_t stale = get(v, TESTDEV_STALE_USES);
    uint64_t bad = get(v, TESTDEV_BAD_ANSWERS);

    if (bad) {
        return wrong(v, "answers that PCIe forbids: %#" PRIx64, bad);
    }
    if (stale || !requests) {
        return wrong(v, "%" PRIu64 " stale uses after %" PRIu64
                     " translation requests", stale, requests);
    }
    return found(v, "%" PRIu64 " translation requests, no use of a stale "
                 "translation", requests);
}

static const Check checks[] = {
    { "hw-info", check_hw_info, PLAIN, 0 },
    { "ioas", check_ioas, PLAIN, 0 },
    { "dirty", check_dirty, PLAIN, 0 },
    { "nested", check_nested, PLAIN, 0 },
    { "nested-change", check_nested_change, PLAIN, 0 },
    { "nested-parent", check_nested_parent, PLAIN, 0 },
    { "pasid", check_pasid, PLAIN, 0 },
    { "nested-pasid", check_nested_pasid, PLAIN, 0 },
    /* the same through the endpoint's device-TLB */
    { "ats-ioas", check_ioas, ATS, 0 },
    { "ats-dirty", check_dirty, ATS, 0 },
    { "ats-nested", check_nested, ATS, 0 },
    { "ats-nested-change", check_nested_change, ATS, 0 },
    { "ats-nested-parent", check_nested_parent, ATS, 0 },
    { "ats-pasid", check_pasid, ATS, 0 },
    { "ats-nested-pasid", check_nested_pasid, ATS, 0 },
    { "ats-huge", check_huge, ATS, 0 },
    { "ats-nested-huge", check_nested_huge, ATS, 0 },
    { "fault-map", check_fault_map, FAULTS, 0 },
    { "fault", check_fault, FAULTS, 0 },
    { "fault-pasid", check_fault_pasid, FAULTS, 0 },
    { "fault-refused", check_fault_refused, FAULTS, 0 },
    { NULL, NULL, PLAIN, 0 },
};

static const Check last_checks[] = {
    { "ats-stale", check_stale, ATS, 0 },
    { NULL, NULL, PLAIN, 0 },
};

static Outcome run(Vfio *v, const Check *check)
{
    if ((check->kind == ATS || (check->kind == FAULTS && !v->stalls)) &&
        !v->has_ats) {
        found(v, "the kernel has not enabled ATS on the endpoint");
        return OUTCOME_SKIP;
    }
    if (check->kind == FAULTS && !v->can_fault) {
        found(v, "the endpoint has no faults that this kernel takes");
        return OUTCOME_SKIP;
    }
    return check->run(v);
}

static void run_check(Vfio *v, const Check *check)
{
    Outcome outcome;
    char text[sizeof(v->text)];

    memset(v->arena, 0, ARENA_PAGES * PAGE);
    v->pasid = NO_PASID;
    v->ats = check->kind == ATS || (check->kind == FAULTS && !v->stalls);
    v->levels = check->levels ? check->levels : 4;
    v->pri = false;
    v->text[0] = 0;
    outcome = run(v, check);
    memcpy(text, v->text, sizeof(text));
    /* what a check that failed left */
    for (unsigned pasid = 0; pasid < PASIDS; pasid++) {
        if (v->pasids & 1u << pasid) {
            vfio_detach(v, pasid);
        }
    }
    vfio_detach(v, NO_PASID);
    if (!destroy_all(v) && outcome == OUTCOME_OK) {
        outcome = OUTCOME_FAIL;
        memcpy(text, v->text, sizeof(text));
    }
    printf("vfio %s %s %s\n", check->name, outcome_words[outcome], text);
    fflush(stdout);
}

int cmd_vfio(int argc, char **argv)
{
    static const Check *const lists[] = { checks, arch_checks, last_checks };
    Vfio v = { .seed = parse_number("SEED", argv[1]) };
    unsigned n = 0;

    (void)argc;
    if (!vfio_open(&v, argv[0])) {
        printf("vfio open fail %s\n", v.text);
        return 1;
    }
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (const Check *c = lists[i]; c->name; c++, n++) {
            run_check(&v, c);
        }
    }
    printf("vfio-end count=%u\n", n);
    return 0;
}
