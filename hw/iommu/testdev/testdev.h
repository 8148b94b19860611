/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: what its files share.
 *
 *   life.c          made, reset, freed
 *   registers.c     BAR 0
 *   engine.c        from the write to COMMAND to the interrupt
 *   run.c           how a command ends
 *   commands.c      what each command does
 *   access.c        one access on the bus: plain, or with a translation
 *   atc.c           the device-TLB
 *   pri.c           page requests
 *   capabilities.c  configuration space
 *
 * The embedder serialises BAR 0, configuration space, reset and run; only
 * invalidations and page responses come from other threads.  So `lock` guards
 * what these two share with the rest: the device-TLB, page requests and the
 * capabilities' registers.  It is never held around a callback.
 */
#ifndef HW_IOMMU_TESTDEV_TESTDEV_H
#define HW_IOMMU_TESTDEV_TESTDEV_H

#include <pthread.h>

#include "hw/iommu/viommu-testdev.h"

#define TESTDEV_BUFFER       0x8000
#define TESTDEV_BUFFER_SIZE  0x8000
/* No access of the engine crosses such a boundary. */
#define TESTDEV_PAGE         4096
#define TESTDEV_LENGTH_MAX   (16ull << 20)
#define TESTDEV_SG_MAX       4096
#define TESTDEV_SG_ENTRY     32
/* A list as a whole, so that one command stays short. */
#define TESTDEV_SG_TOTAL_MAX (64ull << 20)
#define TESTDEV_LOOP_MAX     (1ull << 28)
#define TESTDEV_LOOP_SIZE    64
#define TESTDEV_LOOP_RANGE   (1ull << 32)

/* Translations in the device-TLB. */
#define TESTDEV_ATC_ENTRIES  256
/* Completed invalidations that are remembered. */
#define TESTDEV_ATC_LOG      64
/* Translation requests for one access that invalidations overtook. */
#define TESTDEV_ATC_TRIES    64
/* Page requests for one access. */
#define TESTDEV_PAGE_TRIES   8
/* Page requests without response: the PRI capability's capacity. */
#define TESTDEV_PAGE_CAPACITY 64

/* Registers, as their offset divided by 8. */
enum {
    TESTDEV_ID,
    TESTDEV_COMMAND,
    TESTDEV_STATUS,
    TESTDEV_SRC,
    TESTDEV_DST,
    TESTDEV_LENGTH,
    TESTDEV_PATTERN,
    TESTDEV_CONTROL,
    TESTDEV_PASID,
    TESTDEV_FAULT_ADDR,
    TESTDEV_DONE,
    TESTDEV_CHECKSUM,
    TESTDEV_LOOP_COUNT,
    TESTDEV_LOOP_BYTES,
    TESTDEV_LOOP_STRIDE,
    TESTDEV_LOOP_FLAGS,
    TESTDEV_LOOP_NS,
    TESTDEV_LOOP_FAILURES,
    TESTDEV_SG_ADDR,
    TESTDEV_SG_COUNT,
    TESTDEV_COMMANDS,
    TESTDEV_REFUSED,
    TESTDEV_REQUEST,
    TESTDEV_PAGE_DATA0,
    TESTDEV_PAGE_DATA1,
    TESTDEV_TRANS_ADDR,
    TESTDEV_TRANS_SIZE,
    TESTDEV_TRANS_FLAGS,
    /* From here on they are made when they are read. */
    TESTDEV_PAGE_WAIT,
    TESTDEV_RESPONSE,
    TESTDEV_RESPONSE_DATA0,
    TESTDEV_RESPONSE_DATA1,
    TESTDEV_PAGE_REQUESTS,
    TESTDEV_PAGE_RESPONSES,
    TESTDEV_PAGE_UNEXPECTED,
    TESTDEV_PAGE_OUTSTANDING,
    TESTDEV_ATC_COUNT,
    TESTDEV_ATC_HITS,
    TESTDEV_ATC_MISSES,
    TESTDEV_ATC_REQUESTS,
    TESTDEV_ATC_INVALIDATIONS,
    TESTDEV_STALE_USES,
    TESTDEV_BAD_ANSWERS,
    TESTDEV_REGS,
};
#define TESTDEV_LIVE         TESTDEV_PAGE_WAIT

#define TESTDEV_ID_VALUE       0x000000024d4f4956ull

