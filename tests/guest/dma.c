/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA without a driver: endpoints for tests are driven through sysfs, and
 * what the kernel logs about it is read from /dev/kmsg.
 *
 * "dma LABEL read ADDRESS" makes viommu-testdev read ADDRESS and reports how
 * the endpoint saw it end and the fault that the kernel logged; "write" the
 * same with a write; "pass" expects that the DMA reads what is there in
 * guest memory (for a guest that passes addresses through).  "edu" makes
 * QEMU's edu device read ADDRESS.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "testdev.h"

#define PCI_DEVICES         "/sys/bus/pci/devices"
#define PCI_COMMAND         4
#define PCI_COMMAND_MEMORY  (1u << 1)
#define PCI_COMMAND_MASTER  (1u << 2)
#define PCI_EXTENDED        0x100
#define PCI_CONFIG_SIZE     0x1000
#define PCI_ATS_ID          0x0f
#define PCI_ATS_ENABLE      (1u << 15)
#define PCI_PRI_ID          0x13
#define PCI_PASID_ID        0x1b

/* QEMU, docs/specs/edu.rst */
#define EDU_PCI_ID          0x11e81234u
#define EDU_BAR_SIZE        0x100000
#define EDU_DMA_SRC         0x80
#define EDU_DMA_DST         0x88
#define EDU_DMA_COUNT       0x90
#define EDU_DMA_COMMAND     0x98
#define EDU_DMA_RUN         1
#define EDU_BUFFER          0x40000

/* QEMU goes on with each further word of a blocked access: one fault more */
#define FAULT_SIZE          4
#define PASS_SIZE           4096
#define LOG_WAIT_MS         5000

#define SMMU_EVENT_WORDS    4
#define SMMU_EVENT_READ     (1ull << 35)

typedef struct Endpoint {
    char name[64];
    volatile uint8_t *bar;
} Endpoint;

static uint64_t get(const Endpoint *e, unsigned offset)
{
    return *(volatile uint64_t *)(e->bar + offset);
}

static void set(const Endpoint *e, unsigned offset, uint64_t value)
{
    *(volatile uint64_t *)(e->bar + offset) = value;
}

