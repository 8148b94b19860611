/* SPDX-License-Identifier: BSD-3-Clause */
/* A device's own file: binding, attachments, regions, interrupts, resets. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/device.h"

#define CMD_INTERRUPT   8

#define CONFIG_CAPS     0x34
#define CAP_POWER       0x01
#define CAP_EXPRESS     0x10
#define EXPRESS_CONTROL 0x08
#define EXPRESS_RESET   0x8000
#define POWER_CONTROL   0x04
#define POWER_STATE     0x3
#define POWER_D3HOT     0x3

static int bind(Uapi *u, int fd, uint32_t argsz, uint32_t flags, int iommu)
{
    VfioBindIommufd cmd = {
        .argsz = argsz, .flags = flags, .iommufd = iommu,
    };

    return uapi_ioctl(u, fd, VFIO_ABI_DEVICE_BIND_IOMMUFD, &cmd);
}

static void test_bind(Uapi *u)
{
    struct {
        VfioBindIommufd cmd;
        uint8_t more[8];
    } large = { .cmd = { .argsz = sizeof(large) } };
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    int iommu = uapi_iommu(u), fd, second, other = eventfd(0, 0);
    uint32_t word = 0;

    if (!u->device[0]) {
        uapi_skip(u, "no device");
        uapi_close(u, iommu);
        close(other);
        return;
    }
    fd = uapi_open(u, u->device[0]);
    uapi_check(u, fd >= 0, "open");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_GET_INFO, &info),
                -EINVAL, "GET_INFO before bind");
    uapi_expect(u, u->calls.pread(u->calls.opaque, fd, &word, 4, 0), -EINVAL,
                "read before bind");
    uapi_expect(u, bind(u, fd, 15, 0, iommu), -EINVAL, "argsz too small");
    uapi_expect(u, bind(u, fd, 16, 2, iommu), -EINVAL, "an unknown flag");
    uapi_expect(u, bind(u, fd, 16, 0, -1), -EINVAL, "no descriptor");
    uapi_expect(u, bind(u, fd, 16, 0, 1000000), -EBADF, "a closed one");
    uapi_expect(u, bind(u, fd, 16, 0, other), -EBADFD, "another one");
    uapi_expect(u, bind(u, fd, 16, 0, fd), -EBADFD, "itself");
    large.cmd.iommufd = iommu;
    large.more[7] = 1;
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_BIND_IOMMUFD, &large),
                -E2BIG, "more bytes, not zero");
    large.more[7] = 0;
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_BIND_IOMMUFD, &large),
                0, "more bytes, zero");
    uapi_check(u, large.cmd.out_devid, "the device has the ID 0");
    uapi_expect(u, bind(u, fd, 24, 0, iommu), -EINVAL, "bind twice");
    second = uapi_open(u, u->device[0]);
    uapi_check(u, second >= 0, "open it twice");
    uapi_expect(u, bind(u, second, 24, 0, iommu), -EINVAL,
                "bind a second file");
    uapi_expect(u, uapi_destroy(u, iommu, large.cmd.out_devid), -EBUSY,
                "destroy the device");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_GET_INFO, &info), 0,
                "GET_INFO");
    uapi_expect(u, info.num_regions >= VFIO_ABI_REGION_NUM, 1, "regions");
    uapi_expect(u, info.num_irqs >= VFIO_ABI_IRQ_NUM, 1, "interrupts");
    info.argsz = 15;
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_GET_INFO, &info),
                -EINVAL, "GET_INFO, argsz too small");
    uapi_close(u, fd);
    uapi_expect(u, bind(u, second, 24, 0, iommu), 0,
                "bind when the first one is closed");
    uapi_close(u, second);
    uapi_close(u, iommu);
    close(other);
}

static void test_attach(Uapi *u)
{
    VfioAttachPt attach = { .argsz = 11 };
    VfioDetachPt detach = { .argsz = 7 };
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach),
                -EINVAL, "argsz too small");
    attach.argsz = 12;
    attach.flags = 2;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach),
                -EINVAL, "an unknown flag");
    attach.flags = VFIO_ABI_PT_PASID;
    attach.pt_id = 1;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach),
                -EINVAL, "argsz without the PASID");
    attach.flags = 0;
    attach.pt_id = 99;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach),
                -ENOENT, "no such table");
    attach.pt_id = d.id;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach),
                -EINVAL, "a device");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, (void *)64),
                -EFAULT, "no memory");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_DETACH_PT, &detach),
                -EINVAL, "detach, argsz too small");
    detach.argsz = 8;
    detach.flags = 2;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_DETACH_PT, &detach),
                -EINVAL, "detach, an unknown flag");
    detach.flags = VFIO_ABI_PT_PASID;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_DETACH_PT, &detach),
                -EINVAL, "detach, argsz without the PASID");
    detach.flags = 0;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_DETACH_PT, &detach), 0,
                "detach nothing");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_DETACH_PT, NULL),
                -EFAULT, "detach, no memory");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_IO(99), &detach), -ENOTTY,
                "no such ioctl");
    uapi_device_close(&d);
}

static int region(UapiDevice *d, VfioRegionInfo *info, uint32_t index)
{
    *info = (VfioRegionInfo) { .argsz = sizeof(*info), .index = index };
    return uapi_dev_ioctl(d, VFIO_ABI_DEVICE_GET_REGION_INFO, info);
}

static ssize_t rd(UapiDevice *d, void *buf, size_t size, uint64_t offset)
{
    return d->u->calls.pread(d->u->calls.opaque, d->fd, buf, size, offset);
}

static ssize_t wr(UapiDevice *d, const void *buf, size_t size,
                  uint64_t offset)
{
    return d->u->calls.pwrite(d->u->calls.opaque, d->fd, buf, size, offset);
}

static void test_regions(Uapi *u)
{
    VfioRegionInfo info;
    UapiDevice d;
    uint32_t word = 0, saved = 0;
    uint16_t command = 0, off = 0;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    uapi_expect(u, region(&d, &info, 0), 0, "BAR 0");
    uapi_expect(u, info.size, TESTDEV_BAR_SIZE, "its size");
    uapi_check(u, (info.flags & 3) == 3, "its flags %#x", info.flags);
    uapi_expect(u, region(&d, &info, VFIO_ABI_REGION_ROM - 1), 0, "BAR 5");
    uapi_expect(u, info.size, 0, "its size");
    uapi_expect(u, region(&d, &info, 1000), -EINVAL, "no such region");
    info = (VfioRegionInfo) { .argsz = 31 };
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_REGION_INFO,
                                  &info), -EINVAL, "argsz too small");
    uapi_expect(u, rd(&d, &word, 4, d.config), 4, "read the device's ID");
    uapi_expect(u, word, TESTDEV_PCI_ID, "it");
    uapi_expect(u, rd(&d, &word, 4, d.config + 4096), -EFAULT,
                "behind configuration space");
    uapi_expect(u, rd(&d, &word, 4, d.config + 4094), -EFAULT,
                "across its end");
    uapi_expect(u, rd(&d, &word, 4, d.bar0 + TESTDEV_BAR_SIZE), -EINVAL,
                "behind BAR 0");
    uapi_expect(u, rd(&d, &word, 4, d.bar0 + TESTDEV_BAR_SIZE - 2), 2,
                "across its end");
    uapi_expect(u, rd(&d, &word, 0, d.bar0), 0, "no bytes");
    uapi_expect(u, rd(&d, &word, 4, d.bar0), 4, "the endpoint's ID");
    uapi_expect(u, word, TESTDEV_MAGIC, "it");
    /* BAR 0 tells its size; what else was there is put back */
    uapi_expect(u, rd(&d, &saved, 4, d.config + 0x10), 4, "BAR 0");
    word = UINT32_MAX;
    uapi_expect(u, wr(&d, &word, 4, d.config + 0x10), 4, "all ones");
    uapi_expect(u, rd(&d, &word, 4, d.config + 0x10), 4, "BAR 0");
    uapi_expect(u, word & ~15u, ~(TESTDEV_BAR_SIZE - 1u), "its size");
    uapi_expect(u, wr(&d, &saved, 4, d.config + 0x10), 4, "BAR 0");
    word = 0;
    uapi_expect(u, wr(&d, &word, 4, d.config), 4, "write the ID");
    uapi_expect(u, rd(&d, &word, 4, d.config), 4, "read it");
    uapi_expect(u, word, TESTDEV_PCI_ID, "it");
    /* with memory off there are no BARs */
    uapi_expect(u, rd(&d, &command, 2, d.config + 4), 2, "COMMAND");
    off = command & ~2;
    uapi_expect(u, wr(&d, &off, 2, d.config + 4), 2, "memory off");
    uapi_expect(u, rd(&d, &word, 4, d.bar0), -EIO, "BAR 0");
    uapi_expect(u, wr(&d, &command, 2, d.config + 4), 2, "memory on");
    uapi_expect(u, rd(&d, &word, 4, d.bar0), 4, "BAR 0");
    uapi_device_close(&d);
}