#define TESTDEV_CONTROL_IRQ    0x0001ull
#define TESTDEV_CONTROL_ATS    0x0002ull
#define TESTDEV_CONTROL_PRI    0x0004ull
#define TESTDEV_CONTROL_RAW    0x0008ull
#define TESTDEV_CONTROL_IGNORE 0x0010ull
#define TESTDEV_CONTROL_KEEP   0x0020ull
#define TESTDEV_CONTROL_VECTOR_SHIFT 8
#define TESTDEV_PASID_ENABLE   (1ull << 31)
#define TESTDEV_PASID_PRIV     (1ull << 30)
#define TESTDEV_PASID_EXEC     (1ull << 29)
#define TESTDEV_PASID_VALUE    0xfffffull
#define TESTDEV_LOOP_WRITE     0x1ull
#define TESTDEV_LOOP_RANDOM    0x2ull
#define TESTDEV_REQUEST_READ   0x01ull
#define TESTDEV_REQUEST_WRITE  0x02ull
#define TESTDEV_REQUEST_LAST   0x10ull
#define TESTDEV_REQUEST_DATA   0x20ull
#define TESTDEV_REQUEST_GROUP_SHIFT 16
#define TESTDEV_REQUEST_GROUP  (VIOMMU_PAGE_GROUPS - 1ull)
#define TESTDEV_TRANS_R        0x01ull
#define TESTDEV_TRANS_W        0x02ull
#define TESTDEV_TRANS_X        0x04ull
#define TESTDEV_TRANS_N        0x08ull
#define TESTDEV_TRANS_U        0x10ull
#define TESTDEV_TRANS_PRIV     0x20ull
#define TESTDEV_TRANS_GLOBAL   0x40ull
#define TESTDEV_TRANS_INTERRUPT 0x80ull
#define TESTDEV_TRANS_ANSWER   (1ull << 31)
/* BAD_ANSWERS: a number in the lower half, above it which rules were broken */
#define TESTDEV_BAD_GLOBAL   (1ull << 32)
#define TESTDEV_BAD_PRIV     (1ull << 33)
#define TESTDEV_BAD_X        (1ull << 34)
#define TESTDEV_BAD_X_ONLY   (1ull << 35)
#define TESTDEV_BAD_SIZE     (1ull << 36)
#define TESTDEV_BAD_ALIGNED  (1ull << 37)
/* A scatter list entry with this source fills. */
#define TESTDEV_SG_FILL        UINT64_MAX

enum {
    TESTDEV_CMD_READ = 1,
    TESTDEV_CMD_WRITE,
    TESTDEV_CMD_COPY,
    TESTDEV_CMD_FILL,
    TESTDEV_CMD_VERIFY,
    TESTDEV_CMD_LOOP,
    TESTDEV_CMD_SG,
    TESTDEV_CMD_INTERRUPT,
    TESTDEV_CMD_TRANSLATE,
    TESTDEV_CMD_PAGE_REQUEST,
    TESTDEV_CMD_ABORT,
    TESTDEV_CMD_FLUSH,
};

/* STATUS */
enum {
    TESTDEV_STATE_IDLE = 0,
    TESTDEV_STATE_BUSY = 1,
    TESTDEV_STATE_DONE = 2,
    TESTDEV_STATE_FAILED = 3,
};

/* STATUS bits 15:8, beside ViommuDmaResult */
enum {
    TESTDEV_WHY_BAD_COMMAND = 4,
    TESTDEV_WHY_DIFFERENT = 5,
    TESTDEV_WHY_NOT_ENABLED = 6,
    TESTDEV_WHY_NOT_PERMITTED = 7,
    TESTDEV_WHY_PAGE_INVALID = 8,
    TESTDEV_WHY_PAGE_FAILURE = 9,
    TESTDEV_WHY_TRIES = 10,
    TESTDEV_WHY_ABORTED = 11,
    TESTDEV_WHY_NO_CREDIT = 12,
};

/* --- The command that runs or waits ---- */

/* What became of an access, or of a whole command. */
typedef enum TestdevOutcome {
    TESTDEV_OK,
    TESTDEV_FAILED,     /* run->why tells why */
    TESTDEV_WAITS,      /* the same call is made again later */
} TestdevOutcome;

/* How far a loop is. */
typedef struct TestdevLoop {
    uint64_t k;
    uint64_t offset;
    uint64_t random;
    int64_t start;
} TestdevLoop;

/*
 * A command.  It works on its own copy of the registers, and keeps how far it
 * is here, so that it can be left and entered again.
 */
typedef struct TestdevRun {
    uint64_t command;
    uint64_t regs[TESTDEV_LIVE];
    bool interrupt;
    unsigned vector;

    /* of its accesses */
    uint32_t pasid;
    uint8_t reads;          /* ViommuTestdevAccess.access of a read, ... */
    uint8_t writes;         /* ... of a write */
    uint8_t kind;           /* of those without a translation */
    bool ats;
    bool pri;

    /* how it ends */
    uint8_t why;
    uint8_t reason;
    bool write;
    uint64_t fault_addr;
    uint64_t done;
    uint64_t checksum;
    uint64_t failures;
    uint64_t loop_ns;

    /* how far it is */
    bool begun;
    bool waiting;
    bool answered;          /* by a page response, with: */
    uint8_t code;
    bool resumed;           /* a stalled access was decided about: */
    uint8_t action;         /* a ViommuResume */
    unsigned tries;         /* page requests for the access at hand */
    uint64_t src, dst, length;      /* what is moved now */
    uint64_t at;            /* bytes of it that are done */
    bool half;              /* a copy has read; a loop has drawn its place */
    size_t part;            /* bytes of an access that crosses pages */
    bool loaded;            /* the scatter list entry is being carried out */
    uint64_t entry, total;  /* of the scatter list */
    TestdevLoop loop;
} TestdevRun;

