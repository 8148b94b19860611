/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/testdev.h"

enum {
    TD_VENDOR_ID = 0x1234,
    TD_DEVICE_ID = 0x76d0,

    STATUS_BUSY   = 1,
    STATUS_DONE   = 2,
    STATUS_FAILED = 3,
};

#define TD_MAGIC 0x4d4f4956u

#define SINK_BASE 0xfed98000

enum {
    SINK_COUNT = 0x00,
    SINK_ADDR  = 0x08,
    SINK_DATA  = 0x10,
    SINK_POP   = 0x18,
};

void testdev_reinit(Testdev *dev, PciBus *bus, unsigned nth)
{
    if (!pci_find(bus, TD_VENDOR_ID, TD_DEVICE_ID, nth, &dev->pci)) {
        qtest_fail(bus->q, "viommu-testdev number %u is not on bus 0", nth);
    }
    pci_enable(bus, &dev->pci);
    dev->base = dev->pci.bar[0];
}

void testdev_init(Testdev *dev, PciBus *bus, unsigned nth)
{
    testdev_reinit(dev, bus, nth);
    g_assert_cmphex(testdev_get(dev, TD_ID), ==, 2ull << 32 | TD_MAGIC);
}

uint64_t testdev_get(Testdev *dev, unsigned offset)
{
    return qtest_readq(dev->pci.q, dev->base + offset);
}

void testdev_set(Testdev *dev, unsigned offset, uint64_t value)
{
    qtest_writeq(dev->pci.q, dev->base + offset, value);
}

TestdevResult testdev_result(Testdev *dev)
{
    TestdevResult result = { 0 };
    uint64_t status = testdev_get(dev, TD_STATUS);

    /* Whatever a test does, the IOMMU keeps to PCIe's rules. */
    g_assert_cmphex(testdev_get(dev, TD_BAD_ANSWERS), ==, 0);
    result.done = testdev_get(dev, TD_DONE);
    if ((status & 3) == STATUS_DONE) {
        return result;
    }
    if ((status & 3) == STATUS_BUSY) {
        result.why = TD_WAITS;
        result.done = 0;
        return result;
    }
    g_assert_cmpuint(status & 3, ==, STATUS_FAILED);
    result.why = status >> 8 & 0xff;
    g_assert_cmpuint(result.why, !=, TD_OK);
    result.reason = status >> 16 & 0xff;
    result.write = status >> 24 & 1;
    result.fault_addr = testdev_get(dev, TD_FAULT_ADDR);
    return result;
}

TestdevResult testdev_run(Testdev *dev, TestdevCommand command)
{
    testdev_set(dev, TD_COMMAND, command);
    return testdev_result(dev);
}

TestdevResult testdev_finish(Testdev *dev)
{
    TestdevResult result = testdev_result(dev);

    /* the machine goes on between two of our accesses; 5 seconds are ample */
    for (unsigned i = 0; i < 5000 && result.why == TD_WAITS; i++) {
        g_usleep(1000);
        result = testdev_result(dev);
    }
    return result;
}

void testdev_enable(Testdev *dev, unsigned allocation)
{
    unsigned at = pci_find_extended(&dev->pci, TD_CAP_PASID);

    if (at) {
        pci_config_write(&dev->pci, at + TD_PASID_CTRL,
                         TD_PASID_CTRL_ENABLE | TD_PASID_CTRL_EXEC |
                         TD_PASID_CTRL_PRIV, 2);
    }
    at = pci_find_extended(&dev->pci, TD_CAP_ATS);
    if (at) {
        pci_config_write(&dev->pci, at + TD_ATS_CTRL, TD_ATS_ENABLE, 2);
    }
    at = pci_find_extended(&dev->pci, TD_CAP_PRI);
    if (at) {
        pci_config_write(&dev->pci, at + TD_PRI_ALLOCATION, allocation, 4);
        pci_config_write(&dev->pci, at + TD_PRI_CTRL, TD_PRI_ENABLE, 2);
    }
}

TestdevTranslation testdev_translate(Testdev *dev, uint64_t addr, bool write)
{
    TestdevTranslation t;

    testdev_set(dev, TD_SRC, addr);
    testdev_set(dev, TD_REQUEST,
                TD_REQUEST_READ | (write ? TD_REQUEST_WRITE : 0));
    t.result = testdev_run(dev, TD_TRANSLATE);
    t.addr = testdev_get(dev, TD_TRANS_ADDR);
    t.size = testdev_get(dev, TD_TRANS_SIZE);
    t.flags = testdev_get(dev, TD_TRANS_FLAGS);
    return t;
}