/** SET_IRQS with up to eight eventfds. */
typedef struct IrqSet {
    uint32_t argsz, flags, index, start, count;
    int32_t fd[8];
} IrqSet;

static int set_irqs(UapiDevice *d, uint32_t flags, uint32_t index,
                    uint32_t start, uint32_t count, const int32_t *fds)
{
    IrqSet set;

    memset(&set, 0, sizeof(set));
    set.argsz = sizeof(set);
    set.flags = flags;
    set.index = index;
    set.start = start;
    set.count = count;
    if (fds) {
        memcpy(set.fd, fds, count * sizeof(*fds));
    }
    return uapi_dev_ioctl(d, VFIO_ABI_DEVICE_SET_IRQS, &set);
}

/** How often it has been signalled; events may take a moment. */
static uint64_t signalled(int fd, bool wanted)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    uint64_t value = 0;

    if (poll(&poll_fd, 1, wanted ? UAPI_PATIENCE_MS : 0) != 1 ||
        read(fd, &value, 8) != 8) {
        return 0;
    }
    return value;
}

#define TRIGGER VFIO_ABI_IRQ_ACTION_TRIGGER
#define EVENTFD (TRIGGER | VFIO_ABI_IRQ_DATA_EVENTFD)
#define NONE    (TRIGGER | VFIO_ABI_IRQ_DATA_NONE)