/* --- The device-TLB ---- */

/* A range of addresses, and whose. */
typedef struct TestdevRange {
    uint64_t addr;          /* aligned to size */
    uint64_t size;          /* a power of two, or 0 for 2^64 */
    uint32_t pasid;         /* or VIOMMU_NO_PASID */
    bool global;            /* of all PASIDs */
} TestdevRange;

typedef struct TestdevTranslation {
    bool valid;
    bool privileged;        /* as it was asked for */
    bool untranslated;      /* the address must not be used */
    bool stale;             /* a completed invalidation covers it */
    uint8_t access;         /* granted */
    TestdevRange range;
    uint64_t to;            /* where range.addr is */
} TestdevTranslation;

typedef struct TestdevAtc {
    TestdevTranslation entries[TESTDEV_ATC_ENTRIES];
    unsigned recent;        /* the last hit */
    unsigned next;          /* to be replaced */
    /* invalidations completed, and the last of them */
    uint64_t completed;
    TestdevRange log[TESTDEV_ATC_LOG];
    /* the translation of the access that is on its way */
    bool in_use;
    TestdevRange used;
    uint64_t uses;
    pthread_cond_t idle;
    uint64_t inject;        /* CONTROL's IGNORE and KEEP */
    uint64_t hits, misses, requests, invalidations, stale_uses;
    uint64_t bad_answers;   /* BAD_ANSWERS */
} TestdevAtc;

/* --- Page requests ---- */

typedef struct TestdevGroup {
    uint32_t requests;      /* outstanding */
    uint32_t pasid;
} TestdevGroup;

typedef struct TestdevPri {
    TestdevGroup groups[VIOMMU_PAGE_GROUPS];
    unsigned outstanding;
    unsigned next;
    /* the group that the command waits for */
    bool waiting;
    bool answered;
    bool sending;           /* page_request() has not returned yet */
    uint8_t code;
    uint16_t group;
    uint64_t page;
    uint64_t sent, responses, unexpected;
    uint64_t last;          /* RESPONSE */
    uint64_t last_data[2];
} TestdevPri;

/* --- Stalled accesses ---- */

typedef struct TestdevStall {
    bool waiting;
    bool answered;
    uint16_t tag;
    uint8_t action;
    uint64_t addr;
} TestdevStall;

/* Registers of the capabilities; which exist is in the configuration. */
typedef struct TestdevCaps {
    uint16_t pasid_control;
    uint16_t ats_control;
    uint16_t pri_control;
    uint16_t pri_status;
    uint32_t pri_allocation;
} TestdevCaps;

#define TESTDEV_PASID_CTRL_ENABLE 0x0001
#define TESTDEV_PASID_CTRL_EXEC   0x0002
#define TESTDEV_PASID_CTRL_PRIV   0x0004
#define TESTDEV_ATS_CTRL_STU      0x001f
#define TESTDEV_ATS_CTRL_ENABLE   0x8000
#define TESTDEV_PRI_CTRL_ENABLE   0x0001
#define TESTDEV_PRI_CTRL_RESET    0x0002
#define TESTDEV_PRI_STATUS_RF     0x0001
#define TESTDEV_PRI_STATUS_UPRGI  0x0002
#define TESTDEV_PRI_STATUS_STOPPED 0x0100
#define TESTDEV_PRI_STATUS_PASID  0x8000

struct ViommuTestdev {
    ViommuTestdevConfig config;
    ViommuTestdevOps ops;
    void *opaque;
    /* the engine works; everything that reaches BAR 0 now is ignored */
    bool busy;
    /* resets so far: one can come out of the engine's own DMA */
    uint64_t resets;
    uint64_t regs[TESTDEV_REGS];
    uint8_t buffer[TESTDEV_BUFFER_SIZE];
    TestdevRun run;
    uint8_t data[TESTDEV_PAGE];     /* on its way from source to target */

    pthread_mutex_t lock;
    TestdevCaps caps;
    TestdevAtc atc;
    TestdevPri pri;
    TestdevStall stall;
};

/*
 * An endpoint's DMA can reach the registers of another one.  If it could
 * start a command there, each of 2^28 accesses of a loop could start a loop:
 * so one thread runs one command at a time.
 */