/* Switches on memory decoding and bus mastering. */
static bool enable(const char *name)
{
    char path[320];
    uint16_t command;
    int fd;
    bool ok;

    snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", name);
    fd = open(path, O_RDWR);
    ok = fd >= 0 && pread(fd, &command, 2, PCI_COMMAND) == 2;
    if (ok) {
        command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
        ok = pwrite(fd, &command, 2, PCI_COMMAND) == 2;
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static uint32_t pci_id(const char *name)
{
    char path[320];
    uint32_t id = 0;
    int fd;

    snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", name);
    fd = open(path, O_RDONLY);
    if (fd >= 0) {
        if (pread(fd, &id, 4, 0) != 4) {
            id = 0;
        }
        close(fd);
    }
    return id;
}

static bool find(uint32_t id, size_t bar_size, Endpoint *e)
{
    DIR *dir = opendir(PCI_DEVICES);
    struct dirent *entry;
    char path[320];
    void *bar;
    int fd;

    e->name[0] = 0;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.' && pci_id(entry->d_name) == id) {
            snprintf(e->name, sizeof(e->name), "%.60s", entry->d_name);
            break;
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (!e->name[0] || !enable(e->name)) {
        return false;
    }
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource0", e->name);
    fd = open(path, O_RDWR | O_SYNC);
    if (fd < 0) {
        return false;
    }
    bar = mmap(NULL, bar_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    e->bar = bar;
    return bar != MAP_FAILED;
}

volatile uint8_t *testdev_map(char *name, size_t size)
{
    Endpoint e;

    if (!find(TESTDEV_PCI_ID, TESTDEV_BAR_SIZE, &e)) {
        return NULL;
    }
    snprintf(name, size, "%s", e.name);
    return e.bar;
}

/* From now on: a descriptor that gives the kernel's new messages. */
static int log_open(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

    if (fd >= 0) {
        lseek(fd, 0, SEEK_END);
    }
    return fd;
}

/*
 * An SMMU's fault is several records: its header, then the event's 64-bit
 * words one by one.  @words and @n_words keep what came so far.
 */
static bool log_smmu_event(const char *record, uint64_t *words, int *n_words,
                           char *fault, size_t size)
{
    const char *at = strstr(record, "arm-smmu-v3 ");
    unsigned sid;

    if (!at) {
        return false;
    }
    if (strstr(at, ": event 0x")) {
        *n_words = 0;
        return false;
    }
    /* a tab, which the log shows as \x09 */
    at = strstr(at, ": \\x090x");
    if (!at || *n_words < 0) {
        return false;
    }
    words[(*n_words)++] = strtoull(at + 6, NULL, 16);
    if (*n_words < SMMU_EVENT_WORDS) {
        return false;
    }
    sid = words[0] >> 32;
    snprintf(fault, size, "kind=%s source=%02x:%02x.%x addr=0x%" PRIx64
             " reason=0x%02x sid=0x%x class=%u stall=%u ssv=%u",
             words[1] & SMMU_EVENT_READ ? "Read" : "Write", sid >> 8,
             sid >> 3 & 0x1f, sid & 7, words[2], (unsigned)(words[0] & 0xff),
             sid, (unsigned)(words[1] >> 40 & 3),
             (unsigned)(words[1] >> 31 & 1), (unsigned)(words[0] >> 11 & 1));
    return true;
}

/* Waits for the kernel's report of a fault; tells its words in @fault. */
static bool log_fault(int fd, char *fault, size_t size)
{
    uint64_t until = now_ms() + LOG_WAIT_MS;
    char record[2048];
    char kind[16], source[16], addr[32], reason[16];
    uint64_t words[SMMU_EVENT_WORDS];
    int n_words = -1;

    while (now_ms() < until) {
        ssize_t n = read(fd, record, sizeof(record) - 1);
        const char *at;

        if (n <= 0) {
            if (n < 0 && errno != EAGAIN && errno != EPIPE) {
                return false;
            }
            usleep(10000);
            continue;
        }
        record[n] = 0;
        at = strstr(record, "DMAR: [DMA ");
        if (at && sscanf(at, "DMAR: [DMA %15s NO_PASID] Request device "
                         "[%15[^]]] fault addr %31s [fault reason %15[^]]]",
                         kind, source, addr, reason) == 4) {
            snprintf(fault, size, "kind=%s source=%s addr=%s reason=%s", kind,
                     source, addr, reason);
            return true;
        }
        if (log_smmu_event(record, words, &n_words, fault, size)) {
            return true;
        }
    }
    return false;
}

/* Guest memory at @addr as the processor sees it; low memory only. */
static bool memory_read(uint64_t addr, void *buf, size_t size)
{
    int fd = open("/dev/mem", O_RDONLY);
    bool ok = fd >= 0 && pread(fd, buf, size, addr) == (ssize_t)size;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static int dma_pass(const Endpoint *e, const char *label, uint64_t addr)
{
    static uint64_t memory[PASS_SIZE / 8];
    uint64_t wrong = 0, nonzero = 0;

    if (!memory_read(addr, memory, PASS_SIZE)) {
        printf("dma %s error=memory-%s\n", label, strerror(errno));
        return 1;
    }
    set(e, TESTDEV_LENGTH, PASS_SIZE);
    set(e, TESTDEV_SRC, addr);
    set(e, TESTDEV_COMMAND, TESTDEV_CMD_READ);
    for (unsigned i = 0; i < PASS_SIZE / 8; i++) {
        wrong += get(e, TESTDEV_BUFFER + i * 8) != memory[i];
        nonzero += memory[i] != 0;
    }
    printf("dma %s device=%s status=0x%" PRIx64 " done=%" PRIu64
           " wrong=%" PRIu64 " nonzero=%" PRIu64 "\n", label, e->name,
           get(e, TESTDEV_STATUS), get(e, TESTDEV_DONE), wrong, nonzero);
    return 0;
}

/* A stalled access goes on when the kernel has logged its fault. */
static uint64_t status_at_end(const Endpoint *e)
{
    uint64_t until = now_ms() + LOG_WAIT_MS, status;

    do {
        status = get(e, TESTDEV_STATUS);
    } while ((status & TESTDEV_STATE) == TESTDEV_STATE_BUSY &&
             now_ms() < until && !usleep(1000));
    return status;
}

int cmd_dma(int argc, char **argv)
{
    const char *label = argv[0];
    uint64_t addr = parse_number("ADDRESS", argv[2]);
    bool write = !strcmp(argv[1], "write");
    Endpoint e;
    char fault[128] = "kind=none";
    uint64_t status;
    int log;

    (void)argc;
    if (!find(TESTDEV_PCI_ID, TESTDEV_BAR_SIZE, &e)) {
        printf("dma %s error=no-device\n", label);
        return 1;
    }
    if ((uint32_t)get(&e, TESTDEV_ID) != TESTDEV_MAGIC) {
        printf("dma %s error=id-%" PRIx64 "\n", label, get(&e, TESTDEV_ID));
        return 1;
    }
    if (!strcmp(argv[1], "pass")) {
        return dma_pass(&e, label, addr);
    }
    log = log_open();
    set(&e, TESTDEV_LENGTH, FAULT_SIZE);
    set(&e, write ? TESTDEV_DST : TESTDEV_SRC, addr);
    set(&e, TESTDEV_COMMAND, write ? TESTDEV_CMD_WRITE : TESTDEV_CMD_READ);
    log_fault(log, fault, sizeof(fault));
    status = status_at_end(&e);
    printf("dma %s device=%s status=0x%" PRIx64 " faultaddr=0x%" PRIx64
           " done=%" PRIu64 " %s\n", label, e.name, status,
           get(&e, TESTDEV_FAULT_ADDR), get(&e, TESTDEV_DONE), fault);
    return 0;
}

int cmd_edu(int argc, char **argv)
{
    uint64_t addr = parse_number("ADDRESS", argv[1]);
    uint64_t until = now_ms() + LOG_WAIT_MS;
    Endpoint e;
    char fault[128] = "kind=none";
    int log;

    (void)argc;
    if (!find(EDU_PCI_ID, EDU_BAR_SIZE, &e)) {
        printf("edu %s error=no-device\n", argv[0]);
        return 1;
    }
    log = log_open();
    set(&e, EDU_DMA_SRC, addr);
    set(&e, EDU_DMA_DST, EDU_BUFFER);
    set(&e, EDU_DMA_COUNT, FAULT_SIZE);
    set(&e, EDU_DMA_COMMAND, EDU_DMA_RUN);
    while ((get(&e, EDU_DMA_COMMAND) & EDU_DMA_RUN) && now_ms() < until) {
        usleep(1000);
    }
    log_fault(log, fault, sizeof(fault));
    printf("edu %s device=%s %s\n", argv[0], e.name, fault);
    return 0;
}

static uint32_t config32(int fd, unsigned offset)
{
    uint32_t value;

    return pread(fd, &value, 4, offset) == 4 ? value : 0;
}

/* Offset of the extended capability @id, or 0. */
static unsigned extended_capability(int fd, unsigned id)
{
    unsigned offset = PCI_EXTENDED;

    /* each capability takes at least 4 bytes */
    for (unsigned i = 0; i < PCI_CONFIG_SIZE / 4 && offset; i++) {
        uint32_t header = config32(fd, offset);

        if ((header & 0xffff) == id) {
            return offset;
        }
        offset = header >> 20;
    }
    return 0;
}

/* The control word at @at in the capability @id; 0 without it. */
static uint16_t capability_control(int fd, unsigned id, unsigned at)
{
    unsigned base = extended_capability(fd, id);
    uint16_t value;

    return base && pread(fd, &value, 2, base + at) == 2 ? value : 0;
}

static int open_config(const char *name)
{
    char path[320];

    snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", name);
    return open(path, O_RDONLY);
}

bool ats_enabled(const char *name)
{
    int fd = open_config(name);
    bool enabled;

    if (fd < 0) {
        return false;
    }
    enabled = capability_control(fd, PCI_ATS_ID, 6) & PCI_ATS_ENABLE;
    close(fd);
    return enabled;
}

/* For each endpoint with ATS, what the kernel has switched on. */
int cmd_ats(int argc, char **argv)
{
    DIR *dir = opendir(PCI_DEVICES);
    struct dirent *entry;

    (void)argc;
    (void)argv;
    while (dir && (entry = readdir(dir))) {
        int fd = entry->d_name[0] == '.' ? -1 : open_config(entry->d_name);

        if (fd < 0) {
            continue;
        }
        if (extended_capability(fd, PCI_ATS_ID)) {
            printf("ats device=%s enabled=%d pri=%d pasid=%d\n",
                   entry->d_name,
                   !!(capability_control(fd, PCI_ATS_ID, 6) & PCI_ATS_ENABLE),
                   capability_control(fd, PCI_PRI_ID, 4) & 1,
                   capability_control(fd, PCI_PASID_ID, 6) & 1);
        }
        close(fd);
    }
    if (dir) {
        closedir(dir);
    }
    return 0;
}

volatile uint8_t *registers_map(uint64_t addr)
{
    int fd = open("/dev/mem", O_RDONLY | O_SYNC);
    void *regs = fd < 0 ? MAP_FAILED
                        : mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, addr);

    if (fd >= 0) {
        close(fd);
    }
    return regs == MAP_FAILED ? NULL : regs;
}

/* The same, with a line in the report without them. */
static volatile uint8_t *map_registers(uint64_t addr)
{
    volatile uint8_t *regs = registers_map(addr);

    if (!regs) {
        printf("regs error=%s\n", strerror(errno));
    }
    return regs;
}

static uint32_t reg32(volatile uint8_t *regs, unsigned offset)
{
    return *(volatile uint32_t *)(regs + offset);
}

/* An SMMUv3's: IDR0, 1, 3, 5, CR0ACK, CR2, IRQ_CTRLACK, GERROR, GERRORN,
 * STRTAB */
int cmd_smmu(int argc, char **argv)
{
    volatile uint8_t *regs = map_registers(parse_number("ADDRESS", argv[0]));

    (void)argc;
    if (!regs) {
        return 1;
    }
    printf("regs idr0=0x%x idr1=0x%x idr3=0x%x idr5=0x%x cr0ack=0x%x "
           "cr2=0x%x irqack=0x%x gerror=0x%x gerrorn=0x%x "
           "strtab=0x%" PRIx64 "\n",
           reg32(regs, 0x00), reg32(regs, 0x04), reg32(regs, 0x0c),
           reg32(regs, 0x14), reg32(regs, 0x24), reg32(regs, 0x2c),
           reg32(regs, 0x54), reg32(regs, 0x60), reg32(regs, 0x64),
           *(volatile uint64_t *)(regs + 0x80));
    return 0;
}

/* The unit's registers as the processor sees them. */
int cmd_regs(int argc, char **argv)
{
    volatile uint8_t *regs = map_registers(parse_number("ADDRESS", argv[0]));

    (void)argc;
    if (!regs) {
        return 1;
    }
    printf("regs ver=0x%x cap=0x%" PRIx64 " ecap=0x%" PRIx64
           " gsts=0x%08x rtaddr=0x%" PRIx64 " fsts=0x%x pqa=0x%" PRIx64
           "\n", *(volatile uint32_t *)regs,
           *(volatile uint64_t *)(regs + 0x08),
           *(volatile uint64_t *)(regs + 0x10),
           *(volatile uint32_t *)(regs + 0x1c),
           *(volatile uint64_t *)(regs + 0x20),
           *(volatile uint32_t *)(regs + 0x34),
           *(volatile uint64_t *)(regs + 0xd0));
    return 0;
}