/** An SMMU translates messages like any other DMA: they need an address
 *  space.  A VT-d does not. */
static void attach_for_messages(UapiDevice *d)
{
    uint32_t ioas = uapi_ioas(d->u, d->iommu);

    uapi_expect(d->u, uapi_attach(d, NO_PASID, ioas), 0, "attach");
}

/* With a device that has no messages in other tests: at each such refusal,
 * Linux loses one of them until the system starts again. */
static void test_irqs_alone(Uapi *u)
{
    int32_t fd = eventfd(0, 0);
    UapiDevice d;

    if (uapi_device_open(u, 1, &d)) {
        uapi_expect(u, set_irqs(&d, EVENTFD, VFIO_ABI_IRQ_MSIX, 0, 1, &fd),
                    u->arch == UAPI_SMMUV3 ? -ENOSPC : 0,
                    "messages without an address space");
        attach_for_messages(&d);
        uapi_expect(u, set_irqs(&d, EVENTFD, VFIO_ABI_IRQ_MSIX, 0, 1, &fd),
                    0, "messages with one");
        uapi_device_close(&d);
    }
    close(fd);
}

static void test_irq_errors(Uapi *u)
{
    int32_t fds[8];
    VfioIrqInfo info = { .argsz = sizeof(info), .index = VFIO_ABI_IRQ_MSIX };
    IrqSet set = { .argsz = 19 };
    int iommu;
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    attach_for_messages(&d);
    iommu = d.iommu;
    for (unsigned i = 0; i < 8; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK);
    }
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_IRQ_INFO, &info),
                0, "GET_IRQ_INFO");
    uapi_expect(u, info.count, 8, "messages");
    info.index = 99;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_IRQ_INFO, &info),
                -EINVAL, "no such interrupt");
    info.index = 0;
    info.argsz = 15;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_IRQ_INFO, &info),
                -EINVAL, "argsz too small");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_SET_IRQS, &set),
                -EINVAL, "argsz too small");
    uapi_expect(u, set_irqs(&d, EVENTFD | 64, 2, 0, 1, fds), -EINVAL,
                "an unknown flag");
    uapi_expect(u, set_irqs(&d, TRIGGER, 2, 0, 1, fds), -EINVAL,
                "no type of data");
    uapi_expect(u, set_irqs(&d, EVENTFD | VFIO_ABI_IRQ_DATA_BOOL, 2, 0, 1,
                            fds), -EINVAL, "two types of data");
    uapi_expect(u, set_irqs(&d, EVENTFD, 99, 0, 1, fds), -EINVAL,
                "no such interrupt");
    uapi_expect(u, set_irqs(&d, EVENTFD, 2, 8, 1, fds), -EINVAL,
                "a message too many");
    uapi_expect(u, set_irqs(&d, EVENTFD, 2, 4, 5, NULL), -EINVAL,
                "some too many");
    uapi_expect(u, set_irqs(&d, VFIO_ABI_IRQ_ACTION_MASK |
                            VFIO_ABI_IRQ_DATA_NONE, 2, 0, 1, NULL), -ENOTTY,
                "mask a message");
    uapi_expect(u, set_irqs(&d, VFIO_ABI_IRQ_ACTION_UNMASK |
                            VFIO_ABI_IRQ_DATA_NONE, 1, 0, 1, NULL), -ENOTTY,
                "unmask a message");
    uapi_expect(u, set_irqs(&d, NONE, 2, 0, 1, NULL), -EINVAL,
                "trigger what is not enabled");
    uapi_expect(u, set_irqs(&d, EVENTFD, 2, 0, 1, &iommu), -EINVAL,
                "no eventfd");
    iommu = 1000000;
    uapi_expect(u, set_irqs(&d, EVENTFD, 2, 0, 1, &iommu), -EBADF,
                "a closed descriptor");
    uapi_expect(u, set_irqs(&d, EVENTFD, VFIO_ABI_IRQ_ERR, 0, 0, NULL),
                -EINVAL, "errors, no eventfd");
    uapi_expect(u, set_irqs(&d, NONE, VFIO_ABI_IRQ_REQ, 0, 1, NULL), -EINVAL,
                "trigger a request that nobody listens to");
    set = (IrqSet) {
        .argsz = 20 + 4, .flags = EVENTFD, .index = 2, .count = 2,
    };
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_SET_IRQS, &set),
                -EINVAL, "argsz without the second one");
    uapi_expect(u, set_irqs(&d, EVENTFD, 2, 0, 8, fds), 0, "MSI-X");
    uapi_expect(u, set_irqs(&d, EVENTFD, 1, 0, 1, fds), -EINVAL,
                "MSI beside it");
    uapi_device_close(&d);
    for (unsigned i = 0; i < 8; i++) {
        close(fds[i]);
    }
}