TestdevResult testdev_page_request(Testdev *dev, uint64_t addr,
                                   uint32_t request)
{
    testdev_set(dev, TD_SRC, addr);
    testdev_set(dev, TD_REQUEST, request);
    return testdev_run(dev, TD_PAGE_REQUEST);
}

TestdevResult testdev_dma_read(Testdev *dev, uint64_t addr, void *buf,
                               size_t size)
{
    TestdevResult result;

    testdev_set(dev, TD_SRC, addr);
    testdev_set(dev, TD_LENGTH, size);
    result = testdev_run(dev, TD_READ);
    if (result.why == TD_OK && buf) {
        qtest_memread(dev->pci.q, dev->base + TD_BUFFER, buf, size);
    }
    return result;
}

TestdevResult testdev_dma_write(Testdev *dev, uint64_t addr, const void *buf,
                                size_t size)
{
    qtest_memwrite(dev->pci.q, dev->base + TD_BUFFER, buf, size);
    testdev_set(dev, TD_DST, addr);
    testdev_set(dev, TD_LENGTH, size);
    return testdev_run(dev, TD_WRITE);
}

static uint64_t next_value(void)
{
    static uint64_t counter = 0x1122334455667788ull;

    return counter += 0x0101010101010101ull;
}

void testdev_expect_read(Testdev *dev, uint64_t addr, uint64_t pa)
{
    uint64_t value = next_value(), got = 0;
    TestdevResult result;

    qtest_writeq(dev->pci.q, pa, value);
    result = testdev_dma_read(dev, addr, &got, sizeof(got));
    g_assert_cmphex(result.reason, ==, 0);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmphex(GUINT64_FROM_LE(got), ==, value);
}

void testdev_expect_write(Testdev *dev, uint64_t addr, uint64_t pa)
{
    uint64_t value = next_value(), bytes = GUINT64_TO_LE(value);
    TestdevResult result;

    result = testdev_dma_write(dev, addr, &bytes, sizeof(bytes));
    g_assert_cmphex(result.reason, ==, 0);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmphex(qtest_readq(dev->pci.q, pa), ==, value);
}

uint8_t testdev_expect_blocked(Testdev *dev, uint64_t addr, size_t size,
                               bool write)
{
    uint8_t bytes[4096] = { 0 };
    TestdevResult result;

    g_assert_cmpuint(size, <=, sizeof(bytes));
    result = write ? testdev_dma_write(dev, addr, bytes, size)
                   : testdev_dma_read(dev, addr, bytes, size);
    g_assert_cmpint(result.why, ==, TD_BLOCKED);
    g_assert_cmpint(result.write, ==, write);
    g_assert_cmphex(result.fault_addr, ==, addr);
    g_assert_cmpuint(result.done, ==, 0);
    return result.reason;
}

TestdevResult testdev_fill(Testdev *dev, uint64_t addr, uint64_t size,
                           uint64_t seed)
{
    testdev_set(dev, TD_DST, addr);
    testdev_set(dev, TD_LENGTH, size);
    testdev_set(dev, TD_PATTERN, seed);
    return testdev_run(dev, TD_FILL);
}

TestdevResult testdev_verify(Testdev *dev, uint64_t addr, uint64_t size,
                             uint64_t seed)
{
    testdev_set(dev, TD_SRC, addr);
    testdev_set(dev, TD_LENGTH, size);
    testdev_set(dev, TD_PATTERN, seed);
    return testdev_run(dev, TD_VERIFY);
}

void testdev_interrupt(Testdev *dev, unsigned vector)
{
    testdev_set(dev, TD_CONTROL, vector << 8);
    testdev_run(dev, TD_INTERRUPT);
}

unsigned sink_count(QTest *q)
{
    return qtest_readq(q, SINK_BASE + SINK_COUNT);
}

bool sink_pop(QTest *q, SinkMessage *msg)
{
    uint64_t data;

    if (sink_count(q) == 0) {
        *msg = (SinkMessage) { 0 };
        return false;
    }
    msg->addr = qtest_readq(q, SINK_BASE + SINK_ADDR);
    data = qtest_readq(q, SINK_BASE + SINK_DATA);
    msg->data = (uint32_t)data;
    msg->source = data >> 32;
    qtest_writel(q, SINK_BASE + SINK_POP, 1);
    return true;
}

void sink_clear(QTest *q)
{
    while (sink_count(q)) {
        qtest_writel(q, SINK_BASE + SINK_POP, 1);
    }
}