bool testdev_thread_runs(void);
void testdev_thread_set(bool runs);

/* --- engine.c --- */
/* Run @command to its end, or until it waits. */
void testdev_start(ViommuTestdev *dev, uint64_t command);

/* --- run.c --- */
/* The results, then the interrupt. */
void testdev_finish(ViommuTestdev *dev, bool failed);
/* End the command that waits. */
void testdev_end(ViommuTestdev *dev, unsigned why);

/* The command's first failure is its result. */
static inline void testdev_fail(TestdevRun *run, unsigned why, uint8_t reason,
                                uint64_t addr, bool write)
{
    if (!run->why) {
        run->why = why;
        run->reason = reason;
        run->fault_addr = addr;
        run->write = write;
    }
}

/* The registers make no sense together. */
static inline TestdevOutcome testdev_bad(TestdevRun *run)
{
    testdev_fail(run, TESTDEV_WHY_BAD_COMMAND, 0, 0, false);
    return TESTDEV_FAILED;
}

/* --- commands.c --- */
/* FNV-1a, of nothing yet. */
#define TESTDEV_CHECKSUM_START 0xcbf29ce484222325ull
/* Run the command from where dev->run stands. */
TestdevOutcome testdev_command(ViommuTestdev *dev);

/* --- access.c --- */
/* One access inside a page, through a translation. */
TestdevOutcome testdev_access_ats(ViommuTestdev *dev, uint64_t addr,
                                  void *buf, size_t size, bool write);
TestdevOutcome testdev_translate(ViommuTestdev *dev);

/* --- atc.c --- */
/*
 * Look for what grants @access to @addr.  True with *@found; then the
 * access is on its way until testdev_atc_done().  Else *@ticket is for
 * testdev_atc_fill().
 */
bool testdev_atc_begin(ViommuTestdev *dev, uint64_t addr, uint8_t access,
                       TestdevTranslation *found, uint64_t *ticket);
void testdev_atc_done(ViommuTestdev *dev);
/*
 * Keep the answer to a translation request.  With what @access needs in it,
 * the access is on its way, as above.  False if the answer must not be used.
 */
bool testdev_atc_fill(ViommuTestdev *dev, TestdevTranslation *answer,
                      uint64_t addr, uint8_t access, uint64_t ticket);
/* An answer has broken these rules; TESTDEV_BAD_... */
void testdev_atc_bad(ViommuTestdev *dev, uint64_t rules);
/* Whether it is what @access needs. */
bool testdev_permits(const TestdevTranslation *t, uint8_t access);
/* Empty it; also forget what has been counted; count what is in it.
 * Locked. */
void testdev_atc_flush(ViommuTestdev *dev);
void testdev_atc_reset(ViommuTestdev *dev);
unsigned testdev_atc_count(const ViommuTestdev *dev);

/* --- pri.c --- */
/* Ask for the page of @addr, on behalf of the command.  0 or a reason of
 * STATUS.  With run->waiting, the response is still to come; else it is in
 * run->code. */
unsigned testdev_page_ask(ViommuTestdev *dev, uint64_t addr, uint8_t access);
/* The command PAGE_REQUEST.  The same. */
unsigned testdev_page_send(ViommuTestdev *dev, ViommuPageRequest *req);
/* Whether the response that the command waits for is there; it is taken. */
bool testdev_page_answer(ViommuTestdev *dev);
/* The command does not wait any more. */
void testdev_page_forget(ViommuTestdev *dev);

/* --- stall.c ---- */

/* The command waits: the IOMMU holds its access at @addr, by the name that
 * viommu_testdev_stalled() has given it, or by @tag. */
TestdevOutcome testdev_stall(ViommuTestdev *dev, uint64_t addr, uint16_t tag);
/* Whether a decision has come, which is then in dev->run. */
bool testdev_stall_answer(ViommuTestdev *dev);
void testdev_stall_forget(ViommuTestdev *dev);
/* An access that was decided about.  TESTDEV_WAITS: to be made again. */
TestdevOutcome testdev_stall_resumed(ViommuTestdev *dev, uint64_t addr,
                                     void *buf, size_t size, bool write);
/* No page request is outstanding any more; nor was one ever.  Locked. */
void testdev_page_clear(ViommuTestdev *dev);
void testdev_page_reset(ViommuTestdev *dev);

/* --- capabilities.c --- */
/* Check a configuration. */
bool testdev_config_check(const ViommuTestdevConfig *config, GError **error);
/* After reset.  Locked. */
void testdev_caps_reset(ViommuTestdev *dev);

/* The engine's own look; others do it locked. */
static inline bool testdev_ats_enabled(const ViommuTestdev *dev)
{
    return dev->caps.ats_control & TESTDEV_ATS_CTRL_ENABLE;
}

#endif