static void interrupt(UapiDevice *d, unsigned vector)
{
    uapi_set_reg(d, TESTDEV_CONTROL, vector << 8);
    uapi_set_reg(d, TESTDEV_COMMAND, CMD_INTERRUPT);
}

static void test_irqs(Uapi *u)
{
    int32_t fds[8], none = -1;
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    attach_for_messages(&d);
    for (unsigned i = 0; i < 8; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK);
    }
    for (uint32_t index = VFIO_ABI_IRQ_MSI; index <= VFIO_ABI_IRQ_MSIX;
         index++) {
        uapi_expect(u, set_irqs(&d, EVENTFD, index, 0, 8, fds), 0,
                    "eight of %u", index);
        for (unsigned i = 0; i < 8; i++) {
            interrupt(&d, i);
            uapi_expect(u, signalled(fds[i], true), 1, "%u: vector %u",
                        index, i);
        }
        uapi_expect(u, set_irqs(&d, NONE, index, 3, 2, NULL), 0, "trigger");
        uapi_expect(u, signalled(fds[3], true), 1, "the first of two");
        uapi_expect(u, signalled(fds[4], true), 1, "the second of two");
        uapi_expect(u, signalled(fds[5], false), 0, "the one behind them");
        uapi_expect(u, set_irqs(&d, EVENTFD, index, 2, 1, &none), 0,
                    "take one away");
        interrupt(&d, 2);
        interrupt(&d, 6);
        uapi_expect(u, signalled(fds[6], true), 1, "another vector");
        uapi_expect(u, signalled(fds[2], false), 0, "the one taken away");
        uapi_expect(u, set_irqs(&d, NONE, index, 0, 0, NULL), 0, "off");
        interrupt(&d, 0);
        uapi_expect(u, signalled(fds[0], false), 0, "one that is off");
    }
    uapi_expect(u, set_irqs(&d, EVENTFD, VFIO_ABI_IRQ_ERR, 0, 1, fds), 0,
                "errors");
    uapi_expect(u, set_irqs(&d, NONE, VFIO_ABI_IRQ_ERR, 0, 1, NULL), 0,
                "trigger it");
    uapi_expect(u, signalled(fds[0], true), 1, "an error");
    uapi_expect(u, set_irqs(&d, EVENTFD, VFIO_ABI_IRQ_ERR, 0, 1, &none), 0,
                "no errors");
    uapi_expect(u, set_irqs(&d, NONE, VFIO_ABI_IRQ_ERR, 0, 1, NULL), -EINVAL,
                "trigger it");
    uapi_device_close(&d);
    for (unsigned i = 0; i < 8; i++) {
        close(fds[i]);
    }
}

