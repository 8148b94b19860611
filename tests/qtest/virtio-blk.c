/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/qtest/virtio-blk.h"

#define VENDOR          0x1af4
#define DEVICE_BLK      0x1042

/* Capabilities of structures, by vendor-specific capabilities. */
#define CAP_VENDOR      0x09
#define CAP_TYPE        3
#define CAP_BAR         4
#define CAP_OFFSET      8
#define TYPE_COMMON     1
#define TYPE_NOTIFY     2

enum {
    COMMON_DRIVER_SELECT = 8,
    COMMON_DRIVER_FEATURE = 12,
    COMMON_STATUS = 20,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_DESC = 32,
    COMMON_QUEUE_DRIVER = 40,
    COMMON_QUEUE_DEVICE = 48,
};

/* ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK; DEVICE_NEEDS_RESET */
#define STATUS_FEATURES 0x0b
#define STATUS_LIVE     0x0f
#define STATUS_BROKEN   0x40

/* VERSION_1 and ACCESS_PLATFORM, of the upper half */
#define FEATURES_HIGH   0x3

#define DESC_NEXT       1
#define DESC_WRITE      2
#define BLK_IN          0
#define BLK_OUT         1
#define STATUS_AT       16

static void find_structures(VirtioBlk *v)
{
    unsigned at = pci_config_read(&v->pci, 0x34, 1);

    for (unsigned i = 0; at && i < 48; i++) {
        uint8_t bar = pci_config_read(&v->pci, at + CAP_BAR, 1);

        if (pci_config_read(&v->pci, at, 1) == CAP_VENDOR && bar < 6) {
            uint64_t base = v->pci.bar[bar] +
                            pci_config_read(&v->pci, at + CAP_OFFSET, 4);

            switch (pci_config_read(&v->pci, at + CAP_TYPE, 1)) {
            case TYPE_COMMON:
                v->common = base;
                break;
            case TYPE_NOTIFY:
                /* queue 0 is at its start */
                v->notify = base;
                break;
            }
        }
        at = pci_config_read(&v->pci, at + 1, 1);
    }
    g_assert_cmphex(v->common, !=, 0);
    g_assert_cmphex(v->notify, !=, 0);
}

void virtio_blk_init(VirtioBlk *v, PciBus *bus)
{
    *v = (VirtioBlk) { .requests = 0 };
    g_assert_true(pci_find(bus, VENDOR, DEVICE_BLK, 0, &v->pci));
    pci_enable(bus, &v->pci);
    find_structures(v);
}

void virtio_blk_start(VirtioBlk *v)
{
    QTest *q = v->pci.q;

    qtest_write(q, v->common + COMMON_STATUS, 0, 1);
    qtest_write(q, v->common + COMMON_STATUS, 3, 1);
    qtest_writel(q, v->common + COMMON_DRIVER_SELECT, 0);
    qtest_writel(q, v->common + COMMON_DRIVER_FEATURE, 0);
    qtest_writel(q, v->common + COMMON_DRIVER_SELECT, 1);
    qtest_writel(q, v->common + COMMON_DRIVER_FEATURE, FEATURES_HIGH);
    qtest_write(q, v->common + COMMON_STATUS, STATUS_FEATURES, 1);
    g_assert_cmphex(qtest_read(q, v->common + COMMON_STATUS, 1), ==,
                    STATUS_FEATURES);
    qtest_write(q, v->common + COMMON_QUEUE_SELECT, 0, 2);
    qtest_write(q, v->common + COMMON_QUEUE_SIZE, VIRTIO_QUEUE, 2);
    qtest_writeq(q, v->common + COMMON_QUEUE_DESC, v->desc.iova);
    qtest_writeq(q, v->common + COMMON_QUEUE_DRIVER, v->avail.iova);
    qtest_writeq(q, v->common + COMMON_QUEUE_DEVICE, v->used.iova);
    qtest_write(q, v->common + COMMON_QUEUE_ENABLE, 1, 2);
    qtest_write(q, v->common + COMMON_STATUS, STATUS_LIVE, 1);
}

static void describe(VirtioBlk *v, unsigned i, uint64_t addr, uint32_t size,
                     unsigned flags)
{
    QTest *q = v->pci.q;
    uint64_t at = v->desc.pa + i * VIRTIO_DESC;

    qtest_writeq(q, at, addr);
    qtest_writel(q, at + 8, size);
    qtest_write(q, at + 12, flags, 2);
    qtest_write(q, at + 14, i + 1, 2);
}

void virtio_blk_ask(VirtioBlk *v, bool write, VirtioPlace head,
                    uint64_t data, uint32_t size)
{
    QTest *q = v->pci.q;
    unsigned slot = v->requests++ % VIRTIO_QUEUE;

    qtest_writel(q, head.pa, write ? BLK_OUT : BLK_IN);
    qtest_writel(q, head.pa + 4, 0);
    qtest_writeq(q, head.pa + 8, 0);
    qtest_write(q, head.pa + STATUS_AT, 0xff, 1);
    describe(v, 0, head.iova, STATUS_AT, DESC_NEXT);
    describe(v, 1, data, size, DESC_NEXT | (write ? 0 : DESC_WRITE));
    describe(v, 2, head.iova + STATUS_AT, 1, DESC_WRITE);
    qtest_write(q, v->avail.pa + 4 + 2 * slot, 0, 2);
    qtest_write(q, v->avail.pa + 2, v->requests, 2);
    qtest_write(q, v->notify, 0, 2);
}

bool virtio_blk_answer(VirtioBlk *v, VirtioPlace head)
{
    g_assert_true(qtest_wait(v->pci.q, v->used.pa + 2, 2, 0xffff,
                             v->requests));
    return qtest_read(v->pci.q, head.pa + STATUS_AT, 1) == 0;
}

bool virtio_blk_is_broken(VirtioBlk *v)
{
    return qtest_wait(v->pci.q, v->common + COMMON_STATUS, 1, STATUS_BROKEN,
                      STATUS_BROKEN);
}