/** @reset takes what a register holds, and the device works after it. */
static void check_reset(UapiDevice *d, void (*reset)(UapiDevice *d))
{
    uint8_t *memory = uapi_memory(PAGE);
    uint32_t ioas = uapi_ioas(d->u, d->iommu);

    uapi_expect(d->u, uapi_map(d, ioas, memory, PAGE, PAGE), 0, "map");
    uapi_expect(d->u, uapi_attach(d, NO_PASID, ioas), 0, "attach");
    uapi_set_reg(d, TESTDEV_PATTERN, 77);
    reset(d);
    uapi_expect(d->u, uapi_reg(d, TESTDEV_PATTERN), 0, "a register");
    uapi_expect(d->u, uapi_fill(d, NO_PASID, PAGE, PAGE, 3), UAPI_DONE,
                "DMA after it");
    uapi_check(d->u, uapi_is_filled(memory, PAGE, 3), "it went elsewhere");
    uapi_device_close(d);
    uapi_memory_free(memory, PAGE);
}

static void reset(UapiDevice *d)
{
    uapi_expect(d->u, uapi_dev_ioctl(d, VFIO_ABI_DEVICE_RESET, NULL), 0,
                "RESET");
}

static void test_reset(Uapi *u)
{
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_INFO, &info), 0,
                "GET_INFO");
    if (!(info.flags & VFIO_ABI_DEVICE_FLAG_RESET)) {
        uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_RESET, NULL),
                    -EINVAL, "RESET of what cannot be reset");
        uapi_device_close(&d);
        return;
    }
    check_reset(&d, reset);
}

/** The place of a capability in configuration space, or 0. */
static unsigned capability(UapiDevice *d, uint8_t id)
{
    const UapiCalls *calls = &d->u->calls;
    uint8_t at = 0, head[2];

    calls->pread(calls->opaque, d->fd, &at, 1, d->config + CONFIG_CAPS);
    for (unsigned i = 0; at && i < 48; i++) {
        if (calls->pread(calls->opaque, d->fd, head, 2, d->config + at) != 2 ||
            head[0] == id) {
            break;
        }
        at = head[1];
    }
    return at;
}

static uint16_t config_get(UapiDevice *d, unsigned offset)
{
    uint16_t value = 0;

    uapi_expect(d->u, d->u->calls.pread(d->u->calls.opaque, d->fd, &value, 2,
                                        d->config + offset), 2, "read");
    return value;
}

static void config_set(UapiDevice *d, unsigned offset, uint16_t value)
{
    uapi_expect(d->u, d->u->calls.pwrite(d->u->calls.opaque, d->fd, &value, 2,
                                         d->config + offset), 2, "write");
}

/** A reset by the device's own register [PCIe 6.6.2]: the kernel carries it
 *  out, and gives the registers of configuration space back. */
static void own_reset(UapiDevice *d)
{
    unsigned control = capability(d, CAP_EXPRESS) + EXPRESS_CONTROL;

    config_set(d, control, config_get(d, control) | EXPRESS_RESET);
    uapi_expect(d->u, config_get(d, control) & EXPRESS_RESET, 0, "the bit");
}

static void test_own_reset(Uapi *u)
{
    UapiDevice d;

    if (uapi_device_open(u, 0, &d)) {
        check_reset(&d, own_reset);
    }
}

/** In D3hot the BARs do not answer, and nothing is lost [PCIe 5.3.1.4]. */
static void test_power(Uapi *u)
{
    uint64_t word = 0;
    unsigned control;
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    control = capability(&d, CAP_POWER) + POWER_CONTROL;
    uapi_set_reg(&d, TESTDEV_PATTERN, 77);
    config_set(&d, control, POWER_D3HOT);
    uapi_expect(u, config_get(&d, control) & POWER_STATE, POWER_D3HOT,
                "the state");
    uapi_expect(u, u->calls.pread(u->calls.opaque, d.fd, &word, 8, d.bar0),
                -EIO, "a register in D3hot");
    uapi_expect(u, u->calls.pwrite(u->calls.opaque, d.fd, &word, 8,
                                   d.bar0 + TESTDEV_PATTERN), -EIO,
                "a write in D3hot");
    config_set(&d, control, 0);
    uapi_expect(u, config_get(&d, control) & POWER_STATE, 0, "the state");
    uapi_expect(u, uapi_reg(&d, TESTDEV_PATTERN), 77, "a register");
    uapi_device_close(&d);
}

static void test_feature(Uapi *u)
{
    VfioDeviceFeature feature = { .argsz = 7 };
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_FEATURE, &feature),
                -EINVAL, "argsz too small");
    feature.argsz = 8;
    feature.flags = 1u << 20;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_FEATURE, &feature),
                -EINVAL, "an unknown flag");
    feature.flags = VFIO_ABI_FEATURE_GET | VFIO_ABI_FEATURE_SET;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_FEATURE, &feature),
                -EINVAL, "get and set");
    feature.flags = VFIO_ABI_FEATURE_PROBE | 0xfff0;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_FEATURE, &feature),
                -ENOTTY, "no such feature");
    feature.flags = VFIO_ABI_FEATURE_PROBE | VFIO_ABI_FEATURE_MIGRATION;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_FEATURE, &feature),
                -ENOTTY, "migration");
    uapi_device_close(&d);
}

static void test_ioeventfd(Uapi *u)
{
    VfioIoeventfd io = { .argsz = 27 };
    UapiDevice d;
    int fd = eventfd(0, EFD_NONBLOCK);
    uint64_t value = 0;

    if (!uapi_device_open(u, 0, &d)) {
        close(fd);
        return;
    }
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "argsz too small");
    io.argsz = sizeof(io);
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "no size");
    io.flags = VFIO_ABI_IOEVENTFD_8 | VFIO_ABI_IOEVENTFD_16;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "two sizes");
    io.flags = 16;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "an unknown flag");
    io.flags = VFIO_ABI_IOEVENTFD_32;
    io.fd = -2;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "descriptor -2");
    io.fd = -1;
    io.offset = d.bar0 + TESTDEV_PATTERN;
    io.data = 0x12345678;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -ENODEV, "undo what is not there");
    io.offset = d.config;
    io.fd = fd;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "configuration space");
    io.offset = d.bar0 + TESTDEV_BAR_SIZE - 2;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EINVAL, "across the end of BAR 0");
    io.offset = d.bar0 + TESTDEV_PATTERN;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io), 0,
                "one");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io),
                -EEXIST, "the same again");
    uapi_expect(u, eventfd_write(fd, 1), 0, "signal it");
    for (unsigned i = 0; i < UAPI_PATIENCE_MS && value != io.data; i++) {
        value = uapi_reg(&d, TESTDEV_PATTERN);
        usleep(1000);
    }
    uapi_expect(u, value, io.data, "the register");
    io.fd = -1;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io), 0,
                "undo it");
    io.fd = fd;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_IOEVENTFD, &io), 0,
                "one for the end");
    uapi_device_close(&d);
    close(fd);
}

static void test_hot_reset(Uapi *u)
{
    struct {
        uint32_t argsz, flags, count;
        VfioDependentDevice devices[64];
    } info = { .argsz = 11 };
    VfioHotReset reset = { .argsz = sizeof(reset) };
    bool found = false;
    UapiDevice d;
    int ret;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_HOT_RESET_INFO,
                                  &info), -EINVAL, "argsz too small");
    info.argsz = sizeof(VfioHotResetInfo);
    ret = uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_HOT_RESET_INFO, &info);
    if (ret == -ENODEV) {
        uapi_skip(u, "a bus that cannot be reset");
        uapi_device_close(&d);
        return;
    }
    uapi_expect(u, ret, -ENOSPC, "no room");
    uapi_check(u, info.count, "no device is reset");
    info.argsz = sizeof(info);
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_HOT_RESET_INFO,
                                  &info), 0, "room");
    uapi_check(u, info.flags & VFIO_ABI_HOT_RESET_DEV_ID, "flags %#x",
               info.flags);
    for (unsigned i = 0; i < info.count && i < 64; i++) {
        found = found || info.devices[i].id == d.id;
    }
    uapi_check(u, found, "the device itself is not in the list");
    reset.flags = 1;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_HOT_RESET, &reset),
                -EINVAL, "a flag");
    reset.flags = 0;
    reset.count = 1;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_HOT_RESET, &reset),
                -EINVAL, "a group, but a device's own file");
    reset.count = 0;
    if (info.flags & VFIO_ABI_HOT_RESET_DEV_ID_OWNED) {
        uapi_set_reg(&d, TESTDEV_PATTERN, 77);
        uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_HOT_RESET, &reset),
                    0, "HOT_RESET");
        uapi_expect(u, uapi_reg(&d, TESTDEV_PATTERN), 0, "a register");
    }
    uapi_device_close(&d);
}

const UapiTest uapi_vfio_tests[] = {
    { "vfio/bind", test_bind },
    { "vfio/attach", test_attach },
    { "vfio/regions", test_regions },
    { "vfio/irq-errors", test_irq_errors },
    { "vfio/irqs", test_irqs },
    { "vfio/irqs-alone", test_irqs_alone },
    { "vfio/reset", test_reset },
    { "vfio/own-reset", test_own_reset },
    { "vfio/power", test_power },
    { "vfio/hot-reset", test_hot_reset },
    { "vfio/feature", test_feature },
    { "vfio/ioeventfd", test_ioeventfd },
    { NULL, NULL },
};
